"""A program's own process: running its source on one input after another.

Everything here runs *inside* the sandbox, in the same process as the program, and is trusted
with nothing: what it says (`Ending`) is a hint that a program could forge. A forged "ended"
gains nothing that ``os._exit(0)`` would not gain, namely the output so far; the outcome is
decided outside by descriptors, clocks and wait status that belong to the server.

A run looks like ``python program.py < input``: descriptors 0 and 1 are the real ones, a fresh
``__main__``, fresh ``sys.stdin`` and ``sys.stdout``, threads joined and ``atexit`` called at
the end. Between runs the process is put back as it was; where that cannot be done cheaply (a
daemon thread, a changed module, an open descriptor, a file left behind) it says that it is
spent and the server takes a fresh one for the next input.
"""

from __future__ import annotations

import _thread
import atexit
import builtins
import gc
import io
import os
import random
import socket
import sys
import threading
import traceback
from enum import StrEnum
from types import CodeType, ModuleType

CONTROL_FD = 255
MESSAGE_BYTES = 4096
PROGRAM_NAME = "program.py"
_THREAD_STACK = 8 << 20
_DETAIL_CHARACTERS = 300
_DEFAULT_DIGITS = sys.get_int_max_str_digits()
_RECURSION_LIMIT = sys.getrecursionlimit()

# Names after which nobody can tell cheaply what a run has changed in the process.
_HARD_TO_UNDO_TEXT = (
    "exec __import__ importlib ctypes signal resource mmap asyncio multiprocessing logging "
    "fileinput settrace setprofile tracemalloc faulthandler locale setswitchinterval setattr "
    "delattr __dict__ __builtins__ vars environ putenv chdir dup dup2"
)
_HARD_TO_UNDO = frozenset(_HARD_TO_UNDO_TEXT.split())


class Ending(StrEnum):
    """How a run ended, as its own process tells it. The first letter of a message."""

    OK = "o"
    ERROR = "e"
    NO_MEMORY = "m"


def serve(source: bytes, spent_after_one: bool) -> None:
    """Run `source` on each input that the control socket brings. Never returns.

    A request is 8 bytes of random seed with two descriptors, input and output. The answer is
    the ending's letter, ``.`` (ready for more) or ``!`` (spent), and a line for people.
    """
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, CONTROL_FD)
    gc.enable()
    code: CodeType | None = None
    compile_error = ""
    state: _State | None = None
    while True:
        seed, descriptors, _, _ = socket.recv_fds(control, 8, 2)
        if len(descriptors) != 2:
            os._exit(0)
        for target, fd in enumerate(descriptors):
            os.dup2(fd, target)
            os.close(fd)
        if code is None and not compile_error:
            try:
                code = compile(source, PROGRAM_NAME, "exec", dont_inherit=True)
                state = _State(code)
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
                compile_error = _last_line(error)
        if code is None or state is None:
            ending, detail, clean = Ending.ERROR, compile_error, True
        else:
            ending, detail = _run(code, int.from_bytes(seed, "little"))
            clean = state.restore()
        mark = "." if clean and not spent_after_one else "!"
        message = f"{ending.value}{mark}{detail}".encode("utf-8", "replace")
        try:
            # Not through the socket object: the program may have got hold of that.
            os.write(CONTROL_FD, message[:MESSAGE_BYTES])
        except OSError:  # the program closed it: only the exit status is left to tell by
            os._exit(0 if ending is Ending.OK else 1)


def _run(code: CodeType, seed: int) -> tuple[Ending, str]:
    main = ModuleType("__main__")
    main.__dict__.update(__file__=PROGRAM_NAME, __builtins__=builtins)
    sys.modules["__main__"] = main
    sys.argv = [PROGRAM_NAME]
    random.seed(seed)
    stdout = _open(1, "w", "<stdout>")
    _set_streams(_open(0, "r", "<stdin>"), stdout)
    ending, detail = Ending.OK, ""
    try:
        exec(code, main.__dict__)
    except SystemExit as stop:
        ending, detail = _status(stop)
    except MemoryError as error:
        ending, detail = Ending.NO_MEMORY, _last_line(error)
    except BaseException as error:  # noqa: BLE001 - whatever a program raises is its ending
        ending, detail = Ending.ERROR, _last_line(error)
    # The order of the interpreter's own end: threads, atexit, the streams, the globals.
    try:
        _join_threads()
        atexit._run_exitfuncs()
        _flush(sys.stdout)
        main.__dict__.clear()
        _flush(stdout)
    except MemoryError as error:
        ending, detail = Ending.NO_MEMORY, _last_line(error)
    except BaseException as error:  # noqa: BLE001 - a failing flush is status 120 in Python
        if ending is Ending.OK:
            ending, detail = Ending.ERROR, _last_line(error)
    return ending, detail


class _State:
    """What a run could change for the next one, remembered before the first."""

    def __init__(self, code: CodeType) -> None:
        names = _names(code)
        self.hard = not names.isdisjoint(_HARD_TO_UNDO)
        self.uses_decimal = "decimal" in names
        self.uses_threads = not names.isdisjoint(("threading", "_thread", "concurrent"))
        modules = [sys.modules[name] for name in names & sys.modules.keys() - {"__main__"}]
        modules += [
            value
            for module in modules
            for name in names & vars(module).keys()
            if isinstance(value := vars(module)[name], ModuleType)
        ]
        # A program sets an attribute by a name that its code holds; other ways are hard to undo.
        self.attributes = [
            (vars(module), name, vars(module).get(name, _MISSING))
            for module in modules
            for name in names
        ]
        self.first_free_fd = _first_free_fd()

    def restore(self) -> bool:
        """Put the process back as it was; False if it can't be."""
        try:
            return self._restore()
        except BaseException:  # noqa: BLE001 - the program may have left anything behind
            return False

    def _restore(self) -> bool:
        if self.hard:
            return False
        _set_streams(None, None)
        sys.modules.pop("__main__", None)
        if sys.gettrace() is not None or sys.getprofile() is not None:
            return False
        sys.setrecursionlimit(_RECURSION_LIMIT)
        sys.set_int_max_str_digits(_DEFAULT_DIGITS)
        if self.uses_decimal:
            import decimal

            decimal.setcontext(decimal.DefaultContext)
        if self.uses_threads:
            threading.stack_size(_THREAD_STACK)
            if _thread._count() or _exit_calls():
                return False
        gc.enable()
        gc.collect()
        os.dup2(2, 0)  # /dev/null; a program may have closed them, `open(0)` does
        os.dup2(2, 1)
        _set_streams(_CLOSED, _CLOSED)
        sys.argv = _ARGV
        sys.modules["__main__"] = _NO_MAIN
        if any(held.get(name, _MISSING) is not old for held, name, old in self.attributes):
            return False
        return _first_free_fd() == self.first_free_fd and not os.listdir(".")


_MISSING = object()
_CLOSED = io.StringIO()
_ARGV: list[str] = [PROGRAM_NAME]
_NO_MAIN = ModuleType("__main__")


def settle() -> None:
    """Bring the process into the state that `_State.restore` restores. Before the fork."""
    _set_streams(_CLOSED, _CLOSED)
    sys.argv = _ARGV
    sys.modules["__main__"] = _NO_MAIN
    threading.stack_size(_THREAD_STACK)
    atexit._clear()


def warm_up() -> None:
    """Run a harmless program a few times before any fork, and `settle`.

    The interpreter specialises the code above as it runs; done here once, every fork has it.
    """
    os.dup2(2, CONTROL_FD)
    for _ in range(20):
        code = compile("import sys\nprint(sum(map(int, '1 2'.split())))", PROGRAM_NAME, "exec")
        state = _State(code)
        _run(code, 1)
        state.restore()
    os.close(CONTROL_FD)
    settle()


def _names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    # `import os.path` and `from xml.dom import x` bind by their first part.
    return names | {name.partition(".")[0] for name in names}


def _join_threads() -> None:
    """Wait for threads as the interpreter does at its end."""
    if _exit_calls():
        threading._shutdown()  # type: ignore[attr-defined]
        return
    # The interpreter's own way works once in a process; this one again and again.
    while waiting := [t for t in threading.enumerate()[1:] if not t.daemon]:
        for thread in waiting:
            thread.join()


def _exit_calls() -> list[object]:
    """What thread pools have asked to be called at the interpreter's end."""
    calls: list[object] = threading._threading_atexits  # type: ignore[attr-defined]
    return calls


def _first_free_fd() -> int:
    fd = os.dup(CONTROL_FD)
    os.close(fd)
    return fd


def _set_streams(stdin: io.TextIOBase | None, stdout: io.TextIOBase | None) -> None:
    vars(sys).update(stdin=stdin, __stdin__=stdin, stdout=stdout, __stdout__=stdout)


def _open(fd: int, mode: str, name: str) -> io.TextIOWrapper:
    # As the interpreter opens its own: no newline translation, UTF-8 that loses no byte.
    raw = io.FileIO(fd, mode, closefd=False)
    vars(raw)["name"] = name
    buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    stream = io.TextIOWrapper(buffer, "utf-8", "surrogateescape", "\n")
    vars(stream)["mode"] = mode
    return stream


def _flush(stream: object) -> None:
    if isinstance(stream, io.IOBase) and stream.closed:
        return
    flush = getattr(stream, "flush", None)
    if flush is not None:
        flush()


def _status(stop: SystemExit) -> tuple[Ending, str]:
    if stop.code is None:
        return Ending.OK, ""
    if isinstance(stop.code, int):
        status = stop.code & 0xFF
        return (Ending.ERROR, f"exit status {status}") if status else (Ending.OK, "")
    return Ending.ERROR, f"exit: {str(stop.code)[:_DETAIL_CHARACTERS]}"


def _last_line(error: BaseException) -> str:
    try:
        line = traceback.format_exception_only(error)[-1].strip()
    except Exception:  # noqa: BLE001 - the program's own exception class may do anything
        line = type(error).__name__
    return line[:_DETAIL_CHARACTERS]
