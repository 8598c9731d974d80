"""The script's end of the pipe: what stands for a function of the program, and its line.

A call sends a name and arguments, and waits for the value and for the arguments as the call left
them. All calls of a script share one line, one at a time, whichever thread makes them. No call can
begin inside another: what travels is plain values, so the program has nothing of the script's that
it could call.

What comes back was written by the program's process and may be anything. What is no answer counts
as the end of the program: the line is gone, and a script whose line is gone is not passed, whatever
it catches. So does a call that was interrupted (a signal, a timeout of the script's own), for the
rest of its answer would be taken for the next one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Set
from typing import Any, TypeVar

from sparring import values
from sparring.sandbox.details import last_line
from sparring.sandbox.inside import messages, raised

_GONE = "the program ended before the script did"
_USELESS = "the program cannot be called"
_NO_ANSWER = "the program's process sent what is no answer"
_OPAQUE = ('{"object":', '{"falsy":')
"""How `values` writes what is not plain. Inside a string its quotes would be escaped."""
_Read = TypeVar("_Read")


class ProgramGone(BaseException):
    """The program's process is no longer there. Not for a script to catch by `Exception`."""


class Line:
    """The pipe to the program. Any thread may call; one call is under way at a time."""

    def __init__(self, channel: int, on_call: Callable[[], None] = lambda: None) -> None:
        """The line on descriptor `channel`; `on_call` is told of each call, in its thread."""
        self._channel = channel
        self._on_call = on_call
        self._turn = threading.Lock()
        self._caller: int | None = None
        self.gone = ""
        """Why the program counts as gone, from the first call that finds it so. A script that
        catches everything would pass."""
        self.useless = ""
        """Why no call of this program can succeed. A script that expects an exception would take
        this one for it, and pass."""
        self.calls = 0
        self.asked = False
        """Whether the program was called at all. A script that never does tests nothing."""

    def ask(self, request: bytes, count: int, names: Set[str]) -> Any:
        """Send a request; an exception, or the triple of value, `count` arguments, named ones.

        Raises `ProgramGone`; `ValueError`, with nothing sent, for a request that is too long.
        """
        if len(request) > messages.MAX_BYTES:
            raise ValueError("arguments that are too long")
        self._refuse_within()
        self._on_call()
        self.calls += 1
        self.asked = True
        return self._answered(request, lambda answer: _parse(answer, count, names))

    def ask_data(self, names: Collection[str]) -> dict[str, Any]:
        """What the program has under these names, where that is plain data.

        Nothing of a program that cannot be loaded: the next call will tell why.
        """
        if not names:
            return {}
        self._refuse_within()
        request = values.encode(sorted(names)).encode("ascii")
        return self._answered(request, lambda answer: _parse_data(answer, names))

    def _refuse_within(self) -> None:
        if self._caller == threading.get_ident():
            # A signal's handler, or a finaliser. To wait for the lock would be for ever.
            raise RuntimeError("a call of the program during another")

    def _answered(self, request: bytes, read: Callable[[bytes], _Read]) -> _Read:
        with self._turn:
            if self.gone:
                raise ProgramGone(self.gone)
            self._caller = threading.get_ident()
            try:
                return read(self._exchange(request))
            except ProgramGone as error:
                self.gone = str(error)
                raise
            except BaseException as error:  # raised again: the pipe is out of step from here on
                self.gone = f"a call was interrupted by {type(error).__name__}"
                raise
            finally:
                self._caller = None

    def _exchange(self, request: bytes) -> bytes:
        try:
            messages.send(self._channel, request)
            answer = messages.receive(self._channel)
        except OSError as error:
            if error.errno is None:  # a `TimeoutError` of the script's own signal handler
                raise
            raise ProgramGone(str(error)) from None
        except ValueError:
            raise ProgramGone(_NO_ANSWER) from None
        if answer is None:
            raise ProgramGone(_GONE)
        if answer[:1] == messages.USELESS:
            self.useless = self.useless or _said(answer[1:])
            return messages.ERROR + answer[1:]
        return answer


class Candidate:
    """Called like the program's function."""

    def __init__(self, line: Line, name: str, *, entry_point: bool = True) -> None:
        """The entry point, or another function of the program, by its name."""
        self._line = line
        self._asked = None if entry_point else name
        self.__name__ = self.__qualname__ = name

    @property
    def __signature__(self) -> Any:
        """Asked for by `inspect.signature`. That of `__call__` would be taken for the program's."""
        raise TypeError(f"what parameters {self.__name__} has is not seen from a test script")

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        text = values.encode((self._asked, list(arguments), named))
        if self._asked is not None and any(mark in text for mark in _OPAQUE):
            # A function of the program's that is given the candidate could only be a test of it.
            raise TypeError(f"{self._asked}(), of the program, takes plain values only")
        answer = self._line.ask(text.encode("ascii"), len(arguments), named.keys())
        if isinstance(answer, BaseException):
            raise answer
        value, after, named_after = answer
        for mine, theirs in zip(arguments, after, strict=True):
            _update(mine, theirs)
        for key, mine in named.items():
            _update(mine, named_after[key])
        return value


def _said(description: bytes) -> str:
    try:
        error = raised.rebuild(description)
    except Exception:  # noqa: BLE001  # whoever reads the answer will say so
        return _USELESS
    return f"{_USELESS}: {last_line(error)}"


def _parse(answer: bytes, count: int, names: Set[str]) -> Any:
    try:
        if answer[:1] == messages.ERROR:
            return raised.rebuild(answer[1:])
        if answer[:1] != messages.VALUE:
            raise ValueError("neither value nor error")
        value, after, named = values.decode(answer[1:].decode("ascii"))
        if type(after) is not list or len(after) != count:
            raise ValueError("not as many arguments")
        if type(named) is not dict or named.keys() != names:
            raise ValueError("other named arguments")
    except MemoryError:
        raise  # it says that itself
    except Exception:  # noqa: BLE001  # whatever it is that makes it no answer
        raise ProgramGone(_NO_ANSWER) from None
    return value, after, named


def _parse_data(answer: bytes, names: Collection[str]) -> dict[str, Any]:
    if answer[:1] == messages.ERROR:
        return {}
    try:
        if answer[:1] != messages.VALUE:
            raise ValueError("neither value nor error")
        texts = values.decode(answer[1:].decode("ascii"))
        if type(texts) is not dict or not set(names).issuperset(texts):
            raise ValueError("other names")
        if any(type(text) is not str for text in texts.values()):  # a range has no end to search
            raise ValueError("no texts")
        plain = {n: t for n, t in texts.items() if not any(mark in t for mark in _OPAQUE)}
        return {name: values.decode(text) for name, text in plain.items()}
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # whatever it is that makes it no answer
        raise ProgramGone(_NO_ANSWER) from None


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
