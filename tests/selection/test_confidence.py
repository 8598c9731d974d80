"""Signals by hand, how the probability moves with them, and calibrations written and read."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.errors import ConfigError
from sparring.selection import default
from sparring.selection.calibration import Calibration, Signal, fit, load, shipped, weights
from sparring.selection.confidence import has_values, probability, signals
from sparring.selection.evidence import Evidence

AGREEMENT, SAME, MARGIN, GAP = range(4)


def seen(passed: list[str], answers: list[list[int]]) -> Evidence:
    cells = np.array([[c == "1" for c in row] for row in passed], bool).reshape(len(passed), -1)
    return Evidence(cells, np.ones_like(cells), np.array(answers, dtype=np.int64))


def test_signals_by_hand() -> None:
    """Three of four programs answer the first input alike; the last input has no answer at all."""
    evidence = seen(
        ["110", "110", "010", "000"],
        [[1, 5, -1], [1, 5, -1], [1, 6, -1], [-1, 7, -1]],
    )
    found = signals(evidence)
    # Program 0: on two inputs with values, 2 and 1 of 3 others agree: 1.5 of 3 on average.
    assert found[0, AGREEMENT] == pytest.approx(math.log((1.5 + 0.5) / (1.5 + 0.5)))
    assert found[2, AGREEMENT] == pytest.approx(math.log((1 + 0.5) / (2 + 0.5)))
    assert found[3, AGREEMENT] == pytest.approx(math.log(0.5 / 3.5))
    # One of three others has all of the values of program 0; nobody those of programs 2 and 3.
    assert found[0, SAME] == pytest.approx(math.log(1.5 / 2.5))
    assert found[[2, 3], SAME] == pytest.approx([math.log(0.5 / 3.5)] * 2)
    assert found[:, GAP] == pytest.approx([0, 0, 1 / 3, 2 / 3])
    assert found[0, MARGIN] == found[1, MARGIN]


def test_a_single_pattern_has_more_margin_than_one_with_a_rival() -> None:
    alone = signals(seen(["11", "11"], [[1, 2], [1, 2]]))
    assert alone[:, MARGIN] == pytest.approx([math.log1p(3 * 4)] * 2)
    assert signals(seen(["00", "00"], [[1, 2], [1, 2]]))[:, MARGIN].tolist() == [0, 0]
    for n, m in ((2, 1), (4, 4), (8, 2), (40, 40)):
        rival = signals(seen(["1" * m] * (n - 1) + ["0" * m], [[1]] * n))[0, MARGIN]
        assert rival < signals(seen(["1" * m] * n, [[1]] * n))[0, MARGIN]
    two = signals(seen(["1111", "1111", "1111", "0000"], [[1] * 4] * 3 + [[2] * 4]))
    assert two[0, MARGIN] > 0 > two[3, MARGIN]


def test_there_is_no_probability_where_nothing_gave_a_value() -> None:
    assert probability(seen(["", ""], [[], []]), 0) is None
    assert probability(seen(["0", "0"], [[-1], [-1]]), 0) is None
    one = probability(seen(["0", "0"], [[-1], [4]]), 1)
    assert one is not None
    assert 0 < one < 1


def test_agreement_makes_surer_and_a_gap_less_sure() -> None:
    def sure(same: int, passed: str) -> float:
        answers = [[1, 2]] * (same + 1) + [[9 + p, 20 + p] for p in range(7 - same)]
        rows = [passed] + ["11"] * same + ["00"] * (7 - same)
        found = probability(seen(rows, answers), 0)
        assert found is not None
        return found

    agreeing = [sure(k, "11") for k in range(1, 8)]
    assert agreeing == sorted(agreeing)
    assert agreeing[0] < 0.5 < agreeing[-1]
    assert sure(4, "10") < sure(4, "11")


def test_the_shipped_calibration_is_monotone_in_each_signal() -> None:
    found = shipped().coefficients
    assert all(found[s] > 0 for s in (Signal.AGREEMENT, Signal.SAME, Signal.MARGIN))
    assert found[Signal.GAP] < 0
    assert shipped().fitted["data"]


cells = st.lists(
    st.tuples(
        st.lists(st.booleans(), min_size=3, max_size=3),
        st.lists(st.integers(-1, 2), min_size=2, max_size=2),
    ),
    min_size=1,
    max_size=6,
)


@given(cells, st.randoms(use_true_random=False))
def test_order_does_not_matter(rows: list[tuple[list[bool], list[int]]], random: object) -> None:
    passed = np.array([r[0] for r in rows])
    answers = np.array([r[1] for r in rows], dtype=np.int64)
    evidence = Evidence(passed, np.ones_like(passed), answers)
    found = signals(evidence)
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    turned = Evidence(passed[order][:, [2, 0, 1]], np.ones_like(passed), answers[order][:, [1, 0]])
    np.testing.assert_allclose(signals(turned), found[order], atol=1e-9)
    assert np.isfinite(found).all()
    assert has_values(evidence) == (answers >= 0).any()
    chosen = default.chosen(evidence)
    assert chosen is not None
    assert default.scores(evidence)[chosen] == default.scores(evidence).max()
    # A stack of draws gives each draw's own signals.
    stacked = Evidence(*(np.stack([a, a]) for a in (passed, np.ones_like(passed), answers)))
    np.testing.assert_allclose(signals(stacked)[1], found, atol=1e-9)


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, len(Signal)))
    p = 1 / (1 + np.exp(-(0.3 + x @ np.array([1.0, 0.5, -0.7, 0.0]))))
    return x, rng.random(count) < p, p


def test_a_fit_finds_the_model_that_made_the_choices() -> None:
    x, right, _ = drawn(20_000, 0)
    found = fit(x, right, np.ones(len(x)), {})
    assert found.intercept == pytest.approx(0.3, abs=0.06)
    assert list(found.coefficients.values()) == pytest.approx([1.0, 0.5, -0.7, 0.0], abs=0.06)
    fresh, _, truth = drawn(1000, 1)
    np.testing.assert_allclose(found.probability(fresh), truth, atol=0.03)


def test_a_fit_stays_finite_where_a_signal_separates() -> None:
    x = np.zeros((20, len(Signal)))
    x[:, 0] = np.repeat([0.0, 1.0], 10)
    found = fit(x, x[:, 0] > 0, np.ones(20), {})
    assert all(map(math.isfinite, found.coefficients.values()))
    assert found.probability(x[-1]) > 0.9
    with pytest.raises(ValueError, match="right choices and wrong"):
        fit(x, np.ones(20, bool), np.ones(20), {})


def test_data_sets_count_equally_and_tasks_in_them() -> None:
    found = weights(["a", "a", "a", "b"], ["x", "x", "y", "x"])
    assert found.tolist() == [0.25, 0.25, 0.5, 1.0]


def test_a_calibration_is_read_back_and_other_files_are_refused(tmp_path: Path) -> None:
    given_ = Calibration(0.5, {s: float(i) for i, s in enumerate(Signal)}, {"date": "2026-11-29"})
    file = tmp_path / "own.json"
    file.write_text(json.dumps(given_.record()))
    assert load(file) == given_
    record = given_.record()
    for broken in (
        "{",
        "[]",
        "null",
        json.dumps(record | {"kind": "evaluation"}),
        json.dumps(record | {"version": 2}),
        json.dumps(record | {"coefficients": {"agreement": 1}}),
        json.dumps(record | {"coefficients": record["coefficients"] | {"luck": 1}}),
        json.dumps(record | {"intercept": float("nan")}),
        json.dumps(record | {"intercept": "high"}),
        json.dumps({k: v for k, v in record.items() if k != "fitted"}),
    ):
        file.write_text(broken)
        with pytest.raises(ConfigError, match="holds no calibration"):
            load(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
