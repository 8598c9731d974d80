"""Record every figure of small runs, to hold a change of the code to them.

    python benchmarks/recording.py make DIR         eight trainings, two evaluations, an audit
    python benchmarks/recording.py compare OLD NEW  every difference, and how many values agree

Training is recorded under the embedded recipe, the presets `paper` and `official`, LoRA per role,
pseudo-labels, asynchronous rollouts, extra attempts with initial-policy programs, and a
separate step per role. Each leaves its metrics, evaluations, the reward and advantage of every
response, and the SHA-256 of its weights. Make both recordings on one machine: weights are equal
to the byte only there. A file `renamed.json` in NEW maps old keys to new ones.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SMALL = [
    "tasks.train_count=12",
    "tasks.held_out_count=6",
    "sampling.programs=6",
    "sampling.tests=6",
    "training.steps=3",
    "training.tasks_per_step=4",
    "training.threads=1",
    "training.checkpoint_every=3",
    "evaluation.every=3",
    "sandbox.workers=1",
]
RUNS: dict[str, tuple[str | None, str]] = {
    "embedded": (None, ""),
    "paper": ("recipes/nano/paper.toml", ""),
    "official": ("recipes/nano/official.toml", ""),
    "lora_per_role": (None, "model.lora_rank=4 model.adapters=per_role"),
    "label_free": (
        None,
        "pseudo_labels.source=tester pseudo_labels.model=nano pseudo_labels.tests=8 "
        "pseudo_labels.max_tokens=72 pseudo_labels.filter=agreement",
    ),
    "asynchronous": (
        None,
        "training.max_async_level=1 learning.tis_cap=2 learning.old_logprobs=recomputed",
    ),
    "extra_attempts": (
        None,
        "sampling.extra_attempts=1 sampling.initial_policy_programs=2 "
        "sampling.skip_unlabelled=true",
    ),
    "separate": ("recipes/nano/coder_only.toml", "reward.validity_bonus=0.3"),
}
MEASURE = ["-n", "4", "-m", "4"]
MEASURED = ("seconds", "timing", "usage", "environment", "timeline")
RENAMED = "renamed.json"
"""File of the new directory with old parts of keys and file names, and what they are now."""
ADDED = ("terms",)
"""Keys that records have got since: a reward's terms, which come to the reward."""


def make(where: Path) -> None:
    """Train, evaluate and audit into ``where``; what is there already is left."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def sparring(*arguments: str, status: tuple[int, ...] = (0,)) -> None:
        done = subprocess.run([sys.executable, "-m", "sparring.cli", *arguments], env=environment)
        if done.returncode not in status:
            sys.exit(f"sparring {' '.join(arguments)} ended with status {done.returncode}")

    where.mkdir(parents=True, exist_ok=True)
    for name, (recipe, changes) in RUNS.items():
        if (where / name / "summary.json").exists():
            continue
        sets = [part for change in (*SMALL, *changes.split()) for part in ("--set", change)]
        sparring("train", *([recipe] if recipe else []), "--run-dir", str(where / name), *sets)
    for name, run in (("eval", "embedded"), ("eval_label_free", "label_free")):
        model = ["--coder", str(where / run), "--out", str(where / name)]
        sparring("eval", "microworld:held_out", "--limit-tasks", "12", *MEASURE, *model)
    tasks = where / "tasks.jsonl"
    sparring("microworld", "tasks", "--split", "train", "--count", "15", "--out", str(tasks))
    sparring("audit", str(tasks), "--out", str(where / "audit"), status=(0, 1))


def values(where: Path) -> dict[str, Any]:
    """Every recorded value by the path of its file and the keys above it."""
    held: dict[str, Any] = {}
    for path in sorted(p for p in where.rglob("*") if p.is_file()):
        name = str(path.relative_to(where))
        if any(word in name for word in MEASURED) or "/journal/" in name or name == RENAMED:
            continue
        if path.suffix == ".safetensors":
            held[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.name.endswith((".jsonl", ".jsonl.gz", ".json")) and "checkpoints" not in name:
            raw = path.read_bytes()
            text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
            text = text.replace(str(where), "DIR")
            if path.name == "recipe.json":
                continue  # settings are held by what they lead to; their places may change
            rows = (
                [json.loads(text)]
                if path.suffix == ".json"
                else map(json.loads, text.split("\n")[:-1])
            )
            for number, row in enumerate(rows):
                held |= {f"{name}:{number}{key}": value for key, value in _leaves(row)}
    return held


def _leaves(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not key.endswith((*MEASURED, *ADDED)):
                yield from _leaves(inner, f"{above}/{key}")
    elif isinstance(value, list) and any(isinstance(x, dict | list) for x in value):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{above}/{number}")
    else:
        yield above, value


def compare(old: Path, new: Path) -> int:
    """Print the differences; 1 if there is one."""
    before, after = values(old), values(new)
    names = new / RENAMED
    renamed: dict[str, str] = json.loads(names.read_text()) if names.exists() else {}
    before = {_under(key, renamed): value for key, value in before.items()}
    differing = [
        f"{key}: {before.get(key, 'absent')!r:.120} → {after.get(key, 'absent')!r:.120}"
        for key in sorted(before.keys() | after.keys())
        if key not in before or key not in after or before[key] != after[key]
    ]
    print("\n".join(differing[:200]))
    weights = sum(1 for key in after if key.endswith(".safetensors"))
    print(f"{len(after) - len(differing)} of {len(after)} values equal, {weights} files of weights")
    return int(bool(differing))


def _under(key: str, renamed: dict[str, str]) -> str:
    for old, new in renamed.items():
        key = key.replace(old, new)
    return key


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("action", choices=("make", "compare"))
    parser.add_argument("directories", type=Path, nargs="+")
    given = parser.parse_args()
    if len(given.directories) != (1 if given.action == "make" else 2):
        parser.error("make takes one directory, compare takes two")
    if given.action == "make":
        make(given.directories[0])
    else:
        sys.exit(compare(*given.directories))


if __name__ == "__main__":
    main()
