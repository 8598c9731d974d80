"""Training from Python: `train`, and the run that it returns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from sparring.config.load import changes_of, checked, load_recipe, recorded_recipe
from sparring.config.recipe import Recipe
from sparring.config.schedule import run_schedule
from sparring.errors import ConfigError, in_python, python_names, well_formed
from sparring.extras import extra
from sparring.metrics.intervals import Estimate
from sparring.policy.settings import NANO
from sparring.runs.bar import quiet
from sparring.runs.checkpoints import newest_of
from sparring.runs.progress import RunProgress
from sparring.runs.reader import EVALUATIONS, METRICS, RunReader, open_run

_ARGUMENTS = {"--run-dir": "run_dir", "--resume": "resume=True", "--set": "settings"}
"""What options of `sparring train` are called here."""


@dataclass(frozen=True)
class TrainingRun:
    """A run in its directory ``path``: complete, or in any state that another process has left.

    ``notes`` are the lines that a terminal would have shown, such as values to be doubted and the
    evaluations. They are empty for a run that is only read.
    """

    path: Path
    notes: Sequence[str] = ()

    @property
    def checkpoint(self) -> Path:
        """Directory of the newest checkpoint: a model, and a value for ``coder=``. Raises
        `RunError` if there is none yet."""
        return Path(newest_of(str(self._reader.path)))

    @property
    def recipe(self) -> Recipe:
        """Resolved recipe of the run."""
        return recorded_recipe(self._reader)

    @property
    def metrics(self) -> Sequence[Mapping[str, Any]]:
        """One mapping for each step, in order; docs/records.md documents the keys."""
        return self._reader.jsonl(METRICS)

    @property
    def evaluations(self) -> Sequence[tuple[int, Mapping[str, Estimate]]]:
        """Evaluations on the held-out tasks, in order: the step, and the figures by name with their
        95% intervals. Step 0 is the initial model."""
        with well_formed(f"{self.path}: {EVALUATIONS}"):
            return [
                (e["step"], {name: Estimate.of(v) for name, v in e["metrics"].items()})
                for e in self._reader.jsonl(EVALUATIONS)
            ]

    @property
    def figures(self) -> Mapping[str, Estimate]:
        """Figures of the latest evaluation on the held-out tasks; empty if there is none."""
        evaluations = self.evaluations
        return evaluations[-1][1] if evaluations else {}

    @property
    def _reader(self) -> RunReader:
        return open_run(self.path)


def train(
    recipe: Recipe | Path | str | None = None,
    run_dir: Path | str | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    resume: bool = False,
    progress: bool = False,
) -> TrainingRun:
    """Train a coder and a tester by a recipe, and evaluate them before, during and after.

    Every step is on disk before anything is learned from it, so a run that ends early loses
    nothing. Ctrl-C lets the current step finish. The function needs the extra train (torch).

    Args:
        recipe: What `load_recipe` returns or takes: a recipe, a TOML file, the directory of a run,
            or ``"nano"``. By default ``"nano"`` or, with ``resume``, the recipe of the run.
        run_dir: Directory to write the run to; by default ``runs/DATE``, as for the command.
        settings: Fields of the recipe to change, ``"section.key"`` to value:
            ``{"training.steps": 20}``. Not with a `Recipe`, which has its values already.
        resume: Continue the run (or the replay) in ``run_dir``, however it ended. A finished run is
            returned as it is.
        progress: Show steps and evaluations on standard error. By default nothing is printed.

    Returns:
        The finished run: directory, newest checkpoint, metrics of each step, held-out figures.

    Raises:
        ConfigError: For a wrong recipe, setting or argument, before anything is written.
        ModelError: For a model that cannot be used, and without the extra train.
        RunError: For a directory that cannot be used, too little memory, or records that are
            damaged.
        Stopped: After Ctrl-C; call again with ``resume=True`` to continue.
    """
    if resume and run_dir is None:
        raise ConfigError("resume: no run is named; add run_dir")
    if isinstance(recipe, Recipe) and settings:
        raise ConfigError("settings: recipe is a Recipe, which has its values; set them in it")
    if os.environ.get("WORLD_SIZE", "") not in ("", "1"):
        raise ConfigError(
            "train: several processes train by the command: torchrun -m sparring.cli train RECIPE"
        )
    with extra("train", "training"):
        from sparring.learner.distributed.context import DistributedContext
        from sparring.training import launch, loop
        from sparring.training.planning.fits import refuse_impossible, refuse_too_large
        from sparring.training.replay import replay
    path = Path(run_dir or Path("runs") / datetime.now().strftime("%Y-%m-%d-%H%M%S"))
    with python_names(_ARGUMENTS):
        wanted = None
        if recipe is not None or not resume:
            wanted = _recipe(NANO if recipe is None else recipe, settings or {})
        if wanted is not None and not resume:
            started = launch.new_run(path, wanted)
        else:
            started = launch.resumed_run(path, wanted, changes_of(settings or {}))
        run, context = started.run, DistributedContext()
        with launch.carried_out(started, context):
            refuse_impossible(started.recipe)
            console = Console(stderr=True) if progress else quiet()
            schedule = run_schedule(started.recipe, replayed=started.source is not None)
            shown = RunProgress(schedule, len(run.jsonl(METRICS)), console)
            if not launch.ended(started.recipe, run):
                if warning := refuse_too_large(started.recipe):
                    shown.note(f"warning: {warning}")
                if started.source:
                    replay(started.recipe, started.source, run, shown, started.from_step, context)
                else:
                    loop.train(started.recipe, run, shown, context)
    return TrainingRun(path, tuple(in_python(note, _ARGUMENTS) for note in shown.notes))


def _recipe(recipe: Recipe | Path | str, settings: Mapping[str, object]) -> Recipe:
    return checked(recipe) if isinstance(recipe, Recipe) else load_recipe(recipe, settings)
