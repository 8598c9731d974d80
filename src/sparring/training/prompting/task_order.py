"""Which tasks a run trains on and is measured by, and in which order they come up.

The tasks of a step are a function of the seed and the step alone, so that a resumed run needs no
cursor. With a curriculum they depend on the pass rates so far as well, which are in the checkpoint.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sparring.config.recipe import Recipe
from sparring.schema import Task
from sparring.tasks.settings import Curriculum
from sparring.tasks.sources import tasks_of
from sparring.tasks.withhold import withhold


class TaskOrder:
    """The order of ``tasks``. Pass rates are by task; a task without one counts as half passed."""

    def __init__(self, recipe: Recipe, tasks: Sequence[Task]) -> None:
        self.recipe = recipe
        self.tasks = tasks

    def batch(self, step: int, pass_rates: Mapping[str, float]) -> list[Task]:
        """The tasks of a step, all different.

        No task comes up twice per pass, and each pass has an order of its own. The tasks that do
        not fill a step are left out of that pass; each time it is others.
        """
        seed, count = self.recipe.training.seed, self.recipe.training.tasks_per_step
        if self.recipe.tasks.curriculum is Curriculum.PASS_RATE:
            return self._drawn([seed, 7, step], self.tasks, count, pass_rates)
        turn, place = divmod(step - 1, len(self.tasks) // count)
        rng = np.random.default_rng([seed, 7, turn])
        order = rng.permutation(len(self.tasks))[place * count : (place + 1) * count]
        return [self.tasks[int(i)] for i in order]

    def further(
        self, step: int, taken: Collection[str], count: int, pass_rates: Mapping[str, float]
    ) -> list[Task]:
        """Up to ``count`` tasks for the same step besides those ``taken``, on which they depend."""
        left = [t for t in self.tasks if t.id not in taken]
        seed = [self.recipe.training.seed, 8, step, len(taken)]
        return self._drawn(seed, left, min(count, len(left)), pass_rates)

    def upcoming(self, first: int) -> list[Task]:
        """The tasks that steps from ``first`` on may have, in the order in which they come up; all
        of them, where that depends on what is sampled."""
        r = self.recipe
        if r.tasks.curriculum is not Curriculum.NONE or r.sampling.extra_rounds:
            return list(self.tasks)
        met: dict[str, Task] = {}
        for step in range(first, r.training.steps + 1):
            met |= {task.id: task for task in self.batch(step, {})}
            if len(met) == len(self.tasks):
                break
        return list(met.values())

    def _drawn(
        self,
        seed: Sequence[int],
        tasks: Sequence[Task],
        count: int,
        pass_rates: Mapping[str, float],
    ) -> list[Task]:
        """``count`` different tasks, by the curriculum's weights."""
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
    """The tasks to train on, some of their tests withheld from the reward."""
    t = recipe.tasks
    tasks = tasks_of(t.train, t.train_count, recipe.training.seed, t.max_tests)
    return [_compared(recipe, withhold(task, t.withheld_tests)) for task in tasks]


def held_out_tasks(recipe: Recipe) -> list[Task]:
    """The tasks to evaluate on."""
    t = recipe.tasks
    tasks = tasks_of(t.held_out, t.held_out_count, t.held_out_seed, t.max_tests)
    return [_compared(recipe, task) for task in tasks[: t.held_out_count]]


def _compared(recipe: Recipe, task: Task) -> Task:
    """The task with the recipe's rule for printed text, if it has one. A function task has values,
    and keeps its own."""
    rule = recipe.checker.rule
    return task if rule is None or task.entry_point is not None else replace(task, checker=rule)
