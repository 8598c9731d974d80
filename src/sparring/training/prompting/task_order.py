"""Training and held-out tasks of a run, and the order of the training tasks.

The tasks of a step are a function of the seed and the step's number alone, so a resumed run needs
no cursor. With a curriculum the tasks also depend on the pass rates so far, which every checkpoint
holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sparring.config.recipe import Recipe
from sparring.schema import Task
from sparring.tasks.hidden_tests import hide_tests
from sparring.tasks.settings import Curriculum
from sparring.tasks.sources import tasks_of


class TaskOrder:
    """Order in which ``tasks`` are trained on. ``pass_rates`` are by task id; a task without a pass
    rate counts as 0.5."""

    def __init__(self, recipe: Recipe, tasks: Sequence[Task]) -> None:
        self.recipe = recipe
        self.tasks = tasks

    def batch(self, step: int, pass_rates: Mapping[str, float]) -> list[Task]:
        """Return the tasks of a step, all different.

        Without a curriculum no task comes twice in one pass over the tasks, and each pass has its
        own order. Tasks that do not fill a last step are left out of that pass; each pass leaves
        out other tasks.
        """
        seed, count = self.recipe.training.seed, self.recipe.training.tasks_per_step
        if self.recipe.tasks.curriculum is Curriculum.PASS_RATE:
            return self._drawn([seed, 7, step], self.tasks, count, pass_rates)
        number, place = divmod(step - 1, len(self.tasks) // count)
        rng = np.random.default_rng([seed, 7, number])
        order = rng.permutation(len(self.tasks))[place * count : (place + 1) * count]
        return [self.tasks[int(i)] for i in order]

    def further(
        self, step: int, taken: Collection[str], count: int, pass_rates: Mapping[str, float]
    ) -> list[Task]:
        """Return up to ``count`` tasks for the same step that are not in ``taken``. The draw is
        seeded by the step and the number of tasks taken."""
        left = [t for t in self.tasks if t.id not in taken]
        seed = [self.recipe.training.seed, 8, step, len(taken)]
        return self._drawn(seed, left, min(count, len(left)), pass_rates)

    def upcoming(self, first: int) -> list[Task]:
        """Return the tasks that steps from ``first`` on may have, in the order of first use; all
        tasks, where the order depends on what is sampled."""
        r = self.recipe
        if r.tasks.curriculum is not Curriculum.NONE or r.sampling.extra_attempts:
            return list(self.tasks)
        by_id: dict[str, Task] = {}
        for step in range(first, r.training.steps + 1):
            by_id |= {task.id: task for task in self.batch(step, {})}
            if len(by_id) == len(self.tasks):
                break
        return list(by_id.values())

    def _drawn(
        self,
        seed: Sequence[int],
        tasks: Sequence[Task],
        count: int,
        pass_rates: Mapping[str, float],
    ) -> list[Task]:
        """Draw ``count`` different tasks, by the curriculum's weights."""
        weight = np.ones(len(tasks))
        if self.recipe.tasks.curriculum is Curriculum.PASS_RATE:
            rate = np.array([pass_rates.get(t.id, 0.5) for t in tasks])
            weight = 0.1 + 4 * rate * (1 - rate)
        if not count:
            return []
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(tasks), size=count, replace=False, p=weight / weight.sum())
        return [tasks[int(i)] for i in chosen]


def training_tasks(recipe: Recipe) -> list[Task]:
    """Load the tasks to train on; ``tasks.hidden_tests`` of each become hidden tests, which no
    reward uses."""
    t = recipe.tasks
    tasks = tasks_of(t.train, t.train_count, recipe.training.seed, t.max_tests)
    return [_compared(recipe, hide_tests(task, t.hidden_tests)) for task in tasks]


def held_out_tasks(recipe: Recipe) -> list[Task]:
    """Load the tasks to evaluate on."""
    t = recipe.tasks
    tasks = tasks_of(t.held_out, t.held_out_count, t.held_out_seed, t.max_tests)
    return [_compared(recipe, task) for task in tasks[: t.held_out_count]]


def _compared(recipe: Recipe, task: Task) -> Task:
    """Return the task with the recipe's comparison rule, if the recipe has one. The rule is for
    printed text; a function task compares values and keeps its own rule."""
    rule = recipe.checker.rule
    return task if rule is None or task.entry_point is not None else replace(task, checker=rule)
