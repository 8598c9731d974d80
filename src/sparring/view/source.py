"""A run as somebody who looks at it reads it: its files, its recipe, one group at a time.

A run that was cut off, that has no recipe of this version or none at all (an
evaluation's records) can be looked at all the same. Every face reads through
this: the terminal, the page, the plots.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.config.load import make_recipe, recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import RunError, SparringError, well_formed
from sparring.rewards.settings import EQUATIONS
from sparring.runs.evaluation import CONFIG, is_evaluation
from sparring.runs.reader import RECIPE, RunReader, record_of, step_file
from sparring.runs.text import one_line

_COMPARED = 100
"""Characters of an id that a slip of the pen is looked for in."""


@dataclass(frozen=True, slots=True)
class Source:
    """A run to be looked at. ``recipe`` is None where ``unread`` says why; that of an
    ``evaluation`` says what its rewards follow from."""

    run: RunReader
    recipe: Recipe | None
    unread: str = ""
    evaluation: bool = False

    @property
    def steps(self) -> list[int]:
        """The steps whose rollouts are on record."""
        return self.run.rollout_steps()

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

    def groups(self, step: int) -> Iterator[dict[str, Any]]:
        """The records of a step, one after another."""
        return self.run.groups(step)

    def _replayed(self) -> str:
        if not self.run.has("replay.json"):
            return ""
        with well_formed(f"{self.run.path}: replay.json"):
            source = str(self.run.read_json("replay.json")["source"])
        return f"; it learns from those of {one_line(source, 200)}"


def open_source(path: Path) -> Source:
    """Open a run, or an evaluation's records, to look at. Raises `RunError`."""
    if not path.is_dir():
        raise RunError(f"{path}: there is no such directory")
    run = RunReader(path)
    if is_evaluation(path):
        return Source(run, evaluation_recipe(run), evaluation=True)
    if not run.has(RECIPE):
        if not (path / "rollouts").is_dir():
            raise RunError(
                f"{path} holds no run (there is neither recipe.json nor rollouts/ in it)"
            )
        return Source(run, None, "there is no recipe.json")
    try:
        return Source(run, recorded_recipe(run))
    except SparringError as error:
        return Source(run, None, str(error).splitlines()[0])


def evaluation_recipe(run: RunReader) -> Recipe:
    """A recipe that pays as an evaluation's records were paid, by the paper's equations with
    nothing added; of its other fields only the sizes and limits of sampling are the
    evaluation's."""
    sampling: dict[str, Any] = {"opponents": 0}
    try:
        with well_formed(f"{run.path}: {CONFIG}"):
            config = run.read_json(CONFIG)
            most = int(config["fixed"]["params"]["max_tokens"])
            if most > 0:
                sampling |= {"coder_max_tokens": most, "tester_max_tokens": most}
    except RunError:
        pass  # no reward depends on it
    data = {"preset": "paper", "reward": EQUATIONS.model_dump(), "sampling": sampling}
    return make_recipe(data, (), f"{run.path}")


@dataclass(frozen=True, slots=True)
class Found:
    """A group: its step, its place in it, and its record."""

    step: int
    index: int
    record: dict[str, Any]


def find(source: Source, wanted: str, step: int | None) -> Found:
    """The group of a task: by its id, the beginning of its id, or its number in the step.

    Without a step the newest that has the task. Raises `RunError`.
    """
    newest = source.step(step)
    sign = json.dumps(wanted).encode()
    for number in [newest] if step is not None else reversed(source.steps):
        for index, line in enumerate(source.run.packed_lines(step_file("rollouts", number))):
            if sign in line:  # a step may have ten thousand groups: few are parsed
                record = _parsed(line, f"{source.run.path}: step {number}")
                if record.get("task", {}).get("id") == wanted:
                    return Found(number, index, record)
    return _by_name(source, wanted, newest)


def _by_name(source: Source, wanted: str, step: int) -> Found:
    """A group of this step by its number or by the beginning of its task's id."""
    starting: list[Found] = []
    ids: list[str] = []
    for index, record in enumerate(source.groups(step)):
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


def usage_of(source: Source, found: Found) -> dict[str, Any]:
    """What the group's runs used, as recorded; empty where there is no record of it."""
    name = step_file("usage", found.step)
    if source.run.has(name):
        for index, line in enumerate(source.run.packed_lines(name)):
            if index == found.index:
                return _parsed(line, f"{source.run.path}: usage of step {found.step}")
    return {}


def _parsed(line: bytes, where: str) -> dict[str, Any]:
    record = record_of(line)
    if record is None:
        raise RunError(f"{where}: a line is damaged")
    return record
