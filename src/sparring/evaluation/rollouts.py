"""A judged task as a record of `grading.record`, for whoever shows and reports rollouts.

It stands as step 0. Nothing was learned from it: rewards are those of the
paper's equations, so that one sees what each response would have earned, and
advantages are 0. Token ids are not known; ``tokens`` are the counts of prompt
and response.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparring.evaluation.collect import Slot
from sparring.grading.group import GroupResult
from sparring.grading.record import Scored, rollout_record
from sparring.policy.chat.base import Answer
from sparring.rewards.advantages import Advantages, DropReason
from sparring.rewards.rewards import coder_rewards, tester_rewards
from sparring.rewards.settings import EQUATIONS
from sparring.schema import Role


def rollout(judged: GroupResult, answers: Mapping[Slot, Answer]) -> dict[str, Any]:
    """One task's record."""
    scored = Scored(
        judged=judged,
        coder_reward=coder_rewards(judged.matrix, EQUATIONS),
        terms=tester_rewards(judged.matrix, judged.valid_U, EQUATIONS),
        coder=_nothing_learned(len(judged.programs)),
        tester=_nothing_learned(len(judged.tests)),
    )
    record = rollout_record(0, scored)
    for role, name in ((Role.CODER, "programs"), (Role.TESTER, "tests")):
        for index, response in enumerate(record[name]):
            a = answers[judged.task.id, role, index]
            response["tokens"] = [a.prompt_tokens, a.completion_tokens]
    return record


def _nothing_learned(count: int) -> Advantages:
    return Advantages(np.zeros(count), np.zeros(count, dtype=bool), DropReason.EVALUATION)
