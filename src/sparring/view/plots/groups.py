"""The matrices of a run's rollouts, a group at a time, without the rest of the record."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from sparring.errors import RunError
from sparring.matrix import from_verdicts
from sparring.metrics.rates import Group
from sparring.runs.directory import RunDir, step_file, well_formed
from sparring.schema import Verdict


def matrices(run: RunDir, steps: Sequence[int]) -> Iterator[Group]:
    """The groups of these steps that have tests. Raises `RunError`."""
    for step in steps:
        path = run.path / step_file("rollouts", step)
        try:
            with gzip.open(path) as file, well_formed(f"{path}"):
                for line in file:
                    if (found := _group(json.loads(line))) is not None:
                        yield found
        except (OSError, EOFError, zlib.error) as error:
            raise RunError(f"{path}: is damaged ({error})") from None


def _group(record: dict[str, object]) -> Group | None:
    task, programs, tests = (record[k] for k in ("task", "programs", "tests"))
    assert isinstance(task, dict)
    assert isinstance(programs, list)
    assert isinstance(tests, list)
    if not tests or not programs:
        return None
    verdicts = [[Verdict(o["verdict"]) for o in p["runs"]] for p in programs]
    right = None
    if task["has_reference"]:
        right = np.array([bool(t["right"]) for t in tests], dtype=bool)
    return Group(
        str(task["id"]),
        from_verdicts(verdicts, len(task["tests"])),
        np.array([t["input"] is not None for t in tests], dtype=bool),
        right,
    )
