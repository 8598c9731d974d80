"""Taking the host's names out of an interpreter, before programs are forked from it.

A program can look at what an interpreter knows of itself: the command line, the paths of loaded
modules in their code and their globals, the executable. None of it is the program's business: where
this project is installed, how it was started. What stays is the Python installation, which
programs may read.
"""

from __future__ import annotations

import os
import sys
import types

_FILE_NAME = "sandbox"
_PATHS = ("__file__", "__cached__", "__path__", "__spec__", "__loader__")
_ARGUMENTS = ["python", "program.py"]


def forget_the_host(import_path: str, package: str) -> None:
    """Make the modules of `package` nameless and drop them; forget `import_path` and the rest.

    Functions that are running keep their old code: call this from one that programs are not
    forked from.
    """
    sys.path = [entry for entry in sys.path if entry != import_path]
    for entry in [e for e in sys.path_importer_cache if e.startswith(import_path)]:
        del sys.path_importer_cache[entry]
    ours = [n for n in sys.modules if n == package or n.startswith(package + ".")]
    for module in [sys.modules.pop(name) for name in ours]:
        for name in _PATHS:
            module.__dict__.pop(name, None)
        for value in list(module.__dict__.values()):
            _rename(value, module.__name__)
    sys.orig_argv[:] = _ARGUMENTS
    sys.argv = _ARGUMENTS[1:]
    # An environment for development may stand inside the checkout; its interpreter does not.
    base = getattr(sys, "_base_executable", "") or sys.executable
    sys.executable = os.path.realpath(base)
    sys._base_executable = sys.executable  # type: ignore[attr-defined]


def _rename(value: object, module: str) -> None:
    """Rename the file of every function that `value`, defined in `module`, is or holds."""
    if isinstance(value, type):
        if value.__module__ == module:
            for held in list(value.__dict__.values()):
                _rename(held, module)
        return
    if isinstance(value, property):
        for function in (value.fget, value.fset):
            _rename(function, module)
    value = getattr(value, "__wrapped__", value)  # of a cache
    value = getattr(value, "__func__", value)  # of a class or static method
    if isinstance(value, types.FunctionType):
        value.__code__ = _nameless(value.__code__)


def _nameless(code: types.CodeType) -> types.CodeType:
    inner = tuple(_nameless(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=_FILE_NAME, co_consts=inner)
