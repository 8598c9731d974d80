"""Progress of a run: a bar in a terminal, plain lines when piped."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any, Self

from rich import progress
from rich.console import Console
from rich.text import Text


class Bar:
    """Progress bar that disappears when its block ends. Without a terminal there is no bar, and
    only notes are printed."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.notes: list[str] = []
        """Lines of `note` so far."""
        self.shown = console.is_terminal
        columns = (
            progress.TextColumn("[bold]{task.description}"),
            progress.BarColumn(28),
            progress.TextColumn("{task.fields[text]}", markup=False),
        )
        self._bar = progress.Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("", total=1.0, text="")

    def __enter__(self) -> Self:
        if self.shown:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.shown:
            self._bar.stop()

    def note(self, text: str) -> None:
        """Print a line that stays, and keep it in ``notes``."""
        self.notes.append(text)
        self.log(text)

    def log(self, text: str) -> None:
        """Print a line that stays, such as the figures of a step."""
        self.console.print(Text(text), soft_wrap=True)

    def show(self, what: str, share: float, text: str) -> None:
        """Update the bar: the share of ``what`` that is done, followed by ``text``."""
        self._bar.update(self._task, description=what, completed=share, text=text)


def quiet() -> Console:
    """Return a console that prints nothing: for calls from Python."""
    return Console(file=io.StringIO(), quiet=True)


def time_left(seconds: float | None) -> str:
    """Return a duration such as ``2:03``, or ``1:02:03`` from an hour on; ``?`` for None."""
    if seconds is None:
        return "?"
    total = int(seconds)
    if total < 3600:
        return f"{total // 60}:{total % 60:02d}"
    return f"{total // 3600}:{total // 60 % 60:02d}:{total % 60:02d}"


class RunProgress(Bar):
    """Display of a run's phases and steps; a context manager."""

    def __init__(self, steps: int, done: int = 0, console: Console | None = None) -> None:
        super().__init__(console or Console())
        self.steps = steps
        self.done = done
        self._budget: int | None = None
        self._spent = 0
        self._steps_here = 0
        """Number of steps that this process has finished."""
        self._training = 0.0
        """Seconds of these steps."""
        self._tokens = 0
        """Tokens sampled in these steps."""
        self._phase = ""
        self._last: Mapping[str, Any] = {}
        self._header = False

    def begin(self, done: int, spent: int, budget: int | None = None) -> None:
        """Set the state of a run that starts or is resumed: steps ``done``, tokens ``spent``, and
        the ``budget`` of tokens, if any."""
        self.done, self._spent, self._budget = done, spent, budget

    def phase(self, name: str) -> None:
        """Show the current phase."""
        self._phase = name
        self._refresh()

    def long_phase(self, name: str) -> None:
        """Show the current phase, which may take minutes; without a bar a line is printed too."""
        if not self.shown:
            self.log(f"{name} …")
        self.phase(name)

    def step(self, step: int, values: Mapping[str, Any], seconds: float) -> None:
        """Show a finished training step. ``values`` may hold ``pass@1``, ``tests_right``,
        ``tokens``, ``responses_per_s``, ``runs_per_s`` and ``tokens_per_s``."""
        self.done = step
        self._steps_here += 1
        self._training += seconds
        self._tokens += int(values.get("tokens", 0))
        self._spent += int(values.get("tokens", 0))
        self._last = values
        if not self.shown:
            if not self._header:
                self.log("  step  programs  tests  resp/s  exec/s  tokens/s  s/step   left")
                self._header = True
            self.log(
                f"{step:>6}  {_percent(values, 'pass@1'):>8}"
                f"  {_percent(values, 'tests_right'):>5}"
                f"  {_rate(values, 'responses_per_s'):>6}  {_rate(values, 'runs_per_s'):>6}"
                f"  {_rate(values, 'tokens_per_s'):>8}  {seconds:>6.1f}  {self._time_left():>5}"
            )
        self._refresh()

    def _time_left(self) -> str:
        if self._steps_here == 0:
            return time_left(None)
        steps = self.steps - self.done
        if self._budget is not None and self._tokens:
            unspent = max(0, self._budget - self._spent)
            steps = min(steps, math.ceil(unspent * self._steps_here / self._tokens))
        return time_left(self._training / self._steps_here * steps)

    def _share(self) -> float:
        """Return the share of the run that is done, by steps or by tokens."""
        by_steps = self.done / self.steps
        return (
            by_steps if self._budget is None else min(1, max(by_steps, self._spent / self._budget))
        )

    def _refresh(self) -> None:
        of = f"/{self.steps}" if self._budget is None else f", {self._share():.0%}"
        text = f"{self._time_left()} left  {self._phase}"
        if self._last:
            text += (
                f"  programs right {_percent(self._last, 'pass@1')}, "
                f"tests right {_percent(self._last, 'tests_right')}, "
                f"{_rate(self._last, 'tokens_per_s')} tokens/s, "
                f"{_rate(self._last, 'runs_per_s')} executions/s"
            )
        self.show(f"step {self.done}{of}", self._share(), text)


def _percent(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "–" if value is None or value != value else f"{100 * value:.0f}%"


def _rate(values: Mapping[str, Any], name: str) -> str:
    """Return a rate as text; ``–`` for a step read from a record, which has no rates."""
    return f"{values[name]:.0f}" if name in values else "–"
