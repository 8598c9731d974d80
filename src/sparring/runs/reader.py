"""A run directory as it is read: by whoever looks at it, resumes it or learns from it again.

A run may be going on, cut off or damaged in places. What cannot be read is a
`RunError` that names the file; a step may have thousands of groups, so its
file is read line by line (`packed_lines`) wherever it need not be held whole.
`sparring.runs.directory` has the layout and the writer.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from sparring.errors import RunError

RECIPE = "recipe.json"
METRICS, EVALUATIONS = "metrics.jsonl", "evaluations.jsonl"
TIMING, TIMELINE = "timing.jsonl", "timeline.jsonl"
_MEND = "; remove it, then --resume"
_STEP = re.compile(r"step-(\d{5,})")


class RunReader:
    """The files of a run, or of an evaluation, in the directory ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """Whether a file of that name is there."""
        return (self.path / name).exists()

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.path}: {name} is missing") from None
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{self.path}: {name} is damaged: {error}") from None

    def jsonl(self, name: str) -> list[dict[str, Any]]:
        """The records of a JSONL file. A last line cut short by a crash is left out."""
        path = self.path / name
        if not path.exists():
            return []
        try:
            *whole, _torn = path.read_bytes().split(b"\n")
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror}") from None
        records = []
        for number, line in enumerate(whole, start=1):
            if (record := record_of(line)) is None:
                raise RunError(f"{path}: line {number} is damaged; mend or remove it")
            records.append(record)
        return records

    def packed_lines(self, name: str) -> Iterator[bytes]:
        """The lines of a gzipped JSONL file, one after another. Raises `RunError` where the file
        ends too early or is none, after the lines that could be read."""
        path = self.path / name
        try:
            with path.open("rb") as file:
                if not file.peek(1):
                    raise EOFError("empty file")
                with gzip.open(file) as unpacked:
                    yield from unpacked
        except FileNotFoundError:
            raise RunError(f"{self.path}: {name} is missing") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RunError(f"{path}: is damaged ({error})") from None
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror}") from None

    def packed_records(self, name: str) -> Iterator[dict[str, Any]]:
        """The records of a gzipped JSONL file, one after another."""
        yield from self._records(name, goes_on=self.has(RECIPE))  # an evaluation has no --resume

    def _records(self, name: str, goes_on: bool) -> Iterator[dict[str, Any]]:
        try:
            for number, line in enumerate(self.packed_lines(name), start=1):
                if (record := record_of(line)) is None:
                    raise RunError(f"{self.path / name}: is damaged (line {number})")
                yield record
        except RunError as error:
            hint = _MEND if goes_on and self.has(name) else ""
            raise RunError(f"{error}{hint}") from None

    def groups(self, step: int) -> Iterator[dict[str, Any]]:
        """The recorded groups of a step."""
        return self.packed_records(step_file("rollouts", step))

    def read_packed(self, name: str) -> list[dict[str, Any]]:
        """All records of a gzipped JSONL file, which has at least one."""
        records = list(self._records(name, goes_on=True))
        if not records:
            raise RunError(f"{self.path / name}: is damaged (no records){_MEND}")
        return records

    def recorded_steps(self) -> list[int]:
        """The steps whose rollouts are there, from the first one without a gap."""
        steps = self.rollout_steps()
        return list(takewhile(set(steps).__contains__, count(min(steps, default=0))))

    def rollout_steps(self) -> list[int]:
        """The steps whose rollouts are there, sorted; an evaluation's are under step 0."""
        return self.steps("rollouts", ".jsonl.gz")

    def steps(self, room: str, ending: str = "") -> list[int]:
        """The steps that a room of the run (rollouts, checkpoints, …) has something of, sorted."""
        names = [p.name.removesuffix(ending) for p in (self.path / room).glob(f"step-*{ending}")]
        return sorted(int(m[1]) for m in map(_STEP.fullmatch, names) if m)

    def newest_checkpoint(self) -> Path | None:
        """The latest complete checkpoint."""
        complete = self.checkpoints()
        return complete[-1] if complete else None

    def checkpoints(self) -> list[Path]:
        """The complete checkpoints, the oldest first."""
        room = self.path / "checkpoints"
        return [p for s in self.steps("checkpoints") if (p := room / f"step-{s:05d}").is_dir()]


def open_run(path: Path) -> RunReader:
    """A run to be read only, while another process may be writing it. Raises `RunError`."""
    if not holds_run(path):
        raise RunError(f"{path} holds no run (there is no recipe.json in it)")
    return RunReader(path)


def holds_run(path: Path) -> bool:
    """Whether a directory holds a run. Raises `RunError` where that cannot be seen."""
    try:
        return (path / RECIPE).exists()
    except OSError as error:  # a name that is too long, a directory that is closed to us
        raise RunError(f"{str(path)[:80]}: {error.strerror}") from None


def step_file(room: str, step: int) -> str:
    """The name of a step's file in one of the rooms rollouts and usage."""
    return f"{room}/step-{step:05d}.jsonl.gz"


def record_of(line: bytes) -> dict[str, Any] | None:
    """The record in a line of JSON; None for a damaged one."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
