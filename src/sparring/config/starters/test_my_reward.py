"""Tests of my_reward.py on small pass matrices: python -m pytest test_my_reward.py

`example_group` has one row per program and one sign per test: 1 passed, 0 failed, ? not observed.
The first two tests are ground truth. Its other fields (texts, outputs, reasons) are made up, and
`dataclasses.replace` changes them.
"""

from __future__ import annotations

import numpy as np
from my_reward import TOKEN_PRICE, reward

from sparring.grading.example_group import example_group


def test_programs_earn_the_share_of_tests_passed() -> None:
    coder, _ = reward(example_group("110", "100", "000"))
    assert np.allclose(coder + 10 * TOKEN_PRICE, [1.0, 0.5, 0.0])


def test_a_test_must_accept_the_right_and_catch_a_wrong_program() -> None:
    # generated tests: accepts and catches; accepts and catches nothing; rejects the right program
    _, tester = reward(example_group("11110", "10010", "00111"))
    assert tester.tolist() == [1.0, 0.0, 0.0]


def test_without_a_right_program_all_tests_earn_the_same() -> None:
    _, tester = reward(example_group("1011", "0001"))
    assert tester.tolist() == [0.0, 0.0]


def test_a_program_that_was_not_seen_on_every_test_earns_nothing_and_is_not_wrong() -> None:
    coder, tester = reward(example_group("11111", "1?000", "00011"))
    assert np.isnan(coder).tolist() == [False, True, False]
    # The second program does not count as wrong. The third does, and only the first test fails it.
    assert tester.tolist() == [1.0, 0.0, 0.0]


def test_a_test_that_was_not_seen_on_a_program_that_counts_has_no_reward() -> None:
    _, tester = reward(example_group("11?11", "00010", "1?00?"))
    # Test 1: not observed on the correct program. Test 2: observed everywhere. Test 3: not observed
    # only on the program that is neither correct nor wrong.
    assert np.isnan(tester).tolist() == [True, False, False]
    assert tester[1:].tolist() == [0.0, 1.0]
