"""Prompts of a run: all rendered when the run begins, then picked for each step.

Rendering all prompts at the start reports a prompt that is too long before anything is sampled.
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
    """Tasks of a run whose prompts fit, and these prompts."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, positions: int | None) -> None:
        """``positions`` is the model's limit of tokens; None: no limit. Raises `ModelError` for a
        prompt that is too long, unless the recipe drops such tasks."""
        self.recipe = recipe
        p = recipe.prompts
        self._training = TaskPrompts(recipe, tokenizer, positions, training_tasks(recipe))
        self._held_out = TaskPrompts(recipe, tokenizer, positions, held_out_tasks(recipe))
        first, templates = self._training.every[0], p.templates()
        self.reading = {
            role: p.reading(self._training.text(first, role, 0), templates.fill(first, role))
            for role in Role
        }
        """Rules by which responses of each role are read."""
        shown = {Role.CODER: p.coder_examples, Role.TESTER: p.tester_examples}
        self._ids = self._training.rendered(shown)
        self._bare: dict[tuple[str, Role], tuple[int, ...]] = {}
        if p.tester_examples and p.tester_examples_share < 1:
            self._bare = self._training.rendered({Role.TESTER: 0})
        if recipe.evaluation.tester_examples is not None:
            shown[Role.TESTER] = recipe.evaluation.tester_examples
        self.held_out_ids = self._held_out.rendered(shown)
        """Token ids of every held-out task's prompt, by task id and role."""

    @property
    def tasks(self) -> list[Task]:
        """Return the training tasks whose prompts fit."""
        return self._training.fitting()

    @property
    def held_out(self) -> list[Task]:
        """Return the held-out tasks whose prompts fit."""
        return self._held_out.fitting()

    @property
    def too_long(self) -> dict[str, Mapping[str, str]]:
        """Return the reason for each task that is left out, by task id, under the keys
        ``training`` and ``held-out``."""
        return {"training": self._training.too_long, "held-out": self._held_out.too_long}

    def leave_out(self, too_long: Mapping[str, str]) -> None:
        """Leave out training tasks whose prompts for another model are too long; ``too_long`` maps
        task ids to reasons."""
        self._training.too_long |= too_long

    def left_out_notes(self) -> list[str]:
        """Return notes for the user about tasks that are left out."""
        both = {"training": self._training, "held-out": self._held_out}
        return [prompts.note(kind) for kind, prompts in both.items() if prompts.too_long]

    def check_number(self) -> None:
        """Raise `ConfigError` if too few tasks are left."""
        wanted = self.recipe.training.tasks_per_step
        more = "".join(f"; {note}" for note in self.left_out_notes())
        if wanted > len(self.tasks):
            raise ConfigError(
                f"training.tasks_per_step is {wanted}, but there are {len(self.tasks)} tasks to "
                f"train on{more}"
            )
        if not self.held_out:
            raise ConfigError(f"tasks.held_out: there is no task to evaluate on{more}")

    def of_step(self, step: int, tasks: Sequence[Task], role: Role) -> list[Prompt]:
        """Return the prompts of a step for one role, in the order of ``tasks``."""
        s, seed = self.recipe.sampling, self.recipe.training.seed
        temperature = s.coder_temperature if role is Role.CODER else s.tester_temperature
        params = SamplingParams(temperature, max_tokens(self.recipe, role))
        seeds = [sampling_seed(seed, step, t.id, role) for t in tasks]
        return [
            Prompt(t.id, role, self._shown(t.id, role, s), s, params)
            for t, s in zip(tasks, seeds, strict=True)
        ]

    def of_initial_policy(self, step: int, tasks: Sequence[Task]) -> list[Prompt]:
        """Return the coder's prompts of a step for the initial policy, with their own seeds."""
        seed = self.recipe.training.seed
        return [
            replace(p, seed=sampling_seed(seed, step, p.task_id, "opponent"))
            for p in self.of_step(step, tasks, Role.CODER)
        ]

    def _shown(self, task_id: str, role: Role, seed: int) -> tuple[int, ...]:
        """Return the token ids of a prompt with the task's examples; for a share of the tester's
        prompts, drawn by ``seed``, without examples."""
        if role is Role.TESTER and self._bare:
            drawn = np.random.default_rng([seed, 11]).random()
            if drawn >= self.recipe.prompts.tester_examples_share:
                return self._bare[task_id, role]
        return self._ids[task_id, role]
