"""Groups of a run, one step at a time, so that memory does not grow with the run.

Every group gives a short row. Only groups that fit on the page give their detail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparring.errors import RunError, well_formed
from sparring.runs.groups import summary_row
from sparring.runs.reader import RunReader, step_file
from sparring.view.explain import Explained, explain
from sparring.view.html.collect import RunOverview
from sparring.view.html.group import Cutter, detail


def steps(collected: RunOverview) -> list[int]:
    """Return the steps with recorded rollouts."""
    return collected.run.rollout_steps()


@dataclass(frozen=True, slots=True)
class PageGroup:
    """Group of a step: its row, and its detail on demand.

    The group is kept as the bytes of its lines, because its objects take many times the memory.
    """

    row: list[Any]
    index: int
    """Number of the group in its step."""
    collected: RunOverview
    line: bytes
    usage: bytes | None

    def detail(self, cut: Cutter) -> dict[str, Any]:
        """Return the whole group for the page. Raises `RunError` for a record of another form."""
        run, record = self.collected, json.loads(self.line)
        with well_formed(f"{run.run.path}: group {record['task']['id']!r}"):
            usage = json.loads(self.usage) if self.usage else None
            return detail(record, usage, self._explained(record), run.pieces, cut)

    def _explained(self, record: Mapping[str, Any]) -> Explained | None:
        """Explain the rewards, or return None for a record that this version cannot explain."""
        if self.collected.rules is None:
            return None
        try:
            return explain(record, self.collected.rules, self.index)
        except RunError:
            return None


def groups(collected: RunOverview, step: int) -> Iterator[PageGroup]:
    """Yield the groups of a step in order; unreadable groups are left out with a note."""
    run, notes = collected.run, collected.notes
    lines = _packed_lines(run, step_file("rollouts", step), notes)
    usage: list[bytes] = []
    if run.has(name := step_file("usage", step)):
        usage = _packed_lines(run, name, notes, " (CPU times of this step are not shown)")
    for index, line in enumerate(lines):
        try:
            with well_formed(f"{run.path}: rollouts of step {step}, group {index}"):
                row = summary_row(json.loads(line))
        except RunError as error:
            notes.append(str(error))
            continue
        yield PageGroup(row, index, collected, line, usage[index] if index < len(usage) else None)


def _packed_lines(run: RunReader, name: str, notes: list[str], hint: str = "") -> list[bytes]:
    """Return the lines of a gzipped file up to a fault, which becomes a note."""
    lines: list[bytes] = []
    try:
        lines.extend(run.packed_lines(name))
    except RunError as error:
        notes.append(f"{error}{hint}")
    return lines
