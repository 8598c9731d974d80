"""Why a reward was what it was: every term, recomputed from the recorded matrix.

    explanations = explain(record, recipe, index)

Each explanation is data: terms with a value and a reason that fold to the
reward, and others that fold to the advantage. They are worked out from the
matrix and the recipe in force, a second time beside `sparring.training.reward`, and
`Explanation.differs` says where that is not what the run wrote down. A reward
function of the user's is not called: looking at a run runs none of its code.
The KL term of `learning.kl_place = "reward"` comes after all this, in the
update, and is not here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.config.recipe import Recipe
from sparring.learner.settings import Objective
from sparring.matrix import Bools, Floats
from sparring.rewards.advantages import DropReason, dealt
from sparring.rewards.settings import LengthForm
from sparring.schema import Role
from sparring.view.explain.case import Case, case_of, recorded
from sparring.view.explain.coder import RULES, coder_terms
from sparring.view.explain.gain import Found, length_terms, likelihood_terms, plain_terms
from sparring.view.explain.terms import (
    Effect,
    Explanation,
    Term,
    amount,
    fact,
    number,
    result,
    same,
)
from sparring.view.explain.tester import tester_rule, tester_terms

__all__ = [
    "Effect",
    "Explained",
    "Explanation",
    "Term",
    "amount",
    "explain",
    "number",
    "result",
    "same",
]


@dataclass(frozen=True, slots=True)
class Explained:
    """Both groups of a bout, in the record's order, and the case that they follow from."""

    case: Case
    coder: tuple[Explanation, ...]
    tester: tuple[Explanation, ...]


def explain(record: Mapping[str, Any], recipe: Recipe, index: int) -> Explained:
    """Explain a rollout record. ``index`` is its place in its step, which the shuffled control
    draws by. Raises `RunError` for what is no record."""
    case = case_of(record, recipe)
    rewards = [
        [_reward(case, Role.CODER, i) for i in range(len(case.judged.programs))],
        [_reward(case, Role.TESTER, k) for k in range(len(case.judged.tests))],
    ]
    correct = _correct(case, rewards[0])
    # What was recorded of a function of the user's is as it was after the dealing.
    if recipe.reward.shuffle and case.facts is not None and not recipe.reward.function:
        rng = np.random.default_rng([recipe.training.seed, case.step, index])
        orders = [dealt(len(terms), rng) for terms in rewards]
        rewards = [_dealt(t, o, name) for t, o, name in zip(rewards, orders, "PU", strict=True)]
        correct = correct[orders[0]]
    return Explained(
        case,
        _explained(case, Role.CODER, rewards[0], correct),
        _explained(case, Role.TESTER, rewards[1], None),
    )


def _entries(case: Case, role: Role) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = case.record["programs" if role is Role.CODER else "tests"]
    return found


def _reward(case: Case, role: Role, i: int) -> list[Term]:
    function = case.recipe.reward.function
    if function and case.facts is not None:
        kept = recorded(_entries(case, role)[i], "reward")
        value = math.nan if kept is None else kept
        why = f"as recorded: the reward function {function} gave it, and says no reasons"
        return [Term(Effect.SET, value, why)]
    return coder_terms(case, i) if role is Role.CODER else tester_terms(case, i)


def _correct(case: Case, rewards: Sequence[Sequence[Term]]) -> Bools:
    """The programs that imitation would take for good ones [P]."""
    value = _values(rewards)
    if case.facts is None:
        return np.zeros(len(value), dtype=bool)
    if case.recipe.reward.function:
        return np.asarray(np.nan_to_num(value) > 0)
    return np.asarray(case.facts.matrix.correct_P & ~np.isnan(value))


def _dealt(rewards: Sequence[list[Term]], order: Any, name: str) -> list[list[Term]]:
    """The rewards of the shuffled control: each response has another's."""
    return [
        [
            fact(f"rewards are dealt out at random (reward.shuffle): this is {name}{j}'s"),
            *rewards[j],
        ]
        for j in order
    ]


def _values(rewards: Sequence[Sequence[Term]]) -> Floats:
    return np.array([result(terms) for terms in rewards], dtype=float)


def _explained(
    case: Case, role: Role, rewards: Sequence[Sequence[Term]], correct: Bools | None
) -> tuple[Explanation, ...]:
    value, coder = _values(rewards), role is Role.CODER
    rule = RULES[case.settings.coder] if coder else tester_rule(case.settings)
    function = case.recipe.reward.function if case.facts is not None else None
    found = []
    for i, terms in enumerate(rewards):
        gain, dropped = _gain(case, role, value, correct, i)
        entry = _entries(case, role)[i]
        one = Explanation(
            role=role,
            label=f"{'P' if coder else 'U'}{i}",
            rule=f"the reward function {function}" if function else rule,
            reward_terms=tuple(terms),
            advantage_terms=tuple(gain),
            recorded_reward=recorded(entry, "reward"),
            recorded_advantage=recorded(entry, "advantage"),
            dropped=dropped,
            own=function or None,
        )
        found.append(one)
    return tuple(found)


def _gain(case: Case, role: Role, value: Floats, correct: Bools | None, i: int) -> Found:
    section = case.recipe.reward
    if case.record.get("dropped", {}).get(role.value) == DropReason.EVALUATION:
        why = "an evaluation: nothing is learned from it"
        return [Term(Effect.SET, 0.0, why)], DropReason.EVALUATION
    if case.facts is None:
        why = "there is no test to judge by: the group is dropped (no_test)"
        return [Term(Effect.SET, 0.0, why)], DropReason.NO_TEST
    if case.recipe.learning.objective is Objective.LIKELIHOOD:
        good = np.nan_to_num(value) > 0 if correct is None else correct
        return likelihood_terms(good, i)
    coder = role is Role.CODER
    facts = case.facts
    lengths = facts.lengths_P if coder else facts.lengths_U
    cut_off = facts.truncated_P if coder else facts.truncated_U
    official = section.length is LengthForm.OFFICIAL
    if official or (not coder and section.length is not LengthForm.NONE):
        bounds = (section.length_least, section.length_most)
        return length_terms(value, lengths, i, section.length, bounds, cut_off)
    return plain_terms(value, i, section.normalisation)
