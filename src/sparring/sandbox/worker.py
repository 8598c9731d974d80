"""The process behind one worker of the pool: sets itself up, then serves.

Started as a fresh interpreter, so that it holds nothing of the parent's: no
expected outputs, no models, no threads. Arguments: descriptor of the control
socket, level, staging directory.
"""

from __future__ import annotations

# Imported before the first fork, so that programs get them for nothing.
import array  # noqa: F401
import bisect  # noqa: F401
import collections  # noqa: F401
import copy  # noqa: F401
import dataclasses  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import gc
import heapq  # noqa: F401
import itertools  # noqa: F401
import json  # noqa: F401
import math  # noqa: F401
import operator  # noqa: F401
import os
import platform
import random  # noqa: F401
import re  # noqa: F401
import resource
import socket
import statistics  # noqa: F401
import string  # noqa: F401
import sys
import typing  # noqa: F401
from typing import Any

from sparring.sandbox import isolate, landlock, seccomp, wire
from sparring.sandbox.server import Server
from sparring.sandbox.types import Level

STACK_BYTES = 512 << 20
"""Main-thread stack of programs; recursion in C (sorting keys, repr, regex) needs it."""
WORK_MIB = 64


def main() -> None:
    """Entry point; see the module's docstring for the arguments."""
    _ensure_stack()
    control_fd, level, staging = int(sys.argv[1]), Level(sys.argv[2]), sys.argv[3]
    control = socket.socket(fileno=control_fd)
    isolate.die_with_parent()
    root = os.getuid() == 0
    if level is Level.LANDLOCK:
        _serve(control, level, staging, change_user=False)
        return
    try:
        isolate.enter_namespaces()
    except OSError as error:
        wire.send(control, {"error": str(error)})
        return
    pid = os.fork()
    if pid == 0:
        isolate.die_with_parent()
        _serve(control, level, staging, change_user=root)
        os._exit(0)
    control.close()
    os.waitpid(pid, 0)


def _serve(control: socket.socket, level: Level, staging: str, change_user: bool) -> None:
    try:
        work = staging
        if level is Level.NAMESPACES:
            isolate.enter_minimal_root(staging, WORK_MIB)
            work = isolate.BOX
        report = _report(level, change_user)
        ruleset = _ruleset(level, work)
        if not seccomp.supported():
            raise OSError(f"no system call table for {platform.machine()}")
        if ruleset is None and level is Level.LANDLOCK:
            raise OSError("the kernel has no Landlock (it needs 5.13, and lsm=...,landlock)")
        isolate.set_dumpable(False)
    except OSError as error:
        wire.send(control, {"error": str(error)})
        return
    _forget_ourselves()
    gc.collect()
    gc.freeze()
    wire.send(control, {"ready": report})
    Server(control, work, ruleset, change_user).serve()


def _ruleset(level: Level, work: str) -> int | None:
    if landlock.abi() == 0:
        return None
    readable = [*isolate.SYSTEM_PATHS, *isolate.interpreter_paths()]
    readable += [f"/dev/{name}" for name in ("zero", "full", "random", "urandom")]
    if level is Level.NAMESPACES:
        readable.append("/proc")
    return landlock.ruleset(readable, [work, "/dev/null"])


def _report(level: Level, change_user: bool) -> dict[str, Any]:
    return {
        "level": level.value,
        "landlock_abi": landlock.abi(),
        "seccomp": seccomp.supported(),
        "own_user": change_user,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _ensure_stack() -> None:
    """Raise the stack limit and start again: the kernel lays memory out by it at exec."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
    os.execv(sys.executable, sys.orig_argv)


def _forget_ourselves() -> None:
    """Programs must not find this package by importing it."""
    sys.path[:] = [p for p in sys.path if not os.path.isdir(os.path.join(p, "sparring", "sandbox"))]
