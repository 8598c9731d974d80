"""What is equal to the bit on this device and what to rounding: replays, resumes, devices.

A short run is recorded on the CPU; then the device learns from its rollouts twice, and once more
with a stop and a resume between; then a checkpoint of the device's is taken up on the CPU.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from gpuchecks.common import Setting, part
from gpuchecks.nano import trained

_RATE = "learning.learning_rate=1e-4"


def exact(setting: Setting) -> dict[str, Any]:
    """The largest distances of weights; 0 means equal to the bit."""
    host = Setting(torch.device("cpu"), setting.tiny)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        keep = ("training.checkpoint_every=1", "training.keep_checkpoints=9", _RATE)
        trained(host, place / "recorded", keep)
        again = ("--replay", str(place / "recorded"))
        for name in ("once", "twice"):
            trained(setting, place / name, keep, *again)
        found |= part(
            against_cpu=_distance(place / "once", place / "recorded", 3),
            twice=_distance(place / "once", place / "twice", 3),
        )
        trained(setting, place / "cut", (*keep, "training.steps=2"), *again)
        trained(setting, place / "cut", ("training.steps=3",), "--resume")
        found |= part(resumed=_distance(place / "cut", place / "once", 3))
        trained(setting, place / "moved", (*keep, "training.steps=2"), *again)
        trained(host, place / "moved", ("training.steps=3",), "--resume")
        found |= part(resumed_on_cpu=_distance(place / "moved", place / "once", 3))
    if not found["against_cpu"] < 1e-4:
        raise ValueError(f"weights learned here differ from the CPU's: {found}")
    return found


def _distance(one: Path, other: Path, step: int) -> float:
    """The largest difference of any weight in the checkpoints of a step."""
    name = f"checkpoints/step-{step:05d}/model.safetensors"
    a, b = load_file(one / name), load_file(other / name)
    return max(float((a[key] - b[key]).abs().max()) for key in b)
