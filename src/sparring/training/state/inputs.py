"""What a run depends on besides its recipe: task files, the start model, a reward of one's own.

The recipe only names them. Here their SHA-256 is kept, so that a run does not
go on with other tasks, or drawn towards another start model, and nobody the
wiser. A reward function is different: it may have to be mended in the middle
of a run. That is allowed and said, and the new source is kept beside the old.

Not looked at: tasks and functions of the package, and what a reward function
imports.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sparring.config.recipe import Recipe
from sparring.errors import RunError, explained, well_formed
from sparring.files import checksum
from sparring.policy.place import model_files, model_place
from sparring.runs.directory import RunDir
from sparring.runs.reader import RunReader
from sparring.tasks.sources import MICROWORLD

FILE = "inputs.json"
ROOMS = ("tasks", "model", "supervisor")
"""Whose files are on record."""


def keep_inputs(run: RunDir, recipe: Recipe, revision: str | None) -> None:
    """Write down what the run begins with, or compare it with what it began with.

    ``revision`` is that of a model from a hub. Raises `RunError`.
    """
    if not run.has(FILE):
        run.write_json(FILE, _inputs(recipe, revision))
    elif changed := changed_inputs(run, recipe, revision):
        more = f" (nor are {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise RunError(
            f"{run.path}: {changed[0]} is not what it was when the run began{more}; "
            "put back what it was, or begin a new run"
        )


def changed_inputs(
    run: RunReader,
    recipe: Recipe,
    revision: str | None,
    rooms: tuple[str, ...] = ROOMS,
) -> list[str]:
    """Names of files that are no longer what ``run`` has on record; none without a record."""
    if not run.has(FILE):
        return []
    now = _inputs(recipe, revision)
    with well_formed(f"{run.path}: {FILE}"):
        before = {"supervisor": {}, **run.read_json(FILE)}
        return [
            name
            for room in rooms
            for name in sorted(before[room].keys() | now[room].keys())
            if before[room].get(name) != now[room].get(name)
        ]


def reward_note(run: RunDir, recipe: Recipe, step: int) -> list[str]:
    """What to say if the reward function has another source than the run's latest copy, which is
    then kept. ``step`` is the last one that is made."""
    file = Path((recipe.reward.function or "").rpartition(":")[0])
    if not file.is_file() or not run.has("reward_function.py"):
        return []
    later = sorted(run.path.glob("reward_function-from-step-*.py"))
    latest = later[-1] if later else run.path / "reward_function.py"
    with explained(run.path):
        source = file.read_bytes()
        if source == latest.read_bytes():
            return []
    copy = f"reward_function-from-step-{step + 1:05d}.py"
    run.write_bytes(copy, source)
    return [
        f"note: {file} is no longer what it was ({latest.name}); from step {step + 1} on rewards "
        f"are those of {copy}"
    ]


def _inputs(recipe: Recipe, revision: str | None) -> dict[str, dict[str, Any]]:
    named = (*recipe.tasks.train, *recipe.tasks.held_out)
    other = recipe.supervision.model
    return {
        "tasks": {f: _digest(Path(f)) for f in named if not f.startswith(MICROWORLD)},
        "model": _of_model(recipe.model.path) or {recipe.model.path: revision},
        "supervisor": _of_model(other) if other else {},
    }


def _of_model(name: str) -> dict[str, Any]:
    """The files of a model's directory; none of one from a hub."""
    return {f"{name}/{f.name}": _digest(f) for f in model_files(Path(model_place(name)))}


def _digest(path: Path) -> str:
    try:
        return checksum(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None
