"""Rendering of prompts by the model's chat template, and the treatment of long prompts.

A prompt is never cut. A prompt is too long if it has more tokens than `prompts.max_tokens`, or if
prompt and longest response exceed the model's positions. By `tasks.too_long` such a prompt ends the
run, or its task is left out for all roles and all steps. The tasks left out follow from tasks,
recipe and tokenizer, so a resumed run leaves out the same tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparring.config.recipe import Recipe
from sparring.errors import ModelError
from sparring.prompts.render import Tokenizer, encoded, excess, prompt_text
from sparring.schema import Role, Task
from sparring.tasks.settings import TooLong


class TaskPrompts:
    """Renderer of the prompts of ``every`` task of a set; it records prompts that are too long."""

    def __init__(
        self, recipe: Recipe, tokenizer: Tokenizer, positions: int | None, every: Sequence[Task]
    ) -> None:
        """``positions`` is the model's limit of tokens; None: no limit."""
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.positions = positions
        self.every = every
        self.templates = recipe.prompts.templates()
        self.too_long: dict[str, str] = {}
        """Reason for each task that is left out, by task id."""

    def text(self, task: Task, role: Role, examples: int) -> str:
        """Return the text of a prompt with that number of public examples."""
        message = self.templates.fill(task, role, examples)
        return prompt_text(self.tokenizer, message, self.recipe.prompts.template_options)

    def rendered(self, examples: Mapping[Role, int]) -> dict[tuple[str, Role], tuple[int, ...]]:
        """Return the token ids of every task's prompt, by task id and role. ``examples`` gives the
        number of public examples for each role."""
        return {
            (task.id, role): ids
            for role, shown in examples.items()
            for task, ids in zip(self.every, self._ids(role, shown), strict=True)
        }

    def fitting(self) -> list[Task]:
        """Return the tasks whose prompts, as far as rendered here, all fit."""
        return [t for t in self.every if t.id not in self.too_long]

    def note(self, kind: str) -> str:
        """Return a note for the user about the tasks that are left out; ``kind`` names the set."""
        names = sorted(self.too_long)[:3]
        return (
            f"{len(self.too_long):,} of {len(self.every):,} {kind} tasks are left out "
            f"(tasks.too_long = drop): their prompts are too long, such as {', '.join(names)} "
            f"({names[0]}: {self.too_long[names[0]]})"
        )

    def _ids(self, role: Role, examples: int) -> list[tuple[int, ...]]:
        ids = encoded(self.tokenizer, [self.text(t, role, examples) for t in self.every])
        self.too_long |= too_long(
            self.recipe,
            ids,
            [t.id for t in self.every],
            self.positions,
            max_tokens(self.recipe, role),
            f"sampling.{role}_max_tokens",
        )
        return ids


def max_tokens(recipe: Recipe, role: Role) -> int:
    """Return the maximum length of a role's response, in tokens."""
    s = recipe.sampling
    return s.coder_max_tokens if role is Role.CODER else s.tester_max_tokens


def too_long(
    recipe: Recipe,
    prompts: Sequence[tuple[int, ...]],
    task_ids: Sequence[str],
    positions: int | None,
    max_tokens: int,
    setting: str,
) -> dict[str, str]:
    """Return the reason for each task whose prompt is too long, by task id.

    A prompt is too long for the recipe's ``prompts.max_tokens``, or for the model's ``positions``
    together with a response of ``max_tokens``; ``setting`` is the recipe key of ``max_tokens``.
    Raises `ModelError` for the first such task if the recipe says that a long prompt ends the run.
    """
    reasons = {}
    for ids, task_id in zip(prompts, task_ids, strict=True):
        why = excess(ids, recipe.prompts.max_tokens, positions, max_tokens, setting)
        if why is not None and recipe.tasks.too_long is TooLong.STOP:
            raise ModelError(f'task {task_id}: {why}, or set tasks.too_long = "drop"')
        if why is not None:
            reasons[task_id] = why
    return reasons
