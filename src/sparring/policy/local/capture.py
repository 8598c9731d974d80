"""Capture of a forward pass as a CUDA graph, to launch all of its kernels together.

On a GPU, a forward pass of a few rows spends most of its time on launching kernels, not on the
kernels' work. A Qwen2.5-0.5B needs a thousand kernels. A CUDA graph launches all of them by one
call.
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
"""Function that captures a pass and returns a function that repeats the pass. The pass must read
and write tensors at fixed addresses, and no decision may depend on their values. Capturing may run
the pass or not, so the caller must rely on neither."""

_log = logging.getLogger("sparring")
_refused: weakref.WeakSet[PreTrainedModel] = weakref.WeakSet()


def capture_for(model: PreTrainedModel) -> Capture | None:
    """Return capture by CUDA graphs for a model on CUDA whose family is known to `transformers` to
    launch the same kernels at every token. Returns None for other models, and for a model whose
    capture has failed before."""
    fits = any(getattr(m, "_can_compile_fullgraph", False) for m in model.modules())
    if model.device.type != "cuda" or not fits or model in _refused:
        return None
    return _cuda_graph


def refuse(model: PreTrainedModel, error: Exception) -> None:
    """Capture no further pass of this model, and warn with the reason."""
    _refused.add(model)
    _log.warning(
        "sampling: a forward pass cannot be captured as a CUDA graph: %s; kernels are launched one "
        "by one, which is slower and changes nothing else",
        error_line(error),
    )


def _cuda_graph(run: Run) -> Run:
    graph = torch.cuda.CUDAGraph()
    # Another thread may be training on the same GPU. In "thread_local" mode its CUDA calls neither
    # enter the graph nor make the capture fail.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        run()
    return graph.replay
