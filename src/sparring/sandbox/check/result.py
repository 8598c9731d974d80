"""What came of one case."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """``held`` is None where a case was not tried; ``why`` says what was seen."""

    suite: str
    name: str
    held: bool | None
    why: str = ""
