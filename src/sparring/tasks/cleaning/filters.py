"""Which tasks are wanted: by difficulty, length, number and kind of tests, limits, pass rate.

A task that is not kept is named with the first rule that it breaks. A task that does not say what a
rule asks for (no difficulty, no pass rate) breaks it: whoever asks for easy tasks gets none that
may be hard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sparring.errors import ConfigError
from sparring.schema import Kind, Task
from sparring.text import in_line


class Reason(StrEnum):
    """Why a task was not kept."""

    DIFFICULTY = "difficulty"
    LENGTH = "length"
    FEW_TESTS = "few_tests"
    KIND = "kind"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    PASS_RATE = "pass_rate"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    OVERLAP = "overlap"
    SAME_TESTS = "same_tests"
    NOT_STDIN = "not_stdin"
    """It could not be written as a program on standard input (`stdio`)."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A task that was not kept, the rule, and what was seen."""

    task_id: str
    reason: Reason
    detail: str

    def __str__(self) -> str:
        return in_line(f"{self.task_id}: {self.detail}")


@dataclass(frozen=True, slots=True)
class Filters:
    """The rules; None asks for nothing. All bounds are included.

    ``difficulty`` is labels, or a range of numbers. ``longest`` and ``shortest`` are characters of
    the statement, ``pass_rate`` a share of programs that were correct.
    """

    difficulty: frozenset[str] | tuple[float, float] | None = None
    shortest: int | None = None
    longest: int | None = None
    min_tests: int | None = None
    kind: Kind | None = None
    max_seconds: float | None = None
    max_memory: int | None = None
    pass_rate: tuple[float, float] | None = None


def parse_difficulty(text: str) -> frozenset[str] | tuple[float, float]:
    """``easy,medium`` or ``1..2`` (``..2``, ``7..``). Raises `ConfigError`."""
    if ".." in text:
        return parse_range("--difficulty", text)
    labels = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not labels:
        raise ConfigError(f"--difficulty {text!r}: give labels such as easy,medium or a range 1..2")
    return labels


def parse_range(option: str, text: str) -> tuple[float, float]:
    """``LOW..HIGH``, either end open. Raises `ConfigError`."""
    number = r"[-+]?(?:\d+\.?\d*|\.\d+)"
    match = re.fullmatch(rf"\s*({number})?\s*\.\.\s*({number})?\s*", text, re.ASCII)
    if match is None or not (match[1] or match[2]):
        raise ConfigError(f"{option} {text!r}: give a range such as 0.1..0.9")
    low = float(match[1]) if match[1] else float("-inf")
    high = float(match[2]) if match[2] else float("inf")
    if low > high:
        raise ConfigError(f"{option} {text!r}: the lower end comes first")
    return low, high


def filter_tasks(
    tasks: Sequence[Task], rules: Filters, rates: Mapping[str, float] | None = None
) -> tuple[list[Task], list[Removed]]:
    """The tasks that keep all rules, in order, and the others. ``rates`` are by task id."""
    kept, removed = [], []
    for task in tasks:
        broken = _broken(task, rules, rates or {})
        if broken is None:
            kept.append(task)
        else:
            removed.append(Removed(task.id, *broken))
    return kept, removed


def _broken(task: Task, rules: Filters, rates: Mapping[str, float]) -> tuple[Reason, str] | None:
    if rules.difficulty is not None and not _as_hard(task.difficulty, rules.difficulty):
        return Reason.DIFFICULTY, task.difficulty or "not stated"
    length = len(task.statement)
    if rules.shortest is not None and length < rules.shortest:
        return Reason.LENGTH, f"{length:,} characters, fewer than {rules.shortest:,}"
    if rules.longest is not None and length > rules.longest:
        return Reason.LENGTH, f"{length:,} characters, more than {rules.longest:,}"
    if rules.min_tests is not None and len(task.tests) < rules.min_tests:
        return Reason.FEW_TESTS, f"{len(task.tests)} of {rules.min_tests}"
    if rules.kind is not None and any(t.kind is not rules.kind for t in task.tests):
        return Reason.KIND, f"has tests that are not {rules.kind}"
    if rules.max_seconds is not None and task.time_limit > rules.max_seconds:
        return Reason.TIME_LIMIT, f"{task.time_limit:g} s"
    if rules.max_memory is not None and task.memory_limit > rules.max_memory:
        return Reason.MEMORY_LIMIT, f"{task.memory_limit} MiB"
    if rules.pass_rate is not None:
        rate = rates.get(task.id)
        if rate is None:
            return Reason.PASS_RATE, "not known"
        if not rules.pass_rate[0] <= rate <= rules.pass_rate[1]:
            return Reason.PASS_RATE, f"{rate:.3f}"
    return None


def _as_hard(label: str | None, wanted: frozenset[str] | tuple[float, float]) -> bool:
    if label is None:
        return False
    if isinstance(wanted, frozenset):
        return label in wanted
    try:
        return wanted[0] <= float(label) <= wanted[1]
    except ValueError:
        return False
