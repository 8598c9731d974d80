"""Why a reward was what it was: the terms of a recorded group, in words.

    explanations = explain(record, recipe, index)

The recorded matrix is scored anew by the recipe in force; `Explanation.differs` says where that
is not what the run wrote down. A reward function of the user's is not called: looking at a run
runs none of its code. The KL term of `learning.kl_place = "reward"` comes after all this, in the
update, and is not here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.config.recipe import Recipe
from sparring.grading.group import GroupResult
from sparring.grading.recorded import result_from
from sparring.grading.scorer import facts_of
from sparring.grading.supervised import rewarded
from sparring.matrix import Bools
from sparring.rewards.advantages import Advantages, DropReason, dealt
from sparring.rewards.coder import RULES, coder_rewards
from sparring.rewards.facts import Facts
from sparring.rewards.score import Earned, no_test
from sparring.rewards.terms import Effect, MatrixNames, Rewards, given, listed
from sparring.rewards.tester import tester_rewards, tester_rule
from sparring.schema import Role, TestRefusal
from sparring.view.explain.terms import Applied, Explanation, amount, recorded, same

__all__ = ["Applied", "Explained", "Explanation", "amount", "explain", "same"]
_ENTRIES = {Role.CODER: ("programs", "P"), Role.TESTER: ("tests", "U")}
"""Where a role's responses are in a record, and the letter of their names."""
_REFUSED = {
    TestRefusal.FORBIDDEN: "the task's validator refuses the input (forbidden)",
    TestRefusal.UNFINISHED: "the reference solution does not finish on it (unfinished)",
    None: "it is not valid for the task",
}


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
    result = result_from(record)
    basis, kept_K = rewarded(result, recipe.supervision.filter)
    facts = facts_of(basis) if basis else None
    seed = [recipe.training.seed, int(record["step"]), index]
    earned = _earned(record, recipe, result, facts, seed)
    names = _names(result, facts, kept_K)
    before: dict[Role, list[list[Applied]]] = {
        role: [[] for _ in record[entries]] for role, (entries, _) in _ENTRIES.items()
    }
    if basis and facts and not recipe.reward.function:
        before = {
            Role.CODER: list(_about_programs(result)),
            Role.TESTER: list(_about_tests(basis, facts, names, supervised=kept_K is not None)),
        }
        if recipe.reward.shuffle:
            rng = np.random.default_rng(seed)  # as `Rules.score` draws
            before = {role: _dealt(before[role], _ENTRIES[role][1], rng) for role in Role}
    function = recipe.reward.function if facts else None
    made = {
        role: _explained(record, role, recipe, function, earned, names, before[role])
        for role in Role
    }
    return Explained(recipe, facts, made[Role.CODER], made[Role.TESTER])


def _earned(
    record: Mapping[str, Any],
    recipe: Recipe,
    result: GroupResult,
    facts: Facts | None,
    seed: list[int],
) -> Earned:
    """What the group earns by this recipe, and why. Of a function of the user's the rewards are
    taken as they are on record: after masking and dealing."""
    rules = recipe.rules
    if facts is None:
        earned = no_test(len(result.programs), len(result.tests))
    elif name := recipe.reward.function:
        kept = ([recorded(e, "reward") for e in record[x]] for x in ("programs", "tests"))
        P, U = (np.array([math.nan if r is None else r for r in rewards]) for rewards in kept)
        why = f"as recorded: the reward function {name} gave it, and says no reasons"
        coder = given(coder_rewards(facts.matrix, recipe.reward), P, why)
        tester = given(tester_rewards(facts, recipe.reward), U, why)
        earned = rules.learned(facts, coder, tester, np.nan_to_num(P) > 0)
    else:
        rng = np.random.default_rng(seed) if recipe.reward.shuffle else None
        earned = rules.score(facts, rng=rng)
    if DropReason.EVALUATION in record.get("dropped", {}).values():
        return earned.not_learned(DropReason.EVALUATION)
    return earned


def _names(result: GroupResult, facts: Facts | None, kept_K: Bools | None) -> MatrixNames:
    own = len(result.programs)
    others = len(facts.tester_matrix.passed_PT) - own if facts else 0
    rows = [*(f"P{i}" for i in range(own)), *(f"O{i}" for i in range(others))]
    if kept_K is None:
        return MatrixNames(rows, [f"G{i}" for i in range(len(result.task.tests))])
    return MatrixNames(rows, [f"K{i}" for i in np.flatnonzero(kept_K)], "supervising tests")


def _about_programs(result: GroupResult) -> Iterator[list[Applied]]:
    """What is known of each program before it is paid."""
    for p in result.programs:
        why = f"its response holds no program ({p.failure}): it fails every test"
        yield [_fact(why)] if p.failure else []


def _about_tests(
    basis: GroupResult, facts: Facts, names: MatrixNames, supervised: bool
) -> Iterator[list[Applied]]:
    """What is known of each test: the programs that it is judged by, and why it does not count.
    ``basis`` is what rewards saw: under supervision no validator and no reference refuses."""
    correct, wrong = facts.tester_matrix.correct_P, facts.tester_matrix.wrong_P
    own, unknown = len(basis.programs), ~correct & ~wrong

    def count(chosen: Bools, word: str) -> str:
        others = int(chosen[own:].sum())
        return f"{int(chosen.sum())} {word}" + (f" ({others} of opponents)" if others else "")

    by = " by the supervising tests" if supervised else ""
    neither = f"; in neither set: {listed(names.programs, unknown)} (masked)"
    judges = (
        f"judged by {count(correct, 'correct')} and {count(wrong, 'wrong')} programs{by}"
        f"{neither if unknown.any() else ''}"
    )
    for test, valid, refused in zip(basis.tests, basis.valid_U, basis.refused_U, strict=True):
        unread = f"its response holds no test ({test.failure})"
        why = unread if test.failure else _REFUSED[refused]
        yield [_fact(judges)] if valid else [_fact(judges), _fact(why)]


def _fact(why: str) -> Applied:
    return Applied(Effect.FACT, math.nan, why)


def _dealt(
    before: list[list[Applied]], letter: str, rng: np.random.Generator
) -> list[list[Applied]]:
    """The shuffled control: each response has another's reward, and the reasons for it."""
    why = "rewards are dealt out at random (reward.shuffle): this is {}'s"
    return [[_fact(why.format(f"{letter}{j}")), *before[j]] for j in dealt(len(before), rng)]


def _explained(
    record: Mapping[str, Any],
    role: Role,
    recipe: Recipe,
    function: str | None,
    earned: Earned,
    names: MatrixNames,
    before: list[list[Applied]],
) -> tuple[Explanation, ...]:
    (entries, letter), settings = _ENTRIES[role], recipe.reward
    rule = RULES[settings.coder] if role is Role.CODER else tester_rule(settings)
    rewards, gains = earned.rewards(role), earned.advantages(role)

    def applied(made: Rewards | Advantages, i: int) -> Iterator[Applied]:
        for t in made.terms:
            if t.where[i]:
                yield Applied(t.effect, float(t.value[i]), t.why(i, names))

    return tuple(
        Explanation(
            role=role,
            label=f"{letter}{i}",
            rule=f"the reward function {function}" if function else rule,
            reward=float(rewards.value[i]),
            advantage=float(gains.value[i]),
            reward_terms=(*before[i], *applied(rewards, i)),
            advantage_terms=tuple(applied(gains, i)),
            recorded_reward=recorded(entry, "reward"),
            recorded_advantage=recorded(entry, "advantage"),
            dropped=gains.dropped,
            own=function,
        )
        for i, entry in enumerate(record[entries])
    )
