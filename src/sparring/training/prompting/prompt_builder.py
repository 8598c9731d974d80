"""The prompts of a run: rendered at once when it begins, then put together for each step.

All at once, so that a prompt that is too long shows now and not in the step that comes to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sparring.config.recipe import Recipe
from sparring.errors import ConfigError
from sparring.policy.base import Prompt, SamplingParams, sampling_seed
from sparring.prompts.render import Tokenizer
from sparring.schema import Role, Task
from sparring.training.prompting.rendering import TaskPrompts, max_tokens
from sparring.training.prompting.task_order import held_out_tasks, training_tasks


class PromptBuilder:
    """The tasks of a run that fit, and their prompts."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, positions: int | None) -> None:
        """``positions`` of the model, None without a limit. Raises `ModelError` for a prompt that
        is too long, unless the recipe leaves its task out."""
        self.recipe = recipe
        p = recipe.prompts
        self._training = TaskPrompts(recipe, tokenizer, positions, training_tasks(recipe))
        self._held_out = TaskPrompts(recipe, tokenizer, positions, held_out_tasks(recipe))
        first, templates = self._training.every[0], p.templates()
        self.reading = {
            role: p.reading(self._training.text(first, role, 0), templates.fill(first, role))
            for role in Role
        }
        """How responses of each role are read."""
        shown = {Role.CODER: p.coder_examples, Role.TESTER: p.tester_examples}
        self._ids = self._training.rendered(shown)
        self._bare: dict[tuple[str, Role], tuple[int, ...]] = {}
        if p.tester_examples and p.tester_examples_share < 1:
            self._bare = self._training.rendered({Role.TESTER: 0})
        if recipe.evaluation.tester_examples is not None:
            shown[Role.TESTER] = recipe.evaluation.tester_examples
        self.held_out_ids = self._held_out.rendered(shown)
        """Token ids of every held-out task's prompt, by task and role."""

    @property
    def tasks(self) -> list[Task]:
        """The tasks to train on that fit."""
        return self._training.fitting()

    @property
    def held_out(self) -> list[Task]:
        """The tasks to evaluate on that fit."""
        return self._held_out.fitting()

    @property
    def too_long(self) -> dict[str, Mapping[str, str]]:
        """Why tasks are left out, by their id: those of ``training``, and those ``held-out``."""
        return {"training": self._training.too_long, "held-out": self._held_out.too_long}

    def leave_out(self, too_long: Mapping[str, str]) -> None:
        """Leave out training tasks whose prompt for another model is too long, and why."""
        self._training.too_long |= too_long

    def left_out_notes(self) -> list[str]:
        """What a user is told of tasks that are left out."""
        both = {"training": self._training, "held-out": self._held_out}
        return [prompts.note(kind) for kind, prompts in both.items() if prompts.too_long]

    def check_number(self) -> None:
        """Raises `ConfigError` where too few tasks are left."""
        wanted = self.recipe.training.tasks_per_step
        more = "".join(f"; {note}" for note in self.left_out_notes())
        if wanted > len(self.tasks):
            raise ConfigError(
                f"training.tasks_per_step is {wanted}, but there are {len(self.tasks)} tasks to "
                f"train on{more}"
            )
        if not self.held_out:
            raise ConfigError(f"there is no task to evaluate on{more}")

    def of_step(self, step: int, tasks: Sequence[Task], role: Role) -> list[Prompt]:
        """The prompts of a step for one role."""
        s, seed = self.recipe.sampling, self.recipe.training.seed
        heat = s.coder_temperature if role is Role.CODER else s.tester_temperature
        params = SamplingParams(heat, max_tokens(self.recipe, role))
        seeds = [sampling_seed(seed, step, t.id, role) for t in tasks]
        return [
            Prompt(t.id, role, self._shown(t.id, role, s), s, params)
            for t, s in zip(tasks, seeds, strict=True)
        ]

    def of_initial_policy(self, step: int, tasks: Sequence[Task]) -> list[Prompt]:
        """The coder's prompts of a step, with seeds of their own for the initial policy."""
        seed = self.recipe.training.seed
        return [
            replace(p, seed=sampling_seed(seed, step, p.task_id, "opponent"))
            for p in self.of_step(step, tasks, Role.CODER)
        ]

    def _shown(self, task_id: str, role: Role, seed: int) -> tuple[int, ...]:
        """The prompt with its examples, or for a share of the tester's without."""
        if role is Role.TESTER and self._bare:
            drawn = np.random.default_rng([seed, 11]).random()
            if drawn >= self.recipe.prompts.tester_examples_share:
                return self._bare[task_id, role]
        return self._ids[task_id, role]
