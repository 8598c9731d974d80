"""Processes of their own that need not load torch: each is forked from one that has loaded it and
done nothing else. Loading it takes seconds, which most tests have no use for.

    python -m tests.forks     (a line of JSON on standard input for each process to begin)
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOADED = (
    "sparring.cli.train_torch",
    "transformers.models.llama.modeling_llama",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
)


class Forked:
    """``python -m MODULE ARGUMENTS``, to be used like `subprocess.Popen`. What it writes goes to
    files; ``out`` may be another one than its own."""

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str] | None = None,
        out: Path | None = None,
    ) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="fork-", dir=_server()[1]))
        self._out, self._err = out or self._place / "out", self._place / "err"
        told = {
            "command": command,
            "environment": {**os.environ, **(environment or {})},
            "directory": os.getcwd(),
            "place": str(self._place),
            "out": str(self._out),
            "err": str(self._err),
        }
        server = _server()[0]
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(told) + "\n")
        server.stdin.flush()
        self.pid = int(server.stdout.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with contextlib.suppress(FileNotFoundError):
            self.returncode = int((self._place / "status").read_text())
        return self.returncode

    def wait(self, timeout: float = 240) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        return code

    def communicate(self, timeout: float = 240) -> tuple[str, str]:
        self.wait(timeout)
        return self._out.read_text() if self._out.is_file() else "", self._err.read_text()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@functools.cache
def _server() -> tuple[subprocess.Popen[str], str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forks"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    return server, tempfile.mkdtemp(prefix="sparring-tests-")


def stop() -> None:
    """End the process that the others are forked from, and those that are left."""
    if _server.cache_info().currsize:
        server, place = _server()
        server.communicate()
        subprocess.run(["rm", "-rf", place], check=False)
        _server.cache_clear()


def _serve() -> None:
    """One thread alone: what a thread holds as a process is forked, it holds in the child for
    ever."""
    for name in LOADED:
        importlib.import_module(name)
    places: dict[int, Path] = {}
    ends: dict[int, int] = {}

    def tell(*_: Any) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                ends[found[0]] = os.waitstatus_to_exitcode(found[1])
        for pid in ends.keys() & places.keys():  # one may end before its place is noted
            written = places.pop(pid) / "written"
            written.write_text(str(ends.pop(pid)))
            written.rename(written.with_name("status"))

    signal.signal(signal.SIGCHLD, tell)
    for line in sys.stdin:
        told = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(_run(told))
        places[pid] = Path(told["place"])
        os.kill(os.getpid(), signal.SIGCHLD)
        print(pid, flush=True)
    for pid in list(places):
        os.kill(pid, signal.SIGKILL)


def _run(told: dict[str, Any]) -> int:
    """What Python does with ``-m``, and how it ends."""
    for number, path in ((0, os.devnull), (1, told["out"]), (2, told["err"])):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT
        os.dup2(os.open(path, flags), number)
    os.chdir(told["directory"])
    os.environ.clear()
    os.environ.update(told["environment"])
    module, *arguments = told["command"]
    sys.argv = [module, *arguments]
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001  # as Python does, whatever it is
        traceback.print_exc()
        code = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1


if __name__ == "__main__":
    _serve()
