"""Reward function for TRL's trainers: pays programs for the ground-truth tests that they pass.

    from trl import GRPOTrainer
    from sparring import load_tasks
    from sparring.integrations.trl import TestsPassed

    with TestsPassed(load_tasks("tasks.jsonl")) as reward:
        dataset = Dataset.from_list(reward.rows())
        GRPOTrainer(model, reward_funcs=reward, train_dataset=dataset).train()

The dataset holds prompts and task ids only; the tests stay in this object. Grading is that of our
own training (``grading.grade``), with the same prompts, parser, sandbox, checkers and verdicts.
This module does not import TRL. `sparring.integrations.trl_pair` pays both roles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.closing import Closing
from sparring.errors import ConfigError, DataError
from sparring.grading.grade import grade_each
from sparring.grading.group import read_group
from sparring.integrations.completions import Completion, answer_text
from sparring.prompts.opening import ReasoningMode, reasoning_of
from sparring.prompts.rules import ReadingRules, Reasoning
from sparring.prompts.settings import PromptSettings
from sparring.prompts.templates import Templates
from sparring.rewards.coder import coder_rewards
from sparring.rewards.settings import CoderReward, RewardSettings
from sparring.sandbox import Limits, Runner, Sandbox
from sparring.schema import Response, Role, StopReason, Task

_USUAL = PromptSettings()


class TestsPassed(Closing):
    """Reward function that a trainer calls with completions and the dataset's columns.

    A context manager, which ends its own sandbox.
    """

    __test__ = False  # pytest must not take this for a test class
    __name__ = "tests_passed"  # TRL logs the rewards under this name

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        all_pass: bool = False,
        templates: Templates | None = None,
        reasoning: str = _USUAL.reasoning,
        reasoning_start: str = _USUAL.reasoning_start,
        reasoning_end: str = _USUAL.reasoning_end,
        general: Limits | None = None,
        sandbox: Runner | None = None,
    ) -> None:
        """Make a reward function for ``tasks``.

        ``all_pass``: pay 1 for passing all ground-truth tests, else 0. By default the reward is the
        share of passed tests (Eq 3 over the number of tests).

        ``reasoning``: "open" where the chat template opens the reasoning before the completion,
        whose program then stands after ``reasoning_end``; "none" where marks are ordinary text;
        "auto" reads each completion by its own marks.

        ``general``: limits for tasks that set none. ``sandbox``: a sandbox that the caller closes;
        by default the object makes one with a worker for each CPU.

        Raises `DataError` and `ConfigError`.
        """
        self._tasks = {task.id: task for task in tasks}
        if len(self._tasks) != len(tasks):
            raise DataError("tasks: two tasks have the same id; give each task its own")
        self._settings = RewardSettings(
            coder=CoderReward.ALL_PASS if all_pass else CoderReward.COUNT
        )
        self._templates = templates or Templates()
        self._reading = ReadingRules(_reasoning(reasoning, reasoning_start, reasoning_end))
        self._general = general or Limits()
        self._own = None if sandbox else Sandbox(skip_after_timeout=True)
        self.sandbox = sandbox or self._own

    def rows(self, examples: int = 0) -> list[dict[str, Any]]:
        """Return one row per task for a dataset: ``prompt`` (messages) and ``task_id``.

        ``examples`` is the number of a task's public examples in its prompt.
        """
        return [
            {
                "prompt": [
                    {
                        "role": "user",
                        "content": self._templates.fill(task, Role.CODER, examples),
                    }
                ],
                "task_id": task.id,
            }
            for task in self._tasks.values()
        ]

    def __call__(
        self, completions: Sequence[Completion], task_id: Sequence[str], **_others: Any
    ) -> list[float | None]:
        """Return the reward of each completion, from 0 to 1.

        A completion without a program earns 0. Where the sandbox failed the reward is None: TRL
        then leaves the completion out of its group's mean and gives it no advantage. Other columns
        that TRL passes are ignored. Raises `DataError`.
        """
        groups: dict[str, list[int]] = {}
        for position, name in enumerate(task_id):
            if name not in self._tasks:
                raise DataError(
                    f"task_id {name!r} of the dataset is unknown; build the dataset from rows()"
                )
            groups.setdefault(name, []).append(position)
        tasks = [self._tasks[name] for name in groups]
        responses = [
            [self._response(name, k, completions[k]) for k in positions]
            for name, positions in groups.items()
        ]
        assert self.sandbox is not None
        reading = dict.fromkeys(Role, self._reading)
        read = (read_group(t, rs, (), reading) for t, rs in zip(tasks, responses, strict=True))
        graded = grade_each(self.sandbox, read, self._general)
        rewards: list[float | None] = [None] * len(completions)
        for positions, group in zip(groups.values(), graded, strict=True):
            rewards_P = coder_rewards(group.matrix, self._settings).value
            if self._settings.coder is CoderReward.COUNT:
                rewards_P = rewards_P / group.matrix.ground_truth
            for position, reward in zip(positions, rewards_P, strict=True):
                rewards[position] = None if np.isnan(reward) else float(reward)
        return rewards

    def _response(self, task_id: str, index: int, completion: Completion) -> Response:
        where = f"completions[{index}]"
        text = answer_text(completion, where, self._reading.reasoning)
        # TRL does not say why a completion ended. The reason only affects the name of a failure.
        return Response(task_id, Role.CODER, index, (), (), (), StopReason.END_TOKEN, text)

    def close(self) -> None:
        """End the sandbox, unless the caller gave it."""
        if self._own is not None:
            self._own.close()


def _reasoning(mode: str, start: str, end: str) -> Reasoning:
    known = [str(m) for m in ReasoningMode]
    if mode not in known:
        raise ConfigError(f"reasoning: {mode!r} is none of {', '.join(known)}")
    if not start or not end:
        raise ConfigError(
            'reasoning: its marks need a text; give both, or reasoning="none" for no marks'
        )
    return reasoning_of(ReasoningMode(mode), start, end)
