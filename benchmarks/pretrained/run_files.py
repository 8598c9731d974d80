"""Checksums of a run's files, and the files in which two runs differ.

Two equal runs differ only in what is measured: times, the processor time of programs, and the
process that holds the lock. Of the summary, which has figures and seconds, the seconds are left
out.
"""

from __future__ import annotations

import json
from pathlib import Path

from sparring.files import checksum, digest

_MEASURED = ("timing.jsonl", "timeline.jsonl", "environment.json", "lock", "usage/*")
_SUMMARY = "summary.json"


def checksums(run: Path) -> dict[str, str]:
    """Return a checksum of each file of a run that is not a measurement, by its name."""
    sums = {}
    for path in sorted(p for p in run.rglob("*") if p.is_file()):
        name = path.relative_to(run)
        if name.as_posix() == _SUMMARY:
            summary = json.loads(path.read_text(encoding="utf-8"))
            sums[_SUMMARY] = digest({k: v for k, v in summary.items() if "seconds" not in k})
        elif not any(name.match(pattern) for pattern in _MEASURED):
            sums[name.as_posix()] = checksum(path)
    return sums


def differing_files(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return the names of the files that only one run has, or whose contents differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
