"""Totals over the lines of a run: seconds of each phase, and each alarm once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparring.errors import well_formed
from sparring.runs.reader import TIMELINE, TIMING, RunReader
from sparring.runs.timeline import account_from


def phase_seconds(run: RunReader) -> dict[str, float]:
    """Return the seconds of each phase over all steps: from timeline.jsonl or, in a run without
    that file, from timing.jsonl. Raises `RunError`."""
    total: dict[str, float] = {}
    with well_formed(f"{run.path}: {TIMELINE}"):
        accounts = [account_from(r) for r in run.jsonl(TIMELINE) if "step" in r]
        parts: list[Mapping[str, float]] = [a.phases() for a in accounts]
        if not parts:
            parts = [r.get("phases", {}) for r in run.jsonl(TIMING) if "step" in r]
        for part in parts:
            for phase, seconds in part.items():
                total[str(phase)] = total.get(str(phase), 0.0) + float(seconds)
    return total


def alarms(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each alarm of a run once: its first and last step, the number of steps, the newest
    reason, and whether the alarm stands in the last step."""
    by_monitor: dict[str, dict[str, Any]] = {}
    for line in metrics:
        for alarm in line.get("alarms", ()):
            total = by_monitor.setdefault(
                str(alarm["monitor"]), {"monitor": alarm["monitor"], "first": line["step"], "n": 0}
            )
            total |= {"last": line["step"], "n": total["n"] + 1, "reason": alarm["reason"]}
            total["standing"] = line is metrics[-1]
    return list(by_monitor.values())
