"""Calling a program's function, inside the program's process; and the other end of a script's pipe.

A program is loaded as a module is imported, anew for every run: its ``if __name__ == "__main__"``
does not fire. `answer_call` is one call whose arguments and value are files; `answer_script`
serves a test script in another process, call after call, until that hangs up.

Like everything in a program's process this is trusted with nothing: what it writes is what the
program could have written itself, and is compared elsewhere. Nor does it keep anything for a
program that looks through the frames that called it: what came as text is gone before the call,
and arguments stay only where they are sent back.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from functools import partial
from types import CodeType, ModuleType
from typing import Any

from sparring import values
from sparring.sandbox.inside import messages, raised
from sparring.sandbox.inside.front import Front

MODULE_NAME = "program"


def answer_call(
    code: CodeType, front: Front | None, entry_point: str, spec: int, value: int
) -> None:
    """Load the program, call it with the arguments in file `spec`, write to file `value`."""
    given = _given(spec)
    function = _find(_load(code, front), entry_point)
    # Taken out of the list, so that it is empty during the call.
    result = function(*given.pop(), **given.pop())
    # As descriptors, not as file objects: the program may have replaced `open`.
    messages.write_all(value, values.encode(result).encode("ascii"))


def answer_script(code: CodeType, front: Front | None, entry_point: str, channel: int) -> None:
    """Load the program and answer the calls that arrive on `channel`, until its end.

    A call is the encoded triple of a name (None: the entry point), positional and named
    arguments. The answer is `VALUE` and the encoded triple of the value and both kinds of
    arguments as the call left them, or `ERROR` and a description of the exception (``raised``),
    or `USELESS` and the same where the program does not load or lacks the entry point: else a
    script that expects an exception would take that one for it, and pass.
    A list of names asks for the program's data: the answer is the table of those that it has, each
    value encoded by itself.
    Raises `ValueError` for a message that is too long.
    """
    program: list[ModuleType] = []
    load = partial(_load, code, front)
    while _answer_one(program, load, entry_point, channel):
        pass


def _answer_one(
    program: list[ModuleType], load: Callable[[], ModuleType], entry_point: str, channel: int
) -> bool:
    """Answer the next call, False at the end. `program` is empty until the first has loaded it."""
    received = [messages.receive(channel)]
    loading = False
    if received[0] is None:
        return False
    try:
        # Taken out of the list: the bytes end with their decoding.
        asked = [values.decode((received.pop() or b"").decode("ascii"))]
        if not program:
            loading = True
            program.append(load())
            loading = False
        if isinstance(asked[0], list):
            answer = messages.VALUE + values.encode(_data(program[0], asked[0])).encode("ascii")
        else:
            name, arguments, named = asked.pop()
            function = _find(program[0], name or entry_point, NameError if name else _NoEntryPoint)
            result = function(*arguments, **named)
            answer = messages.VALUE + values.encode((result, arguments, named)).encode("ascii")
        if len(answer) > messages.MAX_BYTES:
            raise ValueError("a value that is too long")
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever it raises goes to the script
        useless = loading or isinstance(error, _NoEntryPoint)
        answer = (messages.USELESS if useless else messages.ERROR) + raised.describe(error)
    messages.send(channel, answer)
    return True


def _data(module: ModuleType, names: list[str]) -> dict[str, str]:
    """The module's data under these names, encoded. What can be called is none, nor is an iterator,
    which encoding would drain."""
    held = {name: module.__dict__[name] for name in names if name in module.__dict__}
    data = {n: v for n, v in held.items() if not (callable(v) or hasattr(v, "__next__"))}
    return {name: values.encode(value) for name, value in data.items()}


def _given(spec: int) -> list[Any]:
    """What a file says of one call: the named arguments and, to be taken first, the others."""
    arguments, named = values.decode(messages.read_all(spec).decode("ascii"))
    return [named, arguments]


def _load(code: CodeType, front: Front | None) -> ModuleType:
    """The program as a fresh module, after what stands before it."""
    module = ModuleType(MODULE_NAME)
    module.__dict__["__builtins__"] = builtins
    sys.modules[MODULE_NAME] = module
    if front is not None:
        front.put_into(module)
    exec(code, module.__dict__)
    return module


class _NoEntryPoint(NameError):
    """The program lacks the function that it is called by."""


def _find(
    module: ModuleType, entry_point: str, missing: type[NameError] = NameError
) -> Callable[..., Any]:
    """The function `entry_point`, or ``Class.method``. Raises `missing`."""
    name, _, method = entry_point.partition(".")
    found = module.__dict__.get(name)
    if method and isinstance(found, type):
        found = getattr(found(), method, None)
    if not callable(found):
        raise missing(f"the program defines no function {entry_point}")
    return found  # type: ignore[no-any-return]
