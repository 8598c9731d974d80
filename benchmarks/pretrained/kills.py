"""Kill a training run at random moments, and resume it each time."""

from __future__ import annotations

import random
import signal
import subprocess

from benchmarks.pretrained.train_command import TrainCommand, carry_out

from sparring.errors import RunError
from sparring.runs.reader import RunReader, holds_run


def killed_and_resumed(
    training: TrainCommand, kills: int, seed: int, seconds: float
) -> list[tuple[float, int]]:
    """Carry out a run that is killed ``kills`` times by SIGKILL, and return the kills.

    A kill is the time since its process began, in seconds, and the number of steps on record. The
    times are drawn by ``seed``, uniformly up to ``seconds`` / (kills + 1), where ``seconds`` is the
    time of a run that is left alone: so no process gets to the end before its kill. Raises
    `RunError` if one does, or if the run fails.
    """
    rng = random.Random(seed)
    moments = []
    for number in range(1, kills + 1):
        life = rng.uniform(0.0, seconds / (kills + 1))
        with subprocess.Popen(training.words()) as process:
            try:
                status = process.wait(life)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            except BaseException:  # raised again: the run is not left alone
                process.kill()
                raise
        if status != -signal.SIGKILL:
            raise RunError(f"{training.directory}: ended with status {status} before kill {number}")
        steps = _steps(training)
        print(f"kill {number} after {life:.1f} s, with {steps} steps on record", flush=True)
        moments.append((life, steps))
    if status := carry_out(training.words()):
        raise RunError(f"{training.directory}: the resumed run failed with status {status}")
    return moments


def _steps(training: TrainCommand) -> int:
    if not holds_run(training.directory):
        return 0
    return len(RunReader(training.directory).jsonl("metrics.jsonl"))
