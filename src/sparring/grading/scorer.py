"""Rewards and advantages of a graded group: the step from `GroupResult` to `ScoredGroup`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from sparring.grading.answers import plain_input
from sparring.grading.group import GroupResult
from sparring.grading.own_reward import CustomReward
from sparring.grading.pseudo_labels import rewarded_group
from sparring.grading.record import ScoredGroup
from sparring.grading.reward_group import lengths, reward_group, truncated
from sparring.matrix import stacked
from sparring.rewards.facts import RewardFacts
from sparring.rewards.score import RewardRules, no_test
from sparring.selection.consensus import TestFilter


@dataclass(frozen=True, slots=True)
class Scorer:
    """Calculator of a group's rewards and advantages.

    ``kept``: the filter that chooses among pseudo-label tests. ``seed``: the training run's seed,
    for rewards that are dealt out at random. ``own``: the user's reward function, if there is one.
    """

    rules: RewardRules
    kept: TestFilter
    seed: int
    own: CustomReward | None

    def score(self, group: GroupResult, step: int, index: int) -> ScoredGroup:
        """Return the group with its rewards [P] and [U] and their advantages.

        A response without a label, for example after an infrastructure failure, has reward NaN and
        advantage 0. ``index`` is the group's place in its step. Raises `RunError` for a mistake in
        the user's reward function.
        """
        # Every reward follows from `rewarded_on`. Under label-free training that is another result
        # than `group`, and nothing of `group` may enter a reward.
        rewarded_on, kept_K = rewarded_group(group, self.kept)
        if rewarded_on is None:
            nothing = no_test(len(group.coder), len(group.tester))
            return ScoredGroup(group, nothing, kept_K)
        # For the shuffled control, each group has a stream of its own, so that a resumed run deals
        # the same rewards.
        rng = np.random.default_rng([self.seed, step, index])
        earned = self.rules.score(
            facts_of(rewarded_on),
            self.own(reward_group(rewarded_on)) if self.own else None,
            rng if self.rules.settings.shuffle else None,
        )
        return ScoredGroup(group, earned, kept_K, rewarded_on)


def facts_of(group: GroupResult) -> RewardFacts:
    """Return the facts that the rewards of a group follow from."""
    inputs = [plain_input(p.test) if p.test else None for p in group.tests]
    count = Counter(inputs)
    public = {plain_input(t) for t in group.task.examples}
    return RewardFacts(
        matrix=group.matrix,
        tester_matrix=stacked(group.matrix, group.pool) if group.pool else group.matrix,
        valid_U=group.valid_U,
        repeats_U=np.array([1.0 if i is None else float(count[i]) for i in inputs]),
        copied_U=np.array([i is not None and i in public for i in inputs], dtype=bool),
        lengths_P=lengths(group.coder),
        lengths_U=lengths(group.tester),
        truncated_P=truncated(group.coder),
        truncated_U=truncated(group.tester),
    )
