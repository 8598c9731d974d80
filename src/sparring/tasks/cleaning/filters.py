"""Filter tasks by difficulty, length, number and kind of tests, limits, and pass rate.

- A removed task is reported with the first rule that it breaks.
- A task without the property that a rule needs (no difficulty, no pass rate) breaks the rule: a
  user who asks for easy tasks gets none that may be hard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sparring.errors import ConfigError
from sparring.schema import Task, TestKind
from sparring.text import in_line


class Reason(StrEnum):
    """Reason why a task was removed."""

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
    """The task cannot be written as a program on standard input (`stdio`)."""
    EXAMPLES = "examples"
    """The statement cannot do without its examples (`without_examples`)."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A removed task, the rule that it breaks, and the value that breaks the rule."""

    task_id: str
    reason: Reason
    detail: str

    def __str__(self) -> str:
        return in_line(f"{self.task_id}: {self.detail}")


@dataclass(frozen=True, slots=True)
class Filters:
    """Rules that a task must meet; None means no rule. All bounds are inclusive.

    - ``difficulty``: labels, or a range of numbers.
    - ``shortest`` and ``longest``: characters of the statement.
    - ``kind``: the kind that all tests must have.
    - ``max_seconds`` and ``max_memory`` (MiB): bounds on the task's own limits.
    - ``pass_rate``: a range of the share of correct programs.
    """

    difficulty: frozenset[str] | tuple[float, float] | None = None
    shortest: int | None = None
    longest: int | None = None
    min_tests: int | None = None
    kind: TestKind | None = None
    max_seconds: float | None = None
    max_memory: int | None = None
    pass_rate: tuple[float, float] | None = None


def parse_difficulty(text: str) -> frozenset[str] | tuple[float, float]:
    """Return labels from ``easy,medium``, or a range from ``1..2`` (``..2``, ``7..``).

    Raises `ConfigError` for any other text.
    """
    if ".." in text:
        return parse_range("--difficulty", text)
    labels = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not labels:
        raise ConfigError(f"--difficulty {text!r}: give labels such as easy,medium or a range 1..2")
    return labels


def parse_range(option: str, text: str) -> tuple[float, float]:
    """Return the bounds of ``LOW..HIGH``; either may be missing. Raises `ConfigError`."""
    number = r"[-+]?(?:\d+\.?\d*|\.\d+)"
    match = re.fullmatch(rf"\s*({number})?\s*\.\.\s*({number})?\s*", text, re.ASCII)
    if match is None or not (match[1] or match[2]):
        raise ConfigError(f"{option} {text!r}: give a range such as 0.1..0.9")
    low = float(match[1]) if match[1] else float("-inf")
    high = float(match[2]) if match[2] else float("inf")
    if low > high:
        raise ConfigError(f"{option} {text!r}: the lower bound must come first")
    return low, high


def filter_tasks(
    tasks: Sequence[Task], rules: Filters, rates: Mapping[str, float] | None = None
) -> tuple[list[Task], list[Removed]]:
    """Return the tasks that meet all rules, in order, and the removed ones with their reasons.

    ``rates`` are pass rates by task id.
    """
    kept, removed = [], []
    for task in tasks:
        broken = _broken_rule(task, rules, rates or {})
        if broken is None:
            kept.append(task)
        else:
            removed.append(Removed(task.id, *broken))
    return kept, removed


def _broken_rule(
    task: Task, rules: Filters, rates: Mapping[str, float]
) -> tuple[Reason, str] | None:
    if rules.difficulty is not None and not _as_hard(task.difficulty, rules.difficulty):
        return Reason.DIFFICULTY, task.difficulty or "not stated"
    length = len(task.statement)
    if rules.shortest is not None and length < rules.shortest:
        return Reason.LENGTH, f"{length:,} characters, fewer than {rules.shortest:,}"
    if rules.longest is not None and length > rules.longest:
        return Reason.LENGTH, f"{length:,} characters, more than {rules.longest:,}"
    if rules.min_tests is not None and len(task.tests) < rules.min_tests:
        return Reason.FEW_TESTS, f"{len(task.tests)} tests, fewer than {rules.min_tests}"
    if rules.kind is not None and any(t.kind is not rules.kind for t in task.tests):
        return Reason.KIND, f"has tests that are not {rules.kind}"
    if rules.max_seconds is not None and task.time_limit > rules.max_seconds:
        return Reason.TIME_LIMIT, f"{task.time_limit:g} s, more than {rules.max_seconds:g} s"
    if rules.max_memory is not None and task.memory_limit > rules.max_memory:
        return Reason.MEMORY_LIMIT, f"{task.memory_limit} MiB, more than {rules.max_memory} MiB"
    if rules.pass_rate is not None:
        rate = rates.get(task.id)
        if rate is None:
            return Reason.PASS_RATE, "no pass rate"
        if not rules.pass_rate[0] <= rate <= rules.pass_rate[1]:
            return Reason.PASS_RATE, f"{rate:.3f}"
    return None


def _as_hard(label: str | None, difficulty: frozenset[str] | tuple[float, float]) -> bool:
    if label is None:
        return False
    if isinstance(difficulty, frozenset):
        return label in difficulty
    try:
        return difficulty[0] <= float(label) <= difficulty[1]
    except ValueError:
        return False
