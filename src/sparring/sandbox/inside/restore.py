"""Restoring a program's process between one execution and the next.

An execution can change the process in ways that the next would notice: a module's attribute, an
open descriptor, a file, a thread, a signal handler. `Traces.remove` undoes the common changes of
honest programs. Where undoing is expensive or uncertain, `Traces.remove` returns False, and the
next execution gets a fresh process. A program that hides a change on purpose can find the change
again (docs/sandbox.md); ``Fork.PER_TEST`` prevents this too.
"""

from __future__ import annotations

import _thread
import atexit
import collections
import contextlib
import gc
import importlib
import io
import opcode
import operator
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from types import CodeType, ModuleType
from typing import Any, TextIO

from sparring.sandbox.apart import PACKAGES_UNDONE, RUNS_TEXT
from sparring.sandbox.inside.arrays import NumpyState
from sparring.sandbox.inside.loaded_preamble import names_of
from sparring.sandbox.inside.streams import set_streams

PROGRAM_NAME = "program.py"
CONTROL_FD = 255
_FIRST_FREE_FD = 3  # a program holds the standard descriptors and `CONTROL_FD`
_THREAD_STACK = 8 << 20
_DEFAULT_DIGITS = sys.get_int_max_str_digits()
_RECURSION_LIMIT = sys.getrecursionlimit()

# Names by which a program may change the process in ways that are not cheap to find.
_HARD_TO_UNDO_TEXT = (
    "__import__ importlib ctypes signal resource mmap asyncio multiprocessing "
    "settrace setprofile tracemalloc faulthandler setswitchinterval setattr "
    "delattr __dict__ __builtins__ vars environ putenv unsetenv chdir fchdir umask dup dup2 fcntl "
    "addaudithook meta_path path_hooks modules process_time process_time_ns clock_gettime "
    "clock_gettime_ns thread_time thread_time_ns times getrusage finalize this "
    "setfirstweekday DefaultContext BasicContext ExtendedContext field_size_limit set_threshold "
    "set_debug monitoring setdlopenflags tzset set_blocking register_at_fork breakpointhook "
    "settrace_all_threads setprofile_all_threads contextvars "
    "__code__ __defaults__ __kwdefaults__ __globals__ __setattr__ __bases__ environb linecache "
    "displayhook freeze overload get_overloads main_thread current_thread get_config_vars _locale "
    "_decimal"
)
# Names by which a program registers something that a library keeps for the whole process.
_REGISTERING_TEXT = (
    "logging fileinput locale warnings simplefilter filterwarnings register_dialect "
    "unregister_dialect codecs register_error copyreg gettext mimetypes setdefaulttimeout "
    "set_asyncgen_hooks set_coroutine_origin_tracking_depth register_adapter register_converter "
    "enable_callback_tracebacks register_namespace register_archive_format register_unpack_format "
    "unregister_archive_format unregister_unpack_format add_charset add_alias add_codec "
    "reset_tzpath"
)
# Names of numpy's process-wide state that `arrays` does not compare.
_REGISTERING_TEXT += " masked_print_option set_default_printstyle default_filler mtrand _core core"
# More modules of both kinds. A program may use these words for names of its own, so its process is
# spent only if such a module was really imported.
_SPENDING_TEXT = (
    "code codeop timeit pdb bdb profile cProfile trace cgitb readline unittest doctest shelve dbm"
)
_SPENDING_MODULES = frozenset(_SPENDING_TEXT.split())
_HARD_TO_UNDO = frozenset(f"{_HARD_TO_UNDO_TEXT} {_REGISTERING_TEXT} {RUNS_TEXT}".split())
# Their `register` is undone or concerns the program's own objects alone.
_REGISTERS_ITS_OWN = frozenset({"atexit", "singledispatch", "singledispatchmethod"})
_REGISTERS_FOR_ALL = frozenset({"abc", "ABC", "numbers", "codecs"})
# Modules through which a program leaves neither files nor descriptors.
_NO_FILES_TEXT = (
    "__future__ abc array bisect cmath collections contextlib copy dataclasses datetime decimal "
    "enum fractions functools heapq itertools json math numbers operator queue random re "
    "statistics string struct sys textwrap threading time typing unicodedata"
)
_NO_FILES = frozenset(_NO_FILES_TEXT.split())
_MAY_TOUCH_FILES = (sys.stdlib_module_names - _NO_FILES) | {"open"}


class Traces:
    """State that a program could change for its next execution, remembered before the first.

    What a program can change is estimated by the names in its code: an attribute is set by a name,
    and ways to set attributes without their names (`setattr`, `exec`, …) are "hard to undo".
    """

    def __init__(self, code: CodeType, preamble_names: Set[str] = frozenset()) -> None:
        """Remember the state that `code` could change. The code of the preamble mentions the names
        `preamble_names`."""
        names = names_of(code) | preamble_names
        self._hard = not names.isdisjoint(_HARD_TO_UNDO)
        if "register" in names:
            own = not names.isdisjoint(_REGISTERS_ITS_OWN)
            self._hard |= not own or not names.isdisjoint(_REGISTERS_FOR_ALL)
        self._hard |= "reconfigure" in names and "stderr" in names
        packages = names & _PACKAGES
        self._hard |= not packages <= PACKAGES_UNDONE
        self.touches_files = bool(packages) or not names.isdisjoint(_MAY_TOUCH_FILES)
        """True if the program may open files or descriptors."""
        self.arrays = NumpyState() if "numpy" in packages else None
        # Every other module that imports `random` counts as one that touches files.
        self.uses_random = self.touches_files or "random" in names
        self._may_spend = not names.isdisjoint(_SPENDING_MODULES)
        self._uses_decimal = "decimal" in names
        self._uses_threads = not names.isdisjoint(("threading", "_thread", "concurrent"))
        loaded = sys.modules
        # Import the program's modules now, before its first execution: the state to remember is
        # the state before the program could change it.
        imported_early = names & _NO_FILES
        if not loaded.keys() >= names & _IMPORTED_EARLY:  # mostly they are loaded
            imported_early.update(_imports(code))
        for name in imported_early - loaded.keys():
            with contextlib.suppress(BaseException):  # the program will meet the error itself
                importlib.import_module(name)
        modules = [loaded[name] for name in names if name in loaded and name != "__main__"]
        modules += [
            value
            for module in modules
            for name in names
            if isinstance(value := module.__dict__.get(name), ModuleType)
        ]
        holders: list[Mapping[str, object]] = [module.__dict__ for module in modules]
        holders += [
            attributes
            for module in modules
            for name in names
            if (attributes := _attributes_of(module.__dict__.get(name))) is not None
        ]
        # A program sets an attribute by a name that its code holds; other ways are hard to undo.
        self._attributes = [
            (attributes, name, attributes.get(name, _MISSING))
            for attributes in holders
            for name in names
        ]
        # A program reaches a library's list or table by the name of the attribute that holds it.
        self._contents = [
            (old, _content(old)) for _, _, old in self._attributes if type(old) in _CHANGEABLE
        ]
        self._hard |= any(len(content) > _MOST_CONTENT for _, content in self._contents)

    def remove(self) -> bool:
        """Restore the process; return False if it must not be used again."""
        try:
            return self._remove()
        except BaseException:  # noqa: BLE001  # code that the program left may raise anything
            return False

    def _remove(self) -> bool:
        if self._hard:
            return False
        set_streams(None, None)
        sys.modules.pop("__main__", None)
        if sys.gettrace() is not None or sys.getprofile() is not None:
            return False
        sys.setrecursionlimit(_RECURSION_LIMIT)
        sys.set_int_max_str_digits(_DEFAULT_DIGITS)
        if self._uses_decimal:
            import decimal

            decimal.setcontext(decimal.DefaultContext)
        if self._uses_threads:
            threading.stack_size(_THREAD_STACK)
            # A thread still runs, or a thread pool waits for the interpreter's end.
            if _thread._count() or exit_calls():
                return False
        if self._may_spend and any(name in sys.modules for name in _SPENDING_MODULES):
            return False
        if gc.callbacks or sys.path != _PATH or sys.stderr is not _ERRORS[0] or _ERRORS[0].closed:
            return False
        gc.enable()  # no collection is due: `_run` collected with the globals
        if self.arrays is not None and not self.arrays.unchanged():
            return False
        # Everything that an execution sets anew stands as `settle` left it, and is not compared.
        set_streams(_CLOSED, _CLOSED)
        sys.argv = _ARGV
        sys.modules["__main__"] = _NO_MAIN
        for attributes, name, old in self._attributes:
            if attributes.get(name, _MISSING) is not old:
                return False
        for value, content in self._contents:
            now = _content(value)
            if len(now) != len(content) or any(map(operator.is_not, now, content)):
                return False
        if self.touches_files:
            # /dev/null on 0 and 1 again: a file object of `open(0)` closes descriptor 0.
            os.dup2(2, 0)
            os.dup2(2, 1)
            # A descriptor that the program left open would take the number 3.
            return _first_free_fd() == _FIRST_FREE_FD and not os.listdir(".")
        return True


_IMPORT_NAME = opcode.opmap["IMPORT_NAME"]
# Without the modules whose import does something visible.
_IMPORTED_EARLY = set(sys.stdlib_module_names - {"this", "antigravity", "idlelib"})
_PACKAGES: set[str] = set()
_MISSING = object()
_CHANGEABLE = (list, dict, set, collections.deque)
_MOST_CONTENT = 2000
_CLOSED = io.StringIO()
_ARGV: list[str] = [PROGRAM_NAME]
_NO_MAIN = ModuleType("__main__")
_PATH: list[str] = []
_ERRORS: list[TextIO] = [sys.stderr]
_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE


def settle(packages: Sequence[str] = ()) -> None:
    """Bring the process into the state that `Traces.remove` restores, before the fork.

    `packages` are the modules that programs may import beside the standard library's.
    """
    _PACKAGES.update(packages)
    _IMPORTED_EARLY.update(packages)
    set_streams(_CLOSED, _CLOSED)
    _PATH[:] = sys.path
    _ERRORS[:] = [sys.stderr]
    sys.argv = _ARGV
    sys.modules["__main__"] = _NO_MAIN
    threading.stack_size(_THREAD_STACK)
    atexit._clear()


def exit_calls() -> list[object]:
    """Return the calls that thread pools have registered for the interpreter's end."""
    calls: list[object] = threading._threading_atexits  # type: ignore[attr-defined]
    return calls


def _imports(code: CodeType) -> Iterator[str]:
    """Yield the library's modules that the top level of a program imports.

    Read from the bytecode, in which every second byte is an operation.
    """
    operations, arguments = code.co_code[::2], code.co_code[1::2]
    at = operations.find(_IMPORT_NAME)
    while at >= 0:
        name = code.co_names[arguments[at]]  # one byte: only the first 256 names are looked at
        if name.partition(".")[0] in _IMPORTED_EARLY and not name.endswith("__main__"):
            yield name
        at = operations.find(_IMPORT_NAME, at + 1)


def _attributes_of(value: object) -> Mapping[str, object] | None:
    """Return the attributes of a class or instance in a module, if a program could set them."""
    # `typing.Counter.x = 1` sets `x` on `collections.Counter`, the class behind the generic.
    if type(value).__module__ == "typing" and isinstance(getattr(value, "__origin__", None), type):
        value = value.__origin__  # type: ignore[attr-defined]
    if isinstance(value, type):
        return None if value.__flags__ & _IMMUTABLE_TYPE else value.__dict__
    if value is None or isinstance(value, ModuleType):
        return None
    attributes = getattr(value, "__dict__", None)
    return attributes if isinstance(attributes, dict) else None


def _content(value: Any) -> list[Any]:
    """Return the objects in a list, set or table, in order; a table's keys and values in turn."""
    return [part for pair in value.items() for part in pair] if type(value) is dict else list(value)


def _first_free_fd() -> int:
    fd = os.dup(CONTROL_FD)
    os.close(fd)
    return fd
