"""Errors that the loss of another process causes, and the end of waits for such a process."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

_LOST = re.compile(r"gloo|Connection (closed|reset)|NCCL|[Tt]imed out|Broken pipe|ProcessGroup")


def abort_operations() -> None:
    """Make pending NCCL operations fail, in this process and thereby in the others."""
    # torch offers this under a private name only.
    abort = getattr(dist.distributed_c10d, "_abort_process_group", None)
    if abort is not None:
        with contextlib.suppress(RuntimeError, ValueError):
            abort()


def is_loss(error: RuntimeError) -> bool:
    """Return whether gloo or NCCL has raised ``error`` because another process has ended or does
    not answer. NCCL's error of a GPU out of memory does not count."""
    # These errors are plain RuntimeErrors: only their text tells them from others.
    return bool(_LOST.search(str(error))) and "out of memory" not in str(error)


@contextmanager
def suppressed_loss() -> Iterator[None]:
    """Suppress errors from the loss of another process, for a block at the end of this process."""
    try:
        yield
    except RuntimeError as error:
        if not is_loss(error):
            raise
