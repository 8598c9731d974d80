"""Cases: submissions to a grader, and the verdict that each must get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Tests = Mapping[str, Any]
"""Tests as a grader receives them: a dictionary of JSON values, whose field ``form`` says which
other fields it has (`stdin`, `answer`, `call`, `script`)."""

SECONDS = 2.0
"""Limit of an execution in seconds that every submission names."""


class CaseKind(StrEnum):
    """Kind of a case: the part of a grader that it tries."""

    IDIOM = "idioms"
    """Ordinary programs."""
    SHAPE = "shapes"
    """Ordinary ways to write a program down: line ends, encodings, definitions around it."""
    ANSWER = "answers"
    """A model's whole answer, from which the grader takes the program."""
    COMPARISON = "comparison"
    """Outputs and values that are equal to the expected ones, or are not."""
    CHEAT = "cheats"
    """Wrong programs that try to be accepted."""
    LIMIT = "limits"
    """Programs that do not end, or print or recurse without an end."""
    HARM = "harm"
    """Programs that reach for the grader's machine: its files, processes, secrets and network."""
    TRACE = "traces"
    """Programs that leave something behind which changes the verdict of a later program."""
    FAILURE = "failures"
    """Right programs at a moment when the grader's machine fails."""


class Form(StrEnum):
    """Form of tests."""

    STDIN = "stdin"
    CALL = "call"
    SCRIPT = "script"
    ANSWER = "answer"


class Condition(StrEnum):
    """State of the process in which a case is graded."""

    USUAL = ""
    DESCRIPTORS = "no descriptor is left"
    DISK = "no file can be written"


@dataclass(frozen=True, slots=True)
class Submission:
    """Program and tests, as a grader receives them."""

    program: str
    tests: Tests


@dataclass(frozen=True, slots=True)
class GraderCase:
    """Case that a grader passes or fails.

    The submissions are graded one after another in one process. ``right`` says if the last of them
    must be accepted; None: graders may differ in it, and the card only records it. ``companion`` is
    graded in a process of its own: a wrong program on the same tests if ``right``, else a right
    one. So neither a grader that accepts everything nor one that rejects everything looks good.
    """

    kind: CaseKind
    name: str
    submissions: Sequence[Submission]
    right: bool | None
    companion: Submission | None = None
    condition: Condition = Condition.USUAL

    @property
    def form(self) -> Form:
        """Form of the case's tests."""
        return Form(self.submissions[-1].tests["form"])

    @property
    def title(self) -> str:
        """Name that no other case has."""
        return f"{self.kind}: {self.name} ({self.form})"


def stdin(pairs: Mapping[str, str]) -> Tests:
    """Return tests on standard input: expected output by input."""
    return {
        "form": Form.STDIN,
        "inputs": list(pairs),
        "outputs": list(pairs.values()),
        "seconds": SECONDS,
    }


def answer(pairs: Mapping[str, str]) -> Tests:
    """Return tests on standard input for a program within a model's answer."""
    return {**stdin(pairs), "form": Form.ANSWER}


def call(calls: Sequence[tuple[Sequence[Any], Any]]) -> Tests:
    """Return tests of the function ``f``: pairs of arguments and result, all of them JSON."""
    return {
        "form": Form.CALL,
        "function": "f",
        "arguments": [list(arguments) for arguments, _ in calls],
        "results": [result for _, result in calls],
        "seconds": SECONDS,
    }


def script(calls: Sequence[tuple[Sequence[Any], Any]]) -> Tests:
    """Return the same tests as a script that defines ``check(candidate)``, as HumanEval has it."""
    lines = [
        f"    assert candidate({', '.join(map(repr, arguments))}) == {result!r}"
        for arguments, result in calls
    ]
    return script_of("\n".join(["def check(candidate):", *lines, ""]))


def script_of(text: str) -> Tests:
    """Return tests that are a script, which defines ``check(candidate)``."""
    return {"form": Form.SCRIPT, "function": "f", "script": text, "seconds": SECONDS}
