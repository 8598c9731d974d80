"""The groups of a run, one step at a time, so that memory does not grow with the run: of each a
short row, and its detail for those that the page has room for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparring.errors import RunError, well_formed
from sparring.runs.groups import summary_row
from sparring.runs.reader import RunReader, step_file
from sparring.view.explain import Explained, explain
from sparring.view.html.collect import Collected
from sparring.view.html.group import Cutter, detail


def steps(collected: Collected) -> list[int]:
    """Steps that have rollouts on disk."""
    return collected.run.rollout_steps()


@dataclass(frozen=True, slots=True)
class Group:
    """One group: its row, and its detail when it is asked for. Until then it is kept as the lines
    it was read from: as objects a group takes many times the memory."""

    row: list[Any]
    index: int
    """Its place in the step."""
    collected: Collected
    line: bytes
    usage: bytes | None

    def detail(self, cut: Cutter) -> dict[str, Any]:
        """The whole group. Raises `RunError` for a record of another form."""
        made, record = self.collected, json.loads(self.line)
        with well_formed(f"{made.run.path}: group {record['task']['id']!r}"):
            usage = json.loads(self.usage) if self.usage else None
            return detail(record, usage, self._explained(record), made.pieces, cut)

    def _explained(self, record: Mapping[str, Any]) -> Explained | None:
        """None for a record that this version cannot take apart as far as that."""
        if self.collected.rules is None:
            return None
        try:
            return explain(record, self.collected.rules, self.index)
        except RunError:
            return None


def groups(collected: Collected, step: int) -> Iterator[Group]:
    """The groups of a step, in order; what cannot be read is noted and left out."""
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
        yield Group(row, index, collected, line, usage[index] if index < len(usage) else None)


def _packed_lines(run: RunReader, name: str, notes: list[str], hint: str = "") -> list[bytes]:
    """The lines of a gzipped file, as far as they can be read; what is wrong with it is noted."""
    lines: list[bytes] = []
    try:
        lines.extend(run.packed_lines(name))
    except RunError as error:
        notes.append(f"{error}{hint}")
    return lines
