"""Trials of graders in tests: the cases, and a host for the modules of this directory."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sparring.graders.card import Card
from sparring.graders.case import GraderCase
from sparring.graders.cases import all_cases
from sparring.graders.trial import TriedCase, opened, tried

HERE = Path(__file__).parent


@cache
def cases() -> tuple[GraderCase, ...]:
    return tuple(all_cases())


def titled(*titles: str) -> list[GraderCase]:
    found = {case.title: case for case in cases()}
    return [found[title] for title in titles]


def trial(
    spec: str, some: Sequence[GraderCase], directory: Path = HERE, wait: float = 30.0
) -> Card:
    done: list[TriedCase] = []
    with opened(spec, sys.executable, directory, wait) as grader:
        done += tried(grader, some)
    return Card(spec, "2026-11-29", grader.version, grader.held, done)


def copied(module: str, place: Path) -> Path:
    shutil.copy(HERE / f"{module}.py", place)
    return place
