"""Which ground-truth tests the reward never sees."""

from __future__ import annotations

from collections import Counter

import pytest

from sparring.schema import Task, Test
from sparring.tasks.hidden_tests import hidden_places, hide_tests, original_places


def task(tests: int, name: str = "t") -> Task:
    return Task(name, "Add.", tuple(Test(str(i), str(i)) for i in range(tests)))


@pytest.mark.parametrize(
    ("tests", "wanted", "taken"),
    [(3, 1, 0), (4, 1, 1), (4, 9, 1), (8, 1, 1), (10, 2, 2), (100, 7, 7), (8, 0, 0), (1, 5, 0)],
)
def test_at_most_a_quarter_is_hidden(tests: int, wanted: int, taken: int) -> None:
    found = hide_tests(task(tests), wanted)
    assert len(found.hidden) == taken
    assert {*found.tests, *found.hidden} == {*task(tests).tests}
    assert len(found.ground_truth) == tests


def test_the_same_tests_every_time_and_others_for_another_task() -> None:
    assert hide_tests(task(12), 3) == hide_tests(task(12), 3)
    assert hidden_places("a", 12, 3) == [0, 7, 11]  # of this version and of every later one
    assert len({tuple(hidden_places(f"task {i}", 12, 3)) for i in range(50)}) > 40


def test_every_place_is_hidden_equally_often() -> None:
    counts = Counter(p for i in range(4000) for p in hidden_places(f"task {i}", 10, 2))
    assert all(700 < counts[place] < 900 for place in range(10))  # 800 ± 4 standard deviations


def test_a_test_is_found_again_where_the_file_has_it() -> None:
    found = hide_tests(task(9), 2)
    assert [str(p) for p in original_places(found)] == [t.input for t in found.ground_truth]
