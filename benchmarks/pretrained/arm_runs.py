"""Training of the arms: the settings of each, and the command that begins or continues its run."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pretrained.arm import Arm
from benchmarks.pretrained.measuring import TRAINING_FILE, DataSet
from benchmarks.pretrained.start import StartModel

from sparring import Recipe, load_tasks
from sparring.config.load import changes_of, differing, load_recipe, make_recipe, recorded_recipe
from sparring.errors import ConfigError, RunError, well_formed
from sparring.evaluation.conditions import task_digest
from sparring.files import checksum
from sparring.runs.directory import RunDir
from sparring.runs.reader import RunReader, holds_run
from sparring.training.launch import ended

_HELD_OUT = DataSet.MBPP.file
_MANY_STEPS = 100_000
"""Steps of a run that its tokens end."""


def train(arm: Arm, options: argparse.Namespace, run_dir: Path, model: StartModel) -> None:
    """Train the arm in ``run_dir``, or go on with the run there, unless it has ended.

    Raises `SparringError`, and SystemExit with the status of a training that failed.
    """
    limit = _limit(options.tokens)
    command = [sys.executable, "-m", "sparring.cli", "train", "--run-dir", str(run_dir)]
    if holds_run(run_dir):
        recorded = recorded_recipe(RunReader(run_dir))
        _check_arm(arm, options, run_dir, recorded)
        _check_model(run_dir, model)
        wanted = make_recipe(recorded.model_dump(mode="json"), limit, str(run_dir))
        if ended(wanted, RunDir(run_dir, locked=False)):
            return
        command += ["--resume", *_sets(limit)]
    else:
        if not limit and load_recipe(options.recipe).training.token_budget is None:
            raise ConfigError(
                f"{options.recipe}: sets no number of tokens, without which arms cannot be "
                "compared; add --tokens N"
            )
        limit = limit or [f"training.steps={_MANY_STEPS}"]
        command += [
            str(options.recipe),
            *_sets([*_of_arm(arm, options), *_inputs(options.data, model), *limit]),
        ]
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)


def _of_arm(arm: Arm, options: argparse.Namespace) -> list[str]:
    return [*arm.settings, *options.set, f"training.seed={options.seed}"]


def _inputs(data: Path, model: StartModel) -> list[str]:
    """Return the settings that name the model and the files of tasks."""
    return changes_of(
        {
            "model.path": model.directory,
            "tasks.train": [str(data / TRAINING_FILE)],
            "tasks.held_out": [str(data / _HELD_OUT)],
        }
    )


def _limit(tokens: int | None) -> list[str]:
    if tokens is None:
        return []
    return [f"training.token_budget={tokens}", f"training.steps={_MANY_STEPS}"]


def _sets(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def _check_arm(arm: Arm, options: argparse.Namespace, run_dir: Path, recorded: Recipe) -> None:
    """Raise `RunError` if the run is of another arm, another seed or other tasks."""
    wanted = load_recipe(options.recipe, _of_arm(arm, options))
    own = {"preset", "training.seed", *(s.partition("=")[0] for a in Arm for s in a.settings)}
    own |= {s.partition("=")[0].strip() for s in options.set}
    if changed := [key for key in differing(recorded, wanted) if key in own]:
        raise RunError(
            f"{run_dir}: is no run of {arm} with seed {options.seed} (another {', '.join(changed)})"
            "; name its own arm and seed, or another --run-dir"
        )
    for files, name in (
        (recorded.tasks.train, TRAINING_FILE),
        (recorded.tasks.held_out, _HELD_OUT),
    ):
        ours = {task_digest(task) for task in load_tasks(options.data / name)}
        if {task_digest(task) for task in load_tasks(*files)} != ours:
            raise RunError(
                f"{run_dir}: has other tasks than {options.data / name}; name the data of the run, "
                "or another --run-dir"
            )


def _check_model(run_dir: Path, model: StartModel) -> None:
    """Raise `RunError` if the run began from other weights than those of the initial model."""
    run = RunReader(run_dir)
    if not run.has("inputs.json"):  # killed before anything was done
        return
    with well_formed(f"{run_dir}: inputs.json"):
        used = {Path(name).name: sha for name, sha in run.read_json("inputs.json")["model"].items()}
    weights = {f.name: checksum(f) for f in model.directory.glob("*.safetensors")}
    if any(used.get(name) != sha for name, sha in weights.items()):
        raise RunError(
            f"{run_dir}: began from other weights than {model.directory}; name the initial model "
            "of the run, or another --run-dir"
        )
