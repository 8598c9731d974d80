"""Tests in a record of a bout: input and output, and what is not usual about them.

Records from before there were calls and scripts have inputs and outputs alone, and tests on
standard input under the task's own checker are still written so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring import values
from sparring.prompts.parse import ParsedProgram, ParsedTest
from sparring.prompts.templates import called_as
from sparring.schema import Kind, Test


def pairs_of(tests: Sequence[Test]) -> list[list[str | None]]:
    """Input and output of each test; kind and checker where they are not the usual ones."""
    return [
        [t.input, t.output] if _usual(t) else [t.input, t.output, t.kind, t.checker] for t in tests
    ]


def _usual(test: Test) -> bool:
    return test.kind is Kind.STDIN and test.checker is None


def tests_from(pairs: Sequence[Sequence[Any]]) -> tuple[Test, ...]:
    """What `pairs_of` wrote. Raises ValueError for a kind that there is not."""
    return tuple(Test(a, b, *_form(*rest)) for a, b, *rest in pairs)


def _form(kind: str = Kind.STDIN, checker: str | None = None) -> tuple[Kind, str | None]:
    return Kind(kind), checker


def generated_record(parsed: ParsedTest) -> dict[str, Any]:
    """A generated test, or why there is none."""
    test = parsed.test
    if test is None:
        return {"input": None, "output": None, "failure": parsed.failure, **found_record(parsed)}
    more = {} if _usual(test) else {"kind": test.kind, "checker": test.checker}
    return {
        "input": test.input,
        "output": test.output,
        **more,
        "failure": None,
        **found_record(parsed),
    }


def found_record(parsed: ParsedProgram | ParsedTest) -> dict[str, str]:
    """How a program or a test was found and what stood there, as far as there is a word on it."""
    return {name: said for name in ("how", "seen") if (said := getattr(parsed, name))}


def found_in(record: Mapping[str, Any]) -> tuple[str, str]:
    """``how`` and ``seen`` of what `found_record` wrote; empty in a record from before."""
    return record.get("how", ""), record.get("seen", "")


def generated_from(record: Mapping[str, Any]) -> Test:
    """The test that `generated_record` wrote."""
    form = _form(record.get("kind", Kind.STDIN), record.get("checker"))
    return Test(record["input"], record["output"], *form)


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
    """A recorded test (`pairs_of`, `generated_record`) of a recorded task; None where a response
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
