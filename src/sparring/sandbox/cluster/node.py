"""A node's side of a cluster's sandbox: one `Sandbox` with one worker for each Ray process.

The sandbox stays open between tasks, because opening one costs more than most chunks. It closes
after `IDLE_SECONDS` without a task, and a process that ends takes its worker along. The caller
states its code, Python and isolation in plain values; a node that differs refuses.

This module does not import Ray. Expected outputs are never sent to a node.
"""

from __future__ import annotations

import hashlib
import platform
import threading
import time
from functools import cache
from pathlib import Path

from sparring.errors import SandboxError
from sparring.sandbox.caller.pool import Sandbox
from sparring.sandbox.cluster import chunks
from sparring.sandbox.types import Fork, Level
from sparring.version import __version__

IDLE_SECONDS = 60.0
Identity = dict[str, str]

_lock = threading.Lock()
_open: dict[str, Sandbox] = {}
"""The open sandbox, if any, by its `Fork`."""
_timer: threading.Timer | None = None


@cache
def identity() -> Identity:
    """Return the versions that an outcome depends on beside program, input and limits."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return {
        "sparring": f"{__version__} (sandbox {digest.hexdigest()[:8]})",
        "Python": platform.python_version(),
        "architecture": platform.machine(),
    }


def answer(
    level: str | None,
    fork: str,
    asker: Identity,
    rows: list[chunks.Row],
    inputs: list[bytes],
) -> chunks.Answer:
    """Execute a chunk; without rows, only report this node's isolation.

    `asker` is the caller's `identity`. The answer is a refusal if the caller's identity differs
    from this node's, or if the node cannot give the level.
    """
    global _timer
    for name, here in identity().items():
        if asker.get(name) != here:
            return {
                "refused": f"has {name} {here}, but the caller has {asker.get(name)}: "
                "install the same everywhere"
            }
    with _lock:  # a Ray process has one task at a time; the timer is another thread
        if _timer is not None:
            _timer.cancel()
        try:
            sandbox = _sandbox(Level(level) if level else None, Fork(fork))
        except SandboxError as error:
            return {"refused": str(error)}
        began, lost = time.monotonic(), sandbox.stats.workers_lost
        works, call = chunks.unpack(rows, inputs)
        sandbox.perform(works, call)
        _timer = threading.Timer(IDLE_SECONDS, close)
        _timer.daemon = True
        _timer.start()
        return {
            "seconds": time.monotonic() - began,
            "lost": sandbox.stats.workers_lost - lost,
            "outcomes": chunks.pack_outcomes(works),
            "level": sandbox.level.value,
            "layers": sandbox.report()["layers"],
        }


def close() -> None:
    """End the sandbox of this process, if one is open."""
    with _lock:
        while _open:
            _open.popitem()[1].close()


def _sandbox(level: Level | None, fork: Fork) -> Sandbox:
    sandbox = _open.get(fork.value)
    fits = sandbox is not None and level in (None, sandbox.level)
    if sandbox is not None and fits and not sandbox.closed:
        return sandbox
    while _open:
        _open.popitem()[1].close()
    sandbox = _open[fork.value] = Sandbox(1, level=level, fork=fork, memo=False)
    return sandbox
