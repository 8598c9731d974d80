"""The official code's own numbers, where this project's formulas should give the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from sparring.scoring.advantages import Normalisation, advantages
from sparring.scoring.matrix import PassMatrix
from sparring.scoring.rates import acceptance, estimated_right
from sparring.scoring.rewards import (
    InvalidTest,
    NoWrong,
    RewardSettings,
    coder_rewards,
    tester_rewards,
)
from sparring.scoring.selection import first_index
from tests.shared import shared

OFFICIAL = RewardSettings(no_wrong=NoWrong.SIGN, invalid_test=InvalidTest.EQ4)


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(shared("vectors/reference_rewards.json").read_text())
    return data


def matrix(entry: dict[str, Any]) -> PassMatrix:
    passed = np.array([[c == "1" for c in row] for row in entry["matrix"]])
    return PassMatrix(passed, np.ones_like(passed), entry["num_ground_truth"])


def test_normalised_rewards_equal_the_official_advantages(golden: dict[str, Any]) -> None:
    """Without length transform and post stage. The official reward is Eq 4 divided by the number
    of wrong programs, which normalisation removes."""
    compared = 0
    for entry in golden["rewards"]:
        if entry["enable_efficient"] or entry["post_stage"]:
            continue
        m = matrix(entry)
        tests = m.passed_PU.shape[1]
        pairs = (
            (coder_rewards(m, OFFICIAL), entry["code_advantages"]),
            (tester_rewards(m, np.ones(tests, bool), OFFICIAL).reward, entry["test_advantages"]),
        )
        for reward, expected in pairs:
            found = advantages(reward, Normalisation.STD)
            if expected is None:
                assert found.dropped is not None
            else:
                np.testing.assert_allclose(found.value, expected, atol=1e-9)
            compared += 1
    assert compared >= 40


def test_statistics_equal_the_official_ones(golden: dict[str, Any]) -> None:
    for batch in golden["statistics"]:
        ms = [matrix(t) for t in batch["tasks"]]
        expected = batch["expected"]
        assert np.mean([m.correct_P.mean() for m in ms]) == pytest.approx(expected["code_acc"])
        right = [estimated_right(m, np.ones(m.passed_PU.shape[1], bool)) for m in ms]
        known = [r for r in right if r is not None]
        assert np.mean([r.mean() for r in known]) == pytest.approx(expected["test_acc"])
        cells = np.concatenate([m.passed_PG.ravel() for m in ms])
        assert cells.mean() == pytest.approx(expected["code_test_acc"])
        for size, bon in expected["bon"].items():
            n, k = map(int, size.split("x"))
            hits = [m.correct_P[first_index(m, n, k)] for m in ms]
            assert np.mean(hits) == pytest.approx(bon["acc"])


def test_acceptance_rates_equal_the_official_ones(golden: dict[str, Any]) -> None:
    for batch in golden["statistics"]:
        sums = np.zeros((2, 2))
        for entry in batch["tasks"]:
            m = matrix(entry)
            right = estimated_right(m, np.ones(m.passed_PU.shape[1], bool))
            if right is None:
                continue
            on_right, on_wrong = acceptance(m, right, np.ones_like(right))
            sums += np.array([on_right, on_wrong])
        p01, p00 = sums[:, 0] / sums[:, 1]
        assert p01 == pytest.approx(batch["expected"]["printed_p_01"])
        assert p00 == pytest.approx(batch["expected"]["p_00"])
