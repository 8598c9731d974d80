"""What is known of a run that is being made: how far it is, at which pace, its newest groups."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from sparring.config.recipe import Recipe
from sparring.errors import RunError, well_formed
from sparring.runs.groups import Row, row_of
from sparring.runs.live import Tail, being_made
from sparring.runs.rates import mean_rates
from sparring.runs.reader import holds_run
from sparring.view.source import Source, open_source

_RECENT = 10
"""Steps that the time left and the shares of the phases are taken from."""


class State(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    """There is nothing of it yet."""
    RUNNING = "running"
    STOPPED = "stopped"
    """Its process has ended, the run has not."""
    FINISHED = "finished"


@dataclass(slots=True)
class Watched:
    """A run directory and what is known of it by now."""

    path: Path
    metrics: Tail = field(init=False)
    evaluations: Tail = field(init=False)
    timing: Tail = field(init=False)
    source: Source | None = None
    state: State = State.WAITING
    newest: int = -1
    """The step whose groups were read last."""
    _groups: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics, self.evaluations, self.timing = (
            Tail(self.path / f"{name}.jsonl") for name in ("metrics", "evaluations", "timing")
        )

    @property
    def recipe(self) -> Recipe | None:
        """Its recipe, once there is one."""
        return self.source.recipe if self.source else None

    @property
    def step(self) -> int:
        """The last step that was learned."""
        records = self.metrics.records
        return int(records[-1]["step"]) if records else 0

    def look(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read what is new: steps, and evaluations."""
        if self.recipe is None and holds_run(self.path):
            self.source = open_source(self.path)
        self.state = self._state()  # before the files: what is there at the end is read then
        self.timing.read()
        return self.metrics.read(), self.evaluations.read()

    def _state(self) -> State:
        if not holds_run(self.path):
            return State.WAITING
        made = being_made(self.path)
        done = (self.path / "summary.json").exists()
        if made:
            return State.RUNNING
        if done:
            return State.FINISHED
        return State.RUNNING if made is None else State.STOPPED

    def share(self) -> float:
        """How much of the run is done."""
        if self.recipe is None:
            return 0.0
        training = self.recipe.training
        by_steps = self.step / training.steps
        if training.token_budget is None:
            return min(1.0, by_steps)
        spent = sum(int(m.get("tokens") or 0) for m in self.metrics.records)
        return min(1.0, max(by_steps, spent / training.token_budget))

    def seconds_left(self) -> float | None:
        """At the pace of the last steps; evaluations are not in it."""
        recent = self._recent()
        share = self.share()
        if not recent or not share or self.recipe is None:
            return None
        pace = sum(float(t["seconds"]) for t in recent) / len(recent)
        return pace * self.step * (1 - share) / share

    def phases(self) -> dict[str, float]:
        """Seconds of each phase in a step, on average over the last ones."""
        recent = self._recent()
        found: dict[str, float] = {}
        for t in recent:
            parts = t.get("phases")
            for name, seconds in parts.items() if isinstance(parts, Mapping) else ():
                found[str(name)] = found.get(str(name), 0.0) + float(seconds) / len(recent)
        return dict(sorted(found.items(), key=lambda kv: -kv[1]))

    def rates(self) -> dict[str, float]:
        """Tokens per second and device, and MFU, on average over the last steps."""
        return mean_rates(self._recent())

    def newest_groups(self, most: int) -> list[Row]:
        """The first groups of the newest step on record; read once, for a step may have thousands.
        What is wrong with its file is for `sparring show` to say."""
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
