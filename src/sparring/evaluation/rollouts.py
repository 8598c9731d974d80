"""A judged task as a record of `grading.record`, for whoever shows and reports rollouts.

It stands as step 0. Nothing was learned from it: rewards are those of the
paper's equations, so that one sees what each response would have earned, and
advantages are 0. Token ids are not known; ``tokens`` are the counts of prompt
and response.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.evaluation.collect import Slot
from sparring.grading.group import GroupResult
from sparring.grading.record import Scored, rollout_record
from sparring.grading.scorer import facts_of
from sparring.policy.chat.base import Answer
from sparring.rewards.advantages import DropReason
from sparring.rewards.score import Rules
from sparring.rewards.settings import EQUATIONS
from sparring.schema import Role


def rollout(judged: GroupResult, answers: Mapping[Slot, Answer]) -> dict[str, Any]:
    """One task's record."""
    earned = Rules(EQUATIONS, 0, 0).score(facts_of(judged)).not_learned(DropReason.EVALUATION)
    record = rollout_record(0, Scored(judged, earned))
    for role, name in ((Role.CODER, "programs"), (Role.TESTER, "tests")):
        for index, response in enumerate(record[name]):
            a = answers[judged.task.id, role, index]
            response["tokens"] = [a.prompt_tokens, a.completion_tokens]
    return record
