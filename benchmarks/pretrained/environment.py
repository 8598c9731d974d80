"""Machine, versions and inputs that a record's figures depend on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.pretrained.cpu import cpu_info
from benchmarks.pretrained.data import REPORT
from benchmarks.pretrained.train_command import ROOT

from sparring.errors import RunError
from sparring.files import checksum
from sparring.version import __version__

_PACKAGES = ("torch", "transformers", "numpy")


def environment_of(data: Path) -> dict[str, Any]:
    """Return the commit, the versions, the processor, and the checksums of the data."""
    return {
        "commit": commit(),
        "sparring": __version__,
        "python": platform.python_version(),
        "packages": {name: v for name in _PACKAGES if (v := _version(name)) is not None},
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "data": checksums(data),
    }


def checksums(data: Path) -> dict[str, Any]:
    """Return the SHA-256 of each task file and, where there is a data.json, of their sources.

    Raises `RunError` for a data.json that cannot be read.
    """
    files: dict[str, Any] = {f.name: checksum(f) for f in sorted(data.glob("*.jsonl"))}
    if (data / REPORT).is_file():
        try:
            report = json.loads((data / REPORT).read_text(encoding="utf-8"))
            files["sources"] = report["sources"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{data / REPORT}: cannot be read: {error!r}") from None
    return files


def commit() -> str | None:
    """Return the commit of the checkout, with ``-dirty`` where a tracked file is changed; None
    outside of a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def processor() -> str:
    """Return the name of the processor, as Linux tells it."""
    return cpu_info().get("model name") or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
