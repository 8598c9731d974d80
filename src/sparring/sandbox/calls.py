"""Calling a program's function, inside the program's process; and the other end of a script's pipe.

A program is loaded as a module is imported, anew for every run: its ``if __name__ == "__main__"``
does not fire. `answer_call` is one call whose arguments and value are files; `answer_script`
serves a test script in another process, call after call, until that hangs up.

Like everything in a program's process this is trusted with nothing: what it writes is what the
program could have written itself, and is compared elsewhere.
"""

from __future__ import annotations

import builtins
import json
import os
import struct
import sys
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from sparring import values

MODULE_NAME = "program"
_LENGTH = struct.Struct("<I")
MAX_MESSAGE_BYTES = 64 << 20
VALUE, ERROR = b"v", b"e"
_MOST_TEXT = 500


def answer_call(code: CodeType, entry_point: str, spec: int, value: int) -> None:
    """Load the program, call it with the arguments in file `spec`, write to file `value`."""
    arguments, named = values.decode(_read_all(spec))
    result = _find(_load(code), entry_point)(*arguments, **named)
    # As descriptors, not as file objects: the program may have replaced `open`.
    _write_all(value, values.encode(result).encode("ascii"))


def answer_script(code: CodeType, entry_point: str, channel: int) -> None:
    """Load the program and answer the calls that arrive on `channel`, until its end.

    A call is the encoded triple of a name (None: the entry point), positional and named
    arguments. The answer is `VALUE` and the encoded triple of the value and both kinds of
    arguments as the call left them, or `ERROR` and what is said of the exception in JSON: the
    names of its classes, nearest first, its text, and its encoded arguments if they are plain.
    """
    module: ModuleType | None = None
    while (request := receive(channel)) is not None:
        try:
            name, arguments, named = values.decode(request.decode("ascii"))
            if module is None:
                module = _load(code)
            result = _find(module, name or entry_point)(*arguments, **named)
            answer = VALUE + values.encode((result, arguments, named)).encode("ascii")
        except MemoryError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises goes to the script
            answer = ERROR + _described(error)
        send(channel, answer)


def _described(error: BaseException) -> bytes:
    held: tuple[object, ...] = error.args
    if isinstance(error, OSError) and error.filename is not None:
        held = (error.errno, error.strerror, error.filename)  # `args` leaves out the name
    try:
        encoded = values.encode(held)
    except values.NotPlain:
        encoded = None
    names = [kind.__name__ for kind in type(error).__mro__]
    return json.dumps([names, str(error)[:_MOST_TEXT], encoded]).encode("ascii")


def send(channel: int, message: bytes) -> None:
    """One message on a stream."""
    _write_all(channel, _LENGTH.pack(len(message)) + message)


def receive(channel: int) -> bytes | None:
    """The next message of a stream; None at its end. Raises `ValueError` if it is too long."""
    head = _read(channel, _LENGTH.size)
    if head is None:
        return None
    [length] = _LENGTH.unpack(head)
    if length > MAX_MESSAGE_BYTES:
        raise ValueError("a message that is too long")
    return _read(channel, length)


def _load(code: CodeType) -> ModuleType:
    """The program as a fresh module."""
    module = ModuleType(MODULE_NAME)
    module.__dict__["__builtins__"] = builtins
    sys.modules[MODULE_NAME] = module
    exec(code, module.__dict__)
    return module


def _find(module: ModuleType, entry_point: str) -> Callable[..., Any]:
    """The function `entry_point`, or ``Class.method``."""
    name, _, method = entry_point.partition(".")
    found = module.__dict__.get(name)
    if method and isinstance(found, type):
        found = getattr(found(), method, None)
    if not callable(found):
        raise NameError(f"the program defines no function {entry_point}")
    return found  # type: ignore[no-any-return]


def _read_all(fd: int) -> str:
    parts = []
    while part := os.read(fd, 1 << 20):
        parts.append(part)
    os.close(fd)
    return b"".join(parts).decode("ascii")


def _read(fd: int, count: int) -> bytes | None:
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
