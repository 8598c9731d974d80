"""Does what an arm has learned carry over to other coders, and to solving problems?

    python -m benchmarks.pretrained.carry_over run default --seed 1 \
        --model MODEL --data DATA --out DIR --coder smollm2=SMOLLM2 --coder start@1.2=MODEL
    python -m benchmarks.pretrained.carry_over table

``run`` comes after the arm's own ``arms run`` with the same directories, and reuses its recorded
responses. It leaves carry-over-ARM-sSEED.json in benchmarks/results/pretrained.

*Other coders* (Table 2 of arXiv 2506.03136, in small): 4 programs per task of each ``--coder
NAME[@TEMPERATURE]=DIRECTORY``, sampled once, are chosen by 4 tests of the initial model, and by 4
tests of the trained one; figures are means over draws of 4 of the 16. Nothing else is sampled. The
temperature is 0.8 unless named.

*Solving*: the pipeline `best_of_n` at 4 programs and 4 tests, which knows no ground truth and
chooses by the default rule of `sparring solve`, with the initial pair and with the trained pair. It
replays the responses of both evaluations, so it samples nothing. `sparring solve` at these sizes
samples the same 4 + 4, since it settles no choice before 20 tests; it may ask for one more input
where two programs are nearly equal, which is left out here.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.pretrained.arm import Arm
from benchmarks.pretrained.arms import MODEL_HELP, initial_place, name_of, newest_checkpoint
from benchmarks.pretrained.carry_over_tables import carry_over_tables
from benchmarks.pretrained.environment import environment_of
from benchmarks.pretrained.measuring import START, TEMPERATURE, Bench, DataSet
from benchmarks.pretrained.records import RESULTS, small, write
from benchmarks.pretrained.solved import solved_by_pair
from benchmarks.pretrained.start import initial_model_of
from benchmarks.pretrained.train_command import RECIPE

from sparring.cli.common import run
from sparring.config.load import load_recipe
from sparring.errors import ConfigError, RunError
from sparring.evaluation.directory import FIGURES
from sparring.runs.reader import open_run

TRAINED = "trained"


@dataclass(frozen=True, slots=True)
class OtherCoder:
    """Model whose programs are chosen by tests of other models."""

    name: str
    place: str
    temperature: float


def coder_named(text: str) -> OtherCoder:
    """Return the coder that ``NAME[@TEMPERATURE]=DIRECTORY`` names. Raises `ConfigError`."""
    match = re.fullmatch(r"([\w.-]+?)(?:@(\d+(?:\.\d+)?))?=(.+)", text)
    if match is None or (match[1] == START and match[2] is None):
        raise ConfigError(
            f"--coder {text}: must be NAME=DIRECTORY or NAME@TEMPERATURE=DIRECTORY, such as "
            "smollm2=models/smollm2; the initial model at 0.8 is in the arm's own record"
        )
    name, temperature, place = match.groups()
    degrees = TEMPERATURE if temperature is None else float(temperature)
    return OtherCoder(name if temperature is None else f"{name}@{temperature}", place, degrees)


def measure_carry_over(options: argparse.Namespace) -> Path:
    """Measure what carries over; return the file of the record. Raises `SparringError`."""
    coders = [coder_named(text) for text in options.coder]
    run_dir = options.run_dir or options.out / "runs" / name_of(options.arm, options.seed)
    open_run(run_dir)
    checkpoint = newest_checkpoint(run_dir)
    bench = Bench(load_recipe(options.recipe), options.data, options.out)
    testers = {START: START, TRAINED: f"{name_of(options.arm, options.seed)}-{checkpoint.name}"}
    model = initial_model_of(options.model, initial_place(options.out))
    places = {START: model.directory, TRAINED: checkpoint}
    for tester in testers.values():
        for data_set in options.data_sets:
            if not (bench.directory(tester, data_set) / FIGURES).exists():
                raise RunError(
                    f"{bench.directory(tester, data_set)}: holds no evaluation; make it with "
                    f"arms run {options.arm} and the same --out"
                )
    others: dict[str, Any] = {}
    for coder in coders:
        others[coder.name] = {}
        for data_set in options.data_sets:
            bench.measured(coder.name, coder.place, data_set, coder.temperature, tests=0)
            others[coder.name][str(data_set)] = {
                key: small(bench.recombined(coder.name, tester, data_set), True)
                for key, tester in testers.items()
            }
    solved = {
        str(data_set): {
            key: solved_by_pair(bench, name, places[key], data_set) for key, name in testers.items()
        }
        for data_set in options.data_sets
    }
    record = {
        "arm": options.arm,
        "seed": options.seed,
        "initial_model": model.as_dict(),
        **environment_of(options.data),
        "temperatures": {c.name: c.temperature for c in coders},
        "coders": others,
        "solved": solved,
    }
    file: Path = options.results / f"carry-over-{name_of(options.arm, options.seed)}.json"
    write(file, record)
    return file


def _parser() -> argparse.ArgumentParser:
    text = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="carry_over", description=text)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("run", help="measure what carries over from an arm")
    make.add_argument("arm", choices=list(Arm))
    make.add_argument("--seed", type=int, required=True)
    make.add_argument("--model", type=Path, required=True, help=MODEL_HELP)
    make.add_argument("--data", type=Path, required=True, help="directory of the data")
    make.add_argument("--out", type=Path, required=True, help="directory of runs, as of arms run")
    make.add_argument("--run-dir", type=Path, help="directory of the run; default: OUT/runs/NAME")
    make.add_argument("--recipe", type=Path, default=RECIPE, help="recipe, as of arms run")
    make.add_argument("--coder", action="append", default=[], metavar="NAME[@TEMPERATURE]=DIR")
    make.add_argument(
        "--data-sets", nargs="+", type=DataSet, choices=list(DataSet), default=list(DataSet)
    )
    table = commands.add_parser("table", help="print the tables of all records")
    for command in (make, table):
        command.add_argument("--results", type=Path, default=RESULTS, help="directory of records")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Carry out the command. A command that was stopped goes on if it is repeated."""
    options = _parser().parse_args(arguments)
    if options.command == "table":
        print(carry_over_tables(options.results))
    else:
        print(f"record: {measure_carry_over(options)}")


if __name__ == "__main__":
    run(main)
