"""Three steps of the embedded recipe on this device, by every preset and with adapters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gpuchecks.common import Refused, Setting, part

ARMS: dict[str, tuple[str, ...]] = {
    "default": (),
    "paper": ("preset=paper",),
    "official": ("preset=official",),
    "lora": ("model.lora_rank=4",),
    "per_role": ("model.lora_rank=4", "model.adapters=per_role"),
    "bfloat16": ("model.precision=bfloat16",),
    "ahead": (
        "training.max_async_level=1",
        "learning.old_logprobs=recomputed",
        "learning.tis_cap=2",
    ),
}
SMALL = (
    "training.steps=3", "training.tasks_per_step=4", "sampling.programs=4", "sampling.tests=4",
    "tasks.held_out_count=4", "evaluation.programs=2", "evaluation.tests=2",
)  # fmt: skip


def steps(setting: Setting) -> dict[str, Any]:
    """The distance of log-probs between sampling and training, and that each run came to its end.
    Raises `Refused` where the kernel does not let the sandbox confine programs."""
    found: dict[str, Any] = {}
    arms = {"default": ARMS["default"]} if setting.tiny else ARMS
    with tempfile.TemporaryDirectory() as scratch:
        for name, changes in arms.items():
            place = Path(scratch) / name
            trained(setting, place, changes)
            metrics = lines(place / "metrics.jsonl")
            gaps = [m[r]["logprob_gap_max"] for m in metrics for r in ("coder", "tester")]
            worst = max((g for g in gaps if g is not None), default=None)
            found |= part(**{name: {"steps": len(metrics), "largest_gap": worst}})
    return found


def trained(setting: Setting, place: Path, changes: tuple[str, ...], *more: str) -> None:
    """`sparring train` of the embedded recipe with these changes. Raises `Refused` where the
    sandbox cannot do its work, RuntimeError where a run fails."""
    command = [sys.executable, "-m", "sparring.cli", "train", "--run-dir", str(place), *more]
    command += [x for change in (*SMALL, *changes) for x in ("--set", change)]
    environment = dict(os.environ)
    source = str(Path(__file__).resolve().parents[2] / "src")
    environment["PYTHONPATH"] = os.pathsep.join([source, environment.get("PYTHONPATH", "")])
    if not setting.cuda:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        if "sandbox" in said:
            raise Refused(said)
        raise RuntimeError(f"{' '.join(changes)}: exit status {done.returncode}: {said}")


def lines(path: Path) -> list[dict[str, Any]]:
    """The records of a .jsonl file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
