"""``sys.stdin`` and ``sys.stdout`` of an execution, opened as the interpreter opens its own."""

from __future__ import annotations

import io
import sys


def open_streams() -> tuple[io.TextIOWrapper, io.TextIOWrapper]:
    """Open, install and return fresh standard input and output on descriptors 0 and 1."""
    stdin, stdout = _open(0, "r", "<stdin>"), _open(1, "w", "<stdout>")
    set_streams(stdin, stdout)
    return stdin, stdout


def set_streams(stdin: io.TextIOBase | None, stdout: io.TextIOBase | None) -> None:
    """Install the process's streams, also as ``sys.__stdin__`` and ``sys.__stdout__``."""
    namespace = sys.__dict__
    namespace["stdin"] = namespace["__stdin__"] = stdin
    namespace["stdout"] = namespace["__stdout__"] = stdout


def flush(stream: object) -> None:
    """Flush a stream, which may be any object that the program has put in its place."""
    try:
        if isinstance(stream, io.IOBase) and stream.closed:
            return
    except ValueError:  # the program detached the buffer, which flushed it
        return
    method = getattr(stream, "flush", None)
    if method is not None:
        method()


def flush_as_it_ends() -> None:
    """Flush the standard streams and ignore errors, as CPython does at a main program's end.

    Standard error is left alone unless the program has replaced it: nobody reads it, and access to
    it makes a fork copy pages.
    """
    namespace = sys.__dict__
    streams = [namespace.get("stdout")]
    if namespace.get("stderr") is not namespace.get("__stderr__"):
        streams.insert(0, namespace.get("stderr"))
    for stream in streams:
        try:
            flush(stream)
        except BaseException:  # noqa: BLE001  # a stream of the program's may raise anything
            continue


def _open(fd: int, mode: str, name: str) -> io.TextIOWrapper:
    # No translation of newlines; `surrogateescape` carries bytes that are no UTF-8.
    raw = io.FileIO(fd, mode, closefd=False)
    raw.__dict__["name"] = name  # "<stdin>", as on the interpreter's own stream, not 0
    buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    stream = io.TextIOWrapper(buffer, "utf-8", "surrogateescape", "\n")
    stream.__dict__["mode"] = mode
    return stream
