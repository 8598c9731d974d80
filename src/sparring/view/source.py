"""Reader of a run for the views: its files, its recipe, one group at a time.

The terminal, the page and the plots all read runs through this module. A run can be shown even
where it was cut off, where its recipe is of another version, and where it has no recipe (the
records of an evaluation).
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
from sparring.runs.session import is_session
from sparring.runs.text import one_line

_COMPARED = 100
"""Characters of an id that are compared to find a misspelt id."""


@dataclass(frozen=True, slots=True)
class RunSource:
    """Run or evaluation to show.

    ``recipe`` is None where the recipe cannot be read; ``unread`` then gives the reason. The recipe
    of an ``evaluation`` is made up: it holds the settings that the recorded rewards follow from. A
    ``session`` of `sparring solve` has neither recipe nor rewards.
    """

    run: RunReader
    recipe: Recipe | None
    unread: str = ""
    evaluation: bool = False
    session: bool = False

    @property
    def steps(self) -> list[int]:
        """Steps with recorded rollouts."""
        return self.run.rollout_steps()

    def step(self, wanted: int | None) -> int:
        """Return the ``wanted`` step, or the newest for None. Raises `RunError`."""
        steps = self.steps
        if not steps:
            raise RunError(
                f"{self.run.path}: no step is recorded yet (rollouts/ is empty){self._replayed()}"
            )
        if wanted is None:
            return steps[-1]
        if wanted not in steps:
            raise RunError(
                f"--step {wanted}: not recorded; {self.run.path} has rollouts of steps {steps[0]} "
                f"to {steps[-1]}"
            )
        return wanted

    def groups(self, step: int) -> Iterator[dict[str, Any]]:
        """Yield the records of a step's groups."""
        return self.run.groups(step)

    def _replayed(self) -> str:
        if not self.run.has("replay.json"):
            return ""
        with well_formed(f"{self.run.path}: replay.json"):
            source = str(self.run.read_json("replay.json")["source"])
        return f"; this run learns from the rollouts of {one_line(source, 200)}"


def open_source(path: Path) -> RunSource:
    """Open a run or an evaluation to show. Raises `RunError`."""
    if not path.is_dir():
        why = (
            "is a file; name the run's directory" if path.exists() else "there is no such directory"
        )
        raise RunError(f"{path}: {why}")
    run = RunReader(path)
    if is_session(path):
        why = "a session of sparring solve has no recipe, and nothing in it has a reward"
        return RunSource(run, None, why, session=True)
    if is_evaluation(path):
        return RunSource(run, evaluation_recipe(run), evaluation=True)
    if not run.has(RECIPE):
        if not (path / "rollouts").is_dir():
            raise RunError(
                f"{path}: holds no run (neither recipe.json nor rollouts/); name a run's directory"
            )
        return RunSource(run, None, "there is no recipe.json")
    try:
        return RunSource(run, recorded_recipe(run))
    except SparringError as error:
        return RunSource(run, None, str(error).splitlines()[0])


def evaluation_recipe(run: RunReader) -> Recipe:
    """Return a recipe whose rewards are those of an evaluation's records.

    The rewards are those of the paper's equations without additions. The length limits of sampling
    come from the evaluation; no other field does.
    """
    sampling: dict[str, Any] = {"initial_policy_programs": 0}
    try:
        with well_formed(f"{run.path}: {CONFIG}"):
            config = run.read_json(CONFIG)
            most = int(config["fixed"]["params"]["max_tokens"])
            of_tests = int(config["fixed"].get("tester_max_tokens", most))
            if min(most, of_tests) > 0:
                sampling |= {"coder_max_tokens": most, "tester_max_tokens": of_tests}
    except RunError:
        pass  # rewards do not depend on the length limits
    data = {"preset": "paper", "reward": EQUATIONS.model_dump(), "sampling": sampling}
    return make_recipe(data, (), f"{run.path}")


@dataclass(frozen=True, slots=True)
class RecordedGroup:
    """Recorded group: its step, its number in the step, and its record."""

    step: int
    index: int
    record: dict[str, Any]


def find(source: RunSource, wanted: str, step: int | None) -> RecordedGroup:
    """Return the group of a task, named by its id, the beginning of its id, or its number.

    Without a ``step`` the newest step that has the task is searched. Raises `RunError`.
    """
    newest = source.step(step)
    id_bytes = json.dumps(wanted).encode()
    for number in [newest] if step is not None else reversed(source.steps):
        for index, line in enumerate(source.run.packed_lines(step_file("rollouts", number))):
            # A step may have ten thousand groups: only lines that contain the id are parsed.
            if id_bytes in line:
                record = _parsed(line, f"{source.run.path}: step {number}")
                if record.get("task", {}).get("id") == wanted:
                    return RecordedGroup(number, index, record)
    return _by_name(source, wanted, newest)


def _by_name(source: RunSource, wanted: str, step: int) -> RecordedGroup:
    """Return a group of this step by its number or by the beginning of its task's id."""
    matches: list[RecordedGroup] = []
    ids: list[str] = []
    for index, record in enumerate(source.groups(step)):
        with well_formed(f"rollouts of step {step}"):
            name = str(record["task"]["id"])
        ids.append(name[:_COMPARED])
        if wanted == str(index):
            return RecordedGroup(step, index, record)
        if name.startswith(wanted) and len(matches) < 2:
            matches.append(RecordedGroup(step, index, record))
    if len(matches) == 1:
        return matches[0]
    name = one_line(wanted, 60)
    if matches:
        raise RunError(
            f"--task {name}: several tasks of step {step} begin with it; give more of the id"
        )
    close = difflib.get_close_matches(wanted[:_COMPARED], ids, n=1)
    hint = f"did you mean {one_line(close[0], 60)}?" if close else f"--step {step} lists the tasks"
    raise RunError(
        f"--task {name}: no recorded step has the task ({len(ids)} tasks in step {step}); {hint}"
    )


def usage_of(source: RunSource, group: RecordedGroup) -> dict[str, Any]:
    """Return the recorded CPU time and memory of the group's executions; empty without a record."""
    name = step_file("usage", group.step)
    if source.run.has(name):
        for index, line in enumerate(source.run.packed_lines(name)):
            if index == group.index:
                return _parsed(line, f"{source.run.path}: usage of step {group.step}")
    return {}


def _parsed(line: bytes, where: str) -> dict[str, Any]:
    record = record_of(line)
    if record is None:
        raise RunError(f"{where}: a line is damaged")
    return record
