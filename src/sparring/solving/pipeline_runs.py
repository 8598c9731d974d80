"""Runs of pipelines: what each pipeline decided on each task, and what it cost, as records.

A run is one line of ``pipelines.jsonl`` in the directory of an evaluation, on disk before the next
one begins. Runs whose models went away, or that the user stopped, are not recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparring.errors import explained, well_formed
from sparring.schema import Test, TestKind
from sparring.solving.budget import Costs
from sparring.solving.pipelines import Pipeline

RUNS = "pipelines.jsonl"

RunKey = tuple[Pipeline, str, int, str]
"""Pipeline, task, size, and name of the selector."""


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """Run of a pipeline on one task.

    ``size``: programs and tests that the pipeline began with. ``source``: the chosen program, None
    where there is none. ``tests``: the tests that the pipeline held at its end. ``costs`` include
    replayed responses, except for their seconds; ``replayed``: how many of the requests were
    answered from the record.
    """

    pipeline: Pipeline
    task: str
    size: int
    selector: str
    chosen: int | None
    source: str | None
    chosen_by: str
    reason: str
    tests: tuple[Test, ...]
    costs: Costs
    replayed: int
    steps: tuple[str, ...] = ()

    @property
    def key(self) -> RunKey:
        """What tells this run from others in the same directory."""
        return self.pipeline, self.task, self.size, self.selector

    def record(self) -> dict[str, Any]:
        """Return the run as JSON-able data."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> PipelineRun:
        """Return the run that `record` wrote."""
        tests = tuple(Test(**{**t, "kind": TestKind(t["kind"])}) for t in record["tests"])
        return cls(
            **{
                **record,
                "pipeline": Pipeline(record["pipeline"]),
                "tests": tests,
                "costs": Costs(**record["costs"]),
                "steps": tuple(record["steps"]),
            }
        )


def read_runs(directory: Path) -> dict[RunKey, PipelineRun]:
    """Return the recorded runs. A last line that a killed process left half written is left out.

    Raises `RunError` for a damaged file.
    """
    path = directory / RUNS
    with explained(path):
        if not path.exists():
            return {}
        data = path.read_bytes()
    runs: dict[RunKey, PipelineRun] = {}
    for number, line in enumerate(_whole(data), start=1):
        with well_formed(f"{path}, line {number}"):
            run = PipelineRun.of(json.loads(line))
            runs[run.key] = run
    return runs


def cut_torn_line(directory: Path) -> None:
    """Cut away a last line without its end, so that the next line can be appended."""
    path = directory / RUNS
    with explained(path):
        if not path.exists():
            return
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            path.write_bytes(whole)


def _whole(data: bytes) -> list[bytes]:
    return data[: data.rfind(b"\n") + 1].splitlines()
