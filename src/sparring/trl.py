"""A reward function for TRL's trainers: programs are paid for the ground-truth tests they pass.

    from trl import GRPOTrainer
    from sparring.tasks.load import load_tasks
    from sparring.trl import TestsPassed

    with TestsPassed(load_tasks(["tasks.jsonl"])) as reward:
        dataset = Dataset.from_list(reward.rows())
        GRPOTrainer(model, reward_funcs=reward, train_dataset=dataset).train()

The dataset holds prompts and task ids only: tests stay here. Grading is that of our own training
(``pipelines.bout``): the same prompts, parser, sandbox, checkers and verdicts. TRL itself is not
imported. Not done here: the tester's role, which a reward for single completions cannot express.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from sparring.errors import DataError
from sparring.pipelines import bout
from sparring.prompts.templates import Templates
from sparring.sandbox import Limits, Runner, Sandbox
from sparring.schema import Response, Role, StopReason, Task
from sparring.scoring.rewards import CoderReward, RewardSettings, coder_rewards

Completion = str | Sequence[dict[str, str]]
"""What TRL hands over: text, or messages whose last one is the model's."""


class TestsPassed:
    """Called by the trainer with completions and the dataset's columns. A context manager."""

    __test__ = False  # pytest must not take this for a test class
    __name__ = "tests_passed"  # TRL logs rewards under it

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        all_pass: bool = False,
        templates: Templates | None = None,
        general: Limits | None = None,
        sandbox: Runner | None = None,
    ) -> None:
        """`all_pass`: 1 for passing all ground-truth tests, else 0; otherwise the share of them
        (Eq 3 over the number of tests). `general`: limits that a task does not set. `sandbox`: one
        that the caller closes; by default one with a worker for each CPU."""
        self._tasks = {task.id: task for task in tasks}
        if len(self._tasks) != len(tasks):
            raise DataError("tasks: two of them have the same id")
        self._settings = RewardSettings(CoderReward.ALL_PASS if all_pass else CoderReward.COUNT)
        self._templates = templates or Templates()
        self._general = general or Limits()
        self._own = None if sandbox else Sandbox(skip_after_timeout=True)
        self.sandbox = sandbox or self._own

    def rows(self, examples: int = 0) -> list[dict[str, Any]]:
        """One row per task for a dataset: ``prompt`` (messages) and ``task_id``. `examples`: how
        many of a task's public examples its prompt shows."""
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
        """The reward of each completion, in [0, 1]; 0 for one that holds no program.

        None where our own side failed: TRL leaves such a completion out of its group's mean and
        gives it no advantage. The other columns that TRL passes are not needed.
        """
        groups: dict[str, list[int]] = {}
        for position, name in enumerate(task_id):
            if name not in self._tasks:
                raise DataError(f"task_id {name!r} of the dataset is none of the reward's tasks")
            groups.setdefault(name, []).append(position)
        tasks = [self._tasks[name] for name in groups]
        responses = [
            [_response(name, k, completions[k]) for k in where] for name, where in groups.items()
        ]
        assert self.sandbox is not None
        judged = bout.judge(self.sandbox, tasks, responses, [[] for _ in tasks], self._general)
        rewards: list[float | None] = [None] * len(completions)
        for where, one in zip(groups.values(), judged, strict=True):
            paid = coder_rewards(one.matrix, self._settings)
            if self._settings.coder is CoderReward.COUNT:
                paid = paid / one.matrix.ground_truth
            for position, reward in zip(where, paid, strict=True):
                rewards[position] = None if np.isnan(reward) else float(reward)
        return rewards

    def close(self) -> None:
        """End the sandbox, if it is the reward's own."""
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> TestsPassed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _response(task_id: str, index: int, completion: Completion) -> Response:
    text = completion if isinstance(completion, str) else completion[-1]["content"]
    # TRL does not say why a completion ended; it matters only for the name of a parse failure.
    return Response(task_id, Role.CODER, index, (), (), (), StopReason.END_TOKEN, text)
