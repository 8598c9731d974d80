"""The place: driver, versions, what Triton needs, the level at which the sandbox can confine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from gpuchecks.common import GIB, Setting
from sparring.errors import SparringError
from sparring.sandbox import Sandbox

PACKAGES = (
    "torch",
    "triton",
    "transformers",
    "peft",
    "accelerate",
    "numpy",
    "pydantic",
    "sparring",
)


def versions(setting: Setting) -> dict[str, Any]:
    """Versions, the device and what is at hand."""
    found: dict[str, Any] = {"python": platform.python_version(), "kernel": platform.release()}
    found |= {name: _version(name) for name in PACKAGES}
    found |= {"compiler": shutil.which("gcc") or shutil.which("cc"), "cores": os.cpu_count()}
    found |= {"cuda": torch.version.cuda, "sandbox": _level()}
    if setting.cuda:
        device = torch.cuda.get_device_properties(0)
        found |= {
            "device": device.name,
            "capability": f"{device.major}.{device.minor}",
            "memory_gib": round(device.total_memory / GIB, 1),
            "nccl": ".".join(map(str, torch.cuda.nccl.version())),
            "driver": _driver(),
        }
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _level() -> str:
    """The sandbox's level here, or why it cannot confine programs."""
    try:
        with Sandbox(1) as sandbox:
            return str(dict(sandbox.report()).get("level"))
    except SparringError as why:
        return f"refused: {why}"


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as why:
        return f"unknown: {why}"
    return done.stdout.strip()
