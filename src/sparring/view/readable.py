"""A recorded test as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring import values
from sparring.prompts.templates import called_as
from sparring.schema import Kind


@dataclass(frozen=True, slots=True)
class Readable:
    """A test as people read it: a call as Python writes it. ``rule`` is the test's own checker,
    where that is not equality."""

    given: str
    expected: str
    kind: str
    rule: str | None

    @property
    def decides(self) -> bool:
        """Whether the input itself decides, so that there is no output to compare."""
        return self.kind == Kind.SCRIPT

    @property
    def line(self) -> str:
        """All of it in a line: ``f(1) == 2`` of a call, ``1 → 2`` of standard input."""
        given, expected = self.given.rstrip("\n"), self.expected.rstrip("\n")
        if self.decides:
            return given
        if self.rule == "truth":  # any value that counts as it, as in ``assert f(1)``
            return given if expected == "True" else f"not {given}"
        return f"{given} {'==' if self.kind == Kind.CALL else '→'} {expected}"

    def output(self, printed: str) -> str:
        """What a program answered on it."""
        return values.show(printed) if self.kind == Kind.CALL else printed


def readable(entry: Mapping[str, Any] | Sequence[Any], task: Mapping[str, Any]) -> Readable | None:
    """A recorded test (`grading.entries`) of a recorded task; None where a response
    held none. A kind of another version is taken as it stands."""
    if isinstance(entry, Mapping):
        if entry["input"] is None:
            return None
        entry = [entry["input"], entry["output"], *(entry.get(k) for k in ("kind", "checker"))]
    given, expected, kind, rule = (*map(str, entry[:2]), *entry[2:4], None, None)[:4]
    kind, rule = str(kind or Kind.STDIN), None if rule in (None, "value") else str(rule)
    if kind == Kind.CALL:
        function = called_as(str(task.get("entry_point") or "f"))
        return Readable(values.show_call(function, given), values.show(expected), kind, rule)
    return Readable(given, expected, kind, rule)
