"""Recorded tests in the form that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring import values
from sparring.prompts.templates import called_as
from sparring.schema import TestKind
from sparring.solving.inputs import INPUT_ONLY


@dataclass(frozen=True, slots=True)
class Readable:
    """Test in the form that people read: a call test as a Python call.

    ``given`` is the input, call or script. ``rule`` is the test's own checker; None means equality.
    """

    given: str
    expected: str
    kind: str
    rule: str | None

    @property
    def decides(self) -> bool:
        """True for a script, whose own assertions decide, so that no output is compared."""
        return self.kind == TestKind.SCRIPT

    @property
    def input_only(self) -> bool:
        """True for an input whose expected output is unknown: programs are compared on it."""
        return self.rule == INPUT_ONLY

    @property
    def line(self) -> str:
        """The whole test in a line: ``f(1) == 2`` for a call, ``1 → 2`` for standard input."""
        given, expected = self.given.rstrip("\n"), self.expected.rstrip("\n")
        if self.decides or self.input_only:
            return given
        if self.rule == "truth":  # ``assert f(1)``: any value that Python takes for true
            return given if expected == "True" else f"not {given}"
        return f"{given} {'==' if self.kind == TestKind.CALL else '→'} {expected}"

    def output(self, printed: str) -> str:
        """Return a program's recorded output on this test in the form that people read."""
        return values.show(printed) if self.kind == TestKind.CALL else printed


def readable(entry: Mapping[str, Any] | Sequence[Any], task: Mapping[str, Any]) -> Readable | None:
    """Return a recorded test (`grading.entries`) of a recorded task in readable form.

    The result is None where the response has no test. A kind of test that this version does not
    know is shown unchanged.
    """
    if isinstance(entry, Mapping):
        if entry["input"] is None:
            return None
        entry = [entry["input"], entry["output"], *(entry.get(k) for k in ("kind", "checker"))]
    given, expected, kind, rule = (*map(str, entry[:2]), *entry[2:4], None, None)[:4]
    kind, rule = str(kind or TestKind.STDIN), None if rule in (None, "value") else str(rule)
    if kind == TestKind.CALL:
        function = called_as(str(task.get("entry_point") or "f"))
        value = "" if rule == INPUT_ONLY else values.show(expected)
        return Readable(values.show_call(function, given), value, kind, rule)
    return Readable(given, expected, kind, rule)
