"""A test script's own process: the script, and the proxy that stands for the program's function.

The script runs in a sandboxed process that shares neither memory nor descriptors with the
program's, but for one pipe. On it go plain values (``values``): no object of the program's ever
comes here, so none of its ``__eq__`` is asked, and nothing of the script's goes there but
arguments. The script decides: an `AssertionError` is a wrong answer, its last line an accepted one.

What cannot be carried: functions and instances of a program's own classes (they arrive as objects
that equal nothing), and identity (``candidate(x) is x``). An iterator arrives drained.
"""

from __future__ import annotations

import builtins
import dis
import json
import sys
from collections import deque
from types import CodeType, ModuleType
from typing import Any

from sparring import values
from sparring.sandbox import calls

CANDIDATE = "candidate"
_GONE = "the program ended before the script did"


class ProgramError(Exception):
    """What the program raised, where it is no exception that Python itself has."""


class ProgramGone(BaseException):
    """The program's process is no longer there. Not for a script to catch by `Exception`."""


class Candidate:
    """Called like the program's function."""

    gone = False
    """Whether any call found the program gone. A script that catches everything would pass."""

    def __init__(self, channel: int, name: str, *, entry_point: bool = True) -> None:
        """The entry point, or another function of the program, by its name."""
        self._channel = channel
        self._asked = None if entry_point else name
        self.__name__ = self.__qualname__ = name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        request = values.encode((self._asked, list(arguments), named)).encode("ascii")
        try:
            calls.send(self._channel, request)
            answer = calls.receive(self._channel)
        except OSError as error:
            Candidate.gone = True
            raise ProgramGone(str(error)) from None
        if answer is None:
            Candidate.gone = True
            raise ProgramGone(_GONE)
        if answer[:1] == calls.ERROR:
            raise _error(answer[1:])
        value, after, named_after = values.decode(answer[1:].decode("ascii"))
        for mine, theirs in zip(arguments, after, strict=True):
            _update(mine, theirs)
        for key, mine in named.items():
            _update(mine, named_after[key])
        return value


def run_script(code: CodeType, entry_point: str, channel: int) -> None:
    """Run the script, then its ``check`` with the proxy if it defines one. Returns if it passes.

    Other names that the script uses and does not define stand for functions of the program: a
    round trip needs the function that goes the other way.
    """
    name = entry_point.rpartition(".")[2]
    proxy = Candidate(channel, name)
    module = ModuleType("__main__")
    others = {
        other: Candidate(channel, other, entry_point=False)
        for other in _global_names(code)
        if not hasattr(builtins, other) and not other.startswith("__")
    }
    module.__dict__.update(others)
    module.__dict__.update({"__builtins__": builtins, CANDIDATE: proxy, name: proxy})
    sys.modules["__main__"] = module
    exec(code, module.__dict__)
    check = module.__dict__.get("check")
    if callable(check) and check is not proxy:
        check(proxy)
    if Candidate.gone:
        raise ProgramGone(_GONE)


def _global_names(code: CodeType) -> set[str]:
    """Names that the code, or a function in it, looks up outside itself."""
    looked_up = {
        str(i.argval)
        for i in dis.get_instructions(code)
        if i.opname in ("LOAD_NAME", "LOAD_GLOBAL")
    }
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            looked_up |= _global_names(constant)
    return looked_up


def _update(mine: Any, theirs: Any) -> None:
    """Do to our argument what the call did to its copy."""
    if type(mine) is not type(theirs) or values.same(mine, theirs, typed=True):
        return
    if isinstance(mine, tuple):
        for ours, its in zip(mine, theirs, strict=False):
            _update(ours, its)
    elif isinstance(mine, (list, bytearray)):
        mine[:] = theirs
    elif isinstance(mine, (dict, set)):
        mine.clear()
        mine.update(theirs)
    elif isinstance(mine, deque):
        mine.clear()
        mine.extend(theirs)


def _error(payload: bytes) -> Exception:
    """The program's exception: of the nearest class that Python itself has, with its arguments."""
    kinds, text, held = json.loads(payload)
    for kind in kinds:
        known = getattr(builtins, str(kind), None)
        # An `AssertionError` of the program's is not the script's verdict.
        if not (isinstance(known, type) and issubclass(known, Exception)):
            continue
        if known is not AssertionError and known is not Exception:
            made = [e for e in (_made(known, held), _made(known, values.encode((text,)))) if e]
            if made:
                return next((e for e in made if str(e) == text), made[0])
    return ProgramError(f"{kinds[0]}: {text}")


def _made(known: type[Exception], held: str | None) -> Exception | None:
    try:
        return None if held is None else known(*values.decode(held))
    except (TypeError, ValueError):  # not arguments of this class's
        return None
