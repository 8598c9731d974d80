"""Progress display of long work: a live bar in a terminal, now and then a line in a pipe."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable
from typing import Self

from rich import progress
from rich.console import Console
from rich.text import Text

EVERY = 30.0
"""Seconds without a line in a pipe after which the current work is printed. So a reader sees within
half a minute that a run is at work, an hour has at most 120 such lines, and a run whose steps take
seconds prints none."""
_BEAT = 1.0
"""Seconds between two looks at the clock."""


class Bar:
    """Progress display: a bar that disappears when its block ends or, without a terminal, lines.

    A thread keeps the display up to date within the block, also while the work itself reports
    nothing, as when a model is loaded.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.notes: list[str] = []
        """Lines of `note` so far."""
        self.shown = console.is_terminal
        self._clock = clock
        self._last_line = clock()
        self._ended = threading.Event()
        self._beats: threading.Thread | None = None
        self._pipe_closed: SystemExit | None = None
        """The end that rich has asked the thread for, because nobody reads the output any more."""
        columns = (
            progress.TextColumn("[bold]{task.description}"),
            progress.BarColumn(28),
            progress.TextColumn("{task.fields[text]}", markup=False),
        )
        self._bar = progress.Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("", total=1.0, text="")

    def __enter__(self) -> Self:
        self._last_line = self._clock()
        self._ended.clear()
        if self.shown:
            self._bar.start()
        if not self.console.quiet:
            self._beats = threading.Thread(target=self._keep_beating, name="progress", daemon=True)
            self._beats.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        try:
            if self._beats is not None:
                self._beats.join()
        finally:  # Ctrl-C while the thread ends must not leave the terminal without its cursor
            if self.shown:
                self._bar.stop()

    def note(self, text: str) -> None:
        """Print a line that stays, and keep it in ``notes``."""
        self.notes.append(text)
        self.log(text)

    def log(self, text: str) -> None:
        """Print a line that stays, such as the figures of a step.

        Raises OSError where the output cannot be written, and SystemExit, as rich does, where it is
        a pipe that nobody reads any more.
        """
        if self._pipe_closed is not None:
            raise self._pipe_closed
        self._last_line = self._clock()
        self.console.print(Text(text), soft_wrap=True)

    def show(self, what: str, share: float, text: str) -> None:
        """Update the bar: the share of ``what`` that is done, followed by ``text``."""
        self._bar.update(self._task, description=what, completed=share, text=text)

    def beat(self) -> None:
        """Refresh the bar or, without a terminal, print the current work if no line was printed
        for `EVERY` seconds."""
        if self.shown:
            self.refresh()
        elif self._clock() - self._last_line >= EVERY and (line := self.line()):
            self.log(line)

    def refresh(self) -> None:
        """Update the bar from the state of the work. The base class leaves the bar as it is."""

    def line(self) -> str:
        """Return the current work as a line of a log; empty if there is nothing to say."""
        return ""

    def _keep_beating(self) -> None:
        # Where the output cannot be written, the next line of the work itself says so. A console
        # whose pipe was closed prints nothing from then on, so that `log` has to say so.
        try:
            with contextlib.suppress(OSError):
                while not self._ended.wait(_BEAT):
                    self.beat()
        except SystemExit as end:
            self._pipe_closed = end


def quiet() -> Console:
    """Return a console that prints nothing: for calls from Python."""
    return Console(file=io.StringIO(), quiet=True)


def time_left(seconds: float | None) -> str:
    """Return a duration such as ``2:03``, or ``1:02:03`` from an hour on; ``?`` for None."""
    if seconds is None:
        return "?"
    total = round(seconds)
    if total < 3600:
        return f"{total // 60}:{total % 60:02d}"
    return f"{total // 3600}:{total // 60 % 60:02d}:{total % 60:02d}"


def roughly(seconds: float) -> str:
    """Return the order of magnitude of a duration, such as ``8 min``."""
    units = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
    size, name = next((u for u in units if seconds >= 1.5 * u[0]), units[-1])
    return f"{float(f'{seconds / size:.1g}'):.0f} {name}"
