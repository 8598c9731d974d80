"""Responses are rewarded whole and cut for learning; what sampling cuts off is never a good one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sparring.config.load import load_recipe, make_recipe
from sparring.errors import ConfigError
from sparring.grading.scorer import facts_of
from sparring.runs.reader import open_run
from sparring.schema import Response
from sparring.training.labelled import learned_from
from tests.training.runs import finished, records
from tests.training.test_reward import GROUP, cut, scored

MOST = 20


def test_a_replay_learns_from_first_tokens_and_pays_for_all(run: Path, tmp_path: Path) -> None:
    command = ["x", "x", "x", "train", "--replay", str(run), "--run-dir", str(tmp_path / "cut")]
    finished([*command, "--set", f"learning.max_response_tokens={MOST}"])
    before, after = records(run, "metrics.jsonl"), records(tmp_path / "cut", "metrics.jsonl")
    source = open_run(run)
    short = 0
    for step, (one, other) in enumerate(zip(before, after, strict=True), 1):
        groups = source.read_packed(f"rollouts/step-{step:05d}.jsonl.gz")
        for role in ("coder", "tester"):
            lengths = [
                min(len(r["token_ids"]), MOST)
                for g in groups
                if not g["dropped"].get(role)
                for r in g["programs" if role == "coder" else "tests"]
                if r["reward"] is not None
            ]
            assert other[role]["tokens_trained"] == sum(lengths)
            short += one[role]["tokens_trained"] - sum(lengths)
            for key in ("reward_mean", "reward_std", "mean_length", "truncated_share"):
                assert one[role][key] == other[role][key], key
    assert short > 0


def response(length: int) -> Response:
    return replace(
        GROUP.coder[0],
        token_ids=tuple(range(length)),
        logprobs=tuple(-0.5 - i for i in range(length)),
    )


@pytest.mark.parametrize(("most", "left"), [(None, 9), (9, 9), (4, 4), (30, 9)])
def test_the_first_tokens_stay_with_their_log_probs(most: int | None, left: int) -> None:
    recipe = make_recipe({"learning": {"max_response_tokens": most}}, (), "recipe")
    sample = learned_from(response(9), 1.5, recipe)
    assert sample.token_ids == tuple(range(left))
    assert sample.sampled_logprobs == tuple(-0.5 - i for i in range(left))
    assert sample.advantage == 1.5


def test_a_cut_beyond_every_response_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_response_tokens = 72 is without effect"):
        load_recipe(None, ["sampling.coder_max_tokens=64", "sampling.tester_max_tokens=72",
                           "learning.max_response_tokens=72"])  # fmt: skip
    assert load_recipe(None, ["learning.max_response_tokens=72"])


def test_a_truncated_test_is_not_paid_for_its_length() -> None:
    """Test 1, right and cut off: it is a good one of 4 tokens, unless it is known to be cut."""
    paid = {"reward": {"length": "paper"}}
    whole, shorter = scored(**paid), scored(cut(GROUP, tests=(0,)), **paid)
    facts = facts_of(cut(GROUP, tests=(0,)))
    assert facts.truncated_U.tolist() == [True, False, False]
    assert (
        whole.earned.tester_rewards.value.tolist() == shorter.earned.tester_rewards.value.tolist()
    )
    assert shorter.earned.tester.value[0] < 0
    assert np.sign(whole.earned.tester.value[0]) >= 0
