"""The packages of an environment as programs see them: one directory, with nothing else in it.

At `namespaces` the files are bound read-only below `MOUNTED`; at `landlock` a directory of links
leads to them, and they may be read where they lie. Imported before the first fork (`warm`): most
of what an import costs is then paid once for all programs.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from sparring.sandbox.details import last_line

MOUNTED = "/packages"
# One thread: the process that programs are forked from has to have one, and a run's CPU time is
# that of all its threads.
_ONE_THREAD = "OPENBLAS_NUM_THREADS OMP_NUM_THREADS MKL_NUM_THREADS NUMEXPR_NUM_THREADS"
# Loaded by their package when they are first asked for, which would change it.
_ALSO = {
    "numpy": ("numpy.random", "numpy.linalg", "numpy.fft", "numpy.polynomial", "numpy.ma"),
}
_THREADS_FIELD = 17  # of /proc/PID/stat, counted from the state
_THREADS = "package {} starts threads as it is imported: leave it out"
_MIB = 1 << 20


class PackageError(Exception):
    """A package cannot be given to programs; the message says why."""


class Importing:
    """Imports packages into the calling process, and looks at what that makes of it.

    Made before the process is shut in: afterwards it may not find itself in ``/proc``.
    """

    def __init__(self) -> None:
        self._files: list[int] = []
        with contextlib.suppress(OSError):  # a host that shows no /proc
            for name in ("statm", "stat"):
                self._files.append(os.open(f"/proc/self/{name}", os.O_RDONLY | os.O_CLOEXEC))

    def close(self) -> None:
        """Keep nothing open."""
        while self._files:
            os.close(self._files.pop())

    def warm(self, directory: str, modules: Sequence[str]) -> int:
        """Import the packages in `directory`, now the last on Python's path; MiB of address space
        that they take. Raises `PackageError`."""
        os.environ.update(dict.fromkeys(_ONE_THREAD.split(), "1"))
        before = self._address_space()
        sys.path.append(directory)
        for module in modules:
            try:
                importlib.import_module(module)
                for part in _ALSO.get(module, ()):
                    importlib.import_module(part)
            except Exception as error:  # noqa: BLE001  # a package's own code
                if "new thread" in str(error):  # none can be started where programs' ids are apart
                    raise PackageError(_THREADS.format(module)) from None
                said = f"package {module} cannot be imported: {last_line(error)}"
                raise PackageError(said) from None
            if self._threads() > 1:
                raise PackageError(_THREADS.format(module))
        return (self._address_space() - before) // _MIB

    def _address_space(self) -> int:
        text = self._read(0)
        return int(text.split()[0]) * os.sysconf("SC_PAGE_SIZE") if text else 0

    def _threads(self) -> int:
        text = self._read(1)
        return int(text.rpartition(")")[2].split()[_THREADS_FIELD]) if text else 1

    def _read(self, which: int) -> str:
        return os.pread(self._files[which], 4096, 0).decode() if len(self._files) == 2 else ""
