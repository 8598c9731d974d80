"""Kill a training run at random moments, and resume it each time."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.pretrained.train_command import TrainCommand, carry_out

from sparring.errors import RunError
from sparring.runs.reader import METRICS

_LATEST = 0.9
"""Latest moment of a kill, as a share of its step: a later one might meet the end of the run."""
_LOOK = 0.02
"""Seconds between two looks at the steps on record."""


@dataclass(frozen=True, slots=True)
class KillMoment:
    """Moment of a kill: so many seconds after ``steps`` steps are on record."""

    steps: int
    seconds: float


def kill_moments(kills: int, step_seconds: Sequence[float], seed: int) -> list[KillMoment]:
    """Draw moments by a seed, in order, from a run whose steps take ``step_seconds``.

    Every kill falls in another step, as long as there are as many steps as kills.
    """
    rng = random.Random(seed)
    steps = range(len(step_seconds))
    drawn = rng.sample(steps, kills) if kills <= len(steps) else rng.choices(steps, k=kills)
    return [KillMoment(s, rng.uniform(0.0, _LATEST * step_seconds[s])) for s in sorted(drawn)]


def killed_and_resumed(training: TrainCommand, moments: Sequence[KillMoment]) -> None:
    """Carry out a run that is killed by SIGKILL at these moments, and resumed each time.

    Raises `RunError` if the run fails, or ends before a kill.
    """
    for number, moment in enumerate(moments, start=1):
        with subprocess.Popen(training.words()) as process:
            try:
                while process.poll() is None and _steps(training) < moment.steps:
                    time.sleep(_LOOK)
                status = process.wait(moment.seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            except BaseException:  # raised again: the run is not left alone
                process.kill()
                raise
        if status != -signal.SIGKILL:
            raise RunError(f"{training.directory}: ended with status {status} before kill {number}")
        print(
            f"kill {number}: {moment.seconds:.1f} s into step {moment.steps + 1} or its resumption",
            flush=True,
        )
    if status := carry_out(training.words()):
        raise RunError(f"{training.directory}: the resumed run failed with status {status}")


def _steps(training: TrainCommand) -> int:
    """Return the number of steps on record. A line that is not whole does not count."""
    try:
        return (training.directory / METRICS).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
