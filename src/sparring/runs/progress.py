"""Progress of a run: what is being done, the figures of each step, and the time left.

A pipe gets a line for every finished step. While a step or an evaluation takes longer than
`sparring.runs.bar.EVERY` seconds, lines between say what is being done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console

from sparring.runs.bar import Bar, roughly, time_left
from sparring.runs.forecast import Forecast, RunSchedule, forecast


class RunProgress(Bar):
    """Display of a run's phases and steps; a context manager."""

    def __init__(
        self,
        schedule: RunSchedule,
        done: int = 0,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(console or Console(), clock)
        self.schedule = schedule
        self.done = done
        self._spent = 0
        self._timing: list[Mapping[str, Any]] = []
        """Records of timing.jsonl so far, of earlier processes too."""
        self._recorded = 0
        self._forecast: Forecast | None = None
        self._forecast_at = clock()
        self._step: int | None = None
        """Step that is being made; None between steps."""
        self._phase, self._count, self._total, self._unit = "", 0, 0, ""
        self._counted = 0
        """Number that was done when the phase began, and so tells nothing of its pace."""
        self._phase_at = clock()
        self._last: Mapping[str, Any] = {}
        self._header = False

    def begin(
        self,
        done: int,
        spent: int,
        timing: Sequence[Mapping[str, Any]] = (),
        recorded: int = 0,
    ) -> None:
        """Set the state of a run that starts or is resumed: steps ``done``, tokens ``spent``, the
        records of its timing.jsonl, and the last step whose rollouts are on record."""
        self.done, self._spent = done, spent
        self._timing, self._recorded = list(timing), recorded
        self._predict()

    def phase(self, name: str, total: int = 0, unit: str = "", count: int = 0) -> None:
        """Show the current phase. Where it can be counted, ``total`` is the number to reach (of
        ``unit``) and ``count`` the number done; see `advance`. The phase that is shown already goes
        on."""
        if (name, total) != (self._phase, self._total) or count < self._count:
            self._counted, self._phase_at = count, self._clock()
        self._phase, self._count, self._total, self._unit = name, count, total, unit
        self.refresh()

    def long_phase(self, name: str, details: str, total: int = 0, unit: str = "") -> None:
        """Show a phase outside of the steps, which may take minutes; in a pipe a line with its
        ``details`` is printed at once."""
        if not self.shown:
            self.log(f"{name}: {details} …")
        self.phase(name, total, unit)

    def advance(self, count: int = 1) -> None:
        """Add ``count`` to the number done in the current phase."""
        self._count += count
        self.refresh()

    def learning_pass(self, kind: str, number: int, total: int) -> None:
        """Show a pass of the update that begins: number ``number`` of ``total`` of its kind."""
        self.phase(f"learning: {kind}", total, count=number)

    def start_step(self, step: int) -> None:
        """Show the phases to come as phases of ``step``."""
        self._step = step

    def evaluation(self, step: int, seconds: float) -> None:
        """Take note of a finished evaluation of the weights after ``step``."""
        self._timing.append({"evaluation": step, "seconds": seconds})
        self._predict()

    def step(self, step: int, values: Mapping[str, Any], seconds: float) -> None:
        """Show a finished training step. ``values`` may hold ``pass@1``, ``tests_right``,
        ``tokens``, ``responses_per_s``, ``runs_per_s``, ``tokens_per_s`` and ``phases``."""
        self.done, self._step = step, None
        self._spent += int(values.get("tokens", 0))
        self._last = values
        self._timing.append({**values, "seconds": seconds})
        self._predict()
        if not self.shown:
            if not self._header:
                self.log("  step  programs  tests  resp/s  exec/s  tokens/s  s/step   left")
                self._header = True
            self.log(
                f"{step:>6}  {_percent(values, 'pass@1'):>8}"
                f"  {_percent(values, 'tests_right'):>5}"
                f"  {_rate(values, 'responses_per_s'):>6}  {_rate(values, 'runs_per_s'):>6}"
                f"  {_rate(values, 'tokens_per_s'):>8}  {seconds:>6.1f}"
                f"  {time_left(self._forecast.left() if self._forecast else None):>5}"
            )
        self.refresh()

    def line(self) -> str:
        """Return the current work and the time left in one line."""
        if not self._phase:
            return ""
        step = "" if self._step is None else f"step {self._step}: "
        return f"  … {step}{self._activity()}, {self._left()}"

    def refresh(self) -> None:
        """Update the bar."""
        if not self.shown:
            return
        budget = self.schedule.token_budget
        of = f"/{self.schedule.steps}" if budget is None else f", {self._share():.0%}"
        text = f"{self._left()}  {self._activity()}"
        if self._last:
            text += (
                f"  programs right {_percent(self._last, 'pass@1')}, "
                f"tests right {_percent(self._last, 'tests_right')}, "
                f"{_rate(self._last, 'tokens_per_s')} tokens/s, "
                f"{_rate(self._last, 'runs_per_s')} executions/s"
            )
        self.show(f"step {self.done}{of}", self._share(), text)

    def _predict(self) -> None:
        self._forecast_at = self._clock()
        self._forecast = forecast(
            self.schedule, self._timing, self.done, self._spent, self._recorded
        )

    def _left(self) -> str:
        """Return the time left in words, as exactly as it is known. Before the first evaluation has
        ended, the words are about the current phase."""
        if self._forecast is not None:
            return left_in_words(self._forecast, self._clock() - self._forecast_at)
        of_phase = self._clock() - self._phase_at
        # The thread of the bar asks while another one counts: each number is read once.
        left, done = self._total - (count := self._count), count - self._counted
        if not self._total or done <= 0:
            return f"{time_left(of_phase)} so far"
        of_this = of_phase / done * left
        return f"about {time_left(of_this)} of this left"

    def _activity(self) -> str:
        """Return the current phase with its count."""
        if not self._total:
            return self._phase
        counted = f"{self._count:,} of {self._total:,}"
        return (
            f"{self._phase}: {counted} {self._unit}" if self._unit else f"{self._phase} {counted}"
        )

    def _share(self) -> float:
        """Return the share of the run that is done, by steps or by tokens."""
        by_steps = self.done / self.schedule.steps
        budget = self.schedule.token_budget
        return by_steps if budget is None else min(1, max(by_steps, self._spent / budget))


def left_in_words(predicted: Forecast | None, elapsed: float) -> str:
    """Return the time left ``elapsed`` seconds after a forecast was made; its order of magnitude
    where no step has been measured, and nothing without a forecast."""
    if predicted is None:
        return ""
    seconds = predicted.left(elapsed)
    if predicted.rough:
        return f"very roughly {roughly(seconds)} left"
    return f"{time_left(seconds)} left"


def _percent(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "–" if value is None or value != value else f"{100 * value:.0f}%"


def _rate(values: Mapping[str, Any], name: str) -> str:
    """Return a rate as text; ``–`` for a step read from a record, which has no rates."""
    return f"{values[name]:.0f}" if name in values else "–"
