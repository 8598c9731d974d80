"""Tests in a record of a bout: input and output, and what is not usual about them.

Records from before there were calls and scripts have inputs and outputs alone, and tests on
standard input under the task's own checker are still written so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparring.prompts.parse import ParsedProgram, ParsedTest
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
