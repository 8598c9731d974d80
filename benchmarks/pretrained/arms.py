"""Arms of the comparison on Qwen2.5-Coder-0.5B-Instruct: train one, measure it, keep its record.

    python -m benchmarks.pretrained.arms run default --seed 1 --tokens N \
        --model MODEL --data DATA --out DIR
    python -m benchmarks.pretrained.arms start --model MODEL --data DATA --out DIR

``run`` trains the recipe with the settings of the arm, then measures the initial model, once for
all arms, and the last checkpoint on 40 held-out tasks of MBPP and on 40 of HumanEval with and
without the examples in their statements. It leaves ARM-sSEED.json in benchmarks/results/pretrained,
and start.json of the initial model. The same command goes on where it was cut off: training from
the last finished step, an evaluation from the last response. ``--run-dir`` takes over a run that
`sparring train` has begun. benchmarks/pretrained/tables.py prints the tables. All models are
measured by the prompts, the reader and the lengths of the recipe, whatever those of the arm.

Every arm samples the same number of tokens (``--tokens``: `training.token_budget`), discarded
responses included. A run ends at the end of the step that spends the budget, so it exceeds the
budget by less than one step. Tokens of evaluations are outside of it. Order of tasks and sampling
depend on the seed alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pretrained.arm import Arm
from benchmarks.pretrained.arm_runs import train
from benchmarks.pretrained.environment import environment_of
from benchmarks.pretrained.measuring import (
    START,
    Bench,
    DataSet,
    seconds_of,
)
from benchmarks.pretrained.records import RESULTS, read, same_start, small, write
from benchmarks.pretrained.run_record import run_record
from benchmarks.pretrained.start import InitialModel, initial_model_of
from benchmarks.pretrained.train_command import RECIPE

from sparring.cli.common import run
from sparring.config.load import changes_of, load_recipe
from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.runs.reader import RunReader

MODEL_HELP = "GGUF file or checkpoint's directory of the initial model"


def measure(bench: Bench, name: str, place: str | Path) -> dict[str, Any]:
    """Measure a model on every data set; return the small records with their seconds.

    ``pool`` has the initial model's programs under this model's tests.
    """
    evaluations, pool, seconds = {}, {}, {}
    for data_set in DataSet:
        evaluations[str(data_set)] = small(bench.measured(name, place, data_set))
        seconds[str(data_set)] = seconds_of(bench.directory(name, data_set))
        if name != START:
            pool[str(data_set)] = small(bench.recombined(START, name, data_set), True)
    return {"evaluation_seconds": seconds, "evaluations": evaluations, "pool": pool}


def check_records(results: Path, model: InitialModel) -> None:
    """Raise `RunError` if ``results`` has the record of another initial model, whose arms could not
    be compared with those of ``model``."""
    file = results / f"{START}.json"
    if file.exists() and not same_start(read(file), model.as_dict()):
        raise RunError(
            f"{file}: is of another initial model than {model.directory}; name another --results"
        )


def measure_start(options: argparse.Namespace, recipe: Recipe, model: InitialModel) -> None:
    """Measure the initial model, and keep its record."""
    bench = Bench(recipe, options.data, options.out)
    measured = measure(bench, START, model.directory)
    file = options.results / f"{START}.json"
    if not (file.exists() and read(file).get("evaluations") == measured["evaluations"]):
        places = {"initial_model": model.as_dict(), **environment_of(options.data)}
        write(file, {"arm": START, **places, **measured})


def initial_place(out: Path) -> Path:
    """Return the directory for the checkpoint of an initial model that is a GGUF file."""
    return out / "initial_model"


def name_of(arm: str, seed: int) -> str:
    """Return the name of an arm's run and record."""
    return f"{arm}-s{seed}"


def newest_checkpoint(run_dir: Path) -> Path:
    """Return the newest checkpoint of a run. Raises `RunError` if it has none."""
    checkpoint = RunReader(run_dir).newest_checkpoint()
    if checkpoint is None:
        raise RunError(f"{run_dir}: has no checkpoint yet; finish it with arms run")
    return checkpoint


def measure_arm(options: argparse.Namespace) -> Path:
    """Train, measure and record one arm; return the file of its record. Raises `SparringError`."""
    arm, name = Arm(options.arm), name_of(options.arm, options.seed)
    run_dir = options.run_dir or options.out / "runs" / name
    recipe = load_recipe(options.recipe)
    model = initial_model_of(options.model, initial_place(options.out))
    check_records(options.results, model)
    train(arm, options, run_dir, model)
    trained, checkpoint = RunReader(run_dir), newest_checkpoint(run_dir)
    measure_start(options, recipe, model)
    bench = Bench(recipe, options.data, options.out)
    measured = measure(bench, f"{name}-{checkpoint.name}", checkpoint)
    record = {
        "arm": str(arm),
        "seed": options.seed,
        "settings": [*changes_of(arm.settings), *options.set],
        "initial_model": model.as_dict(),
        **environment_of(options.data),
        **run_record(trained),
        **measured,
    }
    file: Path = options.results / f"{name}.json"
    write(file, record)
    return file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="arms", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="train an arm, measure it and keep its record")
    one.add_argument("arm", choices=list(Arm))
    one.add_argument("--seed", type=int, required=True)
    one.add_argument("--tokens", type=int, help="tokens that the run samples")
    one.add_argument("--run-dir", type=Path, help="directory of the run; default: OUT/runs/NAME")
    one.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    start = commands.add_parser("start", help="measure the initial model alone")
    for command in (one, start):
        command.add_argument("--model", type=Path, required=True, help=MODEL_HELP)
        command.add_argument("--data", type=Path, required=True, help="directory of the data")
        command.add_argument(
            "--out", type=Path, required=True, help="directory for runs, responses"
        )
        command.add_argument("--recipe", type=Path, default=RECIPE)
        command.add_argument("--results", type=Path, default=RESULTS, help="directory of records")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Carry out the command. A command that was stopped goes on if it is repeated."""
    options = _parser().parse_args(arguments)
    if options.command == "start":
        model = initial_model_of(options.model, initial_place(options.out))
        check_records(options.results, model)
        measure_start(options, load_recipe(options.recipe), model)
    else:
        print(f"record: {measure_arm(options)}")


if __name__ == "__main__":
    run(main)
