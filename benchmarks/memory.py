"""The estimate of memory against what processes really take.

    python benchmarks/memory.py [--model nano|smollm2|qwen2.5-0.5b] [--json FILE] [--src DIR]

Each case is a model of random weights, all weights or a LoRA adapter, float32 or bfloat16, one
process or two that share the weights (gloo, fsdp), with and without gradient checkpointing: the
second of two updates from groups that fill micro-batches, and a batch that is sampled. The peak is
the kernel's high-water mark of a process of its own, beyond what its libraries take; what is freed
goes back to the system at once. The table has estimate, measurement, and their ratio. ``--src``:
measure another checkout's package (its ``src``).
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from transformers import LlamaConfig, PretrainedConfig, Qwen2Config

from sparring.config import load_recipe
from sparring.learning.shape import read_shape
from sparring.microworld import NANO_DIR
from sparring.planning.conditions import PROCESS, Conditions
from sparring.planning.estimate import estimate

ROOT = Path(__file__).resolve().parents[1]
MIB = 1 << 20
SIZES = (
    "sampling.programs=8",
    "sampling.tests=8",
    "sampling.opponents=2",
    "evaluation.programs=8",
    "evaluation.tests=8",
    "sampling.max_rows=64",
    "learning.epochs=1",
)
LENGTHS = {
    "nano": ("prompts.max_tokens=100", 100, 6000),
    "smollm2": ("prompts.max_tokens=256", 256, 4096),
    "qwen2.5-0.5b": ("prompts.max_tokens=256", 256, 2560),
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


def measured(case: Case, folder: Path, src: Path | None = None) -> dict[str, int]:
    """The same by processes of their own. Raises RuntimeError for one that fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "65536",  # what is freed goes back at once
        "MALLOC_ARENA_MAX": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(src or ROOT / "src"),
    }
    if case.ranks > 1:
        env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
        env["WORLD_SIZE"] = str(case.ranks)
    command = [sys.executable, str(ROOT / "benchmarks" / "peak.py"), str(folder)]
    processes = [
        subprocess.Popen(
            [*command, json.dumps(case.changes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env | {"RANK": str(r), "LOCAL_RANK": str(r)} if case.ranks > 1 else env,
        )
        for r in range(case.ranks)
    ]
    told = [p.communicate() for p in processes]
    if any(p.returncode for p in processes):
        raise RuntimeError("\n".join(err for _, err in told))
    found: dict[str, int] = json.loads(told[0][0].splitlines()[-1])
    return found


def row(case: Case, src: Path | None = None) -> list[dict[str, object]]:
    """Estimate, measurement and ratio of each phase."""
    with tempfile.TemporaryDirectory() as place:
        config_of(case.model).save_pretrained(place)
        taken = measured(case, Path(place), src)
        thought = estimated(case, Path(place))
    return [
        {
            **asdict(case),
            "phase": phase,
            "estimated": round(size),
            "measured": taken[phase],
            "ratio": round(size / taken[phase], 3),
        }
        for phase, size in thought.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="The estimate of memory against measured peaks.")
    parser.add_argument("--model", choices=LENGTHS, action="append")
    parser.add_argument("--json", type=Path, help="write the rows here, a line each")
    parser.add_argument("--src", type=Path, help="package of another checkout")
    given = parser.parse_args()
    print(f"{'case':<46}{'phase':<10}{'estimated':>12}{'measured':>12}{'ratio':>8}")
    for case in cases(given.model or list(LENGTHS)):
        for found in row(case, given.src):
            sizes = [f"{int(found[k]) / MIB:,.0f} MiB" for k in ("estimated", "measured")]  # type: ignore[call-overload]
            print(f"{case.text:<46}{found['phase']:<10}{sizes[0]:>12}{sizes[1]:>12}{found['ratio']:>8}", flush=True)  # fmt: skip
            if given.json:
                with given.json.open("a") as file:
                    file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
