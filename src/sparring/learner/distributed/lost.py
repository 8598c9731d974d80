"""The loss of another process: how it shows, and what must not go on waiting for it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

_LOST = re.compile(r"gloo|Connection (closed|reset)|NCCL|[Tt]imed out|Broken pipe|ProcessGroup")


def abort_operations() -> None:
    """Let NCCL's operations that are under way fail, here and so elsewhere. torch has it under a
    private name only."""
    abort = getattr(dist.distributed_c10d, "_abort_process_group", None)
    if abort is not None:
        with contextlib.suppress(RuntimeError, ValueError):
            abort()


def is_loss(error: RuntimeError) -> bool:
    """Whether an error is what gloo and NCCL raise, which has no type of its own, when another
    process has ended or does not answer. NCCL without memory is no loss."""
    return bool(_LOST.search(str(error))) and "out of memory" not in str(error)


@contextmanager
def suppressed_loss() -> Iterator[None]:
    """Where this process ends anyway, it does not matter that another has."""
    try:
        yield
    except RuntimeError as error:
        if not is_loss(error):
            raise
