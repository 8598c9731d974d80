"""State of a run in progress: its steps, its pace, its newest groups."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from sparring.config.recipe import Recipe
from sparring.config.schedule import run_schedule
from sparring.errors import RunError, well_formed
from sparring.runs.forecast import forecast
from sparring.runs.groups import GroupSummary, row_of
from sparring.runs.live import Tail, in_progress
from sparring.runs.progress import left_in_words
from sparring.runs.rates import mean_rates
from sparring.runs.reader import holds_run, step_file
from sparring.view.source import RunSource, open_source

_RECENT = 10
"""Number of last steps whose times give the seconds of the phases and the rates."""


class WatchState(StrEnum):
    """States of a run."""

    WAITING = "waiting"
    """The run has no files yet."""
    RUNNING = "running"
    """A process works on the run."""
    STOPPED = "stopped"
    """The run's process ended before the run did."""
    FINISHED = "finished"
    """The run is complete."""


@dataclass(slots=True)
class Watched:
    """Run directory that is read again and again, with the data read so far."""

    path: Path
    metrics: Tail = field(init=False)
    evaluations: Tail = field(init=False)
    timing: Tail = field(init=False)
    source: RunSource | None = None
    state: WatchState = WatchState.WAITING
    newest: int = -1
    """Step whose groups were read last."""
    _groups: list[GroupSummary] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics, self.evaluations, self.timing = (
            Tail(self.path / f"{name}.jsonl") for name in ("metrics", "evaluations", "timing")
        )

    @property
    def recipe(self) -> Recipe | None:
        """Recipe of the run, or None while none is recorded."""
        return self.source.recipe if self.source else None

    @property
    def step(self) -> int:
        """Last completed step."""
        records = self.metrics.records
        return int(records[-1]["step"]) if records else 0

    def look(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read the new records; return those of steps and those of evaluations."""
        if self.recipe is None and holds_run(self.path):
            self.source = open_source(self.path)
        # The state is read before the files, so that a finished run is read to its end.
        self.state = self._state()
        self.timing.read()
        return self.metrics.read(), self.evaluations.read()

    def _state(self) -> WatchState:
        if not holds_run(self.path):
            return WatchState.WAITING
        locked = in_progress(self.path)
        done = (self.path / "summary.json").exists()
        if locked:
            return WatchState.RUNNING
        if done:
            return WatchState.FINISHED
        return WatchState.RUNNING if locked is None else WatchState.STOPPED

    def share(self) -> float:
        """Return the share of the run that is done, from 0 to 1."""
        if self.recipe is None:
            return 0.0
        training = self.recipe.training
        by_steps = self.step / training.steps
        if training.token_budget is None:
            return min(1.0, by_steps)
        return min(1.0, max(by_steps, self._spent() / training.token_budget))

    def left(self) -> str:
        """Return the time left in words, by the run's own forecast; empty for a finished run. A
        stopped run's is what it will need once it is continued."""
        if self.recipe is None or self.state is WatchState.FINISHED:
            return ""
        replayed = (self.path / "replay.json").exists()
        schedule = run_schedule(self.recipe, replayed=replayed)
        recorded = max(self.source.steps, default=0) if self.source else 0
        step, elapsed = self.step, 0.0
        if self.state is WatchState.RUNNING:
            with contextlib.suppress(OSError):
                # The newest record of a time is as old as its file. A resumed run writes the file
                # anew, so rollouts that are younger were sampled in the step that is being made.
                timed = self.timing.path.stat().st_mtime
                elapsed = max(0.0, time.time() - timed)
                if (self.path / step_file("rollouts", step + 1)).stat().st_mtime > timed:
                    recorded = step
        elif self.source and not replayed:  # it goes on from its newest checkpoint
            step = min(step, max(self.source.run.steps("checkpoints"), default=0))
        predicted = forecast(schedule, self.timing.records, step, self._spent(step), recorded)
        return left_in_words(predicted, elapsed)

    def _spent(self, step: int | None = None) -> int:
        """Return the number of tokens sampled so far, or up to ``step``."""
        return sum(
            int(m.get("tokens") or 0)
            for m in self.metrics.records
            if step is None or int(m["step"]) <= step
        )

    def phases(self) -> dict[str, float]:
        """Return the mean seconds of each phase over the last steps, longest phase first."""
        recent = self._recent()
        means: dict[str, float] = {}
        for t in recent:
            parts = t.get("phases")
            for name, seconds in parts.items() if isinstance(parts, Mapping) else ():
                means[str(name)] = means.get(str(name), 0.0) + float(seconds) / len(recent)
        return dict(sorted(means.items(), key=lambda kv: -kv[1]))

    def rates(self) -> dict[str, float]:
        """Return tokens per second and device, and MFU, as means over the last steps."""
        return mean_rates(self._recent())

    def newest_groups(self, most: int) -> list[GroupSummary]:
        """Return the first ``most`` groups of the newest recorded step.

        The groups of a step are read once, for a step may have thousands. A damaged file gives the
        groups before the damage; `sparring show` names the fault.
        """
        steps = self.source.steps if self.source else []
        if self.source is not None and steps and steps[-1] != self.newest:
            self.newest, self._groups = steps[-1], []
            with contextlib.suppress(RunError):
                for record in islice(self.source.groups(self.newest), most):
                    with well_formed(f"rollouts of step {self.newest}"):
                        self._groups.append(row_of(record))
        return self._groups

    def _recent(self) -> list[dict[str, Any]]:
        return [t for t in self.timing.records[-4 * _RECENT :] if "step" in t][-_RECENT:]
