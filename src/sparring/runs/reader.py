"""Reader of a run directory, for display, resuming and replay.

A run may be in progress, incomplete or damaged. An unreadable file raises a `RunError`
that names the file. A step may have thousands of groups, so its file is read line by
line (`packed_lines`) where the groups need not be held in memory together.
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
_ADVICE = "; remove it, then --resume"
_STEP = re.compile(r"step-(\d{5,})")


class RunReader:
    """Reader of the files of a run, or of an evaluation, in the directory ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """Return True if the directory has a file or directory of that name."""
        return (self.path / name).exists()

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run. Raises `RunError` if it is missing or damaged."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.path}: {name} is missing") from None
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{self.path}: {name} is damaged: {error}") from None

    def jsonl(self, name: str) -> list[dict[str, Any]]:
        """Return the records of a JSONL file; [] without the file. A torn last line, as a kill
        leaves it, is ignored. Raises `RunError` for any other damaged line."""
        path = self.path / name
        if not path.exists():
            return []
        try:
            *complete_lines, _torn = path.read_bytes().split(b"\n")
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror}") from None
        records = []
        for number, line in enumerate(complete_lines, start=1):
            if (record := record_of(line)) is None:
                raise RunError(f"{path}: line {number} is damaged; correct or remove it")
            records.append(record)
        return records

    def _parsed(self, name: str) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(self.packed_lines(name), start=1):
            if (record := record_of(line)) is None:
                raise RunError(f"{self.path / name}: is damaged (line {number})")
            yield record

    def packed_lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a gzipped JSONL file. Raises `RunError`, after the readable lines, if
        the file is truncated or not gzipped."""
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
        """Yield the records of a gzipped JSONL file."""
        try:
            yield from self._parsed(name)
        except RunError as error:
            # No hint for an evaluation: it has no recipe and cannot be resumed.
            hint = _ADVICE if self.has(name) and self.has(RECIPE) else ""
            raise RunError(f"{error}{hint}") from None

    def groups(self, step: int) -> Iterator[dict[str, Any]]:
        """Yield the recorded groups of a step."""
        return self.packed_records(step_file("rollouts", step))

    def read_packed(self, name: str) -> list[dict[str, Any]]:
        """Return all records of a gzipped JSONL file. Raises `RunError` for a file without any."""
        try:
            records = list(self._parsed(name))
            if not records:
                raise RunError(f"{self.path / name}: is damaged (no records)")
        except RunError as error:
            raise RunError(f"{error}{_ADVICE if self.has(name) else ''}") from None
        return records

    def recorded_steps(self) -> list[int]:
        """Return the steps with recorded rollouts, from the first step up to the first gap."""
        steps = self.rollout_steps()
        return list(takewhile(set(steps).__contains__, count(min(steps, default=0))))

    def rollout_steps(self) -> list[int]:
        """Return all steps with recorded rollouts, sorted; an evaluation's are under step 0."""
        return self.steps("rollouts", ".jsonl.gz")

    def steps(self, directory: str, ending: str = "") -> list[int]:
        """Return the steps that a subdirectory of the run (rollouts, checkpoints, …) has a file of,
        sorted."""
        names = [
            p.name.removesuffix(ending) for p in (self.path / directory).glob(f"step-*{ending}")
        ]
        return sorted(int(m[1]) for m in map(_STEP.fullmatch, names) if m)

    def newest_checkpoint(self) -> Path | None:
        """Return the newest complete checkpoint; None without one."""
        complete = self.checkpoints()
        return complete[-1] if complete else None

    def checkpoints(self) -> list[Path]:
        """Return the complete checkpoints, oldest first."""
        directory = self.path / "checkpoints"
        return [p for s in self.steps("checkpoints") if (p := directory / f"step-{s:05d}").is_dir()]


def open_run(path: Path) -> RunReader:
    """Open a run for reading; another process may be writing it. Raises `RunError`."""
    if not holds_run(path):
        raise RunError(f"{path} holds no run (it has no recipe.json)")
    return RunReader(path)


def holds_run(path: Path) -> bool:
    """Return True if a directory holds a run. Raises `RunError` for an unreadable path."""
    try:
        return (path / RECIPE).exists()
    except OSError as error:  # a name that is too long, or a directory without permission
        raise RunError(f"{str(path)[:80]}: {error.strerror}") from None


def step_file(directory: str, step: int) -> str:
    """Return the name of a step's file in the subdirectory ``directory``: rollouts, usage or
    evaluations."""
    return f"{directory}/step-{step:05d}.jsonl.gz"


def record_of(line: bytes) -> dict[str, Any] | None:
    """Return the record in a line of JSON; None for a damaged line."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
