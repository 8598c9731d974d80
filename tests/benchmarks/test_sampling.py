"""The sampling benchmark: both sides are asked the same, and only kept tokens count."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.nano import TinyTokenizer, tiny_model

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import sampling
import subjects
from sampling import Shape, compare, generated, ours, times_as_fast
from subjects import Subject, cast_subject, ends


@pytest.fixture
def subject() -> Subject:
    prompts = [(3, 4, 5), (7, 8, 9, 10), (6,)]
    return Subject("tiny", tiny_model(), TinyTokenizer(), prompts, end_bias=2.0)


def test_tokens_after_the_end_token_are_not_kept(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = torch.tensor([[0, 0, 5, 1, 1, 1], [0, 0, 5, 6, 7, 8], [0, 0, 1, 1, 1, 1]])
    monkeypatch.setattr(subject.model, "generate", lambda **asked: rows)
    assert generated(subject, [(3, 4)], Shape(1, 3, 4)) == [2, 4, 1]


def test_the_bias_is_on_the_model_while_it_is_measured_and_the_same_for_both(
    subject: Subject,
) -> None:
    shape = Shape(2, 30, 12)
    arms = [ours(subject, shape), sampling.theirs(subject, shape, 60)]
    with ends(subject, never=True):
        assert all(set(arm(0)) == {12} for arm in arms)
    with ends(subject, never=False):
        biased = [sum(arm(0)) for arm in arms]
    plain = [sum(arm(0)) for arm in arms]
    assert all(b < 0.8 * p for b, p in zip(biased, plain, strict=True))
    assert biased[0] == pytest.approx(biased[1], rel=0.3)


def test_a_shape_tells_of_both_and_of_its_lengths(subject: Subject) -> None:
    found = compare(subject, Shape(2, 8, 6, full=True), 1)
    assert found["mean_length"] == 6
    assert set(found["tokens_per_second"]) == {"ours", "generate, 16 rows"}
    assert found["ratio_vs_generate"] > 0
    assert "full" in sampling.table([found])


def test_in_bfloat16_weights_that_are_cast_at_every_token_are_an_arm_too(subject: Subject) -> None:
    half = cast_subject(subject, torch.bfloat16)
    assert half.model.dtype == torch.bfloat16
    assert subject.model.dtype == torch.float32
    found = compare(half, Shape(2, 8, 6, full=True), 1, (16,), subject)
    assert set(found["tokens_per_second"]) == {"ours", sampling.CAST, "generate, 16 rows"}
    assert found["best_of_generate"] == "generate, 16 rows"
    assert found["ratio_vs_cast"] > 0
    assert "cast at every token" in sampling.table([found])


def test_calls_take_other_prompts_and_start_again_where_there_are_too_few(
    subject: Subject,
) -> None:
    assert Shape(1, 1, 5, calls=4).asked(subject) == [
        [(3, 4, 5)],
        [(7, 8, 9, 10)],
        [(6,)],
        [(3, 4, 5)],
    ]


def test_a_ratio_is_of_the_same_round() -> None:
    """A neighbour that halves the speed of one round changes nothing."""
    rates = {"ours": [40.0, 20.0, 44.0], "generate, 16 rows": [20.0, 10.0, 20.0]}
    assert times_as_fast(rates, "generate, 16 rows") == 2.0


def test_random_weights_end_now_and_then() -> None:
    chance = torch.softmax(torch.tensor([subjects.end_bias(1000, 40), *[0.0] * 999]), 0)[0]
    assert float(chance) == pytest.approx(1 / 40, rel=0.05)
