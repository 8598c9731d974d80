"""The script's end of the pipe: proxies for the program's functions, and the pipe they share.

A call sends a name and arguments, and waits for the value and for the arguments as the call left
them. All threads of a script share one pipe, which carries one call at a time. No call can begin
within another: only plain values travel, so the program holds nothing of the script's to call.

The program's process writes the answers, so an answer may be any bytes:

- A malformed answer counts as the end of the program. A script that has received such an answer has
  not passed, whatever exceptions it catches.
- An interrupted call (a signal, a timeout of the script's own) counts as the end of the program
  too, because the rest of its answer would be read as the answer to the next call.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Set
from typing import Any, TypeVar

from sparring import values
from sparring.sandbox.details import last_line
from sparring.sandbox.inside import exceptions, messages

_GONE = "the program ended before the script did"
_USELESS = "the program cannot be called"
_MALFORMED = "the program's process sent a malformed answer"
_OPAQUE = ('{"object":', '{"falsy":')
"""Beginnings of encoded values that are not plain. Within a string, `values` escapes the quotes."""
_Read = TypeVar("_Read")


class ProgramGone(BaseException):
    """Raised when the program's process has gone.

    A `BaseException`, so that a script's ``except Exception`` does not catch it and pass.
    """


class ProgramPipe:
    """Pipe to the program. Any thread may call; one call is under way at a time."""

    def __init__(self, channel: int, on_call: Callable[[], None] = lambda: None) -> None:
        """Use descriptor `channel`; run `on_call` before each call, in the thread that calls."""
        self._channel = channel
        self._on_call = on_call
        self._turn = threading.Lock()
        self._caller: int | None = None
        self.end_reason = ""
        """Reason why the program counts as gone; empty while it is there.

        The reason is kept for the end of the script, because otherwise a script that catches
        everything would pass."""
        self.useless = ""
        """Reason why no call of this program can succeed; empty if none is known.

        The reason is kept for the end of the script, because otherwise a script that expects an
        exception would pass."""
        self.calls = 0
        self.was_called = False
        """True once the script has called the program. A script without a call tests nothing."""

    def ask(self, request: bytes, count: int, names: Set[str]) -> Any:
        """Send a call, and wait for the answer.

        Returns the program's exception, or the triple (value, `count` positional arguments, named
        arguments under `names`). Raises `ProgramGone`, and `ValueError`, with nothing sent, for a
        request that is too long.
        """
        if len(request) > messages.MAX_BYTES:
            raise ValueError("arguments that are too long")
        self._refuse_nested_call()
        self._on_call()
        self.calls += 1
        self.was_called = True
        return self._exchange_once(request, lambda answer: _parse(answer, count, names))

    def ask_data(self, names: Collection[str]) -> dict[str, Any]:
        """Return the program's values under `names`, as far as they are plain data.

        A program that cannot be loaded gives an empty table; the next call will report the reason.
        """
        if not names:
            return {}
        self._refuse_nested_call()
        request = values.encode(sorted(names)).encode("ascii")
        return self._exchange_once(request, lambda answer: _parse_data(answer, names))

    def _refuse_nested_call(self) -> None:
        if self._caller == threading.get_ident():
            # A signal handler or a finaliser, in the thread that holds the lock: a deadlock.
            raise RuntimeError("a call of the program within another call")

    def _exchange_once(self, request: bytes, read: Callable[[bytes], _Read]) -> _Read:
        with self._turn:
            if self.end_reason:
                raise ProgramGone(self.end_reason)
            self._caller = threading.get_ident()
            try:
                return read(self._exchange(request))
            except ProgramGone as error:
                self.end_reason = str(error)
                raise
            except BaseException as error:  # raised again; the rest of an answer may still come
                self.end_reason = f"a call was interrupted by {type(error).__name__}"
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
            raise ProgramGone(_MALFORMED) from None
        if answer is None:
            raise ProgramGone(_GONE)
        if answer[:1] == messages.USELESS:
            self.useless = self.useless or _why_useless(answer[1:])
            return messages.ERROR + answer[1:]
        return answer


class Candidate:
    """Proxy that a script calls like the program's function."""

    def __init__(self, line: ProgramPipe, name: str, *, entry_point: bool = True) -> None:
        """Stand for the entry point, or for another function of the program by its name."""
        self._line = line
        self._requested_name = None if entry_point else name
        self.__name__ = self.__qualname__ = name

    @property
    def __signature__(self) -> Any:
        """Refuse `inspect.signature`, which would take the signature of `__call__`."""
        raise TypeError(f"the parameters of {self.__name__} cannot be seen from a test script")

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        text = values.encode((self._requested_name, list(arguments), named))
        if self._requested_name is not None and any(mark in text for mark in _OPAQUE):
            # A function of the program's that takes the candidate could only be the program's own
            # test of itself, which must not stand in for the script's.
            raise TypeError(f"{self._requested_name}() of the program takes plain values only")
        answer = self._line.ask(text.encode("ascii"), len(arguments), named.keys())
        if isinstance(answer, BaseException):
            raise answer
        value, after, named_after = answer
        for argument, copy in zip(arguments, after, strict=True):
            _update(argument, copy)
        for key, argument in named.items():
            _update(argument, named_after[key])
        return value


def _why_useless(description: bytes) -> str:
    try:
        error = exceptions.rebuild(description)
    except Exception:  # noqa: BLE001  # `_parse` reads the same bytes and refuses them
        return _USELESS
    return f"{_USELESS}: {last_line(error)}"


def _parse(answer: bytes, count: int, names: Set[str]) -> Any:
    try:
        if answer[:1] == messages.ERROR:
            return exceptions.rebuild(answer[1:])
        if answer[:1] != messages.VALUE:
            raise ValueError("neither value nor error")
        value, after, named = values.decode(answer[1:].decode("ascii"))
        if type(after) is not list or len(after) != count:
            raise ValueError("not as many arguments")
        if type(named) is not dict or named.keys() != names:
            raise ValueError("other named arguments")
    except MemoryError:
        raise  # the script's own memory limit, not a malformed answer
    except Exception:  # noqa: BLE001  # any failure to read an answer makes it malformed
        raise ProgramGone(_MALFORMED) from None
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
    except Exception:  # noqa: BLE001  # any failure to read an answer makes it malformed
        raise ProgramGone(_MALFORMED) from None


def _update(argument: Any, copy: Any) -> None:
    """Change an argument in place to equal its copy after the call."""
    if type(argument) is not type(copy) or values.same(argument, copy, typed=True):
        return
    if isinstance(argument, tuple):
        for member, its_copy in zip(argument, copy, strict=False):
            _update(member, its_copy)
    elif isinstance(argument, (list, bytearray)):
        argument[:] = copy
    elif isinstance(argument, (dict, set)):
        argument.clear()
        argument.update(copy)
    elif isinstance(argument, deque):
        argument.clear()
        argument.extend(copy)
