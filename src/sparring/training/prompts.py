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
    """Renders the prompts of a set of tasks, and notes which tasks have one that is too long."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, room: int | None) -> None:
        """``room``: positions of the model, None without a limit."""
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.room = room
        self.templates = recipe.prompts.templates()
        self.too_long: dict[str, str] = {}
        """Why tasks are left out, by their id."""

    def text(self, task: Task, role: Role, examples: int) -> str:
        """The whole prompt, with so many public examples."""
        message = self.templates.fill(task, role, examples)
        return prompt_text(self.tokenizer, message, self.recipe.prompts.template_options)

    def rendered(
        self, tasks: Sequence[Task], examples: Mapping[Role, int]
    ) -> dict[tuple[str, Role], tuple[int, ...]]:
        """Token ids of every task's prompt for each role of ``examples``."""
        return {
            (task.id, role): ids
            for role, shown in examples.items()
            for task, ids in zip(tasks, self._ids(tasks, role, shown), strict=True)
        }

    def fitting(self, tasks: Sequence[Task]) -> list[Task]:
        """The tasks all of whose prompts that were rendered here fit."""
        return [t for t in tasks if t.id not in self.too_long]

    def _ids(self, tasks: Sequence[Task], role: Role, examples: int) -> list[tuple[int, ...]]:
        s = self.recipe.sampling
        longest = s.coder_max_tokens if role is Role.CODER else s.tester_max_tokens
        found = encoded(self.tokenizer, [self.text(t, role, examples) for t in tasks])
        self.too_long |= left_out(
            self.recipe,
            found,
            [t.id for t in tasks],
            self.room,
            longest,
            f"sampling.{role}_max_tokens",
        )
        return found


def left_out(
    recipe: Recipe,
    prompts: Sequence[tuple[int, ...]],
    task_ids: Sequence[str],
    room: int | None,
    max_tokens: int,
    setting: str,
) -> dict[str, str]:
    """Why tasks are left out, by their id: those whose prompts are too long for the recipe, or for
    ``room`` positions with a response of ``max_tokens``, which is the recipe's ``setting``.

    Raises `ModelError` for the first one where the recipe ends the run by it.
    """
    found = {}
    for ids, task_id in zip(prompts, task_ids, strict=True):
        why = excess(ids, recipe.prompts.max_tokens, room, max_tokens, setting)
        if why is not None and recipe.tasks.too_long is TooLong.STOP:
            raise ModelError(f'task {task_id}: {why}, or set tasks.too_long = "drop"')
        if why is not None:
            found[task_id] = why
    return found


def left_out_note(kind: str, left: Mapping[str, str], tasks: int) -> str:
    """What a user is told of tasks that are ``left`` out of ``tasks``, and why; ``kind`` names
    them."""
    names = sorted(left)[:3]
    return (
        f"{len(left):,} of {tasks:,} {kind} tasks are left out (tasks.too_long = drop): their "
        f"prompts are too long, such as {', '.join(names)}; of {names[0]}: {left[names[0]]}"
    )
