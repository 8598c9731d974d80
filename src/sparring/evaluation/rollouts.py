"""Rollout records of an evaluation, in the format of `grading.record`.

`sparring show` and `sparring report` read these records like those of a run, as step 0. Nothing is
learned from an evaluation. The rewards are those of the paper's equations, to show what each
response would have earned; the advantages are 0. Token ids are unknown or left out, so ``tokens``
holds the numbers of prompt and response tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sparring.evaluation.collect import Slot
from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup, rollout_record
from sparring.grading.scorer import facts_of
from sparring.policy.chat.base import ChatReply
from sparring.rewards.advantages import DropReason
from sparring.rewards.score import RewardRules
from sparring.rewards.settings import EQUATIONS
from sparring.schema import Response, Role


def rollout(group: GroupResult, answers: Mapping[Slot, ChatReply]) -> dict[str, Any]:
    """Return the rollout record of one graded task."""
    record = _unlearned(0, group)
    for role, name in ((Role.CODER, "programs"), (Role.TESTER, "tests")):
        for index, response in enumerate(record[name]):
            answer = answers[group.task.id, role, index]
            response["tokens"] = [answer.prompt_tokens, answer.completion_tokens]
    return record


def held_out_rollout(step: int, group: GroupResult) -> dict[str, Any]:
    """Return the rollout record of one held-out task, evaluated after ``step``.

    Token ids and log-probs are left out, because nothing is learned from them.
    """
    responses = {"programs": group.coder, "tests": group.tester}
    short = replace(
        group,
        coder=[_without_tokens(r) for r in group.coder],
        tester=[_without_tokens(r) for r in group.tester],
    )
    record = _unlearned(step, short)
    for name, sampled in responses.items():
        for response, r in zip(record[name], sampled, strict=True):
            response["tokens"] = [len(r.prompt_ids), len(r.token_ids)]
    return record


def _unlearned(step: int, group: GroupResult) -> dict[str, Any]:
    earned = RewardRules(EQUATIONS, 0, 0).score(facts_of(group)).not_learned(DropReason.EVALUATION)
    return rollout_record(step, ScoredGroup(group, earned))


def _without_tokens(response: Response) -> Response:
    return replace(response, prompt_ids=(), token_ids=(), logprobs=())
