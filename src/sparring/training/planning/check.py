"""`Check`: a line of the dry run's report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """Line of the dry run's report: a name and a text. A ``warning`` does not stop a run, but the
    user should look at it."""

    name: str
    text: str
    warning: bool = False
