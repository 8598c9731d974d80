"""From a judged bout to what both roles earn, as a recipe says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sparring.config.recipe import Recipe
from sparring.grading.answers import plain_input
from sparring.grading.group import GroupResult
from sparring.grading.record import Scored
from sparring.grading.supervised import rewarded
from sparring.learner.settings import Objective
from sparring.matrix import Bools, Floats, PassMatrix, stacked
from sparring.rewards.advantages import (
    Advantages,
    DropReason,
    advantages,
    dealt,
    positives,
)
from sparring.rewards.custom import Bout, CustomReward
from sparring.rewards.lengths import by_length
from sparring.rewards.overlong import overlong
from sparring.rewards.rewards import TesterTerms, coder_rewards, largest_reward, tester_rewards
from sparring.rewards.settings import CoderReward, LengthForm
from sparring.schema import Response, StopReason


@dataclass(frozen=True, slots=True)
class Facts:
    """What rewards follow from. ``tester_matrix`` has the opponents' programs below the group's
    own, where there are any; lengths are in tokens; see `tester_rewards` for the rest."""

    matrix: PassMatrix
    tester_matrix: PassMatrix
    valid_U: Bools
    repeats_U: Floats
    copied_U: Bools
    lengths_P: Floats
    lengths_U: Floats
    truncated_P: Bools
    truncated_U: Bools


class Scorer:
    """Rewards and advantages of bouts."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.settings = recipe.reward
        name, untested = recipe.reward.function, recipe.sampling.skip_unlabelled
        self.custom = CustomReward(name, untested) if name else None

    def score(self, judged: GroupResult, step: int, index: int) -> Scored:
        """The bout with rewards [P] and [U] and their advantages; NaN and no advantage where our
        own failures leave no label. ``index`` is the bout's place in its step (the shuffled control
        draws by it). Raises `RunError` for a mistake of a reward function of the user's."""
        basis, kept_K = rewarded(judged, self.recipe.supervision.filter)
        if basis is None:
            return replace(_unlabelled(judged), kept_K=kept_K)
        found = self._score(basis, step, index)
        return replace(found, judged=judged, kept_K=kept_K, basis=basis)

    def _score(self, judged: GroupResult, step: int, index: int) -> Scored:
        facts = facts_of(judged)
        coder, terms = self.rewards(facts)
        good_P = facts.matrix.correct_P
        if self.custom:
            coder, tester = self._overlong(facts, *self.custom(_bout(judged)))
            terms = replace(terms, reward=tester)
            with np.errstate(invalid="ignore"):  # NaN is not positive
                good_P = coder > 0
        good_P = good_P & ~np.isnan(coder)
        if self.recipe.reward.shuffle:
            rng = np.random.default_rng([self.recipe.training.seed, step, index])
            order_P = dealt(len(coder), rng)
            coder, good_P = coder[order_P], good_P[order_P]
            terms = replace(terms, reward=terms.reward[dealt(len(terms.reward), rng)])
        if self.recipe.learning.objective is Objective.LIKELIHOOD:
            with np.errstate(invalid="ignore"):
                good_U = terms.reward > 0
            return Scored(judged, coder, terms, positives(good_P), positives(good_U))
        return Scored(judged, coder, terms, *self.advantages(facts, coder, terms.reward))

    def rewards(self, facts: Facts) -> tuple[Floats, TesterTerms]:
        """The recipe's own rewards: of programs [P], and of tests with their terms [U]."""
        coder = coder_rewards(facts.matrix, self.settings)
        terms = tester_rewards(
            facts.tester_matrix, facts.valid_U, self.settings, facts.repeats_U, facts.copied_U
        )
        coder, tester = self._overlong(facts, coder, terms.reward)
        return coder, replace(terms, reward=tester)

    def _overlong(self, facts: Facts, coder: Floats, tester: Floats) -> tuple[Floats, Floats]:
        """Both rewards with truncated responses treated as the recipe says."""
        section, sampling = self.recipe.reward, self.recipe.sampling
        counted = section.coder is CoderReward.COUNT
        how, buffer = section.overlong, section.overlong_buffer
        return (
            overlong(
                coder,
                facts.lengths_P,
                facts.truncated_P,
                how,
                sampling.coder_max_tokens,
                buffer,
                float(facts.matrix.ground_truth if counted else 1),
            ),
            overlong(
                tester,
                facts.lengths_U,
                facts.truncated_U,
                how,
                sampling.tester_max_tokens,
                buffer,
                largest_reward(facts.tester_matrix, self.settings),
            ),
        )

    def advantages(
        self, facts: Facts, coder: Floats, tester: Floats
    ) -> tuple[Advantages, Advantages]:
        """What learning goes by, for both roles: of rewards [P] and [U], in which NaN is no reward,
        advantages of the same shapes, 0 where there is none or the group is dropped."""
        section = self.recipe.reward
        how = section.normalisation
        bounds = (section.length_least, section.length_most)
        official = section.length is LengthForm.OFFICIAL
        return (
            by_length(coder, facts.lengths_P, section.length, bounds, facts.truncated_P)
            if official
            else advantages(coder, how),
            by_length(tester, facts.lengths_U, section.length, bounds, facts.truncated_U)
            if section.length is not LengthForm.NONE
            else advantages(tester, how),
        )


def facts_of(judged: GroupResult) -> Facts:
    """The facts of a bout."""
    inputs = [plain_input(p.test) if p.test else None for p in judged.tests]
    count = Counter(inputs)
    public = {plain_input(t) for t in judged.task.examples}
    return Facts(
        matrix=judged.matrix,
        tester_matrix=stacked(judged.matrix, judged.pool) if judged.pool else judged.matrix,
        valid_U=judged.valid_U,
        repeats_U=np.array([1.0 if i is None else float(count[i]) for i in inputs]),
        copied_U=np.array([i is not None and i in public for i in inputs], dtype=bool),
        lengths_P=_lengths(judged.coder),
        lengths_U=_lengths(judged.tester),
        truncated_P=_truncated(judged.coder),
        truncated_U=_truncated(judged.tester),
    )


def _lengths(responses: Sequence[Response]) -> Floats:
    return np.array([len(r.token_ids) for r in responses], dtype=float)


def _truncated(responses: Sequence[Response]) -> Bools:
    return np.array([r.stop is StopReason.LENGTH for r in responses], dtype=bool)


def _unlabelled(judged: GroupResult) -> Scored:
    """A bout with no test to judge it by: not "everybody correct", but no label."""
    unknown_P, unknown_U = (np.full(len(rs), np.nan) for rs in (judged.coder, judged.tester))
    none_P, none_U = (
        Advantages(np.zeros(len(x)), np.zeros(len(x), dtype=bool), DropReason.NO_TEST)
        for x in (unknown_P, unknown_U)
    )
    terms = TesterTerms(none_U.labelled, none_U.value, none_U.value, none_U.value, unknown_U)
    return Scored(judged, unknown_P, terms, none_P, none_U)


def _bout(judged: GroupResult) -> Bout:
    """What a reward of the user's own is given."""
    return Bout(
        task_id=judged.task.id,
        statement=judged.task.statement,
        passed_PT=judged.matrix.passed_PT & judged.matrix.observed_PT,
        observed_PT=judged.matrix.observed_PT.copy(),  # the function's own, to do with as it likes
        ground_truth=judged.matrix.ground_truth,
        valid_U=judged.valid_U.copy(),
        lengths_P=_lengths(judged.coder),
        lengths_U=_lengths(judged.tester),
        programs=tuple(p.source for p in judged.programs),
        tests=tuple(p.test for p in judged.tests),
    )
