"""An exception on its way from a program to the script that called it.

What travels is the names of its classes, nearest first, its text, its arguments if they are plain,
and the name that an `ImportError`, `NameError` or `AttributeError` is about. It arrives as an
exception of the nearest class that Python itself has.

`StopIteration` and `StopAsyncIteration` do not arrive as themselves. Whatever calls a function on
behalf of an iterator (`map`, `filter`, `zip`, ``iter(f, end)``) would take them for its end, and
``all(map(candidate, …))`` would pass for a program that does nothing else. They arrive as the
`RuntimeError` that a generator makes of them (PEP 479), with the exception as its cause.
"""

from __future__ import annotations

import builtins
import json

from sparring import values

_MOST_TEXT = 500
_MOST_NAMES = 100
_MISTAKEN = (StopIteration, StopAsyncIteration)
_NAMED = (ImportError, NameError, AttributeError)
_POSITIONS = {UnicodeEncodeError: 2, UnicodeDecodeError: 2, UnicodeTranslateError: 1}


PROGRAM_CLASSES = "program_classes"
"""Attribute of an exception that arrived: the names of its classes there, nearest first."""


class ProgramError(Exception):
    """What the program raised, where it is no exception that Python itself has."""


class ProgramStopped(BaseException):
    """What the program raised that is no `Exception`: an exit, an interrupt. Not to be caught by
    `Exception`, in a script as in plain Python."""


def describe(error: BaseException) -> bytes:
    """In the program's process: the description that travels."""
    held: tuple[object, ...] = error.args
    if isinstance(error, OSError) and error.filename is not None:
        held = (error.errno, error.strerror, error.filename)  # `args` leaves out the name
    try:
        encoded = values.encode(held)
    except Exception:  # noqa: BLE001  # not plain, or an iterator of the program's that fails
        encoded = None
    try:
        text = str(error)[:_MOST_TEXT]
    except Exception:  # noqa: BLE001  # the program's own `__str__`
        text = ""
    name = error.name if isinstance(error, _NAMED) else None
    about = str(name)[:_MOST_TEXT] if isinstance(name, str) else None
    names = [kind.__name__[:_MOST_TEXT] for kind in type(error).__mro__[:_MOST_NAMES]]
    return json.dumps([names, text, encoded, about]).encode("ascii")


def rebuild(description: bytes) -> BaseException:
    """In the script's process: the exception. Raises if the bytes are no description."""
    names, text, held, about = json.loads(description)
    well_formed = isinstance(names, list) and 0 < len(names) <= _MOST_NAMES
    if not well_formed or not all(isinstance(each, str) for each in [*names, text]):
        raise ValueError("no description of an exception")
    if not all(each is None or isinstance(each, str) for each in (held, about)):
        raise ValueError("no description of an exception")
    text = text[:_MOST_TEXT]
    said = names[0][:_MOST_TEXT] + (f": {text}" if text else "")
    if "Exception" not in names:
        return ProgramStopped(said)
    for name in names:
        known = getattr(builtins, name, None)
        # An `AssertionError` of the program's is not the script's verdict.
        if not (isinstance(known, type) and issubclass(known, Exception)):
            continue
        if known is not AssertionError and known is not Exception:
            made = [e for e in (_made(known, held), _made(known, values.encode((text,)))) if e]
            if made:
                error = next((e for e in made if str(e) == text), made[0])
                if isinstance(error, _NAMED):
                    error.name = about
                return _named(_unmistakable(error, said), names)
    return _named(ProgramError(said), names)


def _named(error: Exception, names: list[str]) -> Exception:
    setattr(error, PROGRAM_CLASSES, tuple(names))
    return error


def _unmistakable(error: Exception, said: str) -> Exception:
    if not isinstance(error, _MISTAKEN):
        return error
    instead = RuntimeError(f"the program raised {said}")
    instead.__cause__ = error
    return instead


def _made(known: type[Exception], held: str | None) -> Exception | None:
    if held is None:
        return None
    try:
        arguments = values.decode(held)
        if known in _POSITIONS and arguments[_POSITIONS[known]] < 0:
            return None  # its text would be read from before the start of the bytes
        error = known(*arguments)
        str(error)
    except Exception:  # noqa: BLE001  # not arguments of this class's, in any of their ways
        return None
    return error
