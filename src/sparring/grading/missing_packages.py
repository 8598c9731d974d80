"""Programs that failed because a package is missing, counted by package, beside their verdicts.

Such a failure says nothing about the program: the sandbox lacks a package that the data set's own
judge would have had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sparring.sandbox.details import needed
from sparring.schema import Outcome


@dataclass(frozen=True, slots=True)
class MissingPackage:
    """Number of programs, and of their tasks, with an execution that failed for want of a
    package."""

    programs: int
    tasks: int

    def record(self) -> dict[str, int]:
        """Return the counts as JSON-able data."""
        return {"programs": self.programs, "tasks": self.tasks}


def missing_packages(tasks: Iterable[Sequence[Sequence[Outcome]]]) -> dict[str, MissingPackage]:
    """Return the counts by package, the most wanted first. ``tasks``: for each task its programs'
    outcomes [P][T]."""
    programs: dict[str, int] = {}
    of_tasks: dict[str, int] = {}
    for outcomes_PT in tasks:
        missing: set[str] = set()
        for outcomes_T in outcomes_PT:
            packages = {p for outcome in outcomes_T if (p := needed(outcome.detail)) is not None}
            for package in packages:
                programs[package] = programs.get(package, 0) + 1
            missing |= packages
        for package in missing:
            of_tasks[package] = of_tasks.get(package, 0) + 1
    order = sorted(programs, key=lambda package: (-programs[package], package))
    return {package: MissingPackage(programs[package], of_tasks[package]) for package in order}


def missing_package_lines(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return one line for each package of a map from packages to `MissingPackage.record`s."""
    return [
        f"needs {package}: {_count(n['programs'], 'program')} of {_count(n['tasks'], 'task')} "
        f"failed for want of it; --packages {package} gives it to the sandbox"
        for package, n in counts.items()
    ]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
