"""Measurements of the comparison: a model on three data sets, and recorded programs under the
recorded tests of another model.

Every measurement has 4 programs and 16 tests per task at temperature 0.8, the prompts of the
recipe, and the same seed, so that all can be paired by task. A measurement continues where it was
cut off, and asks for no response twice. Recorded responses are graded again without loading a
model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.pretrained.data import BARE, HUMANEVAL, MBPP_HELD_OUT
from rich.console import Console

from sparring import ModelSpec, Recipe, evaluate, load_tasks
from sparring.errors import DataError, explained
from sparring.evaluation.answers.grade import answers_to_grade, grade
from sparring.evaluation.collect import RESPONSES
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import EvaluationProgress
from sparring.files import write_whole
from sparring.runs.lines import lines_of
from sparring.runs.reader import RunReader
from sparring.schema import Role, Task

PROGRAMS = 4
"""Programs for each task."""
TESTS = 16
"""Tests for each task. With 4, a paired interval of the share of right tests was ±9 points."""
TEMPERATURE = 0.8
MUTANTS = 20
"""Mutants of each reference solution."""
START = "start"
"""Name of the initial model among the models that are measured."""


class DataSet(StrEnum):
    """Data set of held-out tasks, a file in the directory of the data."""

    MBPP = "mbpp"
    HUMANEVAL = "humaneval"
    BARE = "humaneval-bare"
    """The same tasks without the examples in their statements."""

    @property
    def file(self) -> str:
        """Name of the file."""
        return _FILES[self]


_FILES = {DataSet.MBPP: MBPP_HELD_OUT, DataSet.HUMANEVAL: HUMANEVAL, DataSet.BARE: BARE}


@dataclass(frozen=True, slots=True)
class Bench:
    """Place of all measurements: the ``recipe`` whose prompts and lengths they use, the directory
    of the data, and the directory ``out`` of the results."""

    recipe: Recipe
    data: Path
    out: Path

    def tasks(self, data_set: DataSet) -> list[Task]:
        """Load a data set. Raises `DataError`."""
        file = self.data / data_set.file
        if not file.is_file():
            raise DataError(
                f"{file}: is missing; make the data with python -m benchmarks.pretrained.data"
            )
        return load_tasks(file)

    def directory(self, name: str, data_set: DataSet) -> Path:
        """Return the directory of a model's evaluation."""
        return self.out / "evaluations" / name / data_set

    @property
    def cache(self) -> Path:
        """Directory of the responses and outcomes that all measurements share."""
        return self.out / "cache"

    def measured(
        self,
        name: str,
        place: str | Path,
        data_set: DataSet,
        temperature: float = TEMPERATURE,
        tests: int = TESTS,
    ) -> dict[str, Any]:
        """Evaluate the model at ``place`` in both roles; return the record of the evaluation.

        Raises `SparringError`, also where responses are missing.
        """
        tasks, out = self.tasks(data_set), self.directory(name, data_set)
        with _timed(out, f"{name} on {data_set}"):
            result = evaluate(
                tasks,
                coder=ModelSpec(str(place), precision=self.recipe.model.precision),
                n=PROGRAMS,
                m=tests,
                out=out,
                name=data_set,
                temperature=temperature,
                max_tokens=self.recipe.sampling.coder_max_tokens,
                tester_max_tokens=self.recipe.sampling.tester_max_tokens,
                mutants=MUTANTS,
                prompts=self.recipe.prompts,
                cache=self.cache,
                progress=True,
            )
        return dict(result.record)

    def recombined(self, coder: str, tester: str, data_set: DataSet) -> dict[str, Any]:
        """Run the recorded programs of the model ``coder`` on the recorded tests of the model
        ``tester``; return the record. Mutants are left out: `measured` has them.

        Raises `SparringError`.
        """
        out = self.out / "recombined" / f"{coder}--{tester}" / data_set
        files = [
            _answers_of(self.directory(name, data_set), role, out / f"{role}.jsonl")
            for role, name in ((Role.CODER, coder), (Role.TESTER, tester))
        ]
        options = EvalOptions(
            sources=(str(data_set),),
            mutants=0,
            prompts=self.recipe.prompts,
            cache=self.cache,
        )
        answers = answers_to_grade(options, self.tasks(data_set), files)
        with EvaluationProgress(Console(stderr=True)) as progress:
            measured = grade(answers, out / "evaluation", progress)
        if measured.complaint:
            raise DataError(f"{out}: {measured.complaint}")
        return dict(measured.record)


def seconds_of(directory: Path) -> float:
    """Return the seconds that an evaluation took, over all calls that continued it."""
    lines = RunReader(directory.parent).jsonl(f"{directory.name}.seconds.jsonl")
    return float(sum(line["seconds"] for line in lines if line["new_responses"]))


def _answers_of(evaluation: Path, role: Role, file: Path) -> Path:
    """Write the responses of one role in an evaluation to ``file``; return it."""
    fields = ("task", "role", "index", "text", "stop")
    rows = [
        {name: row[name] for name in fields}
        for row in RunReader(evaluation).jsonl(RESPONSES)
        if row["role"] == role and row["index"] < (PROGRAMS if role is Role.CODER else TESTS)
    ]
    if not rows:
        raise DataError(f"{evaluation}: has no response of the {role}; evaluate this model first")
    with explained(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, lines_of(rows))
    return file


@contextmanager
def _timed(directory: Path, what: str) -> Iterator[None]:
    """Print what is measured, and record the seconds of the block beside the directory."""
    print(f"measures {what} in {directory}", flush=True)
    begun, before = time.monotonic(), len(RunReader(directory).jsonl(RESPONSES))
    try:
        yield
    finally:
        new = len(RunReader(directory).jsonl(RESPONSES)) - before
        line = {"seconds": round(time.monotonic() - begun, 1), "new_responses": new}
        directory.parent.mkdir(parents=True, exist_ok=True)
        with (directory.parent / f"{directory.name}.seconds.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
