"""Packages as programs see them: one directory that holds nothing else.

At `namespaces` the packages' files are bound read-only below `MOUNTED`. At `landlock` a directory
of links leads to the files, which may be read at their own places. `warm` imports the packages
before the first fork, so that all programs share most of the cost of an import.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from sparring.sandbox.details import last_line

MOUNTED = "/packages"
# Numerical libraries must not start threads: only a process with one thread can be forked safely,
# and an execution's CPU time is that of all its threads.
_ONE_THREAD = "OPENBLAS_NUM_THREADS OMP_NUM_THREADS MKL_NUM_THREADS NUMEXPR_NUM_THREADS"
# Modules that a package loads at their first use. Without this list, a program's first use would
# change the package.
_ALSO = {
    "numpy": ("numpy.random", "numpy.linalg", "numpy.fft", "numpy.polynomial", "numpy.ma"),
}
_THREADS_FIELD = 17  # `num_threads` in /proc/PID/stat, counted from the state
_THREADS = "package {} starts threads when it is imported: leave it out"
_MIB = 1 << 20


class PackageError(Exception):
    """Raised when a package cannot be given to programs; the message says why."""


class Importing:
    """Importer of packages into the calling process, which checks the process afterwards.

    Must be made before the process is confined, because a confined process may have no ``/proc``.
    """

    def __init__(self) -> None:
        self._files: list[int] = []
        with contextlib.suppress(OSError):  # a host that shows no /proc
            for name in ("statm", "stat"):
                self._files.append(os.open(f"/proc/self/{name}", os.O_RDONLY | os.O_CLOEXEC))

    def close(self) -> None:
        """Close the files of ``/proc``."""
        while self._files:
            os.close(self._files.pop())

    def warm(self, directory: str, modules: Sequence[str]) -> int:
        """Import modules from `directory`, after appending it to Python's path.

        Returns the MiB of address space that the packages take. Raises `PackageError`.
        """
        os.environ.update(dict.fromkeys(_ONE_THREAD.split(), "1"))
        before = self._address_space()
        sys.path.append(directory)
        for module in modules:
            try:
                importlib.import_module(module)
                for part in _ALSO.get(module, ()):
                    importlib.import_module(part)
            except Exception as error:  # noqa: BLE001  # a package's own code
                # After `unshare` of the pid namespace, the kernel starts no thread here.
                if "new thread" in str(error):
                    raise PackageError(_THREADS.format(module)) from None
                message = f"package {module} cannot be imported: {last_line(error)}"
                raise PackageError(message) from None
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
