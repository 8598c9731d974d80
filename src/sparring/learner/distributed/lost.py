"""The loss of another process: how it shows, what the user is told, what must not go on waiting."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch.distributed as dist

from sparring.errors import RunError
from sparring.learner.distributed.peers import PeerLost

if TYPE_CHECKING:
    from sparring.learner.distributed.world import World

_LOST = re.compile(r"gloo|Connection (closed|reset)|NCCL|[Tt]imed out|Broken pipe|ProcessGroup")


def abort_operations() -> None:
    """Let NCCL's operations that are under way fail, here and so elsewhere. torch has it under a
    private name only."""
    abort = getattr(dist.distributed_c10d, "_abort_process_group", None)
    if abort is not None:
        with contextlib.suppress(RuntimeError, ValueError):
            abort()


def _is_loss(error: RuntimeError) -> bool:
    """Whether an error is what gloo and NCCL raise, which has no type of its own, when another
    process has ended or does not answer. NCCL without memory is no loss."""
    return bool(_LOST.search(str(error))) and "out of memory" not in str(error)


@contextmanager
def suppressed_loss() -> Iterator[None]:
    """Where this process ends anyway, it does not matter that another has."""
    try:
        yield
    except RuntimeError as error:
        if not _is_loss(error):
            raise


@contextmanager
def loss_told(world: World, go_on: str = "") -> Iterator[None]:
    """Turn the loss of another process into `RunError`, which says what that one has said, if
    anything; ``go_on`` is how the run is taken up."""
    try:
        yield
    except (RuntimeError, PeerLost) as error:
        if world.alone or not (isinstance(error, PeerLost) or _is_loss(error)):
            raise
        said = (str(error).strip().splitlines() or ["no reason given"])[0]
        why = world.reason() or said[:200]
        raise RunError(
            f"process {world.rank} of {world.size}: another process has ended or does not answer "
            f"({why}){go_on}"
        ) from None
