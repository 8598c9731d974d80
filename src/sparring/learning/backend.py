"""Which backend computes the log-probs of responses, and which cannot.

All give the same numbers; they differ in what they compute more than once and
in what they need. ``auto`` takes the prompt cache, which gradient
checkpointing and sharded weights exclude; then flex attention on CUDA, rows
of prompt and response elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from sparring.errors import ModelError
from sparring.learning.logprobs import response_logprobs
from sparring.learning.model import is_checkpointing
from sparring.learning.samples import Group, Sample
from sparring.learning.settings import Backend
from sparring.schema import Role

FLEX = "flex_attention"
"""What `transformers` calls it."""


def chosen_backend(
    wanted: Backend, model: PreTrainedModel, device: torch.device, sharded: bool = False
) -> Backend:
    """What ``wanted`` amounts to for ``model`` on ``device``. Where weights are ``sharded`` all
    processes make the same passes, one for each micro-batch. Raises `ModelError` for what cannot
    be."""
    cuda, checkpointing = device.type == "cuda", is_checkpointing(model)
    if wanted is Backend.AUTO:
        if not checkpointing and not sharded:
            return Backend.PROMPT_CACHE
        return Backend.FLEX if cuda and _has_flex(model) else Backend.PADDED
    if wanted is Backend.PROMPT_CACHE and checkpointing:
        raise ModelError(
            "learning.backend = prompt_cache: gradient checkpointing keeps no cache; set "
            "learning.backend = auto, or model.gradient_checkpointing = false"
        )
    if wanted is Backend.PROMPT_CACHE and sharded:
        raise ModelError(
            "learning.backend = prompt_cache: with sharded weights every micro-batch is one pass; "
            "set learning.backend = auto"
        )
    if wanted is Backend.FLEX and not cuda:
        raise ModelError(
            f"learning.backend = flex: flex attention has no backward pass on {device.type}, only "
            "on cuda; set learning.backend = auto"
        )
    if wanted is Backend.FLEX and not _has_flex(model):
        raise ModelError(
            f"learning.backend = flex: transformers has no flex attention for "
            f"{model.config.model_type}; set learning.backend = auto"
        )
    return wanted


def _has_flex(model: PreTrainedModel) -> bool:
    return bool(getattr(model, "_supports_flex_attn", False))


@torch.no_grad()
def check_backend(model: PreTrainedModel, backend: Backend) -> None:
    """Raise `ModelError` if responses behind one another see what they must not: a model may take
    a mask and make its own of it, or attend by something else than the positions it is given."""
    if backend not in (Backend.PACKED, Backend.FLEX):
        return
    responses = [(3, 4, 2, 5), (4, 3), (2, 2, 4)]
    samples = tuple(Sample(ids, (0.0,) * len(ids), 0.0) for ids in responses)
    groups = [Group(Role.CODER, prompt, 1.0, samples) for prompt in ((5, 2, 3), (4, 5, 5, 2, 3))]
    try:
        with attending(model, backend):
            found = response_logprobs(model, groups, backend).logprob
        plain = response_logprobs(model, groups, Backend.PADDED).logprob
        same = torch.allclose(found, plain, rtol=1e-3, atol=1e-3, equal_nan=True)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        same = False  # it cannot do with such a mask at all
    if not same:
        raise ModelError(
            f"learning.backend = {backend}: {model.config.model_type} does not attend by a mask "
            "that it is given; set learning.backend = padded, or auto"
        )


@contextmanager
def attending(model: PreTrainedModel, backend: Backend) -> Iterator[None]:
    """The model with the attention that ``backend`` needs, for the forward pass and, with gradient
    checkpointing, the way back."""
    before = model.config._attn_implementation
    if backend is not Backend.FLEX or before == FLEX:
        yield
        return
    model.set_attn_implementation(FLEX)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
