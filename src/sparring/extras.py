"""Parts that need an extra of the package, such as torch: loaded on demand, missed in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sparring.errors import ModelError


@contextmanager
def extra(name: str, purpose: str) -> Iterator[None]:
    """Import within the block what the extra ``name`` of the package installs.

    An import that fails raises `ModelError` with one line: the ``purpose``, the missing package and
    the command that installs it. An import of Sparring's own modules that fails is a defect, and
    passes.
    """
    patient_threads()
    try:
        yield
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "sparring"):
            raise
        raise ModelError(
            f"{purpose} needs {missing}, which is not installed: install the extra {name}: "
            f"pip install 'sparring[{name}]', or in a clone pip install -e '.[{name}]'"
        ) from None


def patient_threads() -> None:
    """Let torch's threads sleep while they wait. This has an effect only before torch is loaded.

    Threads that wait by spinning take the cores from the sandbox; beside a busy neighbour, spinning
    threads also run several times slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
