"""The estimate of memory against what processes really take.

    python benchmarks/memory.py [--model nano|smollm2|qwen2.5-0.5b] [--json FILE]

Each case is a model of random weights, all weights or a LoRA adapter, float32 or bfloat16, one
process or two that share the weights (gloo, fsdp), with and without gradient checkpointing: the
second of two updates from groups that fill micro-batches, and a batch that is sampled. The peak is
the kernel's high-water mark of a process of its own, beyond what its libraries take; what is freed
goes back to the system at once. The table has estimate, measurement, and their ratio.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import gc
import json
import multiprocessing
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    PretrainedConfig,
    Qwen2Config,
)

from sparring.config.load import load_recipe
from sparring.config.recipe import Recipe
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import Sharding
from sparring.learner.update import Learner
from sparring.microworld import NANO_DIR
from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.local.sampler import LocalSampler
from sparring.policy.prepared import prepare_model
from sparring.policy.shape import read_shape
from sparring.schema import Role
from sparring.training.planning.activations import Batch
from sparring.training.planning.conditions import PROCESS, Conditions
from sparring.training.planning.estimate import estimate

MIB = 1 << 20
SIZES = (
    "sampling.programs=8",
    "sampling.tests=8",
    "sampling.initial_policy_programs=2",
    "evaluation.programs=8",
    "evaluation.tests=8",
    "sampling.max_batch_size=32",
    "learning.ppo_epochs=1",
    "learning.num_minibatches=1",
)
LENGTHS = {
    "nano": ("prompts.max_tokens=100", 100, 4000),
    "smollm2": ("prompts.max_tokens=64", 64, 576),
    "qwen2.5-0.5b": ("prompts.max_tokens=64", 64, 640),
}
"""Of prompts, of responses, and the budget of a micro-batch."""


def config_of(model: str) -> PretrainedConfig:
    """The configuration of a published model."""
    if model == "nano":
        return LlamaConfig.from_pretrained(NANO_DIR)
    if model == "smollm2":  # HuggingFaceTB/SmolLM2-135M-Instruct
        return LlamaConfig(
            vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
            num_attention_heads=9, num_key_value_heads=3, max_position_embeddings=8192,
            tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=2,
        )  # fmt: skip
    return Qwen2Config(  # Qwen/Qwen2.5-0.5B-Instruct
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24,
        num_attention_heads=14, num_key_value_heads=2, max_position_embeddings=32768,
        tie_word_embeddings=True, bos_token_id=151643, eos_token_id=151645,
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """``rank`` of the adapter, 0 for all weights; ``ranks`` processes."""

    model: str
    rank: int
    precision: str
    ranks: int
    checkpointing: bool = False

    @property
    def changes(self) -> list[str]:
        """To the embedded recipe."""
        prompt, response, budget = LENGTHS[self.model]
        return [
            *SIZES,
            prompt,
            f"sampling.coder_max_tokens={response}",
            f"sampling.tester_max_tokens={response}",
            f"learning.tokens_per_micro_batch={budget}",
            f"model.lora_rank={self.rank}",
            f"model.precision={self.precision}",
            f"model.gradient_checkpointing={str(self.checkpointing).lower()}",
            f"training.sharding={'fsdp' if self.ranks > 1 else 'none'}",
        ]

    @property
    def text(self) -> str:
        what = f"LoRA {self.rank}" if self.rank else "full"
        more = ", checkpointing" if self.checkpointing else ""
        return f"{self.model}, {what}, {self.precision}, {self.ranks}{more}"


def cases(models: Sequence[str]) -> Iterator[Case]:
    for model in models:
        for precision in ("float32", "bfloat16"):
            for rank in (0, 16):
                yield from (Case(model, rank, precision, ranks) for ranks in (1, 2))
            yield Case(model, 0, precision, 1, checkpointing=True)


def estimated(case: Case, folder: Path) -> dict[str, float]:
    """Bytes while it learns and while it samples, without what libraries take."""
    recipe, shape = load_recipe(None, case.changes), read_shape(folder / "config.json")
    found = estimate(recipe, shape, Conditions(case.ranks, case.ranks))
    held = found.least - PROCESS
    sizes = {name: held + sum(parts.values()) for name, parts in found.phases.items()}
    return {"learning": max(sizes["learning"], sizes["stepping"])} | (
        {"sampling": sizes["sampling"]} if case.ranks == 1 else {}
    )


class _Tokenizer:
    """As much of one as a sampler needs."""

    eos_token_id = 1

    def batch_decode(self, ids: list[list[int]], **_: object) -> list[str]:
        return ["" for _ in ids]


def peak(reset: bool = False) -> int:
    """Bytes that were resident at most since the last reset."""
    if reset:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    [line] = [x for x in Path("/proc/self/status").read_text().split("\n") if "VmHWM" in x]
    return int(line.split()[1]) << 10


def groups_of(recipe: Recipe, role: Role, ranks: int, place: Path) -> list[SampleGroup]:
    """Groups as large as the recipe allows, as many as fill a micro-batch of every process."""
    prompt, response = recipe.prompts.max_tokens, recipe.sampling.coder_max_tokens
    sample = Sample((5,) * response, (-1.0,) * response, 1.0)
    count = recipe.sampling.programs
    batch = Batch.of(recipe, read_shape(place / "config.json"), Conditions(ranks, ranks))
    rows = batch.answers // response
    if batch.seen == batch.computed:  # each with its prompt: any number of them fills a batch
        count = rows
    full = -(-rows // count)
    return [SampleGroup(role, (3,) * prompt, 1.0, (sample,) * count) for _ in range(ranks * full)]


def sampled(model: object, recipe: Recipe) -> int:
    """The peak while as many rows are sampled as the recipe allows."""
    sampler = LocalSampler(model, _Tokenizer(), recipe.sampling.max_batch_size)  # type: ignore[arg-type]
    params = SamplingParams(1.0, recipe.sampling.coder_max_tokens)
    prompt, n = (3,) * recipe.prompts.max_tokens, recipe.sampling.programs
    count = recipe.sampling.max_batch_size // n
    prompts = [Prompt(str(i), Role.CODER, prompt, i, params) for i in range(count)]
    peak(reset=True)
    sampler.sample(prompts, n)
    return peak()


def measured(case: Case, folder: Path) -> dict[str, int]:
    """The same by processes of their own. Raises RuntimeError for one that fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")  # loading the libraries takes longer than a case
    receiver, sender = context.Pipe(duplex=False)
    processes = [
        context.Process(target=_measure, args=(case, folder, rank, port, sender))
        for rank in range(case.ranks)
    ]
    for process in processes:
        process.start()
    sender.close()
    try:
        found: dict[str, int] = receiver.recv()
    except EOFError:
        raise RuntimeError(f"{case.text}: a process has failed; its message is above") from None
    for process in processes:
        process.join()
    return found


def _measure(case: Case, folder: Path, rank: int, port: int, sender: Connection) -> None:
    """One process: bytes beyond what libraries take, told by the first."""
    libc = ctypes.CDLL(None)
    libc.mallopt(-3, 1 << 15)  # M_MMAP_THRESHOLD: what is freed goes back at once
    torch.set_num_threads(1)
    if case.ranks > 1:
        os.environ |= {
            "WORLD_SIZE": str(case.ranks), "RANK": str(rank), "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo",
        }  # fmt: skip
    recipe, context = load_recipe(None, case.changes), DistributedContext.join()
    groups = [g for role in Role for g in groups_of(recipe, role, context.size, folder)]
    config = AutoConfig.from_pretrained(folder)
    layers, config.num_hidden_layers = config.num_hidden_layers, 1
    warm = _learner(config, recipe, context)
    _update(warm, groups)
    if context.alone:
        sampled(warm.model, recipe)
    del warm
    gc.collect()
    before = peak(reset=True)  # with what libraries load and reserve for such shapes
    config.num_hidden_layers = layers
    learner = _learner(config, recipe, context)
    sample = Sample((5, 5), (-1.0, -1.0), 1.0)
    few = [SampleGroup(role, (3,), 1.0, (sample,)) for role in Role for _ in range(context.size)]
    _update(learner, few)  # the moments are there from the first step on
    peak(reset=True)
    _update(learner, groups)
    found = {"learning": peak() - before}
    if context.alone:
        found["sampling"] = sampled(learner.model, recipe) - before
    if context.is_main:
        sender.send(found)
    if case.ranks > 1:
        torch.distributed.destroy_process_group()


def _learner(config: PretrainedConfig, recipe: Recipe, context: DistributedContext) -> Learner:
    """A learner with a model of random weights."""
    config = copy.deepcopy(config)
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[: config.num_hidden_layers]
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return Learner(
        prepare_model(model, recipe.model, 0),
        recipe.learner,
        recipe.model,
        context,
        sharded=recipe.training.sharding is Sharding.FSDP,
        shares_device=recipe.vllm.share_gpu,
    )


def _update(learner: Learner, groups: list[SampleGroup]) -> None:
    """As the first process orders it."""
    if not learner.distributed.is_main:
        learner.distributed.next()
    learner.update(groups)


def row(case: Case) -> list[dict[str, Any]]:
    """Estimate, measurement and ratio of each phase."""
    with tempfile.TemporaryDirectory() as place:
        config_of(case.model).save_pretrained(place)
        taken = measured(case, Path(place))
        estimate = estimated(case, Path(place))
    return [
        {
            **asdict(case),
            "phase": phase,
            "estimated": round(size),
            "measured": taken[phase],
            "ratio": round(size / taken[phase], 3),
        }
        for phase, size in estimate.items()
    ]


def _line(case: Case, found: dict[str, Any]) -> str:
    sizes = [f"{found[k] / MIB:,.0f} MiB" for k in ("estimated", "measured")]
    told = f"{case.text:<46}{found['phase']:<10}{sizes[0]:>12}{sizes[1]:>12}"
    return f"{told}{found['ratio']:>8}"


def main() -> None:
    parser = argparse.ArgumentParser(description="The estimate of memory against measured peaks.")
    parser.add_argument("--model", choices=LENGTHS, action="append")
    parser.add_argument("--only", help="cases with this in their text, which ends in a full stop")
    parser.add_argument("--json", type=Path, help="write the rows here, a line each")
    given = parser.parse_args()
    chosen = [c for c in cases(given.model or list(LENGTHS)) if (given.only or "") in f"{c.text}."]
    if not chosen:
        texts = "; ".join(f"{c.text}." for c in cases(given.model or list(LENGTHS)))
        parser.error(f"--only {given.only}: no case has this in its text: {texts}")
    print(f"{'case':<46}{'phase':<10}{'estimated':>12}{'measured':>12}{'ratio':>8}")
    for case in chosen:
        for found in row(case):
            print(_line(case, found), flush=True)
            if given.json:
                with given.json.open("a") as file:
                    file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
