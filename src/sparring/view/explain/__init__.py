"""Explanation of recorded rewards and advantages, as terms with reasons.

    explanations = explain(record, recipe, index)

The recorded pass matrix is scored again by the recipe. `Explanation.differs` names the figures that
come out differently from the recorded ones. A user's own reward function is never called, so that
showing a run executes none of its code. The KL term of `learning.kl_place = "reward"` is added
later, in the update, and is not explained here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.config.recipe import Recipe
from sparring.grading.group import GroupResult
from sparring.grading.pseudo_labels import rewarded_group
from sparring.grading.recorded import result_from
from sparring.grading.scorer import facts_of
from sparring.matrix import Bools
from sparring.rewards.advantages import Advantages, DropReason, shuffled_order
from sparring.rewards.coder import RULES, coder_rewards
from sparring.rewards.facts import RewardFacts
from sparring.rewards.score import Earned, no_test
from sparring.rewards.terms import Effect, MatrixNames, Rewards, names_line, replaced_rewards
from sparring.rewards.tester import tester_rewards, tester_rule
from sparring.schema import Role, TestRefusal
from sparring.view.explain.terms import Applied, Explanation, amount, recorded, same

__all__ = ["Applied", "Explained", "Explanation", "amount", "explain", "same"]
_ENTRIES = {Role.CODER: ("programs", "P"), Role.TESTER: ("tests", "U")}
"""Key of a role's responses in a record, and the letter of their names."""
_REFUSED = {
    TestRefusal.FORBIDDEN: "the task's validator refuses the input (forbidden)",
    TestRefusal.UNFINISHED: "the reference solution does not finish on it (unfinished)",
    None: "it is not valid for the task",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """Explanations of both roles' responses, in the record's order.

    The rewards follow from ``recipe`` and ``facts``. ``facts`` is None where no test was left to
    decide which programs are correct.
    """

    recipe: Recipe
    facts: RewardFacts | None
    coder: tuple[Explanation, ...]
    tester: tuple[Explanation, ...]


def explain(record: Mapping[str, Any], recipe: Recipe, index: int) -> Explained:
    """Explain the rewards and advantages of a rollout record.

    ``index`` is the record's number in its step; ``reward.shuffle`` seeds its draw by this number.
    Raises `RunError` where ``record`` is no rollout record.
    """
    group = result_from(record)
    rewarded_on, kept_K = rewarded_group(group, recipe.pseudo_labels.filter)
    facts = facts_of(rewarded_on) if rewarded_on else None
    seed = [recipe.training.seed, int(record["step"]), index]
    earned = _earned(record, recipe, group, facts, seed)
    names = _names(group, facts, kept_K)
    facts_by_role: dict[Role, list[list[Applied]]] = {
        role: [[] for _ in record[entries]] for role, (entries, _) in _ENTRIES.items()
    }
    if rewarded_on and facts and not recipe.reward.function:
        facts_by_role = {
            Role.CODER: list(_about_programs(group)),
            Role.TESTER: list(
                _about_tests(rewarded_on, facts, names, by_pseudo_labels=kept_K is not None)
            ),
        }
        if recipe.reward.shuffle:
            rng = np.random.default_rng(seed)  # repeats the draw of `Rules.score`
            facts_by_role = {
                role: _shuffled(facts_by_role[role], _ENTRIES[role][1], rng) for role in Role
            }
    function = recipe.reward.function if facts else None
    by_role = {
        role: _explained(record, role, recipe, function, earned, names, facts_by_role[role])
        for role in Role
    }
    return Explained(recipe, facts, by_role[Role.CODER], by_role[Role.TESTER])


def _earned(
    record: Mapping[str, Any],
    recipe: Recipe,
    group: GroupResult,
    facts: RewardFacts | None,
    seed: list[int],
) -> Earned:
    """Return the group's rewards and advantages by this recipe, with their terms.

    Rewards of a user's own function are taken from the record, after masking and shuffling.
    """
    rules = recipe.rules
    if facts is None:
        earned = no_test(len(group.programs), len(group.tests))
    elif name := recipe.reward.function:
        recorded_rewards = (
            [recorded(e, "reward") for e in record[x]] for x in ("programs", "tests")
        )
        P, U = (
            np.array([math.nan if r is None else r for r in rewards])
            for rewards in recorded_rewards
        )
        why = f"as recorded: the reward function {name} returned it and gives no reasons"
        coder = replaced_rewards(coder_rewards(facts.matrix, recipe.reward), P, why)
        tester = replaced_rewards(tester_rewards(facts, recipe.reward), U, why)
        earned = rules.learned(facts, coder, tester, np.nan_to_num(P) > 0)
    else:
        rng = np.random.default_rng(seed) if recipe.reward.shuffle else None
        earned = rules.score(facts, rng=rng)
    if DropReason.EVALUATION in record.get("dropped", {}).values():
        return earned.not_learned(DropReason.EVALUATION)
    return earned


def _names(group: GroupResult, facts: RewardFacts | None, kept_K: Bools | None) -> MatrixNames:
    own = len(group.programs)
    initial = len(facts.tester_matrix.passed_PT) - own if facts else 0
    rows = [*(f"P{i}" for i in range(own)), *(f"I{i}" for i in range(initial))]
    if kept_K is None:
        return MatrixNames(rows, [f"G{i}" for i in range(len(group.task.tests))])
    return MatrixNames(rows, [f"K{i}" for i in np.flatnonzero(kept_K)], "pseudo-label tests")


def _about_programs(group: GroupResult) -> Iterator[list[Applied]]:
    """Yield for each program the facts that its reward follows from."""
    for p in group.programs:
        why = f"its response has no program ({p.failure}), which counts as failing every test"
        yield [_fact(why)] if p.failure else []


def _about_tests(
    rewarded_on: GroupResult, facts: RewardFacts, names: MatrixNames, by_pseudo_labels: bool
) -> Iterator[list[Applied]]:
    """Yield for each test the facts that its reward follows from.

    The facts are the programs that grade the test, and why an invalid test does not count.
    ``rewarded_on`` is the group as the rewards saw it: with pseudo-labels neither a validator nor a
    reference solution refuses a test.
    """
    correct, wrong = facts.tester_matrix.correct_P, facts.tester_matrix.wrong_P
    own, unknown = len(rewarded_on.programs), ~correct & ~wrong

    def count(chosen: Bools, word: str) -> str:
        initial = int(chosen[own:].sum())
        note = f" ({initial} of the initial policy)" if initial else ""
        return f"{int(chosen.sum())} {word}{note}"

    by = " by the frozen tester's tests" if by_pseudo_labels else ""
    neither = f"; neither, because masked: {names_line(names.programs, unknown)}"
    programs = (
        f"graded by {count(correct, 'correct')} and {count(wrong, 'wrong')} programs{by}"
        f"{neither if unknown.any() else ''}"
    )
    for test, valid, refused in zip(
        rewarded_on.tests, rewarded_on.valid_U, rewarded_on.refused_U, strict=True
    ):
        unread = f"its response has no test ({test.failure})"
        why = unread if test.failure else _REFUSED[refused]
        yield [_fact(programs)] if valid else [_fact(programs), _fact(why)]


def _fact(why: str) -> Applied:
    return Applied(Effect.FACT, math.nan, why)


def _shuffled(
    applied_facts: list[list[Applied]], letter: str, rng: np.random.Generator
) -> list[list[Applied]]:
    """Return for each response the facts of the response whose reward it gets (reward.shuffle)."""
    why = "rewards are dealt out at random (reward.shuffle): this is the reward of {}"
    return [
        [_fact(why.format(f"{letter}{j}")), *applied_facts[j]]
        for j in shuffled_order(len(applied_facts), rng)
    ]


def _explained(
    record: Mapping[str, Any],
    role: Role,
    recipe: Recipe,
    function: str | None,
    earned: Earned,
    names: MatrixNames,
    applied_facts: list[list[Applied]],
) -> tuple[Explanation, ...]:
    (entries, letter), settings = _ENTRIES[role], recipe.reward
    rule = RULES[settings.coder] if role is Role.CODER else tester_rule(settings)
    rewards, gains = earned.rewards(role), earned.advantages(role)

    def applied(figures: Rewards | Advantages, i: int) -> Iterator[Applied]:
        for term in figures.terms:
            if term.where[i]:
                yield Applied(term.effect, float(term.value[i]), term.why(i, names))

    return tuple(
        Explanation(
            role=role,
            label=f"{letter}{i}",
            rule=f"the reward function {function}" if function else rule,
            reward=float(rewards.value[i]),
            advantage=float(gains.value[i]),
            reward_terms=(*applied_facts[i], *applied(rewards, i)),
            advantage_terms=tuple(applied(gains, i)),
            recorded_reward=recorded(entry, "reward"),
            recorded_advantage=recorded(entry, "advantage"),
            dropped=gains.dropped,
            own=function,
        )
        for i, entry in enumerate(record[entries])
    )
