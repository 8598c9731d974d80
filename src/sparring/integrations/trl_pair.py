"""Reward function with which TRL's `GRPOTrainer` trains both roles: coder and tester.

    from trl import GRPOConfig, GRPOTrainer
    from sparring import load_recipe, load_tasks
    from sparring.integrations.trl_pair import BothRoles

    with BothRoles(load_tasks("tasks.jsonl"), load_recipe("recipe.toml")) as reward:
        GRPOTrainer(
            model,
            reward_funcs=reward,
            args=GRPOConfig(shuffle_dataset=False, scale_rewards="none", num_generations=8, …),
            train_dataset=Dataset.from_list(reward.rows()),
        ).train()

A test is paid by the programs of its task, so both prompts of a task must be in one call. `rows`
puts them side by side; ``shuffle_dataset=False`` keeps them there, and a process must get an even
number of prompts at a time. docs/trainers.md shows how to count, and what differs from our own
training. This module does not import TRL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sparring.closing import Closing
from sparring.config.recipe import Recipe
from sparring.errors import DataError
from sparring.integrations.completions import Completion, answer_text
from sparring.integrations.pair import PairRewards, check_examples, pair_rewards
from sparring.sandbox import Runner, Sandbox
from sparring.schema import Role, Task

_Positions = dict[Role, list[int]]


class BothRoles(Closing):
    """Reward function that a trainer calls with completions and the dataset's columns.

    It returns advantages of our own training, one for each completion: for a trainer that does not
    scale rewards (``scale_rewards="none"``) and that subtracts the mean of a group, which is 0. A
    completion without a label gets None, which TRL leaves out. A context manager, which ends its
    own sandbox.
    """

    __name__ = "both_roles"  # TRL logs the rewards under this name

    def __init__(
        self,
        tasks: Sequence[Task],
        recipe: Recipe | None = None,
        *,
        advantages: bool = True,
        sandbox: Runner | None = None,
    ) -> None:
        """Make a reward function for ``tasks``.

        ``recipe``: its sections [prompts] and [reward] say how the roles are asked, read and paid.
        ``advantages=False``: return rewards, which the trainer then normalises by its own rule.
        ``sandbox``: a sandbox that the caller closes; by default the object makes one with a worker
        for each CPU. Raises `DataError` and `ConfigError`.
        """
        self._tasks = {task.id: task for task in tasks}
        if len(self._tasks) != len(tasks):
            raise DataError("tasks: two tasks have the same id; give each task its own")
        self._recipe = recipe or Recipe()
        check_examples(self._recipe)
        self._advantages = advantages
        self._own = None if sandbox else Sandbox(skip_after_timeout=True)
        self.sandbox = sandbox or self._own

    def rows(self) -> list[dict[str, Any]]:
        """Return two rows per task for a dataset, the coder's and then the tester's: ``prompt``
        (messages), ``task_id`` and ``role``."""
        prompts = self._recipe.prompts
        templates = prompts.templates()
        examples = {Role.CODER: prompts.coder_examples, Role.TESTER: prompts.tester_examples}
        return [
            {
                "prompt": [{"role": "user", "content": templates.fill(task, role, examples[role])}],
                "task_id": task.id,
                "role": str(role),
            }
            for task in self._tasks.values()
            for role in (Role.CODER, Role.TESTER)
        ]

    def __call__(
        self,
        completions: Sequence[Completion],
        task_id: Sequence[str],
        role: Sequence[str],
        log_metric: Callable[[str, float], None] | None = None,
        **_others: Any,
    ) -> list[float | None]:
        """Return the advantage of each completion, or its reward.

        Where TRL passes ``log_metric``, the mean reward of each role is logged. Other columns are
        ignored. Raises `DataError` for a task of which one role is missing.
        """
        by_task = self._positions(task_id, role)
        reasoning = self._recipe.prompts.reading("").reasoning
        texts = [
            answer_text(completion, f"completions[{i}]", reasoning)
            for i, completion in enumerate(completions)
        ]
        paid = pair_rewards(
            [self._tasks[name] for name in by_task],
            [[texts[i] for i in positions[Role.CODER]] for positions in by_task.values()],
            [[texts[i] for i in positions[Role.TESTER]] for positions in by_task.values()],
            recipe=self._recipe,
            sandbox=self.sandbox,
        )
        values: list[float | None] = [None] * len(texts)
        for one, positions in zip(paid, by_task.values(), strict=True):
            for which in Role:
                for i, value in zip(positions[which], self._values(one, which), strict=True):
                    values[i] = value
        if log_metric is not None:
            for which in Role:
                known = [r for one in paid for r in _rewards(one, which) if r is not None]
                if known:
                    log_metric(f"{which}/reward", float(np.mean(known)))
        return values

    def _values(self, one: PairRewards, role: Role) -> list[float | None]:
        rewards = _rewards(one, role)
        if not self._advantages:
            return list(rewards)
        gains = one.coder_advantages if role is Role.CODER else one.tester_advantages
        pairs = zip(rewards, gains, strict=True)
        return [None if reward is None else gain for reward, gain in pairs]

    def _positions(self, task_id: Sequence[str], role: Sequence[str]) -> dict[str, _Positions]:
        by_task: dict[str, _Positions] = {}
        for i, (name, which) in enumerate(zip(task_id, role, strict=True)):
            if name not in self._tasks or which not in list(Role):
                raise DataError(
                    f"task_id {name!r} and role {which!r} of the dataset are unknown; build the "
                    "dataset from rows()"
                )
            by_task.setdefault(name, {r: [] for r in Role})[Role(which)].append(i)
        for name, positions in by_task.items():
            for which, places in positions.items():
                if not places:
                    raise DataError(
                        f"task {name!r}: the call has no completion of the {which}; set "
                        "shuffle_dataset=False, and let each process have an even number of "
                        "prompts at a time"
                    )
        return by_task

    def close(self) -> None:
        """End the sandbox, unless the caller gave it."""
        if self._own is not None:
            self._own.close()


def _rewards(one: PairRewards, role: Role) -> tuple[float | None, ...]:
    return one.coder if role is Role.CODER else one.tester
