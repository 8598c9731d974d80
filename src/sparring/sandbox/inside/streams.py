"""``sys.stdin`` and ``sys.stdout`` of a run, opened as the interpreter opens its own."""

from __future__ import annotations

import io
import sys


def open_streams() -> tuple[io.TextIOWrapper, io.TextIOWrapper]:
    """Fresh standard input and output on descriptors 0 and 1."""
    stdin, stdout = _open(0, "r", "<stdin>"), _open(1, "w", "<stdout>")
    set_streams(stdin, stdout)
    return stdin, stdout


def set_streams(stdin: io.TextIOBase | None, stdout: io.TextIOBase | None) -> None:
    """Make these the process's streams, also under their second names."""
    held = sys.__dict__
    held["stdin"] = held["__stdin__"] = stdin
    held["stdout"] = held["__stdout__"] = stdout


def flush(stream: object) -> None:
    """Flush, whatever the program has put in the stream's place."""
    try:
        if isinstance(stream, io.IOBase) and stream.closed:
            return
    except ValueError:  # its buffer was detached, and flushed by that
        return
    method = getattr(stream, "flush", None)
    if method is not None:
        method()


def flush_as_it_ends() -> None:
    """Flush the standard streams and mind no error, as CPython does where a main program ends.

    Not the usual standard error: nobody sees it, and looking at it costs a fork copied pages.
    """
    held = sys.__dict__
    streams = [held.get("stdout")]
    if held.get("stderr") is not held.get("__stderr__"):
        streams.insert(0, held.get("stderr"))
    for stream in streams:
        try:
            flush(stream)
        except BaseException:  # noqa: BLE001  # of a stream that the program made
            continue


def _open(fd: int, mode: str, name: str) -> io.TextIOWrapper:
    # No newline translation, UTF-8 that loses no byte.
    raw = io.FileIO(fd, mode, closefd=False)
    raw.__dict__["name"] = name
    buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    stream = io.TextIOWrapper(buffer, "utf-8", "surrogateescape", "\n")
    stream.__dict__["mode"] = mode
    return stream
