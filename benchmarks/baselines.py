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
    """The output of each run; `seconds` is wall time."""
    context = multiprocessing.get_context("fork")
    found: list[str] = []
    for start in range(0, len(runs), AT_ONCE):
        part = runs[start : start + AT_ONCE]
        queues = [context.Queue() for _ in part]
        processes = [
            context.Process(target=_execute, args=(*run, queue))
            for run, queue in zip(part, queues, strict=True)
        ]
        started = []
        for process in processes:
            process.start()
            started.append(time.monotonic())
        outputs: list[str | None] = [None] * len(part)
        waiting = set(range(len(part)))
        while waiting:
            for i in sorted(waiting):
                if not queues[i].empty():
                    outputs[i] = queues[i].get()
                elif time.monotonic() - started[i] > seconds:
                    outputs[i] = TIMEOUT
                    processes[i].kill()
                elif processes[i].is_alive():
                    continue
                else:
                    outputs[i] = queues[i].get() if not queues[i].empty() else ERROR
                waiting.discard(i)
            time.sleep(POLL_SECONDS)
        for process, queue in zip(processes, queues, strict=True):
            process.join()
            queue.close()
        found += [output or "" for output in outputs]
    return found


def _execute(program: str, data: str, queue: Any) -> None:
    """In the process: run the program with replaced streams."""
    sys.stdin = io.StringIO(data)
    output = io.StringIO()
    # As descriptor 0 for programs that open it.
    with tempfile.TemporaryFile("w+") as file:
        if "open(0)" in program:
            import os

            file.write(data)
            file.flush()
            os.lseek(file.fileno(), 0, 0)
            os.dup2(file.fileno(), 0)
        try:
            with redirect_stdout(output):
                exec(program, {"__name__": "__main__"})
        except BaseException as error:  # noqa: BLE001 - whatever a program raises
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
