"""Two ways of running programs that are in use elsewhere, written anew to be measured.

`process_per_test`: one `multiprocessing` process per test, 200 started at once, looked at every
millisecond, with a limit of wall time: how the executor of the official CURE code works. Programs
run in a fork of the caller, with its rights. `interpreter_per_test`: ``python program.py`` for
each test, as many at once as there are CPUs.
"""

from __future__ import annotations

import io
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

AT_ONCE = 200
POLL_SECONDS = 0.001
TIMEOUT = "(timeout)"
ERROR = "(error)"

Run = tuple[str, str]
"""Program and input."""


def process_per_test(runs: Sequence[Run], seconds: float) -> list[str]:
    """The output of each run; `seconds` is wall time, from each process's start."""
    context = multiprocessing.get_context("fork")
    found: list[str] = []
    for first in range(0, len(runs), AT_ONCE):
        queues = []
        processes = []
        deadlines = []
        for run in runs[first : first + AT_ONCE]:
            queue = context.Queue()
            process = context.Process(target=_execute, args=(*run, queue))
            process.start()
            queues.append(queue)
            processes.append(process)
            deadlines.append(time.time() + seconds)
        late = [False] * len(processes)
        while any(process.is_alive() for process in processes):
            for i, process in enumerate(processes):
                if process.is_alive() and time.time() > deadlines[i]:
                    process.kill()
                    late[i] = True
            time.sleep(POLL_SECONDS)
        for i, queue in enumerate(queues):
            if late[i]:
                found.append(TIMEOUT)
            else:
                found.append(queue.get() if not queue.empty() else ERROR)
            queue.close()
    return found


def _execute(program: str, data: str, queue: Any) -> None:
    """In the process: run the program with streams in memory in place of the real ones."""
    lines = iter(data.splitlines())
    output = io.StringIO()
    sys.stdin = io.StringIO(data)
    try:
        with redirect_stdout(output):
            # `input` is one more stand-in: it and ``sys.stdin`` do not know of each other.
            exec(program, {"__name__": "__main__", "input": lambda prompt="": next(lines)})
    except BaseException as error:  # noqa: BLE001  # whatever a program raises
        queue.put(f"{ERROR} {error}")
    else:
        queue.put(output.getvalue())


def interpreter_per_test(runs: Sequence[Run], seconds: float, at_once: int) -> list[str]:
    """The output of each run; `seconds` is wall time."""
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(at_once) as pool:
        return list(
            pool.map(lambda item: _interpret(directory, item[0], item[1], seconds), enumerate(runs))
        )


def _interpret(directory: str, number: int, run: Run, seconds: float) -> str:
    path = Path(directory) / f"{number}.py"
    path.write_text(run[0])
    try:
        done = subprocess.run(
            [sys.executable, str(path)],
            input=run[1],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return TIMEOUT
    return done.stdout if done.returncode == 0 else ERROR
