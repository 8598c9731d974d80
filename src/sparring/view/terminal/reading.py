"""A run as somebody who looks at it reads it: one group at a time, whatever state it is in.

A step may have ten thousand groups, so a file of rollouts is read line by line
and never held. A run that was cut off, that has no recipe of this version or
none at all (an evaluation's records) can be looked at all the same.
"""

from __future__ import annotations

import difflib
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.config.load import recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import RunError, SparringError
from sparring.evalfiles import evaluation_recipe, is_evaluation
from sparring.runs.directory import RunDir, explained, step_file, well_formed
from sparring.runs.text import one_line

_COMPARED = 100
"""Characters of an id that a slip of the pen is looked for in."""


@dataclass(frozen=True, slots=True)
class Source:
    """A run to be looked at. ``recipe`` is None where ``unread`` says why; that of an
    ``evaluation`` says what its rewards follow from."""

    run: RunDir
    recipe: Recipe | None
    unread: str = ""
    evaluation: bool = False

    @property
    def steps(self) -> list[int]:
        """The steps whose rollouts are on record."""
        return self.run.steps("rollouts", ".jsonl.gz")

    def step(self, wanted: int | None) -> int:
        """The step that is asked for, by default the newest. Raises `RunError`."""
        steps = self.steps
        if not steps:
            raise RunError(
                f"{self.run.path}: no step is on record yet (rollouts/ is empty){self._replayed()}"
            )
        if wanted is None:
            return steps[-1]
        if wanted not in steps:
            raise RunError(
                f"--step {wanted}: {self.run.path} has rollouts of steps {steps[0]} to {steps[-1]}"
            )
        return wanted

    def _replayed(self) -> str:
        if not self.run.has("replay.json"):
            return ""
        with well_formed(f"{self.run.path}: replay.json"):
            source = str(self.run.read_json("replay.json")["source"])
        return f"; it learns from those of {one_line(source, 200)}"


@dataclass(frozen=True, slots=True)
class Found:
    """A group: its step, its place in it, and its record."""

    step: int
    index: int
    record: dict[str, Any]


def source(path: Path) -> Source:
    """Open a run, or an evaluation's records, to look at. Raises `RunError`."""
    if not path.is_dir():
        raise RunError(f"{path}: there is no such directory")
    run = RunDir(path, locked=False)
    if is_evaluation(path):
        return Source(run, evaluation_recipe(run), evaluation=True)
    if not run.has("recipe.json"):
        if not (path / "rollouts").is_dir():
            raise RunError(
                f"{path} holds no run (there is neither recipe.json nor rollouts/ in it)"
            )
        return Source(run, None, "there is no recipe.json")
    try:
        return Source(run, recorded_recipe(run))
    except SparringError as error:
        return Source(run, None, str(error).splitlines()[0])


def lines(run: RunDir, room: str, step: int) -> Iterator[bytes]:
    """The lines of a step's file in rollouts or usage, one after another. Raises `RunError` where
    the file ends too early or is none, after the lines that could be read."""
    path = run.path / step_file(room, step)
    try:
        with gzip.open(path) as file:
            yield from file
    except FileNotFoundError:
        raise RunError(f"{run.path}: {step_file(room, step)} is missing") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RunError(f"{path}: is damaged ({error})") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None


def parsed(line: bytes, where: str) -> dict[str, Any]:
    """A line's record. Raises `RunError`."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise RunError(f"{where}: a line is damaged")
    return record


def groups(run: RunDir, step: int) -> Iterator[dict[str, Any]]:
    """The records of a step."""
    for line in lines(run, "rollouts", step):
        yield parsed(line, f"{run.path / step_file('rollouts', step)}")


def find(source: Source, wanted: str, step: int | None) -> Found:
    """The group of a task: by its id, the beginning of its id, or its number in the step.

    Without a step the newest that has the task. Raises `RunError`.
    """
    run = source.run
    newest = source.step(step)
    sign = json.dumps(wanted).encode()
    for number in [newest] if step is not None else reversed(source.steps):
        for index, line in enumerate(lines(run, "rollouts", number)):
            if sign in line:
                record = parsed(line, f"{run.path}: step {number}")
                if record.get("task", {}).get("id") == wanted:
                    return Found(number, index, record)
    return _by_name(run, wanted, newest)


def _by_name(run: RunDir, wanted: str, step: int) -> Found:
    """A group of this step by its number or by the beginning of its task's id."""
    starting: list[Found] = []
    ids: list[str] = []
    for index, record in enumerate(groups(run, step)):
        with well_formed(f"rollouts of step {step}"):
            name = str(record["task"]["id"])
        ids.append(name[:_COMPARED])
        if wanted == str(index):
            return Found(step, index, record)
        if name.startswith(wanted) and len(starting) < 2:
            starting.append(Found(step, index, record))
    if len(starting) == 1:
        return starting[0]
    shown = one_line(wanted, 60)
    if starting:
        raise RunError(f"--task {shown}: several tasks of step {step} begin so; give more of it")
    close = difflib.get_close_matches(wanted[:_COMPARED], ids, n=1)
    hint = f"did you mean {one_line(close[0], 60)}?" if close else "--step lists them"
    raise RunError(f"--task {shown}: no step on record has it ({len(ids)} in step {step}); {hint}")


def usage_of(run: RunDir, found: Found) -> dict[str, Any]:
    """What the group's runs used, as recorded; empty where there is no record of it."""
    if not run.has(step_file("usage", found.step)):
        return {}
    with explained(run.path):
        for index, line in enumerate(lines(run, "usage", found.step)):
            if index == found.index:
                return parsed(line, f"{run.path}: usage of step {found.step}")
    return {}
