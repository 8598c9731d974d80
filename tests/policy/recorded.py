"""A stand-in for a CUDA graph on a CPU: every operation of a pass is kept with the tensors that it
read and wrote, and done again with the same ones. What a pass would decide anew in Python stays as
it was, as in a graph; a look at a value is an error, as during a capture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Operation = tuple[Any, tuple[Any, ...], dict[str, Any], Any]


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.done: list[Operation] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        found = func(*args, **(kwargs or {}))
        self.done.append((func, args, kwargs or {}, found))
        return found


def record(run: Callable[[], None]) -> Callable[[], None]:
    """A `Capture`. The pass is run once for the record; what that wrote is written again."""
    recorder = _Recorder()
    with recorder:
        run()

    def again() -> None:
        for func, args, kwargs, before in recorder.done:
            now = func(*args, **kwargs)
            for old, new in zip(tree_leaves(before), tree_leaves(now), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)

    return again
