"""Why a reward was what it was: the terms of a recorded group, in words.

    explanations = explain(record, recipe, index)

The recorded matrix is scored anew by the recipe in force; `Explanation.differs` says where that
is not what the run wrote down. A reward function of the user's is not called: looking at a run
runs none of its code. The KL term of `learning.kl_place = "reward"` comes after all this, in the
update, and is not here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.config.recipe import Recipe
from sparring.grading.group import GroupResult
from sparring.grading.record import result_from
from sparring.grading.scorer import facts_of
from sparring.grading.supervised import rewarded
from sparring.matrix import Bools
from sparring.rewards.advantages import Advantages, DropReason, dealt
from sparring.rewards.coder import RULES, coder_rewards
from sparring.rewards.facts import Facts
from sparring.rewards.score import Earned, Rules, no_test
from sparring.rewards.terms import Applied, Effect, MatrixNames, Rewards, given, listed
from sparring.rewards.tester import tester_rewards, tester_rule
from sparring.schema import Role, TestRefusal
from sparring.training.reward import rules_of
from sparring.view.explain.terms import Explanation, amount, recorded, same

__all__ = ["Explained", "Explanation", "amount", "explain", "same"]


@dataclass(frozen=True, slots=True)
class Explained:
    """Both roles' responses in the record's order, and what their rewards follow from: the recipe,
    and the facts, None where no test was left to judge by."""

    recipe: Recipe
    facts: Facts | None
    coder: tuple[Explanation, ...]
    tester: tuple[Explanation, ...]


def explain(record: Mapping[str, Any], recipe: Recipe, index: int) -> Explained:
    """Explain a rollout record. ``index`` is its place in its step, which the shuffled control
    draws by. Raises `RunError` for what is no record."""
    judged = result_from(record)
    basis, kept_K = rewarded(judged, recipe.supervision.filter)
    facts = facts_of(basis) if basis else None
    seed = [recipe.training.seed, int(record["step"]), index]
    names = _names(judged, facts, kept_K)
    earned = _earned(record, recipe, facts, judged, seed)
    before_P, before_U = _before(judged, facts, names)
    function = recipe.reward.function if facts else None
    if function or facts is None:
        before_P, before_U = [[] for _ in before_P], [[] for _ in before_U]
    elif recipe.reward.shuffle:
        rng = np.random.default_rng(seed)  # as `Rules.score` draws
        before_P, before_U = _dealt(before_P, "P", rng), _dealt(before_U, "U", rng)
    rule_P, rule_U = RULES[recipe.reward.coder], tester_rule(recipe.reward)
    if function:
        rule_P = rule_U = f"the reward function {function}"
    return Explained(
        recipe,
        facts,
        _explained(record, Role.CODER, earned, names, before_P, rule_P, function),
        _explained(record, Role.TESTER, earned, names, before_U, rule_U, function),
    )


def _earned(
    record: Mapping[str, Any],
    recipe: Recipe,
    facts: Facts | None,
    judged: GroupResult,
    seed: list[int],
) -> Earned:
    """What the group earns by this recipe, and why."""
    rules = rules_of(recipe)
    if facts is None:
        earned = no_test(len(judged.programs), len(judged.tests))
    elif recipe.reward.function:
        earned = _own(record, recipe, facts, rules)
    else:
        rng = np.random.default_rng(seed) if recipe.reward.shuffle else None
        earned = rules.score(facts, rng=rng)
    if DropReason.EVALUATION in record.get("dropped", {}).values():
        earned = earned.not_learned(DropReason.EVALUATION)
    return earned


def _own(record: Mapping[str, Any], recipe: Recipe, facts: Facts, rules: Rules) -> Earned:
    """Take the rewards of a function of the user's as they are on record: after masking, and after
    the dealing."""
    P, U = (
        np.array([math.nan if r is None else r for r in (recorded(e, "reward") for e in entries)])
        for entries in (record["programs"], record["tests"])
    )
    name = recipe.reward.function
    why = f"as recorded: the reward function {name} gave it, and says no reasons"
    coder = given(coder_rewards(facts.matrix, recipe.reward), P, why)
    tester = given(tester_rewards(facts, recipe.reward), U, why)
    return rules.learned(facts, coder, tester, np.nan_to_num(P) > 0)


def _names(judged: GroupResult, facts: Facts | None, kept_K: Bools | None) -> MatrixNames:
    own = len(judged.programs)
    others = len(facts.tester_matrix.passed_PT) - own if facts else 0
    rows = [*(f"P{i}" for i in range(own)), *(f"O{i}" for i in range(others))]
    if kept_K is None:
        return MatrixNames(rows, [f"G{i}" for i in range(len(judged.task.tests))])
    return MatrixNames(rows, [f"K{i}" for i in np.flatnonzero(kept_K)], "supervising tests")


def _before(
    judged: GroupResult, facts: Facts | None, names: MatrixNames
) -> tuple[list[list[Applied]], list[list[Applied]]]:
    """What is known of each program and test before it is paid."""
    unread = "its response holds no program ({}): it fails every test"
    return (
        [[_fact(unread.format(p.failure))] if p.failure else [] for p in judged.programs],
        [
            [
                *([_fact(_judges(judged, facts, names))] if facts else []),
                *([] if judged.valid_U[k] else [_fact(_refused(judged, k))]),
            ]
            for k in range(len(judged.tests))
        ],
    )


def _fact(why: str) -> Applied:
    return Applied(Effect.FACT, math.nan, why)


def _judges(judged: GroupResult, facts: Facts, names: MatrixNames) -> str:
    """The programs that tests are judged by."""
    correct, wrong = facts.tester_matrix.correct_P, facts.tester_matrix.wrong_P
    own, unknown = len(judged.programs), ~correct & ~wrong

    def count(chosen: Bools, word: str) -> str:
        others = int(chosen[own:].sum())
        return f"{int(chosen.sum())} {word}" + (f" ({others} of opponents)" if others else "")

    by = " by the supervising tests" if judged.supervision else ""
    neither = f"; in neither set: {listed(names.programs, unknown)} (masked)"
    return (
        f"judged by {count(correct, 'correct')} and {count(wrong, 'wrong')} programs{by}"
        f"{neither if unknown.any() else ''}"
    )


def _refused(judged: GroupResult, k: int) -> str:
    """Why test ``k`` does not count."""
    if failure := judged.tests[k].failure:
        return f"its response holds no test ({failure})"
    return {
        TestRefusal.FORBIDDEN: "the task's validator refuses the input (forbidden)",
        TestRefusal.UNFINISHED: "the reference solution does not finish on it (unfinished)",
        None: "it is not valid for the task",
    }[judged.refused_U[k]]


def _dealt(
    before: Sequence[list[Applied]], letter: str, rng: np.random.Generator
) -> list[list[Applied]]:
    """The shuffled control: each response has another's reward, and the reasons for it."""
    return [
        [
            _fact(f"rewards are dealt out at random (reward.shuffle): this is {letter}{j}'s"),
            *before[j],
        ]
        for j in dealt(len(before), rng)
    ]


def _explained(
    record: Mapping[str, Any],
    role: Role,
    earned: Earned,
    names: MatrixNames,
    before: Sequence[list[Applied]],
    rule: str,
    function: str | None,
) -> tuple[Explanation, ...]:
    entries = record["programs" if role is Role.CODER else "tests"]
    rewards, gains = earned.rewards(role), earned.advantages(role)
    return tuple(
        Explanation(
            role=role,
            label=f"{'P' if role is Role.CODER else 'U'}{i}",
            rule=rule,
            reward=float(rewards.value[i]),
            advantage=float(gains.value[i]),
            reward_terms=(*before[i], *_applied(rewards, i, names)),
            advantage_terms=_applied(gains, i, names),
            recorded_reward=recorded(entry, "reward"),
            recorded_advantage=recorded(entry, "advantage"),
            dropped=gains.dropped,
            own=function,
        )
        for i, entry in enumerate(entries)
    )


def _applied(made: Rewards | Advantages, i: int, names: MatrixNames) -> tuple[Applied, ...]:
    return tuple(t.applied(i, names) for t in made.terms if t.where[i])
