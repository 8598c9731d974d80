"""The type of a CPU, as far as it decides the digits of a training step.

Torch and its libraries choose their code by the instructions that a CPU has, and split sums by the
number of threads. Two machines that agree in these add the same numbers in the same order.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
"""Flags of /proc/cpuinfo by which the libraries choose; avx512_bf16 or amx_bf16 decides how
matrices of bfloat16 are multiplied."""


@dataclass(frozen=True, slots=True)
class CpuType:
    """What must be equal for equal digits: architecture, maker, flags, threads and versions."""

    machine: str
    vendor: str
    flags: tuple[str, ...]
    threads: int
    torch: str
    transformers: str

    def other(self, record: dict[str, object]) -> list[str]:
        """Return what differs from a recorded type, each as ``name: recorded, here``."""
        mine = self.as_dict()
        return [
            f"{f.name}: {_shown(record.get(f.name))} on record, {_shown(mine[f.name])} here"
            for f in fields(self)
            if record.get(f.name) != mine[f.name]
        ]

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"flags": list(self.flags)}


def cpu_type(threads: int) -> CpuType:
    """Return the type of this machine's CPU for a run with so many threads of torch."""
    known = cpu_info()
    flags = known.get("flags", known.get("Features", "")).split()
    return CpuType(
        platform.machine(),
        known.get("vendor_id", known.get("CPU implementer", "")),
        tuple(name for name in FLAGS if name in flags),
        threads,
        version("torch"),
        version("transformers"),
    )


def cpu_info() -> dict[str, str]:
    """Return the fields of /proc/cpuinfo; none where there is no such file, as outside of Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name.strip(): text.strip() for name, _, text in (x.partition(":") for x in lines)}


def _shown(value: object) -> str:
    return " ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
