"""Limits of time and memory, as data sets write them, in our units: seconds and MiB.

- A cell may name its unit: ``"2.0 seconds"``, ``"256 megabytes"``,
  ``{"seconds": 0, "nanos": 500000000}`` (CodeContests).
- A bare number has the unit that the form names.
- Kilobytes, megabytes and gigabytes count by 1024, as judges do.
- A limit of 0 means no limit: CodeContests writes 0 for an unknown limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

TIME, MEMORY = "test_time_limit", "memory_limit"
"""The two fields."""
_SECONDS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "nano": 1e-9, "nanos": 1e-9, "nanosecond": 1e-9, "nanoseconds": 1e-9,
    "min": 60.0, "minute": 60.0, "minutes": 60.0,
}  # fmt: skip
_MIB = {
    "b": 2.0**-20, "byte": 2.0**-20, "bytes": 2.0**-20,
    "kb": 2.0**-10, "kib": 2.0**-10, "kilobyte": 2.0**-10, "kilobytes": 2.0**-10,
    "mb": 1.0, "mib": 1.0, "megabyte": 1.0, "megabytes": 1.0,
    "gb": 1024.0, "gib": 1024.0, "gigabyte": 1024.0, "gigabytes": 1024.0,
}  # fmt: skip
UNITS = {TIME: _SECONDS, MEMORY: _MIB}
"""Factors from each unit to seconds or MiB, by field."""
_TEXT = re.compile(r"\s*(-?\d+(?:\.\d*)?|-?\.\d+)\s*([^\W\d_]*)(?: per test)?\s*\Z")


def limit(field: str, cell: Any, unit: str | None) -> Any:
    """Return a limit in the field's unit; None if the cell states no limit.

    ``unit`` is the unit of a bare number. Without ``unit``, a number is returned as it is, and a
    text that names no unit stays a text. Raises `ValueError` for a unit of another quantity.
    """
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    factor = UNITS[field][unit] if unit is not None else 1.0
    if isinstance(cell, timedelta) and field == TIME:
        return cell.total_seconds() or None
    if isinstance(cell, Mapping):
        return _duration(field, cell) or None
    if isinstance(cell, str):
        match = _TEXT.match(cell)
        if match is None:
            return cell if unit is None else _refused(field, cell)
        if match[2]:
            factor = UNITS[field].get(match[2].lower()) or _refused(field, cell)
        elif unit is None:
            return cell
        return float(match[1]) * factor or None
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return cell
    try:
        return cell * factor or None
    except OverflowError:  # a whole number of hundreds of digits
        return cell


def _duration(field: str, cell: Mapping[str, Any]) -> float:
    """Return the seconds of ``{"seconds": …, "nanos": …}``; either may be missing or null."""
    parts = {str(name): value for name, value in cell.items() if value is not None}
    numbers = all(type(value) in (int, float) for value in parts.values())
    if field != TIME or not numbers or not parts.keys() <= {"seconds", "nanos"}:
        return _refused(field, cell)
    try:
        return float(parts.get("seconds", 0)) + float(parts.get("nanos", 0)) * 1e-9
    except OverflowError:
        return _refused(field, cell)


def _refused(field: str, cell: object) -> float:
    what = "time" if field == TIME else "memory"
    units = "seconds, ms …" if field == TIME else "bytes, kilobytes, megabytes …"
    try:
        shown = repr(cell)[:60]
    except (ValueError, RecursionError):  # numbers of thousands of digits, endless nesting
        shown = "it"
    raise ValueError(f"{shown} is not a {what} limit in {units}")
