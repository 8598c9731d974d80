"""Inputs without an expected output: programs are run on them to see where they differ."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from sparring.grading.answers import input_key
from sparring.schema import Test, TestKind

INPUT_ONLY = "input_only"
"""``checker`` of a test whose expected output is unknown. No output is ever accepted by it."""


def input_only(text: str, kind: TestKind = TestKind.STDIN) -> Test:
    """Return a test with an input alone: standard input, or the encoded arguments of a call."""
    return Test(text, "", kind, INPUT_ONLY)


def is_input_only(test: Test) -> bool:
    """Return whether the test's expected output is unknown."""
    return test.checker == INPUT_ONLY


def inputs_of(tests: Iterable[Test]) -> list[Test]:
    """Return the different inputs of tests, in the order of their first test, without an expected
    output."""
    found: dict[Hashable, Test] = {}
    for test in tests:
        found.setdefault(input_key(test), input_only(test.input, test.kind))
    return list(found.values())
