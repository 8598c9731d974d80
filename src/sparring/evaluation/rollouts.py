"""Rollout records of an evaluation, in the format of `grading.record`.

`sparring show` and `sparring report` read these records like those of a run, as step 0. Nothing is
learned from an evaluation. The rewards are those of the paper's equations, to show what each
response would have earned; the advantages are 0. Token ids are unknown, so ``tokens`` holds the
numbers of prompt and response tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.evaluation.collect import Slot
from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup, rollout_record
from sparring.grading.scorer import facts_of
from sparring.policy.chat.base import ChatReply
from sparring.rewards.advantages import DropReason
from sparring.rewards.score import RewardRules
from sparring.rewards.settings import EQUATIONS
from sparring.schema import Role


def rollout(group: GroupResult, answers: Mapping[Slot, ChatReply]) -> dict[str, Any]:
    """Return the rollout record of one graded task."""
    earned = RewardRules(EQUATIONS, 0, 0).score(facts_of(group)).not_learned(DropReason.EVALUATION)
    record = rollout_record(0, ScoredGroup(group, earned))
    for role, name in ((Role.CODER, "programs"), (Role.TESTER, "tests")):
        for index, response in enumerate(record[name]):
            answer = answers[group.task.id, role, index]
            response["tokens"] = [answer.prompt_tokens, answer.completion_tokens]
    return record
