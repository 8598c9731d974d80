"""From a graded group to what both roles earn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparring.grading.answers import plain_input
from sparring.grading.group import GroupResult
from sparring.grading.record import Scored
from sparring.grading.supervised import rewarded
from sparring.matrix import Bools, Floats, stacked
from sparring.rewards.custom import Bout, CustomReward
from sparring.rewards.facts import Facts
from sparring.rewards.score import Rules, no_test
from sparring.schema import Response, StopReason
from sparring.selection.consensus import TestFilter


@dataclass(frozen=True, slots=True)
class Scorer:
    """Rewards and advantages of groups. ``kept``: which supervising tests count; ``seed``: of the
    run, for rewards that are dealt out at random; ``own``: the user's reward function."""

    rules: Rules
    kept: TestFilter
    seed: int
    own: CustomReward | None

    def score(self, judged: GroupResult, step: int, index: int) -> Scored:
        """The group with rewards [P] and [U] and their advantages; NaN and no advantage where our
        own failures leave no label. ``index`` is the group's place in its step (the shuffled
        control draws by it). Raises `RunError` for a mistake of a reward function of the user's."""
        basis, kept_K = rewarded(judged, self.kept)
        if basis is None:
            nothing = no_test(len(judged.coder), len(judged.tester))
            return Scored(judged, nothing, kept_K)
        rng = np.random.default_rng([self.seed, step, index])
        earned = self.rules.score(
            facts_of(basis),
            self.own(_bout(basis)) if self.own else None,
            rng if self.rules.settings.shuffle else None,
        )
        return Scored(judged, earned, kept_K, basis)


def facts_of(judged: GroupResult) -> Facts:
    """What the rewards of a group follow from."""
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
