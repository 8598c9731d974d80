"""Host of a grader: loads it once, and forks a process for each case.

    python host.py module:function

Runs under the interpreter of the grader's own environment, so it needs the standard library alone
(Python 3.9 or newer). A line of JSON on standard input is a request; the answer is a line of JSON
on the standard output that the host began with:

- request: ``key``, ``submissions`` (pairs of program and tests), ``condition``, ``seconds``;
- answer: ``key``, ``verdicts`` (one for each submission that was graded), ``detail``, ``left``
  (processes still there after the verdict), ``harm`` (targets that were changed).

A verdict is ``accepted``, ``rejected``, ``unsupported`` (the grader returned None) or ``raised``.
Where they end early, ``hung`` or ``died`` follows: no verdict within ``seconds``, or the process of
the grader ended.

The first line after the start says ``ready``, or why the grader cannot be loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

_Grade = Callable[[str, Any], object]

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_DATA = 3 << 30
"""Bytes of private memory that a grader and its programs may have, each process."""
_FILE = 1 << 30
_GRACE = 1.0
"""Seconds that processes have to end after the verdict."""
_OWN: list[int] = []
"""Descriptors over which the host is asked and answers; a grader must not have them."""


class ReachableTargets:
    """Things of this host that a program may try to reach: files, a secret, a process, a server."""

    def __init__(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="targets-")
        self.secret = f"secret-{secrets.token_hex(8)}"
        os.environ["HOST_SECRET"] = self.secret
        self._write()
        self._server = socket.socket()
        self._server.bind(("127.0.0.1", 0))
        self._server.listen()
        self._server.setblocking(False)
        self._name = f"victim-{secrets.token_hex(8)}"
        self._victim = _sleeper(self._name)

    @property
    def processes(self) -> set[int]:
        """Process ids that belong to the host itself."""
        return {self._victim.pid}

    def fill(self, program: str) -> str:
        """Return the program with each name between two @ replaced by its target."""
        for name, value in (
            ("VICTIM_FILE", self._path("victim")),
            ("SPARE_FILE", self._path("spare")),
            ("SECRET_FILE", self._path("secret")),
            ("DIRECTORY", self.directory),
            ("VICTIM_NAME", self._name),
            ("VICTIM", self._victim.pid),
            ("PORT", self._server.getsockname()[1]),
        ):
            program = program.replace(f"@{name}@", str(value))
        return program

    def harm(self) -> list[str]:
        """Restore the targets; return what was changed."""
        found = []
        names = sorted(os.listdir(self.directory))
        with open(self._path("victim"), "a+") as file:
            file.seek(0)
            if file.read() != "as it was":
                found.append("a file of the host was changed")
        if names != ["secret", "spare", "victim"]:
            found.append("a directory of the host was changed")
            for name in names:
                os.remove(self._path(name))
        self._write()
        reached = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._server.accept()[0].close()
                reached += 1
        if reached:
            found.append("a server of the host was reached")
        if self._victim.poll() is not None:
            found.append("a process of the host was ended")
            self._victim = _sleeper(self._name)
        return found

    def _write(self) -> None:
        for name, text in (("victim", "as it was"), ("spare", ""), ("secret", self.secret)):
            with open(self._path(name), "w") as file:
                file.write(text)

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)


def _sleeper(name: str) -> subprocess.Popen[bytes]:
    program = "import os, time\nhost = os.getppid()\nwhile os.getppid() == host: time.sleep(1)"
    return subprocess.Popen([sys.executable, "-c", program, name])


def loaded(spec: str) -> _Grade:
    """Return the function that ``module:function`` names, or one that asks the server at a URL."""
    if spec.startswith(("http://", "https://")):
        return lambda program, tests: _asked(spec, program, tests)
    module, _, name = spec.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{spec} is no function")
    grade: _Grade = found
    return grade


def _asked(url: str, program: str, tests: Any) -> object:
    body = json.dumps({"program": program, "tests": tests}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as reply:
        return json.load(reply)["passed"]


def answered(grade: _Grade, targets: ReachableTargets, request: dict[str, Any]) -> dict[str, Any]:
    """Grade the submissions of a request in a process of their own; return the answer."""
    nonce = secrets.token_hex(8)
    work = tempfile.mkdtemp(prefix="case-")
    before = descendants()
    begun = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _grade(grade, targets, request, work, writing, nonce)
    os.close(writing)
    wanted = len(request["submissions"])
    lines = _lines(reading, child, nonce, wanted, begun + request["seconds"] * wanted)
    verdicts = [line["verdict"] for line in lines if line["verdict"]]
    details = [line["detail"] for line in lines if line["detail"]]
    if len(verdicts) < wanted:
        verdicts.append("died" if _reaped(child) else "hung")
    known = before | targets.processes
    left = _left(known, 0 if "hung" in verdicts else _GRACE, child)
    for pid in (child, *left):
        _end(pid)
    shutil.rmtree(work, ignore_errors=True)
    return {
        "key": request["key"],
        "verdicts": verdicts,
        "detail": details[-1] if details else "",
        "left": 0 if "hung" in verdicts else len(left),
        "harm": targets.harm(),
    }


def _grade(
    grade: _Grade,
    targets: ReachableTargets,
    request: dict[str, Any],
    work: str,
    writing: int,
    nonce: str,
) -> NoReturn:
    """Grade the submissions, write a line for each, and end this process."""
    os.setsid()
    os.chdir(work)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)
    for stream in _OWN:
        os.close(stream)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for limit, wanted in ((resource.RLIMIT_DATA, _DATA), (resource.RLIMIT_FSIZE, _FILE)):
        hard = resource.getrlimit(limit)[1]
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(limit, (most, hard))  # a grader may set limits of its own
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _bring_about(request["condition"])
    for program, tests in request["submissions"]:
        verdict, detail = "raised", ""
        try:
            value = grade(targets.fill(program), tests)
            if value is None:
                verdict = "unsupported"
            elif type(value).__name__ in ("bool", "bool_"):  # numpy's too
                verdict = "accepted" if value else "rejected"
            else:
                detail = f"it returned {type(value).__name__}, not True, False or None"
        except BaseException as error:  # noqa: BLE001  # a program may make the grader raise anything
            text = (str(error).splitlines() or [""])[0]
            detail = f"{type(error).__name__}: {text}".replace(work, "DIRECTORY")[:300]
        line = json.dumps([nonce, verdict, detail])
        os.write(writing, f"\n{line}\n".encode())
    os._exit(0)


def _bring_about(condition: str) -> None:
    """Let the machine fail as ``condition`` says."""
    if condition == "no descriptor is left":
        soft = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
        try:
            while True:
                os.open(os.devnull, os.O_RDONLY)
        except OSError:
            pass
    elif condition == "no file can be written":
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _lines(
    reading: int, child: int, nonce: str, wanted: int, deadline: float
) -> list[dict[str, str]]:
    """Return the child's lines, until there are enough, or the child has died, or the deadline."""
    data, sources = b"", [reading]
    found: list[dict[str, str]] = []
    while len(found) < wanted and time.monotonic() < deadline:
        ready, _, _ = select.select(sources, [], [], 0.05)
        if ready:
            part = os.read(reading, 1 << 16)
            data += part
            found = _read(data, nonce)
            if not part:
                sources = []  # a program closed the pipe; the process may still end
        elif _is_dead(child):
            if sources and select.select(sources, [], [], 0)[0]:
                continue  # its last words came between the two looks
            break
    os.close(reading)
    return found


def _read(data: bytes, nonce: str) -> list[dict[str, str]]:
    found = []
    for line in data.decode("utf-8", "replace").split("\n"):
        try:
            mark, verdict, detail = json.loads(line)
        except (ValueError, TypeError):
            continue  # a program wrote to every descriptor
        if mark == nonce:
            found.append({"verdict": verdict, "detail": detail})
    return found


def _is_dead(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def descendants() -> set[int]:
    """Return the ids of all processes that descend from this one and are alive."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    state, parent = file.read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state not in "ZX":
                parents[int(name)] = int(parent)
    found, grown = {os.getpid()}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    return found - {os.getpid()}


def _left(known: set[int], seconds: float, child: int) -> set[int]:
    """Return the processes that are still there after some seconds; reap those that ended."""
    until = time.monotonic() + seconds
    while True:
        left = descendants() - known - {child}
        if not left or time.monotonic() >= until:
            return left
        time.sleep(0.05)


def _end(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)


def _reap(keep: Iterable[int]) -> None:
    """Reap every child that has ended, except those of ``keep``, which have an owner."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in keep:
            return
        os.waitpid(ended.si_pid, 0)


def main() -> None:
    """Answer requests until standard input ends."""
    spec = sys.argv[1]
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    _OWN.extend([requests.fileno(), answers.fileno()])
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sys.path[0] = os.getcwd()  # not the directory of this script, whose modules are no grader's
    targets = ReachableTargets()

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        grade = loaded(spec)
    except BaseException as error:  # noqa: BLE001  # a module may raise anything
        text = (str(error).splitlines() or [""])[0]
        say({"ready": False, "why": f"{type(error).__name__}: {text}"})
        return
    say({"ready": True, "python": sys.version.split()[0]})
    for line in requests:
        request = json.loads(line)
        say(answered(grade, targets, request))
        _reap(targets.processes)


if __name__ == "__main__":
    main()
