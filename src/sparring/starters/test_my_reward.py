"""Run with: python -m pytest test_my_reward.py"""

from __future__ import annotations

import numpy as np
from my_reward import TOKEN_PRICE, reward

from sparring.scoring.custom import Bout


def bout(*rows: str) -> Bout:
    """One row per program, one digit per test; the first two tests are ground truth."""
    passed = np.array([[c == "1" for c in row] for row in rows])
    programs, generated = len(rows), len(rows[0]) - 2
    return Bout(
        task_id="t",
        statement="",
        passed_PT=passed,
        observed_PT=np.ones_like(passed),
        ground_truth=2,
        valid_U=np.ones(generated, dtype=bool),
        lengths_P=np.full(programs, 10.0),
        lengths_U=np.full(generated, 10.0),
        programs=(None,) * programs,
        tests=(None,) * generated,
    )


def test_programs_earn_the_share_of_tests_passed() -> None:
    coder, _ = reward(bout("110", "100", "000"))
    assert np.allclose(coder + 10 * TOKEN_PRICE, [1.0, 0.5, 0.0])


def test_a_test_must_accept_the_right_and_catch_a_wrong_program() -> None:
    # generated tests: accepts and catches; accepts and catches nothing; rejects the right program
    _, tester = reward(bout("11110", "10010", "00111"))
    assert tester.tolist() == [1.0, 0.0, 0.0]


def test_without_a_right_program_all_tests_earn_the_same() -> None:
    _, tester = reward(bout("1011", "0001"))
    assert tester.tolist() == [0.0, 0.0]
