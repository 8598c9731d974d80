"""Train a pretrained model for some steps and show what it learned: `make demo-pretrained`.

    python -m benchmarks.pretrained.demo --model FILE.gguf --mbpp FILE --humaneval FILE

Converts the model, makes the data, trains by the recipe, and prints the figures on held-out tasks
before and after. Each part that is there already is used, and a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from benchmarks.pretrained.data import ON_RECORD, prepare, read_sources
from benchmarks.pretrained.start import FILE, GGUF, initial_model_of
from benchmarks.pretrained.train_command import (
    PROGRAM,
    RECIPE,
    TrainCommand,
    carry_out,
    has_ended,
)
from rich.console import Console

from sparring.cli.common import run
from sparring.config.load import changes_of, load_recipe
from sparring.errors import python_names, well_formed
from sparring.files import checksum
from sparring.runs.directory import RunDir
from sparring.runs.reader import RunReader, holds_run
from sparring.view.terminal.tables import closing_table, show

STEPS = 16


def print_figures(directory: Path) -> None:
    """Print the figures before and after of a finished run."""
    summary = RunReader(directory).read_json("summary.json")
    with well_formed(f"{directory}: summary.json"):
        print(f"{directory}: {summary['steps']} steps")
        show(Console(), closing_table(summary["before"], summary["after"], summary["differences"]))


def main() -> None:
    """Convert, make the data, train, show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="GGUF file or checkpoint")
    parser.add_argument("--mbpp", type=Path, required=True, help="sanitized MBPP")
    parser.add_argument("--humaneval", type=Path, required=True, help="HumanEval.jsonl.gz")
    parser.add_argument("--out", type=Path, default=Path("pretrained"), help="checkpoint and data")
    parser.add_argument("--run", type=Path, default=Path("runs/pretrained"), help="the run")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    read_sources(args.mbpp, args.humaneval)
    later: dict[str, object] = {
        "training.steps": args.steps,
        "evaluation.every": args.steps,
    }
    load_recipe(args.recipe, changes_of(later))
    if not holds_run(args.run):
        with python_names({"--run-dir": "--run"}):
            RunDir.check_new(args.run)
    start = initial_model_of(args.model, args.out / "model")
    print(
        f"initial model: {start.directory}, weights {start.weights}, GGUF {start.gguf}", flush=True
    )
    if start.gguf != GGUF:
        print(f"other initial weights than those of docs/results.md, which are of {FILE} ({GGUF})")
    prepare(args.mbpp, args.humaneval, args.out / "data")
    if any(checksum(args.out / "data" / name) != sha for name, sha in ON_RECORD.items()):
        print("other tasks than those of docs/results.md")
    training = TrainCommand(args.run, args.recipe, start.directory, args.out / "data", {}, later)
    training.check()
    if holds_run(args.run) and has_ended(args.run, later):
        print_figures(args.run)
        print(f"to see the run in a browser: {shlex.join([*PROGRAM, 'report', str(args.run)])}")
    elif status := carry_out(training.words()):
        sys.exit(status)


if __name__ == "__main__":
    run(main)
