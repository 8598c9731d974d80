"""Inputs of a run besides its recipe: task files, the initial model, the user's reward function.

The recipe only names the inputs. The run directory keeps the SHA-256 of each input, so that nobody
resumes a run, unnoticed, with other tasks or with another initial model in the KL term.

A reward function may change, because it may have to be corrected in the middle
of a run. The user gets a note, and the new source is kept beside the old source.

Not checked: tasks and functions of the package, and modules that a reward
function imports.
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
KINDS = ("tasks", "model", "frozen_tester")
"""Kinds of inputs whose files are on record."""


def keep_inputs(run: RunDir, recipe: Recipe, revision: str | None) -> None:
    """Record the inputs of a new run, or compare the inputs of a resumed run with the record.

    ``revision`` is the commit of a model from the hub. Raises `RunError` for a changed input.
    """
    if not run.has(FILE):
        run.write_json(FILE, _inputs(recipe, revision))
    elif changed := changed_inputs(run, recipe, revision):
        more = f" (and {len(changed) - 1} more inputs)" if len(changed) > 1 else ""
        raise RunError(
            f"{run.path}: {changed[0]} has changed since the run began{more}; "
            "restore it, or start a new run"
        )


def changed_inputs(
    run: RunReader,
    recipe: Recipe,
    revision: str | None,
    kinds: tuple[str, ...] = KINDS,
) -> list[str]:
    """Return the names of inputs that differ from the record of ``run``; [] without a record."""
    if not run.has(FILE):
        return []
    now = _inputs(recipe, revision)
    with well_formed(f"{run.path}: {FILE}"):
        before = {"frozen_tester": {}, **run.read_json(FILE)}
        return [
            name
            for kind in kinds
            for name in sorted(before[kind].keys() | now[kind].keys())
            if before[kind].get(name) != now[kind].get(name)
        ]


def reward_note(run: RunDir, recipe: Recipe, step: int) -> list[str]:
    """Return a note if the source of the reward function differs from the run's latest copy, and
    keep a copy of the new source. ``step`` is the latest step of the run."""
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
        f"note: {file} has changed since {latest.name}; from step {step + 1} on rewards are "
        f"those of {copy}"
    ]


def _inputs(recipe: Recipe, revision: str | None) -> dict[str, dict[str, Any]]:
    named = (*recipe.tasks.train, *recipe.tasks.held_out)
    other = recipe.pseudo_labels.model
    return {
        "tasks": {f: _digest(Path(f)) for f in named if not f.startswith(MICROWORLD)},
        "model": _of_model(recipe.model.path) or {recipe.model.path: revision},
        "frozen_tester": _of_model(other) if other else {},
    }


def _of_model(name: str) -> dict[str, Any]:
    """Return the SHA-256 of each file in a model's directory; {} for a model from the hub."""
    return {f"{name}/{f.name}": _digest(f) for f in model_files(Path(model_place(name)))}


def _digest(path: Path) -> str:
    try:
        return checksum(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None
