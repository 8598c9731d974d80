"""An explanation comes to what was paid, a second calculation to the same, and where a record has
other numbers that is said."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparring.config.load import make_recipe
from sparring.config.recipe import Recipe
from sparring.grading.record import rollout_record
from sparring.grading.recorded import result_from
from sparring.grading.scorer import facts_of
from sparring.learner.settings import Objective
from sparring.rewards.settings import RewardSettings
from sparring.rewards.terms import Effect
from sparring.runs.lines import clean
from sparring.schema import Role
from sparring.training.scoring import scorer_of
from sparring.view.explain import Applied, explain, same
from tests.view.explain import second

VERDICTS = ("accepted", "accepted", "wrong_answer", "infra", "runtime_error")


def response(rng: np.random.Generator) -> dict[str, Any]:
    length = int(rng.integers(1, 9))
    return {
        "prompt_ids": [1],
        "token_ids": [2] * length,
        "logprobs": [0.0] * length,
        "stop": str(rng.choice(["end_token", "length"])),
        "text": "",
    }


def runs(rng: np.random.Generator, count: int, infra: bool) -> list[dict[str, str]]:
    found = [str(v) for v in rng.choice(VERDICTS, size=count)]
    return [
        {"verdict": "accepted" if v == "infra" and not infra else v, "output": ""} for v in found
    ]


def a_record(seed: int) -> dict[str, Any]:
    """Return a group with every special case."""
    rng = np.random.default_rng(seed)
    n, m, g, others = (int(rng.integers(1, high)) for high in (6, 6, 4, 4))
    infra, valid = bool(rng.integers(2)), rng.random(m) < 0.8
    read = valid | (rng.random(m) < 0.5)
    record: dict[str, Any] = {
        "step": 3,
        "task": {
            "id": "t",
            "statement": "",
            "tests": [[f"{i}\n", "0\n"] for i in range(g)],
            "examples": [["7\n", "0\n"]],
            "checker": "tokens",
            "source": None,
            "has_reference": False,
        },
        "programs": [
            {**response(rng), "source": "pass", "failure": None, "runs": runs(rng, g + m, infra)}
            for _ in range(n)
        ],
        "tests": [
            {
                **response(rng),
                "input": f"{rng.integers(6, 9)}\n" if read[k] else None,
                "output": "0\n" if read[k] else None,
                "failure": None if read[k] else "no_test_input",
                "valid": bool(valid[k]),
                "refused": "forbidden" if read[k] and not valid[k] else None,
                "right": None,
                "reference": None,
            }
            for k in range(m)
        ],
    }
    if rng.integers(2):
        record["initial_policy_programs"] = [
            {**response(rng), "runs": runs(rng, g + m, infra)} for _ in range(others)
        ]
    if rng.integers(4) == 0:
        record["pseudo_labels"] = pseudo_labels(rng, record, infra)
    return record


def pseudo_labels(rng: np.random.Generator, record: dict[str, Any], infra: bool) -> dict[str, Any]:
    """Another model's tests, some of them unread, and every program's runs on them."""
    read = rng.random(int(rng.integers(1, 4))) < 0.7
    count = int(read.sum()) + len(record["tests"])
    others = record.get("initial_policy_programs")
    return {
        "tests": [
            {
                "input": f"{k}\n" if ok else None,
                "output": "0\n" if ok else None,
                "failure": None if ok else "no_test_input",
                "right": None,
                "kept": bool(ok),
            }
            for k, ok in enumerate(read)
        ],
        "runs": [runs(rng, count, infra) for _ in record["programs"]] if read.any() else None,
        "initial_policy_runs": [runs(rng, count, infra) for _ in others]
        if others and read.any()
        else None,
    }


DRAWN: dict[str, tuple[object, ...]] = {
    "coder": ("count", "share", "all_pass"),
    "tester": ("cure", "scaled", "post_stage", "simple"),
    "no_wrong_reward": ("zero", "sign"),
    "invalid_test": ("lowest", "eq4"),
    "validity_bonus": (0.0, 0.5),
    "smoothing": (0.0, 0.2),
    "difficulty_exponent": (0.0, 1.0, 0.5),
    "duplicates": (0.0, 1.0),
    "copies": (0.0, 0.5),
    "length": ("none", "none", "paper", "official"),
    "length_least": (3.0,),
    "length_most": (6.0,),
    "overlong": ("keep", "mask", "penalty"),
    "overlong_buffer": (4,),
    "normalisation": ("std", "mean"),
    "shuffle": (False, False, True),
}
"""What is drawn of each field of the reward."""


def test_every_field_of_the_reward_is_drawn() -> None:
    assert set(DRAWN) | {"function"} == set(RewardSettings.model_fields)
    for name, values in DRAWN.items():
        # Two values, or one at which a form that is off by default can be seen to work.
        default = RewardSettings.model_fields[name].default
        assert len(set(values)) > 1 or values[0] != default, name


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Any reward that can be asked for."""
    number = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    reward = {name: number(*values) for name, values in DRAWN.items()}
    likelihood = reward["length"] == "none" and number(False, False, True)
    data = {
        "preset": number("default", "paper", "official"),
        "reward": reward,
        "sampling": {"coder_max_tokens": 8, "tester_max_tokens": 8},
        "pseudo_labels": {
            "source": "tester",
            "model": "nano",
            "filter": number("none", "agreement"),
        }
        if number(False, True)
        else {},
        "learning": {"objective": "likelihood" if likelihood else "clipped"},
    }
    return make_recipe(data, (), "test")


def folded(terms: tuple[Applied, ...]) -> float:
    """What the terms come to as they are shown, from 0."""
    found = 0.0
    for term in terms:
        if term.effect is Effect.ADD:
            found += term.value
        elif term.effect is Effect.TIMES:
            found *= term.value
        elif term.effect is Effect.OVER:
            found /= term.value
        elif term.effect is Effect.SET:
            found = term.value
    return found


@given(seed=st.integers(0, 1 << 32), recipe=recipes())
@example(seed=44, recipe=make_recipe({}, (), "test"))  # a program of which no run was observed
@settings(max_examples=120, deadline=None)
def test_the_terms_add_up_to_the_scorers_rewards(seed: int, recipe: Recipe) -> None:
    with np.errstate(all="raise"):  # a warning of NumPy's is a line in the user's terminal
        scored = scorer_of(recipe).score(result_from(a_record(seed)), step=3, index=2)
    record = json.loads(json.dumps(clean(rollout_record(3, scored))))
    found = explain(record, recipe, 2)
    for role, group in ((Role.CODER, found.coder), (Role.TESTER, found.tester)):
        gains = scored.earned.advantages(role)
        rewards = scored.earned.rewards(role).value
        entries = record["programs" if role is Role.CODER else "tests"]
        for one, reward, gain, entry in zip(group, rewards, gains.value, entries, strict=True):
            made = [t.value for t in one.reward_terms if t.effect is not Effect.FACT]
            assert list(entry["terms"].values()) == clean(made)
            assert same(one.reward, reward), one.reward_terms
            assert same(folded(one.reward_terms), reward), one.reward_terms
            assert same(one.advantage, gain), one.advantage_terms
            assert same(folded(one.advantage_terms), gain), one.advantage_terms
            assert one.dropped == gains.dropped
            assert one.differs() == []
            assert all(t.reason for t in (*one.reward_terms, *one.advantage_terms))


@given(seed=st.integers(0, 1 << 32), recipe=recipes())
@settings(max_examples=120, deadline=None)
def test_a_second_calculation_comes_to_the_same(seed: int, recipe: Recipe) -> None:
    recipe = recipe.model_copy(
        update={"reward": recipe.reward.model_copy(update={"shuffle": False})}
    )
    scored = scorer_of(recipe).score(result_from(a_record(seed)), step=3, index=2)
    if scored.rewarded_on is None:
        return
    facts, earned = facts_of(scored.rewarded_on), scored.earned
    P, U = earned.coder_rewards.value, earned.tester_rewards.value
    assert (
        pytest.approx(
            [second.coder_reward(facts, recipe, i) for i in range(len(P))], abs=1e-9, nan_ok=True
        )
        == P
    )
    assert (
        pytest.approx(
            [second.tester_reward(facts, recipe, k) for k in range(len(U))], abs=1e-9, nan_ok=True
        )
        == U
    )
    if recipe.learning.objective is Objective.LIKELIHOOD:
        good = facts.matrix.correct_P & ~np.isnan(P)
        assert earned.coder.value.tolist() == good.tolist()
        assert earned.tester.value.tolist() == (np.nan_to_num(U) > 0).tolist()
        return
    for gains, tests, reward, length, cut in (
        (earned.coder, False, P, facts.lengths_P, facts.truncated_P),
        (earned.tester, True, U, facts.lengths_U, facts.truncated_U),
    ):
        again = [
            second.advantage(recipe, tests, reward, length, cut, i) for i in range(len(reward))
        ]
        assert gains.value == pytest.approx(again, abs=1e-9)


def test_a_record_with_another_reward_differs() -> None:
    recipe = make_recipe({}, (), "test")
    scored = scorer_of(recipe).score(result_from(a_record(7)), step=3, index=0)
    record = json.loads(json.dumps(clean(rollout_record(3, scored))))
    changed = copy.deepcopy(record)
    changed["programs"][0]["reward"] += 1
    [said] = explain(changed, recipe, 0).coder[0].differs()
    assert f"{record['programs'][0]['reward'] + 1:.4g}" in said
    assert explain(record, recipe, 0).coder[0].differs() == []


@pytest.mark.parametrize("dealt", [False, True])
def test_a_reward_function_is_not_called_and_its_rewards_are_taken_as_recorded(dealt: bool) -> None:
    """The file does not exist: looking needs none of the run's code."""
    data = {"reward": {"function": "nowhere.py:reward", "shuffle": dealt}}
    recipe = make_recipe(data, (), "test")
    record = a_record(5)
    for i, entry in enumerate((*record["programs"], *record["tests"])):
        entry["reward"] = float(i)
    found = explain(record, recipe, 0)
    assert [e.reward for e in found.coder] == [p["reward"] for p in record["programs"]]
    assert found.tester[0].own == "nowhere.py:reward"
    assert "nowhere.py:reward" in found.tester[0].reward_terms[0].reason


def test_with_pseudo_labels_no_validator_refuses_a_test() -> None:
    """Rewards by another model's tests see no validator, so it is no reason for one of them."""
    forbidden = 0
    for record in map(a_record, range(100)):
        reasons = {"validator": 0, "frozen tester": 0}
        for test in explain(record, make_recipe({}, [], "test"), 0).tester:
            for word in reasons:
                reasons[word] += any(word in t.reason for t in test.reward_terms)
        refused = sum(test["refused"] is not None for test in record["tests"])
        if "pseudo_labels" not in record:
            assert reasons["validator"] == refused
        else:
            assert reasons["validator"] == 0
            forbidden += refused if reasons["frozen tester"] else 0
    assert forbidden > 0, "no record with both: widen the range"
