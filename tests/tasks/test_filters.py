"""Which tasks are kept: every rule on its own, and what does not say is not kept."""

from __future__ import annotations

import pytest

from sparring.errors import ConfigError
from sparring.schema import Task, Test, TestKind
from sparring.tasks.cleaning.filters import (
    Filters,
    Reason,
    filter_tasks,
    parse_difficulty,
    parse_range,
)

TASKS = [
    Task("a", "x" * 10, (Test("1", "1"),), difficulty="easy", time_limit=1, memory_limit=64),
    Task("b", "x" * 20, (Test("1", "1"),) * 3, difficulty="2", time_limit=3, memory_limit=256),
    Task("c", "x" * 30, (Test("1", "1", TestKind.CALL),), entry_point="f", time_limit=2),
]
RATES = {"a": 0.0, "b": 0.5}


@pytest.mark.parametrize(
    ("rules", "kept", "reason"),
    [
        (Filters(), "abc", None),
        (Filters(difficulty=frozenset({"easy", "hard"})), "a", Reason.DIFFICULTY),
        (Filters(difficulty=(1, 2)), "b", Reason.DIFFICULTY),
        (Filters(shortest=20), "bc", Reason.LENGTH),
        (Filters(longest=20), "ab", Reason.LENGTH),
        (Filters(min_tests=3), "b", Reason.FEW_TESTS),
        (Filters(kind=TestKind.STDIN), "ab", Reason.KIND),
        (Filters(max_seconds=2), "ac", Reason.TIME_LIMIT),
        (Filters(max_memory=64), "a", Reason.MEMORY_LIMIT),
        (Filters(pass_rate=(0.1, 0.9)), "b", Reason.PASS_RATE),
        (Filters(pass_rate=(0.0, 0.5)), "ab", Reason.PASS_RATE),
    ],
)
def test_a_rule_keeps_and_names_the_rest(rules: Filters, kept: str, reason: Reason | None) -> None:
    found, removed = filter_tasks(TASKS, rules, RATES)
    assert "".join(t.id for t in found) == kept
    assert {r.reason for r in removed} == ({reason} if reason else set())
    assert sorted([*kept, *(r.task_id for r in removed)]) == ["a", "b", "c"]


def test_ranges_and_labels() -> None:
    assert parse_difficulty(" easy, hard") == {"easy", "hard"}
    assert parse_difficulty("..2") == (float("-inf"), 2)
    assert parse_range("--x", "0.1..0.9") == (0.1, 0.9)
    for text in ("..", "2..1", "a..b", "1", "1..2..3", "nan..1"):
        with pytest.raises(ConfigError, match=r"--x"):
            parse_range("--x", text)
    with pytest.raises(ConfigError, match="give labels"):
        parse_difficulty(" , ")
