"""Repeat the first steps of the pretrained recipe, and compare them with the committed record.

    python -m benchmarks.pretrained.repeat --model FILE.gguf --data DIR [--kill 3]

- The initial model and the data must be those of the record, by their SHA-256; DIR is what
  `benchmarks.pretrained.data` makes.
- On the same type of CPU every figure must be equal to the digit; elsewhere means over the steps
  within a tolerance (`first_steps`).
- ``--kill N`` makes the run a second time, kills it N times at random moments, resumes it each
  time, and compares all files of the two runs but the measured ones.
- ``--record`` writes the record instead of comparing with it.

Exits with 0 if everything agrees, 1 if something differs, 2 for a mistake in the call.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pretrained.cpu import cpu_type
from benchmarks.pretrained.data import MBPP_HELD_OUT, MBPP_TRAIN
from benchmarks.pretrained.first_steps import differing_digits, distances, drawn_means
from benchmarks.pretrained.kills import KillMoment, kill_moments, killed_and_resumed
from benchmarks.pretrained.run_files import checksums, differing_files
from benchmarks.pretrained.start import CHECKPOINT, FILE, InitialModel, initial_model_of
from benchmarks.pretrained.train_command import RECIPE, ROOT, TrainCommand, carry_out

from sparring.cli.common import run
from sparring.config.load import differing, make_recipe, recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, DataError, ModelError, RunError, well_formed, writing
from sparring.files import checksum
from sparring.runs.reader import RunReader

RECORD = ROOT / "benchmarks" / "results" / "pretrained" / "first-steps.json"
STEPS = 5
THREADS = 2
CHANGES: dict[str, object] = {"training.threads": THREADS, "tasks.held_out_count": 4}
"""Few held-out tasks, because the steps are the matter; threads, because they decide the order of
sums."""
LATER: dict[str, object] = {"training.checkpoint_every": 2, "training.keep_checkpoints": 1}
"""Checkpoints of steps 2, 4 and 5, so that a kill falls before, between and after them."""
_PATHS = {"model.path", "tasks.train", "tasks.held_out"}
_SHOWN = 10
"""Most figures that differ that are printed."""


def data_files(data: Path) -> dict[str, str]:
    """Return the SHA-256 of the files that the run reads. Raises `DataError`."""
    for name in (MBPP_TRAIN, MBPP_HELD_OUT):
        if not (data / name).is_file():
            raise DataError(
                f"{data / name}: there is no such file; make the data: "
                "python -m benchmarks.pretrained.data"
            )
    return {name: checksum(data / name) for name in (MBPP_TRAIN, MBPP_HELD_OUT)}


def read_record(path: Path) -> dict[str, Any]:
    """Return the record. Raises `ConfigError`."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no record; make one with --record") from None
    except ValueError as error:
        raise ConfigError(f"{path}: cannot be read: {error}; make it anew with --record") from None
    return record


def gguf_of(record: dict[str, Any], path: Path) -> str | None:
    """Return the SHA-256 of the model's file on record; None if it is not on record."""
    with well_formed(str(path)):
        digest: str | None = record["start"]["gguf_sha256"]
    return digest


def check_same(
    record: dict[str, Any], path: Path, start: InitialModel, files: dict[str, str]
) -> None:
    """Raise `ModelError` for another initial model than on record, `DataError` for other data."""
    with well_formed(str(path)):
        known = record["start"]
        if start.weights != known["weights_sha256"]:
            raise ModelError(
                f"{start.directory}: is not the initial model of {path.name}: its weights have "
                f"SHA-256 {start.weights}, those on record {known['weights_sha256']}; give "
                f"{FILE} with SHA-256 {known['gguf_sha256']}"
            )
        for name, digest in files.items():
            if digest != record["data"][name]:
                raise DataError(
                    f"{name}: is not the file of {path.name}: its SHA-256 is {digest}, on record "
                    f"{record['data'][name]}; make the data: python -m benchmarks.pretrained.data"
                )


def check_recipe(record: dict[str, Any], path: Path, recipe: Recipe) -> None:
    """Raise `ConfigError` if the recipe is not that of the record."""
    with well_formed(str(path)):
        recorded = make_recipe(record["recipe"], (), path.name)
    if changed := [key for key in differing(recorded, recipe) if key not in _PATHS]:
        raise ConfigError(
            f"the recipe is not that of {path.name}: {', '.join(changed)} changed; record the "
            "steps anew with --record"
        )


def record_of(
    training: TrainCommand, start: InitialModel, files: dict[str, str], threads: int
) -> dict[str, Any]:
    """Return the record of a finished run."""
    reader = RunReader(training.directory)
    recipe = recorded_recipe(reader).model_dump(mode="json")
    recipe["model"]["path"] = "MODEL"
    recipe["tasks"] |= {"train": [MBPP_TRAIN], "held_out": [MBPP_HELD_OUT]}
    sums = checksums(training.directory)
    return {
        "start": start.as_dict(),
        "data": files,
        "cpu": cpu_type(threads).as_dict(),
        "seconds": [line["seconds"] for line in reader.jsonl("timing.jsonl") if "phases" in line],
        "metrics": reader.jsonl("metrics.jsonl"),
        "rollouts": {k: v for k, v in sums.items() if k.startswith("rollouts/")},
        "recipe": recipe,
    }


def agrees(record: dict[str, Any], here: dict[str, Any], recipe: Recipe, threads: int) -> bool:
    """Print the comparison of a run with the record, and return True if they agree."""
    recorded = record["metrics"]
    other = cpu_type(threads).other(record["cpu"])
    unequal = list(differing_digits(recorded, here["metrics"]))
    unequal_files = differing_files(record["rollouts"], here["rollouts"])
    if not unequal and not unequal_files:
        print(f"all figures of {len(recorded)} steps, and all rollouts, equal the record's")
        return True
    for step, key, first, second in unequal[:_SHOWN]:
        print(f"step {step}, {key}: {first} on record, {second} here")
    if len(unequal) > _SHOWN:
        print(f"… and {len(unequal) - _SHOWN} more figures differ")
    for name in unequal_files if not unequal else []:
        print(f"{name}: differs from the record's")
    apart = distances(recorded, here["metrics"], drawn_means(recipe))
    for one in apart:
        print(one)
    within = all(one.within for one in apart)
    if not other:
        print("this is the type of CPU of the record, so every digit should be equal")
        return False
    print(f"another type of CPU than the record's ({'; '.join(other)}): digits may differ")
    print("the means over the steps agree" if within else "the means over the steps do not agree")
    return within


def main() -> None:
    """Run, compare, and say so by the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="GGUF file or checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="directory of the data")
    parser.add_argument("--out", type=Path, default=Path("runs/first-steps"), help="new directory")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--against", type=Path, default=RECORD, help="the record")
    parser.add_argument("--record", action="store_true", help="write the record")
    parser.add_argument("--kill", type=int, default=0, metavar="N", help="kills of a second run")
    parser.add_argument("--seed", type=int, default=24, help="seed of the moments of the kills")
    args = parser.parse_args()
    for option, value, least in (("--steps", args.steps, 1), ("--kill", args.kill, 0)):
        if value < least:
            raise ConfigError(f"{option} {value}: must be at least {least}")
    record = None if args.record else read_record(args.against)
    if args.out.exists():
        raise ConfigError(f"--out {args.out}: already exists; name another directory")
    files = data_files(args.data)
    expected = None if record is None else gguf_of(record, args.against)
    start = initial_model_of(args.model, ROOT / CHECKPOINT, expected)
    print(f"initial model: weights {start.weights}, GGUF {start.gguf}", flush=True)
    if record is not None:
        check_same(record, args.against, start, files)
    later = {**LATER, "training.steps": args.steps, "evaluation.every": args.steps}
    training, again = (
        TrainCommand(args.out / name, args.recipe, start.directory, args.data, CHANGES, later)
        for name in ("run", "killed")
    )
    recipe = training.wanted()
    if record is not None:
        check_recipe(record, args.against, recipe)
    if status := carry_out(training.words()):
        raise RunError(f"{training.directory}: the run failed with status {status}")
    here = record_of(training, start, files, THREADS)
    good = True
    if record is None:
        with writing(f"--against {args.against}", ConfigError):
            args.against.parent.mkdir(parents=True, exist_ok=True)
            args.against.write_text(json.dumps(here, indent=1) + "\n", encoding="utf-8")
        print(f"{args.against}: the record of {args.steps} steps")
    else:
        good = agrees(record, here, recipe, THREADS)
    if args.kill:
        moments = kill_moments(args.kill, here["seconds"], args.seed)
        good = same_after_kills(training, again, moments) and good
    sys.exit(0 if good else 1)


def same_after_kills(
    training: TrainCommand, again: TrainCommand, moments: Sequence[KillMoment]
) -> bool:
    """Make the run again with kills, print the files that differ, and return True if none does.

    Of the first run's checkpoints only checksums are kept: a checkpoint is several gigabytes.
    """
    undisturbed = checksums(training.directory)
    shutil.rmtree(training.directory / "checkpoints")
    killed_and_resumed(again, moments)
    names = differing_files(undisturbed, checksums(again.directory))
    for name in names:
        print(f"{name}: differs after {len(moments)} kills")
    if not names:
        print(f"all {len(undisturbed)} files equal those of the run that was not killed")
    return not names


if __name__ == "__main__":
    run(main)
