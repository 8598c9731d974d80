"""Tables of the arms' records, in Markdown, for docs/results.md.

    python -m benchmarks.pretrained.tables [--results DIR] > tables.md

Differences are paired by task. A cell names the number of its tasks where it is not of all: a task
without a wrong program or without a right test has no part in some figures, and a difference is of
the tasks that both sides know. Of one seed they have the intervals of `sparring compare`, of
several seeds those over seeds and tasks (`benchmarks/seeds_and_tasks.py`). The held-out tasks and
the seed of their sampling are the same in all records.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from benchmarks.pretrained.arm import Arm
from benchmarks.pretrained.curves import cost_table, curve_table, held_out_table
from benchmarks.pretrained.figures import (
    FIGURES,
    TITLES,
    Figure,
    shown_change,
    shown_level,
    shown_number,
)
from benchmarks.pretrained.measuring import START, DataSet
from benchmarks.pretrained.records import RESULTS, Measured, read, same_start
from benchmarks.seeds_and_tasks import interval

from sparring.cli.common import run
from sparring.errors import RunError, well_formed
from sparring.metrics.intervals import Estimate
from sparring.metrics.metric_intervals import is_share

Arms = Mapping[Arm, Mapping[int, Mapping[str, Any]]]
"""Records of the arms, by arm and seed."""


def measured(record: Mapping[str, Any], data_set: DataSet, figure: Figure) -> Measured:
    """Return the evaluation in a record that has the figure. The pool of the initial model is its
    own programs."""
    with well_formed("the record of an arm"):
        section = "pool" if figure.pool and record["arm"] != START else "evaluations"
        return Measured(record[section][data_set])


def change(before: Sequence[Measured], after: Sequence[Measured], name: str) -> Estimate:
    """Return after − before of a figure, paired by task and by seed, with its 95% interval."""
    if len(after) == 1:
        return after[0].change_from(before[0], name)
    pairs = zip(before, after, strict=True)
    differences = np.array([new.changes_by_task(old, name) for old, new in pairs])
    tasks = int((~np.isnan(differences)).any(axis=0).sum())
    if tasks < 2:
        return Estimate(float("nan"), float("nan"), float("nan"), tasks)
    if np.ptp(differences[~np.isnan(differences)]) == 0:  # an interval of no width would be wrong
        return after[0].change_from(before[0], name)
    mean, half = interval(differences)
    bound = 1.0 if is_share(name) else float("inf")
    return Estimate(mean, max(mean - half, -bound), min(mean + half, bound), tasks)


def start_table(data_set: DataSet, start: Mapping[str, Any], arms: Arms) -> str:
    """Return the table of a data set: the initial model, and each arm with its paired change."""
    heads = [f"{arm} ({_seeds(list(by_seed))})" for arm, by_seed in arms.items()]
    lines = [f"| {TITLES[data_set]}, % | initial [95%] | " + " | ".join(heads) + " |"]
    lines.append("|---" * (len(heads) + 2) + "|")
    for figure in FIGURES:
        first = measured(start, data_set, figure)
        name = figure.name
        if not first.has(name):
            continue
        tasks = len(first.record["tasks"])
        cells = [shown_level(first.estimate(name), name, tasks)]
        for by_seed in arms.values():
            after = [measured(record, data_set, figure) for record in by_seed.values()]
            if not all(one.has(name) for one in after):
                cells.append("–")
                continue
            mean = fmean(one.estimate(name).mean for one in after)
            moved = change([first] * len(after), after, name)
            cells.append(f"{shown_number(mean, name)}; {shown_change(moved, name, tasks)}")
        lines.append(f"| {figure.label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def arm_table(one: Arm, other: Arm, arms: Arms) -> str:
    """Return the table of ``one`` − ``other`` on every data set, over the seeds of both."""
    seeds = sorted(set(arms[one]) & set(arms[other]))
    if not seeds:
        return ""
    head = f"| {one} − {other} ({_seeds(seeds)}), points |"
    lines = [head + "".join(f" {TITLES[d]} |" for d in DataSet), "|---" * 4 + "|"]
    for figure in FIGURES:
        cells = []
        for data_set in DataSet:
            before, after = (
                [measured(arms[arm][seed], data_set, figure) for seed in seeds]
                for arm in (other, one)
            )
            known = all(m.has(figure.name) for m in (*before, *after))
            moved = change(before, after, figure.name) if known else None
            tasks = len(after[0].record["tasks"])
            cells.append("–" if moved is None else shown_change(moved, figure.name, tasks))
        lines.append(f"| {figure.label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def tables(results: Path) -> str:
    """Return all tables for which there are records. Raises `RunError`."""
    start = results / f"{START}.json"
    if not start.exists():
        raise RunError(
            f"{results}: has no {START}.json; make it with python -m benchmarks.pretrained.arms "
            "start"
        )
    initial, arms = read(start), records(results)
    parts = [_initial_line(initial)]
    for arm, by_seed in arms.items():
        for seed, record in by_seed.items():
            if not same_start(initial, record["initial_model"]):
                raise RunError(
                    f"{results}: {arm}, seed {seed}, began from another initial model than that of "
                    f"{start.name}; measure it anew, or remove its record"
                )
    parts += [start_table(data_set, initial, arms) for data_set in DataSet]
    others = [arm for arm in arms if arm is not Arm.DEFAULT]
    if Arm.DEFAULT in arms:
        parts += [arm_table(Arm.DEFAULT, other, arms) for other in others]
    for arm, by_seed in arms.items():
        parts += [table(arm, list(by_seed.values())) for table in (curve_table, held_out_table)]
    every = [record for by_seed in arms.values() for record in by_seed.values()]
    parts += [cost_table(every)] if every else []
    return "\n\n".join(p for p in parts if p)


def records(results: Path) -> dict[Arm, dict[int, dict[str, Any]]]:
    """Read the records of all arms, in the order of `Arm` and of seeds. Raises `RunError`."""
    found: dict[Arm, dict[int, dict[str, Any]]] = {}
    for arm in Arm:
        by_seed = {}
        for file in results.glob(f"{arm}-s*.json"):
            record = read(file)
            with well_formed(str(file)):
                by_seed[int(record["seed"])] = record
        if by_seed:
            found[arm] = dict(sorted(by_seed.items()))
    return found


def _initial_line(start: Mapping[str, Any]) -> str:
    with well_formed("the record of an arm"):
        model = start["initial_model"]
        gguf, weights = model["gguf_sha256"] or "unknown", model["weights_sha256"]
    return f"SHA-256 of the initial model's GGUF file: {gguf}; of its tensors: {weights}."


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="tables", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="directory of the records")
    options = parser.parse_args(arguments)
    print(tables(options.results))


if __name__ == "__main__":
    run(main)
