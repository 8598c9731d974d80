"""From a judged bout to what both roles earn, as a recipe says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparring.pipelines.bout import Judged
from sparring.pipelines.record import Scored
from sparring.pipelines.supervised import rewarded
from sparring.recipe import Recipe
from sparring.scoring.advantages import Advantages, DropReason, advantages, shuffled
from sparring.scoring.custom import Bout, CustomReward
from sparring.scoring.rewards import (
    RewardSettings,
    TesterTerms,
    coder_rewards,
    tester_rewards,
)


class Scorer:
    """Rewards and advantages of bouts."""

    def __init__(self, recipe: Recipe) -> None:
        r = recipe.reward
        self.recipe = recipe
        self.settings = RewardSettings(r.coder, r.tester, r.no_wrong, r.invalid_test, r.validity)
        self.custom = CustomReward(r.function) if r.function else None

    def score(self, judged: Judged, step: int, index: int) -> Scored:
        """``index`` is the bout's place in its step (the shuffled control draws by it)."""
        basis, kept_K = rewarded(judged, self.recipe.supervision.filter)
        if basis is None:
            return replace(_unlabelled(judged), kept_K=kept_K)
        found = self._score(basis, step, index)
        return replace(found, judged=judged, kept_K=kept_K, basis=basis)

    def _score(self, judged: Judged, step: int, index: int) -> Scored:
        coder = coder_rewards(judged.matrix, self.settings)
        terms = tester_rewards(judged.matrix, judged.valid_U, self.settings)
        if self.custom:
            coder, own = self.custom(_bout(judged))
            terms = replace(terms, reward=own)
        tester = terms.reward
        if self.recipe.reward.shuffle:
            rng = np.random.default_rng([self.recipe.training.seed, step, index])
            coder, tester = shuffled(coder, rng), shuffled(tester, rng)
        how = self.recipe.reward.normalisation
        return Scored(judged, coder, terms, advantages(coder, how), advantages(tester, how))


def _unlabelled(judged: Judged) -> Scored:
    """A bout with no test to judge it by: not "everybody correct", but no label."""
    unknown_P, unknown_U = (np.full(len(rs), np.nan) for rs in (judged.coder, judged.tester))
    none_P, none_U = (
        Advantages(np.zeros(len(x)), np.zeros(len(x), dtype=bool), DropReason.NO_TEST)
        for x in (unknown_P, unknown_U)
    )
    terms = TesterTerms(none_U.labelled, none_U.value, none_U.value, unknown_U)
    return Scored(judged, unknown_P, terms, none_P, none_U)


def _bout(judged: Judged) -> Bout:
    """What a reward of the user's own is given."""
    return Bout(
        task_id=judged.task.id,
        statement=judged.task.statement,
        passed_PT=judged.matrix.passed_PT & judged.matrix.observed_PT,
        observed_PT=judged.matrix.observed_PT.copy(),  # the function's own, to do with as it likes
        ground_truth=judged.matrix.ground_truth,
        valid_U=judged.valid_U.copy(),
        lengths_P=np.array([len(r.token_ids) for r in judged.coder], dtype=float),
        lengths_U=np.array([len(r.token_ids) for r in judged.tester], dtype=float),
        programs=tuple(p.source for p in judged.programs),
        tests=tuple(p.test for p in judged.tests),
    )
