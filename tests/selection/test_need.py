"""When sampling stops, and what a round asks for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.selection.evidence import Evidence
from sparring.selection.need import UNCHANGED, Caps, NextRound, Seen, Stop, alike, next_round


def seen(programs: int, tests: int, readable_programs: int, readable_tests: int) -> Evidence:
    cells = np.ones((readable_programs, readable_tests), bool)
    return Evidence(cells, cells, np.zeros(cells.shape, dtype=np.int64))


CAPS = Caps(40, 40)


def test_a_choice_is_settled_when_it_is_sure_and_has_not_changed() -> None:
    evidence = seen(25, 20, 25, 20)
    settled = Seen(evidence, 25, 20, sure=0.9, unchanged=UNCHANGED)
    assert next_round(settled, CAPS) == NextRound(Stop.SETTLED, 0, 0)
    for unsettled in (
        Seen(evidence, 25, 20, sure=0.9, unchanged=UNCHANGED - 1),
        Seen(evidence, 25, 20, sure=0.7, unchanged=UNCHANGED),
        Seen(evidence, 25, 20, sure=None, unchanged=UNCHANGED),
    ):
        assert next_round(unsettled, CAPS).stop is None
    assert next_round(Seen(evidence, 25, 20, 0.7, UNCHANGED), CAPS, 0.6).stop is Stop.SETTLED


def test_rounds_are_small_with_slightly_more_programs() -> None:
    assert next_round(Seen(seen(0, 0, 0, 0), 0, 0), CAPS) == NextRound(None, 5, 4)
    assert next_round(Seen(seen(5, 4, 5, 4), 5, 4), CAPS) == NextRound(None, 5, 4)
    # 8 tests wanted 10 programs, 12 want 15
    assert next_round(Seen(seen(10, 8, 10, 8), 10, 8), CAPS) == NextRound(None, 5, 4)
    # two programs could not be read: they are asked for again
    assert next_round(Seen(seen(10, 8, 8, 8), 10, 8), CAPS) == NextRound(None, 7, 4)


def test_where_few_tests_can_be_read_tests_are_asked_for() -> None:
    # 3 of 20 tests readable: 8 programs are enough
    assert next_round(Seen(seen(8, 20, 8, 3), 8, 20), CAPS) == NextRound(None, 0, 4)
    assert next_round(Seen(seen(8, 20, 8, 0), 8, 20), CAPS) == NextRound(None, 0, 4)
    assert next_round(Seen(seen(8, 40, 8, 5), 8, 40), CAPS) == NextRound(Stop.TESTS_SPENT, 0, 0)
    assert next_round(Seen(seen(40, 40, 40, 40), 40, 40), CAPS) == NextRound(Stop.CAP, 0, 0)
    # where no test may be sampled, programs are
    assert next_round(Seen(seen(10, 0, 10, 0), 10, 0), Caps(16, 0)) == NextRound(None, 6, 0)


def test_two_nearly_equal_programs_of_different_behaviour_are_named() -> None:
    passed = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], bool)
    answers = np.array([[1, 1], [1, 1], [2, 2], [2, 2]], dtype=np.int64)
    tied = Evidence(passed, np.ones_like(passed), answers)
    assert next_round(Seen(tied, 4, 2), CAPS).apart == (0, 2)
    same = Evidence(passed, np.ones_like(passed), np.ones_like(answers))
    assert next_round(Seen(same, 4, 2), CAPS).apart is None
    ahead = Evidence(
        np.array([[1] * 6] * 3 + [[0] * 6], bool),
        np.ones((4, 6), bool),
        np.array([[1] * 6] * 3 + [[2] * 6], dtype=np.int64),
    )
    assert next_round(Seen(ahead, 4, 6), CAPS).apart is None


def test_programs_are_alike_by_all_their_answers() -> None:
    answers = np.array([[1, -1], [1, -1], [1, 3]], dtype=np.int64)
    evidence = Evidence(np.zeros((3, 0), bool), np.zeros((3, 0), bool), answers)
    assert alike(evidence, 0, 1)
    assert not alike(evidence, 0, 2)


@pytest.mark.parametrize("readable", [0.0, 0.3, 1.0])
@given(programs=st.integers(0, 30), tests=st.integers(0, 30))
def test_no_round_asks_beyond_the_caps_and_rounds_end(
    readable: float, programs: int, tests: int
) -> None:
    caps = Caps(programs, tests)
    n = m = 0
    for _ in range(40):
        share = int(readable * n), int(readable * m)
        step = next_round(Seen(seen(n, m, *share), n, m), caps)
        if step.stop is not None:
            assert (step.programs, step.tests) == (0, 0)
            return
        assert step.programs + step.tests > 0
        n, m = n + step.programs, m + step.tests
        assert n <= programs
        assert m <= tests
    raise AssertionError("no end")
