"""The command that begins or resumes a training run on the initial model and the data of a user."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pretrained.data import MBPP_HELD_OUT, MBPP_TRAIN

from sparring.config.load import changes_of, differing, load_recipe, make_recipe, recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.runs.directory import RunDir
from sparring.runs.reader import RunReader, holds_run
from sparring.training.launch import ended

ROOT = Path(__file__).parents[2]
_SCRIPT = Path(sys.executable).with_name("sparring")
PROGRAM = [str(_SCRIPT)] if _SCRIPT.is_file() else [sys.executable, "-m", "sparring.cli"]
"""Words of the command line that begin with the program `sparring`."""
RECIPE = ROOT / "recipes" / "qwen2.5-coder-0.5b-cpu.toml"


@dataclass(frozen=True, slots=True)
class TrainCommand:
    """Training of a run in a directory by a recipe, from a checkpoint, on a directory of data.

    ``changes`` are fields of the recipe that differ; ``later`` those that a resumed run may change.
    """

    directory: Path
    recipe: Path
    start: Path
    data: Path
    changes: Mapping[str, object]
    later: Mapping[str, object]

    def settings(self) -> list[str]:
        """Return the changes to the recipe, as `sparring train --set` takes them."""
        own = {
            "model.path": self.start,
            "tasks.train": [str(self.data / MBPP_TRAIN)],
            "tasks.held_out": [str(self.data / MBPP_HELD_OUT)],
        }
        return changes_of({**own, **self.changes, **self.later})

    def words(self) -> list[str]:
        """Return the command that begins the run, or resumes it if it has begun."""
        words = [*PROGRAM, "train", "--run-dir", str(self.directory)]
        if holds_run(self.directory):
            settings = changes_of(self.later)
            words.append("--resume")
        else:
            settings = self.settings()
            words.append(str(self.recipe))
        return [*words, *(word for text in settings for word in ("--set", text))]

    def wanted(self) -> Recipe:
        """Return the recipe with the changes. Raises `ConfigError`."""
        return load_recipe(self.recipe, self.settings())

    def check(self) -> None:
        """Raise `RunError` if the directory holds a run of another model, or of other tasks."""
        if not holds_run(self.directory):
            return
        recorded = recorded_recipe(RunReader(self.directory))
        for key in differing(recorded, self.wanted()):
            if key in ("model.path", "tasks.train", "tasks.held_out"):
                raise RunError(
                    f"{self.directory}: holds a run with another {key}; name another directory"
                )


def has_ended(run_dir: Path, later: Mapping[str, object]) -> bool:
    """Return True if the run in ``run_dir`` has reached its end, also with the changes ``later``.

    Raises `SparringError` if its records cannot be read.
    """
    recorded = recorded_recipe(RunReader(run_dir)).model_dump(mode="json")
    wanted = make_recipe(recorded, changes_of(later), str(run_dir))
    return ended(wanted, RunDir(run_dir, locked=False))


def carry_out(command: list[str]) -> int:
    """Run a command in the foreground and return its exit status.

    Ctrl-C reaches the command too, so it is left to end by itself.
    """
    with subprocess.Popen(command) as process:
        while True:
            with suppress(KeyboardInterrupt):
                return process.wait()
