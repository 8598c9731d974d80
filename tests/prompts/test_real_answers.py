"""2,997 answers of real models to 17 questions: what is read of them, and whether it is right.

The answers are not part of the repository (`tests.shared`). The collection's own tests accepted
each of them, so that one that cannot be read, or is wrong here, is a fault of ours or a difference
between its tests and those in `questions`.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from sparring.prompts.programs import read_source
from sparring.prompts.source import Definition, PythonSource
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import TestKind, Verdict
from tests.prompts.questions import QUESTIONS
from tests.shared import shared

SAMPLE = 300


def answers() -> list[dict[str, Any]]:
    path = shared("data/real_answers_shown.jsonl.gz")
    return [json.loads(line) for line in gzip.open(path, "rt", encoding="utf-8")]


def read_share(rows: Sequence[dict[str, Any]]) -> float:
    """The share of answers that give a source which compiles and defines the function."""
    read = 0
    for row in rows:
        found = read_source(row["answer"], row["entry_point"])
        if found.source is not None:
            assert PythonSource(found.source).definition(row["entry_point"]) is not Definition.NONE
            read += 1
    return read / len(rows)


def test_a_tenth_of_the_answers_is_read() -> None:
    assert read_share(answers()[::10]) >= 0.99


@pytest.mark.slow
def test_99_percent_of_the_answers_are_read() -> None:
    assert read_share(answers()) >= 0.99


@pytest.mark.slow
def test_what_is_read_is_right() -> None:
    rows = random.Random(0).sample(answers(), SAMPLE)
    read = [(row, read_source(row["answer"], row["entry_point"]).source) for row in rows]
    jobs = [
        Job(
            source,
            (QUESTIONS[row["task"]],),
            Limits(),
            kind=TestKind.SCRIPT,
            entry_point=row["entry_point"],
        )
        for row, source in read
        if source is not None
    ]
    with Sandbox(2) as sandbox:
        outcomes = sandbox.run(jobs)
    right = sum(one.verdict is Verdict.ACCEPTED for [one] in outcomes)
    assert right / SAMPLE >= 0.985
