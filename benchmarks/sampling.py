"""The local sampler against `model.generate` on the same prompts, in one run.

    python benchmarks/sampling.py [--json] [--model nano|smollm2|DIR] [--quick] [--rounds 5]

Both take the same prompts, temperature, limit and number of responses. `generate` is given all
it needs to be fast and nothing that changes the distribution: prompts sorted by length and padded
on the left, ``num_return_sequences``, its cache, top-k and top-p off, and of several batch sizes
the one that is best for it. What counts is *kept* tokens, up to and including the end token: a row
that has ended goes on in a batch of `generate` as padding. All take turns, and a ratio is the
median over the rounds of ours to theirs in the same round, so that a busy neighbour meets all
alike; that of CPU time, against the batch size that needs least of it, is beside it, because a
neighbour does not change it much. Ours gives the log-prob of each token, its own stream of random
numbers to each response, and its text; `generate` in this form gives ids.

Responses end where the model ends them: the lengths are mixed as the model mixes them. In the
shapes called *full* the end token is made impossible, for both, by a bias on its logit: every
response goes to the limit, and nothing is gained by leaving rows out. ``smollm2`` without a
converted checkpoint (``--model DIR`` names one) is random weights of that size, whose end token
gets a bias, for both, that makes it come once in 40 tokens.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sparring.learning.model import load_model
from sparring.microworld import NANO_DIR
from sparring.microworld.problem import Split
from sparring.microworld.tasks import microworld_tasks
from sparring.prompts.render import prompt_ids, prompt_text
from sparring.sampling.base import Prompt, SamplingParams
from sparring.sampling.local import LocalSampler
from sparring.schema import Role

Round = Callable[[int], int]
"""Samples with this seed; the number of kept tokens."""
QUESTIONS = (
    "What is the capital of France? Answer with one word.",
    "Write a Python function that returns the largest of three numbers.",
    "Is 91 a prime number? Answer yes or no.",
    "Write one sentence about the sea.",
    "Write a Python program that reads n and then n integers, and prints their sum.",
    "Name three colours.",
    "What does `sorted(xs)[::-1]` return? Say it in one sentence.",
    "Explain in a paragraph why a test that every program passes tells us little about them.",
)


@dataclass(frozen=True)
class Subject:
    """A model and what it is asked."""

    name: str
    model: Any
    tokenizer: Any
    prompts: list[tuple[int, ...]]
    end_bias: float
    note: str


@dataclass(frozen=True)
class Shape:
    """``prompts`` × ``n`` responses of up to ``limit`` tokens; to the limit if ``full``."""

    prompts: int
    n: int
    limit: int
    full: bool = False

    @property
    def name(self) -> str:
        return f"{self.prompts} × {self.n}, {self.limit}" + (", full" if self.full else "")


class Numbers:
    """Ids as text: for random weights, which have no tokenizer."""

    eos_token_id = 2

    def batch_decode(self, rows: list[list[int]], **_: object) -> list[str]:
        return [" ".join(map(str, row)) for row in rows]


def nano() -> Subject:
    """The embedded model, asked for tests as in its recipe."""
    model, tokenizer = load_model(str(NANO_DIR))
    tasks = microworld_tasks(Split.TRAIN, 128, 0)
    texts = [prompt_text(tokenizer, f"Test: {t.statement}", {}) for t in tasks]
    ids = prompt_ids(tokenizer, texts, 128, [t.id for t in tasks])
    return Subject("nano", model, tokenizer, ids, 0.0, "")


def checkpoint(path: str) -> Subject:
    """A checkpoint's directory, asked questions with short and long answers."""
    model, tokenizer = load_model(path)
    texts = [prompt_text(tokenizer, q, {}) for q in QUESTIONS]
    ids = prompt_ids(tokenizer, texts, 512, [str(i) for i in range(len(texts))])
    return Subject(Path(path).name, model, tokenizer, ids, 0.0, "")


def random_smollm2() -> Subject:
    """Random weights of the size of SmolLM2-135M."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    rng = np.random.default_rng(0)
    ids = [
        tuple(map(int, rng.integers(3, 49152, size))) for size in (38, 44, 45, 37, 49, 34, 46, 50)
    ]
    bias = float(np.log(49152 / 40))
    note = f"random weights, the end token's logit raised by {bias:.1f}"
    return Subject("smollm2", LlamaForCausalLM(config).eval(), Numbers(), ids, bias, note)


@contextmanager
def ends(subject: Subject, full: bool) -> Iterator[None]:
    """With the bias on the end token's logits that the shape asks for, for whoever samples."""
    head = subject.model.get_output_embeddings()
    ids = LocalSampler(subject.model, subject.tokenizer).end_ids
    bias = torch.zeros(head.weight.shape[0])
    bias[ids] = -1e9 if full else subject.end_bias
    head.bias = torch.nn.Parameter(bias, requires_grad=False) if bias.any() else None
    try:
        yield
    finally:
        head.bias = None


def ours(subject: Subject, shape: Shape) -> Round:
    sampler = LocalSampler(subject.model, subject.tokenizer)
    params = SamplingParams(1.0, shape.limit)

    def run(seed: int) -> int:
        prompts = [
            Prompt(str(i), Role.TESTER, ids, seed * 1000 + i, params)
            for i, ids in enumerate(asked(subject, shape))
        ]
        return sum(len(r.token_ids) for group in sampler.sample(prompts, shape.n) for r in group)

    return run


def theirs(subject: Subject, shape: Shape, rows: int) -> Round:
    """`generate` with ``rows`` rows at a time."""
    end = LocalSampler(subject.model, subject.tokenizer).end_ids
    ordered = sorted(asked(subject, shape), key=len)
    step = max(1, rows // shape.n)

    def run(seed: int) -> int:
        torch.manual_seed(seed)
        return sum(
            generated(subject.model, ordered[i : i + step], shape, end)
            for i in range(0, len(ordered), step)
        )

    return run


def generated(model: Any, prompts: Sequence[tuple[int, ...]], shape: Shape, end: list[int]) -> int:
    """The kept tokens of one call of `generate`."""
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), end[0])
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    found = model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        use_cache=True,
        num_return_sequences=shape.n,
        max_new_tokens=shape.limit,
        eos_token_id=end,
        pad_token_id=end[0],
    )[:, width:]
    at_end = torch.isin(found, torch.tensor(end))
    first = torch.where(at_end.any(1), at_end.int().argmax(1) + 1, found.shape[1])
    return int(first.sum())


def asked(subject: Subject, shape: Shape) -> list[tuple[int, ...]]:
    """The shape's prompts; from the start again where the subject has fewer."""
    return [subject.prompts[i % len(subject.prompts)] for i in range(shape.prompts)]


def compare(subject: Subject, shape: Shape, rounds: int) -> dict[str, Any]:
    """Kept tokens per second of both, and how many times as many ours gives."""
    sizes = sorted({min(size, shape.prompts * shape.n) for size in (16, 64, 256)})
    sizes = [size for size in sizes if size >= shape.n] or [shape.n]
    arms = {"ours": ours(subject, shape)} | {
        f"generate, {size} rows": theirs(subject, shape, size) for size in sizes
    }
    wall: dict[str, list[float]] = {name: [] for name in arms}
    cpu: dict[str, list[float]] = {name: [] for name in arms}
    with ends(subject, shape.full):
        for number in range(rounds + 1):
            for name, arm in arms.items():
                started, busy = time.perf_counter(), time.process_time()
                kept = arm(number)
                busy = kept / (time.process_time() - busy)
                rate = kept / (time.perf_counter() - started)
                if number:  # the first round warms up
                    wall[name].append(rate)
                    cpu[name].append(busy)
                print(f"  {shape.name}: {name}: {rate:.0f} tokens/s", file=sys.stderr)
        lengths = [length for group in spread(subject, shape) for length in group]
    found = {name: statistics.median(values) for name, values in wall.items()}
    best = max((name for name in found if name != "ours"), key=lambda name: found[name])
    thrifty = max(
        (name for name in found if name != "ours"), key=lambda name: statistics.median(cpu[name])
    )
    return {
        "shape": shape.name,
        "prompts": shape.prompts,
        "n": shape.n,
        "max_tokens": shape.limit,
        "full": shape.full,
        "mean_length": round(statistics.mean(lengths), 1),
        "spread_of_lengths": round(statistics.pstdev(lengths), 1),
        "tokens_per_second": {name: round(rate, 1) for name, rate in found.items()},
        "best_of_generate": best,
        "ratio_vs_generate": round(times_as_fast(wall, best), 2),
        "ratio_of_cpu_time": round(times_as_fast(cpu, thrifty), 2),
    }


def times_as_fast(rates: dict[str, list[float]], other: str) -> float:
    """The median over the rounds of ours against another."""
    return statistics.median(a / b for a, b in zip(rates["ours"], rates[other], strict=True))


def spread(subject: Subject, shape: Shape) -> list[list[int]]:
    """The lengths of one sampling, by prompt."""
    params = SamplingParams(1.0, shape.limit)
    prompts = [
        Prompt(str(i), Role.TESTER, ids, i, params) for i, ids in enumerate(asked(subject, shape))
    ]
    found = LocalSampler(subject.model, subject.tokenizer).sample(prompts, shape.n)
    return [[len(r.token_ids) for r in group] for group in found]


def shapes(subject: Subject, quick: bool) -> list[Shape]:
    """From one response to a step's worth; one with nothing to gain from rows that end."""
    if subject.name == "nano":
        if quick:
            return [Shape(1, 1, 72), Shape(16, 16, 72)]
        mixed = [(1, 1), (64, 1), (16, 4), (1, 16), (4, 16), (16, 16)]
        return [*(Shape(p, n, 72) for p, n in mixed), Shape(8, 4, 72, full=True)]
    if quick:
        return [Shape(1, 1, 24), Shape(2, 16, 24)]
    mixed = [(1, 1), (8, 1), (4, 4), (4, 16)]
    return [*(Shape(p, n, 96) for p, n in mixed), Shape(4, 4, 48, full=True)]


def subject_of(name: str) -> Subject:
    if name == "nano":
        return nano()
    return random_smollm2() if name == "smollm2" else checkpoint(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="figures as JSON instead of a table")
    parser.add_argument("--model", default="nano", help="nano, smollm2 or a checkpoint's directory")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--quick", action="store_true", help="two shapes, one round each")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    subject = subject_of(args.model)
    rounds = 1 if args.quick else args.rounds
    found = [compare(subject, shape, rounds) for shape in shapes(subject, args.quick)]
    if args.json:
        about = {"model": subject.name, "note": subject.note, "threads": torch.get_num_threads()}
        print(json.dumps(about | {"device": str(subject.model.device), "shapes": found}, indent=1))
        return
    print(f"{subject.name} {subject.note}".strip() + f", {torch.get_num_threads()} threads")
    print("prompts × n, limit | length | ours, tokens/s | generate | ratio | ratio of CPU time")
    for row in found:
        rates, best = row["tokens_per_second"], row["best_of_generate"]
        print(
            f"{row['shape']} | {row['mean_length']} ± {row['spread_of_lengths']} | "
            f"{rates['ours']:.0f} | {rates[best]:.0f} ({best.removeprefix('generate, ')}) | "
            f"{row['ratio_vs_generate']}× | {row['ratio_of_cpu_time']}×"
        )


if __name__ == "__main__":
    main()
