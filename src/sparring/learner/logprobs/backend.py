"""Choice of the backend that computes log-probs, and a trial of the backend on the model.

All backends give the same numbers. They differ in the work that they repeat and in their
requirements (`LogprobBackend.traits`); `usual_backend` says what ``auto`` chooses. Every backend
but ``padded`` is tried before a run depends on it, since flex attention, for one, is compiled for
the model and the device. If the trial fails, ``auto`` falls back to ``padded`` with a note of the
reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from sparring.errors import ModelError
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.logprobs.flex import FLEX, try_gradient
from sparring.learner.logprobs.grouped import GROUPED, SDPA
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import BatchLayout, LogprobBackend, usual_backend
from sparring.policy.precision import torch_type
from sparring.policy.prepared import is_checkpointing
from sparring.policy.settings import Precision
from sparring.schema import Role
from sparring.text import typed_error_line

TOLERANCE = {Precision.FLOAT32: 1e-3, Precision.BFLOAT16: 5e-2}
"""Largest mean difference of log-probs between two backends over the trial's tokens. Real models
that ignore the mask differ by 0.5 to 1.0; rounding in bfloat16 alone gave 0.013 (docs/log.md)."""


@dataclass(frozen=True, slots=True)
class ChosenBackend:
    """Backend of a run, with a note where ``auto`` fell back from its first choice."""

    backend: LogprobBackend
    note: str | None = None


def settled_backend(
    wanted: LogprobBackend,
    model: PreTrainedModel,
    precision: Precision,
    distributed: DistributedContext,
    sharded: bool,
) -> ChosenBackend:
    """Return the backend for ``wanted``, after a trial on ``model`` in the run's precision.

    All processes settle on the same backend: if the trial fails in one process, none uses the
    backend. Raises `ModelError` if a backend chosen by name fails.
    """
    backend = chosen_backend(wanted, model, distributed.device, sharded)
    problem = problem_of(model, backend, precision)
    failed = bool(distributed.highest([float(problem is not None)])[0])
    if not failed:
        return ChosenBackend(backend)
    problem = problem or "another process cannot use this backend"
    if wanted is not LogprobBackend.AUTO:
        raise ModelError(f"learning.backend = {backend}: {problem}; set learning.backend = auto")
    return ChosenBackend(
        LogprobBackend.PADDED, f"learning.backend: padded instead of {backend}: {problem}"
    )


def chosen_backend(
    wanted: LogprobBackend, model: PreTrainedModel, device: torch.device, sharded: bool = False
) -> LogprobBackend:
    """Return the backend that ``wanted`` stands for with ``model`` on ``device``.

    Raises `ModelError` if the model, the device or the sharding rules the backend out.
    """
    cuda, checkpointing = device.type == "cuda", is_checkpointing(model)
    if wanted is LogprobBackend.AUTO:
        return usual_backend(checkpointing, sharded, cuda, _has_flex(model))
    if wanted.traits.keeps_cache and checkpointing:
        raise ModelError(
            f"learning.backend = {wanted}: gradient checkpointing keeps no cache, which this "
            "backend needs; set learning.backend = auto, or model.gradient_checkpointing = false"
        )
    if wanted.traits.keeps_cache and sharded:
        raise ModelError(
            f"learning.backend = {wanted}: sharded weights allow one pass for each micro-batch, "
            "and this backend makes several; set learning.backend = auto"
        )
    if wanted.traits.on_cuda and not cuda:
        raise ModelError(
            f"learning.backend = {wanted}: {wanted} attention has no backward pass on "
            f"{device.type}, only on cuda; set learning.backend = auto"
        )
    if wanted is LogprobBackend.FLEX and not _has_flex(model):
        raise ModelError(
            f"learning.backend = flex: transformers has no flex attention for "
            f"{model.config.model_type}; set learning.backend = auto"
        )
    return wanted


def _has_flex(model: PreTrainedModel) -> bool:
    return bool(getattr(model, "_supports_flex_attn", False))


@torch.no_grad()
def problem_of(model: PreTrainedModel, backend: LogprobBackend, precision: Precision) -> str | None:
    """Return why ``backend`` does not work for ``model``, in one line, or None if it works.

    A model may replace the mask that it is given, or attend by something other than the given
    positions. Responses that share a sequence then see each other, and their log-probs differ from
    those of padded rows. In bfloat16 the prompt cache passes embeddings instead of token ids, and
    a model may need the ids.
    """
    half = precision is Precision.BFLOAT16
    if backend is LogprobBackend.PADDED or (backend is LogprobBackend.PROMPT_CACHE and not half):
        return None
    responses = [(3, 4, 2, 5), (4, 3), (2, 2, 4)]
    samples = tuple(Sample(ids, (0.0,) * len(ids), 0.0) for ids in responses)
    groups = [
        SampleGroup(Role.CODER, prompt, 1.0, samples) for prompt in ((5, 2, 3), (4, 5, 5, 2, 3))
    ]
    plain = response_logprobs(model, groups, LogprobBackend.PADDED).logprob
    try:
        with attending(model, backend):
            logprob = response_logprobs(model, groups, backend).logprob
        if backend is LogprobBackend.FLEX and model.device.type == "cuda":
            with torch.enable_grad():
                try_gradient(model.config.get_text_config(), torch_type(precision), model.device)
    except torch.OutOfMemoryError:
        raise  # no room even for a few tokens: no other backend would fit either
    except ModelError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # compilers and drivers raise errors of any type
        return f"it fails on {model.config.model_type} here: {typed_error_line(error)}"
    # A model with damaged weights gives NaN in both: that is no fault of the backend.
    same = (logprob == plain) | (logprob.isnan() & plain.isnan())
    gap = float((logprob - plain).abs().masked_fill(same, 0.0).mean())
    if gap <= TOLERANCE[precision]:
        return None
    packed = backend.traits.layout is BatchLayout.SEQUENCE
    cannot = "attend by the mask" if packed else "compute from the embeddings"
    return (
        f"{model.config.model_type} does not {cannot} that it is given (log-probs differ by "
        f"{gap:.2g} on average)"
    )


@contextmanager
def attending(model: PreTrainedModel, backend: LogprobBackend) -> Iterator[None]:
    """Set the attention function that ``backend`` needs while the block runs: the forward pass and,
    with gradient checkpointing, the backward pass too."""
    usual = model.config._attn_implementation
    needed = _attention(model, backend)
    if needed == usual:
        yield
        return
    model.set_attn_implementation(needed)
    try:
        yield
    finally:
        model.set_attn_implementation(usual)


def _attention(model: PreTrainedModel, backend: LogprobBackend) -> str:
    """Return the name of the attention function for ``backend``: Sparring's own where it helps,
    else the model's current one."""
    usual: str = model.config._attn_implementation
    if backend is LogprobBackend.FLEX:
        return FLEX
    half = model.device.type == "cpu" and model.dtype is torch.bfloat16
    exchangeable = bool(getattr(model, "_supports_attention_backend", False))
    return GROUPED if half and exchangeable and usual == SDPA else usual
