"""A program's own process: executing its source on one input after another.

This code runs *inside* the sandbox, in the same process as the program, and is trusted with
nothing. Its notes (`Ending`, on the status page) are hints that a program could forge. A forged end
gains what ``os._exit(0)`` gains: the output so far. The server decides the outcome from outside, by
its own descriptors and clocks and by the wait status.

An execution looks like ``python program.py < input``: real descriptors 0 and 1, a fresh
``__main__``, fresh ``sys.stdin`` and ``sys.stdout``, threads joined and ``atexit`` functions called
at the end. Between two executions the process is restored (``restore``). A process that cannot be
restored notes that it is spent, and the server takes a fresh process for the next input.
"""

from __future__ import annotations

import array
import atexit
import builtins
import contextlib
import errno
import gc
import os
import random
import resource
import socket
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any

from sparring.sandbox.details import MOST_CHARACTERS, last_line
from sparring.sandbox.inside import calls, restore, scripts, streams
from sparring.sandbox.inside.loaded_preamble import LoadedPreamble, PreambleError, names_of
from sparring.sandbox.inside.restore import CONTROL_FD, PROGRAM_NAME
from sparring.sandbox.protocol.parts import LAST, Ending, ProcessRole
from sparring.sandbox.protocol.status_page import StatusPage

_WHOLE_MESSAGE = 9
_ANCILLARY_BYTES = socket.CMSG_SPACE(2 * array.array("i").itemsize)
_END = "\0end"  # no name that a program could use


def serve(control: socket.socket, status_page: StatusPage) -> None:
    """Execute a program on each input that `control`, on `CONTROL_FD`, brings. Never returns.

    The first message is `load_message`, with a descriptor of entry point, preamble and source.
    Each further message brings an execution's seed and descriptors: input and output, or a script's
    channel. One byte back wakes the server when the batch has ended or the process is spent;
    everything else stands on the status page.
    """
    # Every program sees this frame: an attack of the check finds `status_page` and `run` by name.
    gc.enable()
    message, ancillary, _, _ = control.recvmsg(_WHOLE_MESSAGE, _ANCILLARY_BYTES)
    [source_fd] = _descriptors(ancillary)
    part, spent_after_one = ProcessRole(message[:1].decode()), message[1:2] == b"1"
    length = int.from_bytes(message[2:], "little")
    name, size, source = os.read(source_fd, length).split(b"\n", 2)
    os.close(source_fd)
    entry_point = name.decode()
    before, source = source[: int(size)], source[int(size) :]
    code: CodeType | None = None
    preamble: LoadedPreamble | None = None
    traces: restore.Traces | None = None
    compile_error = ""
    run = 0
    while True:
        message, ancillary, _, _ = control.recvmsg(_WHOLE_MESSAGE, _ANCILLARY_BYTES)
        descriptors = _descriptors(ancillary)
        if part is ProcessRole.STDIN:
            for target, fd in enumerate(descriptors):
                os.dup2(fd, target)
                os.close(fd)
        status_page.begin(run, time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID))
        if traces is None and not compile_error:
            try:
                code = compile(source, PROGRAM_NAME, "exec", dont_inherit=True)
                if before:
                    preamble = LoadedPreamble(before, names_of(code), entry_point, code)
                traces = restore.Traces(code, preamble.names if preamble else frozenset())
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
                compile_error = last_line(error)
            source = b""  # a program may look at this frame, which must not hold its source
        if code is None or traces is None:
            ending, detail, clean = Ending.ERROR, compile_error, True
            if part is not ProcessRole.STDIN:  # for STDIN they have become descriptors 0 and 1
                for fd in descriptors:
                    os.close(fd)
        else:
            if traces.uses_random:
                random.seed(int.from_bytes(message[1:], "little"))
            if traces.arrays is not None:
                traces.arrays.seed(int.from_bytes(message[1:], "little"))
            ending, detail, released = _run(
                code, preamble, part, entry_point, descriptors, opens=traces.touches_files
            )
            clean = traces.remove() and released
        spent = spent_after_one or not clean
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        status_page.end(run, ending.value, detail, peak_kib, spent=spent)
        last = message[:1] == LAST
        run = 0 if last else run + 1
        if spent or last:
            try:
                # By the descriptor: the program may have closed or replaced the socket object.
                os.write(CONTROL_FD, b"!")
            except OSError:  # the program closed the descriptor: only the exit status is left
                os._exit(0 if ending is Ending.OK else 1)
            while spent:  # wait to be killed: the queue may hold inputs for a fresh process
                time.sleep(60)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> memoryview[int]:
    if not ancillary:  # the server has gone
        os._exit(0)
    return memoryview(ancillary[0][2]).cast("i")


def _run(
    code: CodeType,
    preamble: LoadedPreamble | None,
    part: ProcessRole,
    entry_point: str,
    descriptors: Sequence[int],
    *,
    opens: bool,
) -> tuple[Ending, str, bool]:
    """Execute the program once; return its end, a detail, and whether its globals were released.

    `opens` says that the program may open files.
    """
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=PROGRAM_NAME, __builtins__=builtins, __cached__=None, __annotations__={}
    )
    sys.modules["__main__"] = main
    sys.argv = [PROGRAM_NAME]
    stdin, stdout = streams.open_streams()
    ending, detail, released = Ending.OK, "", False
    try:
        if part is ProcessRole.STDIN:
            try:
                if preamble is not None:
                    preamble.put_into(main)
                exec(code, main.__dict__)
            finally:
                streams.flush_as_it_ends()  # CPython flushes before threads and `atexit`
        elif part is ProcessRole.CALL:
            calls.answer_call(code, preamble, entry_point, *descriptors)
        elif part is ProcessRole.RESPONDER:
            calls.answer_script(code, preamble, entry_point, *descriptors)
        else:
            scripts.run_script(code, entry_point, *descriptors)
    except SystemExit as stop:
        ending, detail = _status(stop)
        if part is not ProcessRole.STDIN:  # a call and a script must return
            ending, detail = Ending.ERROR, detail or "exit"
    except MemoryError as error:
        ending, detail = Ending.NO_MEMORY, last_line(error)
    except AssertionError as error:
        ending = Ending.ASSERTION if part is ProcessRole.SCRIPT else Ending.ERROR
        detail = _failed_assertion(error) if part is ProcessRole.SCRIPT else last_line(error)
        if part is ProcessRole.STDIN:
            ending, detail = _ask_hook(error, detail)
    except PreambleError as error:
        ending, detail = Ending.ERROR, str(error)
    except BaseException as error:  # noqa: BLE001  # any exception is an end of the program
        full = isinstance(error, OSError) and error.errno == errno.ENOMEM
        ending, detail = Ending.NO_MEMORY if full else Ending.ERROR, last_line(error)
        if part is ProcessRole.STDIN and not full:
            ending, detail = _ask_hook(error, detail)
    # The order of the interpreter's own end: threads, atexit, the streams, the globals.
    try:
        _join_threads()
        atexit._run_exitfuncs()
        streams.flush(getattr(sys, "stdout", None))
        # The interpreter collects cycles before it releases the globals. So finalisers run while
        # the globals they need still exist: a writer is flushed before its file is closed.
        if opens and gc.isenabled():
            gc.collect()
        streams.set_streams(stdin, stdout)
        sys.modules.pop("__main__", None)
        # A canary among the globals: while it lives, some object still holds the globals and could
        # pass them to the next execution.
        end: set[Any] = set()
        main.__dict__[_END] = end
        canary = weakref.ref(end)
        del main, end
        gc.collect()
        released = canary() is None or _empty_globals(canary)
        streams.flush(stdout)
    except MemoryError as error:
        ending, detail = Ending.NO_MEMORY, last_line(error)
    except BaseException as error:  # noqa: BLE001  # a failing flush is status 120 in Python
        if ending is Ending.OK:
            ending, detail = Ending.ERROR, last_line(error)
    if part is not ProcessRole.STDIN:
        sys.modules.pop(calls.MODULE_NAME, None)
        for fd in descriptors:
            with contextlib.suppress(OSError):
                os.close(fd)
    return ending, detail, released


def _empty_globals(canary: weakref.ref[set[Any]]) -> bool:
    """Empty globals that an object of the library still holds, as an ending interpreter does.

    Returns False, because the object still exists and the process is therefore spent.
    """
    for holder in gc.get_referrers(canary()):
        if isinstance(holder, dict) and _END in holder:
            for name in [n for n in holder if n != "__builtins__"]:
                holder[name] = None
    gc.collect()
    return False


def _failed_assertion(error: AssertionError) -> str:
    """Return the script's line number and the assertion's message, for people."""
    trace = error.__traceback__
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PROGRAM_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line}: {last_line(error)}"


def warm_up() -> None:
    """Execute a harmless program a few times before any fork, and settle the process.

    The interpreter specialises bytecode as it executes. After this warm-up every fork shares the
    specialised code, instead of writing to (and copying) its pages.
    """
    status_page = StatusPage()
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    os.dup2(2, CONTROL_FD)
    for number in range(20):
        code = compile("import sys\nprint(sum(map(int, '1 2'.split())))", PROGRAM_NAME, "exec")
        traces = restore.Traces(code)
        rights = array.array("i", (2, 2))
        mine.sendmsg((LAST + bytes(8),), ((socket.SOL_SOCKET, socket.SCM_RIGHTS, rights),))
        message, ancillary, _, _ = its.recvmsg(_WHOLE_MESSAGE, _ANCILLARY_BYTES)
        for target, fd in enumerate(_descriptors(ancillary)):
            os.dup2(fd, target)
            os.close(fd)
        status_page.begin(0, time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID))
        random.seed(int.from_bytes(message[1:], "little"))
        ending, detail, _ = _run(code, None, ProcessRole.STDIN, "", (), opens=True)
        traces.remove()
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        status_page.end(number, ending.value, detail, peak_kib, spent=False)
    os.close(CONTROL_FD)
    mine.close()
    its.close()
    restore.settle()


def _join_threads() -> None:
    """Wait for threads as the interpreter does at its end."""
    if restore.exit_calls():
        threading._shutdown()  # type: ignore[attr-defined]
        return
    # `threading._shutdown` works only once in a process; this loop works for each execution.
    while waiting := [t for t in threading.enumerate()[1:] if not t.daemon]:
        for thread in waiting:
            thread.join()


def _ask_hook(error: BaseException, detail: str) -> tuple[Ending, str]:
    """Pass an exception to the program's own `sys.excepthook`, if set, which may exit."""
    hook = getattr(sys, "excepthook", None)
    if hook is not None and hook is not sys.__excepthook__:
        try:
            hook(type(error), error, error.__traceback__)
        except SystemExit as stop:
            return _status(stop)
        except BaseException:  # noqa: BLE001  # Python prints a hook's own error on stderr
            pass
    return Ending.ERROR, detail


def _status(stop: SystemExit) -> tuple[Ending, str]:
    if stop.code is None:
        return Ending.OK, ""
    if isinstance(stop.code, int):
        status = stop.code & 0xFF if abs(stop.code) < 1 << 63 else 0xFF
        return (Ending.ERROR, f"exit status {status}") if status else (Ending.OK, "")
    return Ending.ERROR, f"exit: {str(stop.code)[:MOST_CHARACTERS]}"
