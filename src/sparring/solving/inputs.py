"""Inputs without an expected output: programs are run on them to see where they differ."""

from __future__ import annotations

from collections.abc import Hashable

from sparring.grading.answers import plain_input
from sparring.schema import Test, TestKind

INPUT_ONLY = "input_only"
"""``checker`` of a test whose expected output is unknown. No output is ever accepted by it."""


def input_only(text: str, kind: TestKind = TestKind.STDIN) -> Test:
    """Return a test with an input alone: standard input, or the encoded arguments of a call."""
    return Test(text, "", kind, INPUT_ONLY)


def is_input_only(test: Test) -> bool:
    """Return whether the test's expected output is unknown."""
    return test.checker == INPUT_ONLY


def input_key(test: Test) -> Hashable:
    """Return a key that is equal for tests with equal inputs."""
    return test.kind, test.input if test.kind is TestKind.STDIN else plain_input(test)
