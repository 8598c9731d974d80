"""The prompts of tasks by the model's chat template, and what becomes of those that are too long.

A prompt is never cut. One with more tokens than `prompts.max_tokens`, or that leaves no room for
a response within the model's positions, ends the run, or its task is left out of the run
(`tasks.too_long`), by all roles and in every step: which tasks these are follows from tasks, recipe
and tokenizer, so that a resumed run leaves out the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparring.config.recipe import Recipe
from sparring.errors import ModelError
from sparring.prompts.render import Tokenizer, encoded, excess, prompt_text
from sparring.schema import Role, Task
from sparring.tasks.settings import TooLong


class TaskPrompts:
    """Renders the prompts of ``every`` task of a set, and notes which have one that is too long."""

    def __init__(
        self, recipe: Recipe, tokenizer: Tokenizer, positions: int | None, every: Sequence[Task]
    ) -> None:
        """``positions`` of the model, None without a limit."""
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.positions = positions
        self.every = every
        self.templates = recipe.prompts.templates()
        self.too_long: dict[str, str] = {}
        """Why tasks are left out, by their id."""

    def text(self, task: Task, role: Role, examples: int) -> str:
        """The whole prompt, with so many public examples."""
        message = self.templates.fill(task, role, examples)
        return prompt_text(self.tokenizer, message, self.recipe.prompts.template_options)

    def rendered(self, examples: Mapping[Role, int]) -> dict[tuple[str, Role], tuple[int, ...]]:
        """Token ids of every task's prompt for each role of ``examples``."""
        return {
            (task.id, role): ids
            for role, shown in examples.items()
            for task, ids in zip(self.every, self._ids(role, shown), strict=True)
        }

    def fitting(self) -> list[Task]:
        """The tasks all of whose prompts that were rendered here fit."""
        return [t for t in self.every if t.id not in self.too_long]

    def note(self, kind: str) -> str:
        """What a user is told of the tasks that are left out, which ``kind`` names."""
        names = sorted(self.too_long)[:3]
        return (
            f"{len(self.too_long):,} of {len(self.every):,} {kind} tasks are left out "
            f"(tasks.too_long = drop): their prompts are too long, such as {', '.join(names)}; of "
            f"{names[0]}: {self.too_long[names[0]]}"
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
    """The longest response of a role, in tokens."""
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
    """Why tasks are left out, by their id: those whose prompts are too long for the recipe, or for
    ``positions`` with a response of ``max_tokens``, which is the recipe's ``setting``.

    Raises `ModelError` for the first one where the recipe ends the run by it.
    """
    reasons = {}
    for ids, task_id in zip(prompts, task_ids, strict=True):
        why = excess(ids, recipe.prompts.max_tokens, positions, max_tokens, setting)
        if why is not None and recipe.tasks.too_long is TooLong.STOP:
            raise ModelError(f'task {task_id}: {why}, or set tasks.too_long = "drop"')
        if why is not None:
            reasons[task_id] = why
    return reasons
