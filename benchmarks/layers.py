"""What each layer of the sandbox costs: a fork, a system call and an opened file, layer by layer.

Used by ``executor.py``; on its own: ``python benchmarks/layers.py [--json FILE]``. Measured in a
process that shuts itself in as a zygote does, one layer more each time, with the functions that
the sandbox uses. Namespaces are there from the beginning at that level: they are set up once for
a worker. Medians; a fork includes its end and the wait for it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from sparring.errors import SandboxError
from sparring.sandbox import Level, Limits
from sparring.sandbox.isolation import confine, kernel, landlock, seccomp

FORKS = 300
CALLS = 2000
_OPENED = os.path.realpath(json.__file__)

Costs = dict[str, dict[str, float]]
"""Layer → what → microseconds, all layers so far included."""


def layer_costs(level: Level) -> Costs:
    """Microseconds with one layer more each time. Raises `SandboxError` if the host refuses."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        with TemporaryDirectory() as scratch:
            os.chmod(scratch, 0o711)
            # One process more: at the level of namespaces it cannot delete the directory.
            if os.fork() == 0:
                _measure_into(write, level, scratch)
            os.wait()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        text = file.read()
    os.waitpid(pid, 0)
    found = json.loads(text or '{"refused": "the measuring process died"}')
    if "refused" in found:
        raise SandboxError(f"level {level.value}: {found['refused']}")
    costs: Costs = found
    return costs


def _measure_into(write: int, level: Level, scratch: str) -> None:
    try:
        text = json.dumps(_measure(level, scratch))
    except confine.Unavailable as error:
        text = json.dumps({"refused": str(error)})
    os.write(write, text.encode())
    os._exit(0)


def _measure(level: Level, scratch: str) -> Costs:
    confinement = confine.prepare(level, scratch)
    costs = {"none": _costs(lambda: None)}
    if confinement.ruleset is not None:
        landlock.restrict(confinement.ruleset)
        costs["landlock"] = _costs(lambda: None)
    seccomp.confine_zygote()
    costs["+ filter of the zygote"] = _costs(lambda: None)
    last = seccomp.ProgramFilter()
    costs["+ filter of the program"] = _costs(lambda: last.confine(os.getpid()))
    dies = kernel.PreparedCall(
        kernel.SYS_PRCTL[kernel.machine()], kernel.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0
    )

    def enter() -> None:
        dies()
        last.confine(os.getpid())

    costs["+ death signal"] = _costs(enter)
    costs["+ rlimits, set from outside"] = _costs(enter, limited=True)
    return costs


def _costs(enter: Callable[[], None], *, limited: bool = False) -> dict[str, float]:
    forks = []
    for _ in range(FORKS):
        started = time.perf_counter()
        pid = kernel.fork()
        if pid == 0:
            enter()
            os._exit(0)
        if limited:
            for kind, value in confine.rlimits(Limits()):
                resource.prlimit(pid, kind, (value, value))
        os.waitpid(pid, 0)
        forks.append(time.perf_counter() - started)
    call, opened = _in_a_fork(enter)
    return {
        "a fork": round(statistics.median(forks) * 1e6, 1),
        "a system call": round(call * 1e6, 3),
        "an opened file": round(opened * 1e6, 3),
    }


def _in_a_fork(enter: Callable[[], None]) -> tuple[float, float]:
    """Seconds of a system call that does nothing, and of opening and closing a file."""
    read, write = os.pipe()
    pid = kernel.fork()
    if pid == 0:
        enter()
        calls = [_timed(lambda: os.getppid()) for _ in range(CALLS)]
        opens = [_timed(lambda: os.close(os.open(_OPENED, os.O_RDONLY))) for _ in range(CALLS)]
        times = (statistics.median(calls), statistics.median(opens))
        os.write(write, json.dumps(times).encode())
        os._exit(0)
    os.close(write)
    text = os.read(read, 1000)
    os.close(read)
    os.waitpid(pid, 0)
    call, opened = json.loads(text)
    return call, opened


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def all_levels() -> dict[str, Costs | str]:
    """The costs at each level, or why the host does not give it."""
    found: dict[str, Costs | str] = {}
    for level in Level:
        try:
            found[level.value] = layer_costs(level)
        except SandboxError as error:
            found[level.value] = str(error)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    found = all_levels()
    for level, costs in found.items():
        print(f"{level}, microseconds:" if isinstance(costs, dict) else costs)
        for layer, row in costs.items() if isinstance(costs, dict) else ():
            print(f"  {layer:32}" + "  ".join(f"{k} {v:8.2f}" for k, v in row.items()))
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
