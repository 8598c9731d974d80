"""The agreement filter on matrices whose consensus is plain to see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.selection.consensus import consensus_tests


def kept(rows: list[str], masked: dict[tuple[int, int], bool] | None = None) -> str:
    """``rows``: 1 where a program passes a test; the tests kept, in the same form."""
    passed = np.array([[c == "1" for c in row] for row in rows], dtype=bool)
    observed = np.ones_like(passed)
    for cell in masked or {}:
        observed[cell] = False
    return "".join("1" if k else "0" for k in consensus_tests(passed, observed))


CASES = {
    # 3 × 3 = 9, against 2 × 4 = 8 and 1 × 1
    "weight is programs times tests": (
        ["11100", "11100", "11100", "11011", "11011", "00001"],
        "11100",
    ),
    "many tests outweigh a few programs": (["11110", "11110", "00001", "00001", "00001"], "11110"),
    "everybody passes everything": (["111", "111"], "111"),
    "a single program can be the consensus": (["1101", "0000", "0000"], "1101"),
    "nobody passes anything": (["000", "000"], "000"),
    "equal weight, more programs": (["1100", "1100", "1100", "0111", "0111"], "1100"),
    "equal in both: no consensus": (["110", "110", "011", "011"], "000"),
    "alone on either side": (["10", "01"], "00"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_consensus_by_hand(name: str) -> None:
    rows, expected = CASES[name]
    assert kept(rows) == expected


def test_a_program_with_a_masked_cell_has_no_vote() -> None:
    rows = ["110", "110", "011", "011"]
    assert kept(rows, {(0, 2): True}) == "011"
    assert kept(rows, {(p, 0): True for p in range(4)}) == "000"


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=8))
def test_some_program_passes_all_that_is_kept_and_order_does_not_matter(
    rows: list[list[bool]],
) -> None:
    passed = np.array(rows, dtype=bool)
    observed = np.ones_like(passed)
    found = consensus_tests(passed, observed)
    if found.any():
        assert any((row == found).all() for row in passed)
    np.testing.assert_array_equal(consensus_tests(passed[::-1], observed), found)
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(consensus_tests(passed[:, order], observed), found[order])
