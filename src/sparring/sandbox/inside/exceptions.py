"""Carrying an exception from a program to the script that called the program.

The program's process sends a description. It holds the names of the exception's classes, nearest
first, the exception's text, its arguments if they are plain, and the ``name`` of an `ImportError`,
`NameError` or `AttributeError`. The script receives an exception of the nearest class that Python
itself has.

`StopIteration` and `StopAsyncIteration` would end an iteration of the script (`map`, `filter`,
`zip`, ``iter(f, end)``): ``all(map(candidate, …))`` would pass for a program that raises nothing
else. Each of the two arrives as a `RuntimeError` with the exception as its cause, as from a
generator (PEP 479).
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
"""Attribute of a rebuilt exception: the names of the original's classes, nearest first."""


class ProgramError(Exception):
    """Raised in the script for an exception of the program that Python itself does not have."""


class ProgramStopped(BaseException):
    """Raised in the script for an exit or interrupt of the program, which is no `Exception`.

    A script's ``except Exception`` does not catch it, as in plain Python.
    """


def describe(error: BaseException) -> bytes:
    """Return the description of an exception, in the program's process."""
    arguments: tuple[object, ...] = error.args
    if isinstance(error, OSError) and error.filename is not None:
        arguments = (error.errno, error.strerror, error.filename)  # `args` lacks the file name
    try:
        encoded = values.encode(arguments)
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
    """Return the exception of a description, in the script's process.

    Raises some exception if the bytes are no description.
    """
    names, text, encoded, about = json.loads(description)
    well_formed = isinstance(names, list) and 0 < len(names) <= _MOST_NAMES
    if not well_formed or not all(isinstance(each, str) for each in [*names, text]):
        raise ValueError("no description of an exception")
    if not all(each is None or isinstance(each, str) for each in (encoded, about)):
        raise ValueError("no description of an exception")
    text = text[:_MOST_TEXT]
    full_text = names[0][:_MOST_TEXT] + (f": {text}" if text else "")
    if "Exception" not in names:
        return ProgramStopped(full_text)
    for name in names:
        kind = getattr(builtins, name, None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            continue
        # An `AssertionError` of the program must not read as the script's own verdict.
        if kind is not AssertionError and kind is not Exception:
            # One try has the original's arguments, one its text alone. The try that reads like the
            # original wins.
            tries = (_construct(kind, encoded), _construct(kind, values.encode((text,))))
            errors = [error for error in tries if error]
            if errors:
                error = next((e for e in errors if str(e) == text), errors[0])
                if isinstance(error, _NAMED):
                    error.name = about
                return _named(_unmistakable(error, full_text), names)
    return _named(ProgramError(full_text), names)


def _named(error: Exception, names: list[str]) -> Exception:
    setattr(error, PROGRAM_CLASSES, tuple(names))
    return error


def _unmistakable(error: Exception, full_text: str) -> Exception:
    if not isinstance(error, _MISTAKEN):
        return error
    instead = RuntimeError(f"the program raised {full_text}")
    instead.__cause__ = error
    return instead


def _construct(kind: type[Exception], encoded: str | None) -> Exception | None:
    """Return an exception of class `kind` with the encoded arguments; None if it takes others."""
    if encoded is None:
        return None
    try:
        arguments = values.decode(encoded)
        if kind in _POSITIONS and arguments[_POSITIONS[kind]] < 0:
            return None  # CPython would read its text from memory before the bytes
        error = kind(*arguments)
        str(error)
    except Exception:  # noqa: BLE001  # arguments may be wrong for a class in any way
        return None
    return error
