"""The local sampler against `model.generate` on the same prompts, in one run.

    python benchmarks/sampling.py [--json] [--model nano|smollm2|qwen0.5b|DIR] [--quick] \
        [--rounds 5] [--threads 1] [--bfloat16 [--rows 64]]

Both take the same prompts, temperature, limit and number of responses. `generate` is given all
it needs to be fast and nothing that changes the distribution: prompts sorted by length and padded
on the left, ``num_return_sequences``, its cache, top-k and top-p off, and of several batch sizes
the one that is best for it. What counts is *kept* tokens, up to and including the end token: a row
that has ended goes on in a batch of `generate` as padding. All take turns, and a ratio is the
median over the rounds of ours to theirs in the same round, so that a busy neighbour meets all
alike; that of CPU time, against the batch size that needs least of it, is beside it, because a
neighbour does not change it much. Ours gives the log-prob of each token, its own stream of random
numbers to each response, and its text; `generate` in this form gives ids.

In the shapes called *full* no response can end before the limit, so nothing is gained by leaving
rows out. ``smollm2`` and ``qwen0.5b`` are random weights of these sizes; SmolLM2 itself is the
directory that ``sparring model convert`` makes (recipes/smollm2.toml). See `subjects`.

With ``--bfloat16`` ours and `generate` compute with weights in bfloat16, and a third arm is what
ours was before models were cast once: weights in float32 that are frozen, as under LoRA, and cast
to bfloat16 at every token, with the grouping of heads left to `transformers`. `generate` is helped
there: without `rows_together` torch copies its output matrix for each of its rows at the start, 17
GB for 64. Set ``OMP_WAIT_POLICY=passive`` where CPU time is to be read from more than one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.local.sampler import LocalSampler
from sparring.schema import Role
from subjects import Subject, cast_subject, ends, subject_of

Arm = Callable[[int], list[int]]
"""Samples all of a shape with this seed: the lengths of the responses."""
OURS = "ours"
CAST = "float32 weights, cast at every token"
ROWS = (16, 64, 256)
"""Rows that `generate` is tried with at once."""


@dataclass(frozen=True)
class Shape:
    """``prompts`` × ``n`` responses of up to ``limit`` tokens (to the limit if ``full``), in each
    of ``calls`` that follow each other."""

    prompts: int
    n: int
    limit: int
    calls: int = 1
    full: bool = False

    @property
    def name(self) -> str:
        return f"{self.prompts} × {self.n}, {self.limit}" + (", full" if self.full else "")

    def asked(self, subject: Subject) -> list[list[tuple[int, ...]]]:
        """The prompts of each call; from the start again where the subject has fewer."""
        every = [
            subject.prompts[i % len(subject.prompts)] for i in range(self.prompts * self.calls)
        ]
        return [every[i : i + self.prompts] for i in range(0, len(every), self.prompts)]


def ours(subject: Subject, shape: Shape) -> Arm:
    sampler = LocalSampler(subject.model, subject.tokenizer)
    params = SamplingParams(1.0, shape.limit)

    def run(seed: int) -> list[int]:
        lengths = []
        for call, asked in enumerate(shape.asked(subject)):
            prompts = [
                Prompt(str(i), Role.TESTER, ids, (seed * 1000 + call) * 1000 + i, params)
                for i, ids in enumerate(asked)
            ]
            found = sampler.sample(prompts, shape.n)
            lengths += [len(r.token_ids) for group in found for r in group]
        return lengths

    return run


def theirs(subject: Subject, shape: Shape, rows: int) -> Arm:
    """`generate` with ``rows`` rows at a time."""
    step = max(1, rows // shape.n)

    def run(seed: int) -> list[int]:
        torch.manual_seed(seed)
        lengths = []
        for asked in shape.asked(subject):
            ordered = sorted(asked, key=len)
            for i in range(0, len(ordered), step):
                lengths += generated(subject, ordered[i : i + step], shape)
        return lengths

    return run


def generated(subject: Subject, prompts: Sequence[tuple[int, ...]], shape: Shape) -> list[int]:
    """The kept tokens of each row of one call of `generate`."""
    end = subject.end_ids
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), end[0])
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    with rows_together(subject):
        found = _generate(subject, shape, ids, mask)[:, width:]
    at_end = torch.isin(found, torch.tensor(end))
    first = torch.where(at_end.any(1), at_end.int().argmax(1) + 1, found.shape[1])
    return [int(length) for length in first]


@contextmanager
def rows_together(subject: Subject) -> Iterator[None]:
    """The output matrix gets the last positions of prompts copied together."""
    hook = subject.model.get_output_embeddings().register_forward_pre_hook(
        lambda _, given: given[0].clone(memory_format=torch.contiguous_format)
    )
    try:
        yield
    finally:
        hook.remove()


def _generate(
    subject: Subject, shape: Shape, ids: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    found: torch.Tensor = subject.model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        use_cache=True,
        num_return_sequences=shape.n,
        max_new_tokens=shape.limit,
        eos_token_id=subject.end_ids,
        pad_token_id=subject.end_ids[0],
    )
    return found


def cast_at_every_token(subject: Subject, shape: Shape) -> Arm:
    """Ours as it was: see above."""
    for module in subject.model.modules():
        module._supports_attention_backend = False
    run = ours(subject, shape)

    def under_autocast(seed: int) -> list[int]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return run(seed)

    return under_autocast


def compare(
    subject: Subject, shape: Shape, rounds: int, rows: Sequence[int] = ROWS, whole: Any = None
) -> dict[str, Any]:
    """Kept tokens per second of both, and how many times as many ours gives. ``rows`` are tried
    with `generate`; ``whole`` is the subject in float32 where it is an arm too."""
    sizes = {min(size, shape.prompts * shape.n) for size in rows}
    arms = {OURS: ours(subject, shape)}
    if whole is not None:
        arms[CAST] = cast_at_every_token(whole, shape)
    arms |= {
        f"generate, {size} rows": theirs(subject, shape, size)
        for size in sorted(sizes)
        if size >= shape.n
    }
    wall: dict[str, list[float]] = {name: [] for name in arms}
    cpu: dict[str, list[float]] = {name: [] for name in arms}
    lengths = []
    with ends(subject, never=shape.full), ends(whole or subject, never=shape.full):
        warm = replace(shape, prompts=1, calls=1, limit=4)
        ours(subject, warm)(0), theirs(subject, warm, 1)(0)
        for number in range(rounds):
            for name, arm in arms.items():
                started, busy = time.perf_counter(), time.process_time()
                found = arm(number)
                cpu[name].append(sum(found) / (time.process_time() - busy))
                wall[name].append(sum(found) / (time.perf_counter() - started))
                lengths += found if name == OURS else []
                rates = f"{wall[name][-1]:.1f} tokens/s, {cpu[name][-1]:.1f} per CPU second"
                print(f"  {shape.name}: {name}: {rates}", file=sys.stderr)
    best = best_of_generate(wall)
    return {
        "shape": shape.name,
        "prompts": shape.prompts,
        "n": shape.n,
        "max_tokens": shape.limit,
        "full": shape.full,
        "mean_length": round(statistics.mean(lengths), 1),
        "spread_of_lengths": round(statistics.pstdev(lengths), 1),
        "tokens_per_second": {k: round(statistics.median(v), 1) for k, v in wall.items()},
        "best_of_generate": best,
        "ratio_vs_generate": round(times_as_fast(wall, best), 2),
        "ratio_of_cpu_time": round(times_as_fast(cpu, best_of_generate(cpu)), 2),
    } | (
        {
            "ratio_vs_cast": round(times_as_fast(wall, CAST), 2),
            "ratio_of_cpu_time_vs_cast": round(times_as_fast(cpu, CAST), 2),
        }
        if whole is not None
        else {}
    )


def best_of_generate(rates: dict[str, list[float]]) -> str:
    names = (name for name in rates if name.startswith("generate"))
    return max(names, key=lambda k: statistics.median(rates[k]))


def times_as_fast(rates: dict[str, list[float]], other: str) -> float:
    """The median over the rounds of ours against another."""
    return statistics.median(a / b for a, b in zip(rates[OURS], rates[other], strict=True))


def shapes(subject: Subject, quick: bool) -> list[Shape]:
    """From one response to a step's worth. Few responses have all the same length: where the
    luck of the draw gives one side a fifth more tokens from as many passes, no round says much."""
    if subject.name == "nano":
        one, step = Shape(1, 1, 48, calls=4, full=True), Shape(16, 16, 72)
        more = [Shape(8, 4, 72, full=True), Shape(64, 1, 72), Shape(16, 4, 72)]
        return [one, step] if quick else [one, *more, Shape(1, 16, 72, 4), Shape(4, 16, 72), step]
    if subject.name == "qwen0.5b":
        return [Shape(4, 16, 24)] if quick else [Shape(4, 16, 64), Shape(4, 16, 160)]
    one = Shape(1, 1, 24, calls=2, full=True)
    more = [Shape(8, 1, 24, full=True), Shape(4, 4, 64), Shape(4, 16, 64)]
    return [one, Shape(2, 16, 24)] if quick else [one, *more]


def table(rows: Sequence[dict[str, Any]]) -> str:
    lines = ["prompts × n, limit | length | ours, tokens/s | generate | ratio | ratio of CPU time"]
    if "ratio_vs_cast" in rows[0]:
        lines[0] += " | cast at every token | ratio | ratio of CPU time"
    for row in rows:
        rates, best = row["tokens_per_second"], row["best_of_generate"]
        lines.append(
            f"{row['shape']} | {row['mean_length']} ± {row['spread_of_lengths']} | "
            f"{rates[OURS]:.0f} | {rates[best]:.0f} ({best.removeprefix('generate, ')}) | "
            f"{row['ratio_vs_generate']}× | {row['ratio_of_cpu_time']}×"
        )
        if "ratio_vs_cast" in row:
            lines[-1] += f" | {rates[CAST]:.0f} | {row['ratio_vs_cast']}× | "
            lines[-1] += f"{row['ratio_of_cpu_time_vs_cast']}×"
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="figures as JSON instead of a table")
    parser.add_argument("--model", default="nano", help="nano, smollm2, qwen0.5b or a directory")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--quick", action="store_true", help="one or two shapes, one round each")
    parser.add_argument("--bfloat16", action="store_true", help="weights in bfloat16")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="rows of generate")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    subject, whole = subject_of(args.model), None
    if args.bfloat16:
        whole = replace(subject, model=subject.model.requires_grad_(False))
        subject = cast_subject(subject, torch.bfloat16)
    rounds = 1 if args.quick else args.rounds
    found = [
        compare(subject, shape, rounds, args.rows, whole) for shape in shapes(subject, args.quick)
    ]
    if args.json:
        about = {"model": subject.name, "note": subject.note, "threads": args.threads}
        about["dtype"] = str(subject.model.dtype).removeprefix("torch.")
        print(json.dumps(about | {"device": str(subject.model.device), "shapes": found}, indent=1))
    else:
        print(f"{subject.name} {subject.note}".strip() + f", {args.threads} threads")
        print(table(found))


if __name__ == "__main__":
    main()
