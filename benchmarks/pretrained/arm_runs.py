"""Training of the arms: the settings of each, and the command that begins or continues its run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.pretrained.arm import Arm
from benchmarks.pretrained.data import MBPP_HELD_OUT, MBPP_TRAIN
from benchmarks.pretrained.start import InitialModel
from benchmarks.pretrained.train_command import TrainCommand, carry_out, has_ended

from sparring import Recipe, load_tasks
from sparring.config.load import changes_of, differing, load_recipe, recorded_recipe
from sparring.errors import ConfigError, RunError, well_formed
from sparring.evaluation.conditions import task_digest
from sparring.files import checksum
from sparring.runs.reader import RunReader, holds_run

_MEASURED = {"sampling.coder_max_tokens", "sampling.tester_max_tokens", "model.precision"}
"""Fields beside the prompts that a measurement takes from the recipe."""
_MANY_STEPS = 100_000
"""Steps of a run that its tokens end."""


def train(arm: Arm, options: argparse.Namespace, run_dir: Path, model: InitialModel) -> None:
    """Train the arm in ``run_dir``, or go on with the run there, unless it has ended.

    Raises `SparringError`, and SystemExit with the status of a training that failed.
    """
    limit: dict[str, object] = {}
    if options.tokens is not None:
        limit = {"training.token_budget": options.tokens, "training.steps": _MANY_STEPS}
    begun = holds_run(run_dir)
    if begun:
        recorded = recorded_recipe(RunReader(run_dir))
        _check_arm(arm, options, run_dir, recorded)
        _check_model(run_dir, model)
        if has_ended(run_dir, limit):
            return
    elif not limit:
        if load_recipe(options.recipe).training.token_budget is None:
            raise ConfigError(
                f"{options.recipe}: sets no number of tokens, without which arms cannot be "
                "compared; add --tokens N"
            )
        limit = {"training.steps": _MANY_STEPS}
    command = TrainCommand(
        run_dir, options.recipe, model.directory, options.data, _of_arm(arm, options.seed), limit
    )
    extra = [] if begun else [word for text in options.set for word in ("--set", text)]
    if status := carry_out([*command.words(), *extra]):
        sys.exit(status)


def _of_arm(arm: Arm, seed: int) -> dict[str, object]:
    return {**arm.settings, "training.seed": seed}


def _check_arm(arm: Arm, options: argparse.Namespace, run_dir: Path, recorded: Recipe) -> None:
    """Raise `RunError` if the run is of another arm, another seed or other tasks."""
    changes = [*changes_of(_of_arm(arm, options.seed)), *options.set]
    wanted = load_recipe(options.recipe, changes)
    own = {"training.seed", *(key for one in Arm for key in one.settings)}
    own |= {text.partition("=")[0].strip() for text in options.set}
    different = differing(recorded, wanted)
    if changed := [key for key in different if key in own]:
        raise RunError(
            f"{run_dir}: is no run of {arm} with seed {options.seed} (another {', '.join(changed)})"
            "; name its own arm and seed, or another --run-dir"
        )
    if changed := [key for key in different if key in _MEASURED or key.startswith("prompts.")]:
        raise RunError(
            f"{run_dir}: was trained with another {', '.join(changed)} than {options.recipe}, by "
            "which all models are measured; name the recipe of the run by --recipe"
        )
    used = _inputs_of(run_dir, "tasks")
    tasks = recorded.tasks
    for files, name in ((tasks.train, MBPP_TRAIN), (tasks.held_out, MBPP_HELD_OUT)):
        file = options.data / name
        if [used.get(one) for one in files] == [checksum(file)]:
            continue
        if {*map(task_digest, load_tasks(*files))} != {*map(task_digest, load_tasks(file))}:
            raise RunError(
                f"{run_dir}: has other tasks than {file}; name the data of the run, or another "
                "--run-dir"
            )


def _check_model(run_dir: Path, model: InitialModel) -> None:
    """Raise `RunError` if the run began from other weights than those of the initial model."""
    used = {Path(name).name: sha for name, sha in _inputs_of(run_dir, "model").items()}
    weights = {f.name: checksum(f) for f in model.directory.glob("*.safetensors")}
    if used and any(used.get(name) != sha for name, sha in weights.items()):
        raise RunError(
            f"{run_dir}: began from other weights than {model.directory}; name the initial model "
            "of the run, or another --run-dir"
        )


def _inputs_of(run_dir: Path, kind: str) -> dict[str, str]:
    """Return the recorded checksums of a run's inputs by file; {} if it was killed before them."""
    run = RunReader(run_dir)
    if not run.has("inputs.json"):
        return {}
    with well_formed(f"{run_dir}: inputs.json"):
        return dict(run.read_json("inputs.json")[kind])
