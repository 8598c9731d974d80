"""Capturing what a pass asks of a device, to ask it again at once.

On a GPU a pass of a few rows costs the launches of its kernels, a thousand of
them for a Qwen2.5-0.5B, and not their work. A CUDA graph launches all of them
together.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable

import torch
from transformers import PreTrainedModel

from sparring.text import error_line

Run = Callable[[], None]
Capture = Callable[[Run], Run]
"""Takes what reads and writes tensors at fixed addresses and decides nothing by their values;
gives what does the same again. What it takes may be run or not."""

_log = logging.getLogger("sparring")
_refused: weakref.WeakSet[PreTrainedModel] = weakref.WeakSet()


def capture_for(model: PreTrainedModel) -> Capture | None:
    """CUDA graphs where there is CUDA, for families that `transformers` knows to compute the same
    kernels at every token; None for others and for models of which one failed."""
    fits = any(getattr(m, "_can_compile_fullgraph", False) for m in model.modules())
    if model.device.type != "cuda" or not fits or model in _refused:
        return None
    return _cuda_graph


def refuse(model: PreTrainedModel, error: Exception) -> None:
    """Capture nothing of this model any more, and say why."""
    _refused.add(model)
    _log.warning(
        "sampling: a pass cannot be captured as a CUDA graph: %s; kernels are launched one by one, "
        "which is slower and changes nothing else",
        error_line(error),
    )


def _cuda_graph(run: Run) -> Run:
    graph = torch.cuda.CUDAGraph()
    # Another thread may be learning: what it does meanwhile is none of this capture's business.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        run()
    return graph.replay
