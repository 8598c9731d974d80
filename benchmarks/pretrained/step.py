"""Seconds of a step of the pretrained recipe with weights in bfloat16 and in float32, in one run.

    python -m benchmarks.pretrained.step --model FILE.gguf --data DIR [--steps 2] [--json FILE]

Both train by the recipe from the same start on the same tasks, in turns: a run of one step in
float32 between two runs of ``--steps`` steps in bfloat16, so that a busy neighbour shows in the
difference of the two. A step samples 6 tasks × (8 programs + 8 tests), runs them and learns. The
two precisions sample different responses, so the table has seconds per 1,000 tokens too: of
sampling over all sampled tokens, of learning over the tokens that were learned from. Evaluations
and checkpoints are not counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.pretrained.cpu import cpu_type
from benchmarks.pretrained.start import CHECKPOINT, initial_model_of
from benchmarks.pretrained.train_command import RECIPE, ROOT, TrainCommand, carry_out

from sparring.cli.common import run
from sparring.policy.settings import Precision
from sparring.runs.reader import RunReader
from sparring.schema import Role

THREADS = 2
SHORT: dict[str, object] = {
    "training.threads": THREADS,
    "tasks.held_out_count": 1,
    "evaluation.programs": 1,
    "evaluation.tests": 1,
}
"""Changes to the recipe that shorten what is not measured."""


@dataclass(frozen=True, slots=True)
class MeasuredStep:
    """One step of a run: seconds of the whole step, of sampling and of learning; tokens sampled,
    and tokens learned from."""

    precision: str
    seconds: float
    sampling: float
    learning: float
    sampled: int
    learned: int


def measured_steps(directory: Path, precision: Precision) -> list[MeasuredStep]:
    """Return the steps of a finished run, from its records."""
    run_files = RunReader(directory)
    timing = {r["step"]: r for r in run_files.jsonl("timing.jsonl") if "step" in r}
    return [
        MeasuredStep(
            precision=precision.value,
            seconds=timing[record["step"]]["seconds"],
            sampling=timing[record["step"]]["phases"]["sampling"],
            learning=timing[record["step"]]["phases"]["learning"],
            sampled=record["tokens"],
            learned=sum(record[role.value]["tokens_trained"] for role in Role),
        )
        for record in run_files.jsonl("metrics.jsonl")
    ]


def table(steps: Sequence[MeasuredStep]) -> str:
    """Return the table of means per precision, with the ratio of float32 to bfloat16."""
    rows = {}
    for precision in Precision:
        own = [s for s in steps if s.precision == precision.value]
        sampled, learned = sum(s.sampled for s in own), sum(s.learned for s in own)
        rows[precision] = (
            sum(s.seconds for s in own) / len(own),
            1e3 * sum(s.sampling for s in own) / sampled,
            1e3 * sum(s.learning for s in own) / max(learned, 1),
        )
    names = ("seconds per step", "seconds of sampling per 1,000 tokens",
             "seconds of learning per 1,000 tokens")  # fmt: skip
    lines = ["| | bfloat16 | float32 | ratio |", "|---|---|---|---|"]
    for name, half, full in zip(names, rows[Precision.BFLOAT16], rows[Precision.FLOAT32],
                                strict=True):  # fmt: skip
        lines.append(f"| {name} | {half:.1f} | {full:.1f} | {full / half:.1f} |")
    every = ", ".join(f"{s.seconds:.0f}" for s in steps if s.precision == Precision.BFLOAT16.value)
    return "\n".join([*lines, "", f"steps in bfloat16, in seconds: {every}"])


def measure(recipe: Path, start: Path, data: Path, steps: int) -> list[MeasuredStep]:
    """Make the three runs in a temporary directory and return their steps. Ends the program if a
    run fails."""
    measured = []
    order = ((Precision.BFLOAT16, steps), (Precision.FLOAT32, 1), (Precision.BFLOAT16, steps))
    with tempfile.TemporaryDirectory(prefix="sparring-step-") as place:
        for number, (precision, count) in enumerate(order):
            own = {"model.precision": precision.value, "training.steps": count,
                   "training.checkpoint_every": count, "evaluation.every": count}  # fmt: skip
            directory = Path(place) / f"{number}-{precision.value}"
            training = TrainCommand(directory, recipe, start, data, {**SHORT, **own}, {})
            if status := carry_out(training.words()):
                sys.exit(status)
            measured += measured_steps(directory, precision)
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="GGUF file or checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="directory of the data")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--steps", type=int, default=2, help="steps of each run in bfloat16")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()
    start = initial_model_of(args.model, ROOT / CHECKPOINT)
    steps = measure(args.recipe, start.directory, args.data, args.steps)
    print(table(steps))
    if args.json:
        record = {
            "start": start.as_dict(),
            "cpu": cpu_type(THREADS).as_dict(),
            "steps": [asdict(s) for s in steps],
        }
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
