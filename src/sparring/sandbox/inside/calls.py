"""Calling a program's function within the program's process, for a file or for a test script.

A program is loaded anew for every execution, in the way a module is imported: the block under its
``if __name__ == "__main__"`` is not executed. `answer_call` makes one call, with its arguments and
its value in files. `answer_script` serves a test script in another process, call after call, until
the script closes the pipe.

This code, like everything in a program's process, is trusted with nothing. The program could have
written every byte of an answer itself, and another process compares the answer. A program can also
look through the frames that called it, so these frames hold nothing secret. The encoded text is
gone before the call, and arguments stay only where they are sent back.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from functools import partial
from types import CodeType, ModuleType
from typing import Any

from sparring import values
from sparring.sandbox.inside import exceptions, messages
from sparring.sandbox.inside.loaded_preamble import LoadedPreamble

MODULE_NAME = "program"


def answer_call(
    code: CodeType, preamble: LoadedPreamble | None, entry_point: str, spec: int, value: int
) -> None:
    """Load the program and call its entry point once.

    `spec` is the descriptor of the encoded arguments, and `value` is the descriptor of the file for
    the value.
    """
    arguments = _read_arguments(spec)
    function = _find(_load(code, preamble), entry_point)
    # `pop` empties the list, so that this frame holds no arguments during the call.
    returned = function(*arguments.pop(), **arguments.pop())
    # `os.write` on a descriptor, because the program may have replaced `open`.
    messages.write_all(value, values.encode(returned).encode("ascii"))


def answer_script(
    code: CodeType, preamble: LoadedPreamble | None, entry_point: str, channel: int
) -> None:
    """Load the program and answer the calls that arrive on `channel`, until the stream's end.

    A call is the encoded triple of a name (None: the entry point), positional arguments and named
    arguments. The answer is one of three:

    - `VALUE`, and the encoded triple of the value and of both kinds of arguments as the call left
      them;
    - `ERROR`, and a description of the exception (``exceptions``);
    - `USELESS`, and a description, where the program does not load or lacks the entry point. A
      script that expects an exception would otherwise accept this one, and pass.

    A list of names asks for the program's data. The answer maps the names that the program has to
    values, each value encoded by itself. Raises `ValueError` for a message that is too long.
    """
    program: list[ModuleType] = []
    load = partial(_load, code, preamble)
    while _answer_one(program, load, entry_point, channel):
        pass


def _answer_one(
    program: list[ModuleType], load: Callable[[], ModuleType], entry_point: str, channel: int
) -> bool:
    """Answer the next call; return False at the stream's end.

    `program` is empty until the first call has loaded the module into it.
    """
    received = [messages.receive(channel)]
    loading = False
    if received[0] is None:
        return False
    try:
        # `pop` lets the bytes go as soon as they are decoded: no frame holds them in the call.
        requests = [values.decode((received.pop() or b"").decode("ascii"))]
        if not program:
            loading = True
            program.append(load())
            loading = False
        if isinstance(requests[0], list):
            answer = messages.VALUE + values.encode(_data(program[0], requests[0])).encode("ascii")
        else:
            name, arguments, named = requests.pop()
            function = _find(program[0], name or entry_point, NameError if name else _NoEntryPoint)
            value = function(*arguments, **named)
            answer = messages.VALUE + values.encode((value, arguments, named)).encode("ascii")
        if len(answer) > messages.MAX_BYTES:
            raise ValueError("a value that is too long")
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001  # the script gets whatever the program raises
        useless = loading or isinstance(error, _NoEntryPoint)
        answer = (messages.USELESS if useless else messages.ERROR) + exceptions.describe(error)
    messages.send(channel, answer)
    return True


def _data(module: ModuleType, names: list[str]) -> dict[str, str]:
    """Return the module's data under these names, each value encoded.

    Callables are left out, and so are iterators, which encoding would drain.
    """
    bound = {name: module.__dict__[name] for name in names if name in module.__dict__}
    data = {n: v for n, v in bound.items() if not (callable(v) or hasattr(v, "__next__"))}
    return {name: values.encode(value) for name, value in data.items()}


def _read_arguments(spec: int) -> list[Any]:
    """Read a call's arguments: named arguments first, then positional arguments, which are popped
    first."""
    arguments, named = values.decode(messages.read_all(spec).decode("ascii"))
    return [named, arguments]


def _load(code: CodeType, preamble: LoadedPreamble | None) -> ModuleType:
    """Execute the preamble and the program in a fresh module, and return the module."""
    module = ModuleType(MODULE_NAME)
    module.__dict__["__builtins__"] = builtins
    sys.modules[MODULE_NAME] = module
    if preamble is not None:
        preamble.put_into(module)
    exec(code, module.__dict__)
    return module


class _NoEntryPoint(NameError):
    """Raised when the program lacks its entry point."""


def _find(
    module: ModuleType, entry_point: str, missing: type[NameError] = NameError
) -> Callable[..., Any]:
    """Return the function `entry_point`, or ``Class.method`` of a new instance.

    Raises `missing` if the program has no such function.
    """
    name, _, method = entry_point.partition(".")
    function = module.__dict__.get(name)
    if method and isinstance(function, type):
        function = getattr(function(), method, None)
    if not callable(function):
        raise missing(f"the program defines no function {entry_point}")
    return function  # type: ignore[no-any-return]
