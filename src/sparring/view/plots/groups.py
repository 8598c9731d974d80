"""The matrices of a run's rollouts, a group at a time, without the rest of the record."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sparring.errors import RunError
from sparring.grading.facts import bare_facts
from sparring.grading.record import result_from
from sparring.metrics.facts import TaskFacts
from sparring.runs.directory import RunDir, step_file, well_formed


def matrices(run: RunDir, steps: Sequence[int]) -> Iterator[TaskFacts]:
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


def _group(record: Mapping[str, Any]) -> TaskFacts | None:
    result = result_from(record)
    return bare_facts(result) if result.tests and result.programs else None
