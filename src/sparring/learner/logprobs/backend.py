"""Which backend computes the log-probs of responses, and which cannot.

All give the same numbers; they differ in what they compute more than once and
in what they need (`Backend.traits`). What ``auto`` takes says `usual_backend`.
All but plain rows are tried before they are relied upon: flex attention is
compiled for the model and the device at hand. Where one fails ``auto`` takes
rows and says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from sparring.errors import ModelError
from sparring.learner.distributed.world import World
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.logprobs.flex import FLEX, try_gradient
from sparring.learner.logprobs.grouped import GROUPED, SDPA
from sparring.learner.samples import Group, Sample
from sparring.learner.settings import Backend, Layout, usual_backend
from sparring.policy.precision import torch_type
from sparring.policy.prepared import is_checkpointing
from sparring.policy.settings import Precision
from sparring.schema import Role
from sparring.text import typed_error_line

TOLERANCE = {Precision.FLOAT32: 1e-3, Precision.BFLOAT16: 5e-2}
"""How far log-probs of two backends may differ, in the mean of a few tokens. Real models without
the mask differ by 0.5 to 1.0; bfloat16's own rounding came to 0.013 (docs/log.md)."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The backend of a run, and why it is not the one that ``auto`` would rather have."""

    backend: Backend
    note: str | None = None


def settled_backend(
    wanted: Backend, model: PreTrainedModel, precision: Precision, world: World, sharded: bool
) -> Settled:
    """What ``wanted`` amounts to, tried on ``model`` in the run's precision. All processes settle
    on the same: if one of them cannot, none does. Raises `ModelError`."""
    backend = chosen_backend(wanted, model, world.device, sharded)
    problem = problem_of(model, backend, precision)
    failed = bool(world.highest([float(problem is not None)])[0])
    if not failed:
        return Settled(backend)
    problem = problem or "another process cannot compute it"
    if wanted is not Backend.AUTO:
        raise ModelError(f"learning.backend = {backend}: {problem}; set learning.backend = auto")
    return Settled(Backend.PADDED, f"learning.backend: padded, and not {backend}: {problem}")


def chosen_backend(
    wanted: Backend, model: PreTrainedModel, device: torch.device, sharded: bool = False
) -> Backend:
    """What ``wanted`` amounts to for ``model`` on ``device``. Where weights are ``sharded`` all
    processes make the same passes, one for each micro-batch. Raises `ModelError` for what cannot
    be."""
    cuda, checkpointing = device.type == "cuda", is_checkpointing(model)
    if wanted is Backend.AUTO:
        return usual_backend(checkpointing, sharded, cuda, _has_flex(model))
    if wanted.traits.keeps_cache and checkpointing:
        raise ModelError(
            f"learning.backend = {wanted}: gradient checkpointing keeps no cache; set "
            "learning.backend = auto, or model.gradient_checkpointing = false"
        )
    if wanted.traits.keeps_cache and sharded:
        raise ModelError(
            f"learning.backend = {wanted}: with sharded weights every micro-batch is one pass; "
            "set learning.backend = auto"
        )
    if wanted.traits.on_cuda and not cuda:
        raise ModelError(
            f"learning.backend = {wanted}: {wanted} attention has no backward pass on "
            f"{device.type}, only on cuda; set learning.backend = auto"
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
def problem_of(model: PreTrainedModel, backend: Backend, precision: Precision) -> str | None:
    """Why ``backend`` cannot be had for ``model``, in one line, or None.

    A model may take a mask and make its own of it, or attend by something else
    than the positions it is given: then responses that stand behind one
    another see what they must not, and their log-probs are not those of plain
    rows. In bfloat16 the prompt cache gives models embeddings instead of
    tokens, of which a model may want more.
    """
    half = precision is Precision.BFLOAT16
    if backend is Backend.PADDED or (backend is Backend.PROMPT_CACHE and not half):
        return None
    responses = [(3, 4, 2, 5), (4, 3), (2, 2, 4)]
    samples = tuple(Sample(ids, (0.0,) * len(ids), 0.0) for ids in responses)
    groups = [Group(Role.CODER, prompt, 1.0, samples) for prompt in ((5, 2, 3), (4, 5, 5, 2, 3))]
    plain = response_logprobs(model, groups, Backend.PADDED).logprob
    try:
        with attending(model, backend):
            found = response_logprobs(model, groups, backend).logprob
        if backend is Backend.FLEX and model.device.type == "cuda":
            with torch.enable_grad():
                try_gradient(model.config.get_text_config(), torch_type(precision), model.device)
    except torch.OutOfMemoryError:
        raise  # of a few tokens: nothing else would fit either
    except ModelError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # compilers and drivers raise what they will
        return f"it fails on {model.config.model_type} here: {typed_error_line(error)}"
    same = (found == plain) | (found.isnan() & plain.isnan())
    gap = float((found - plain).abs().masked_fill(same, 0.0).mean())
    if gap <= TOLERANCE[precision]:
        return None
    packed = backend.traits.layout is Layout.SEQUENCE
    cannot = "attend by a mask" if packed else "compute by embeddings"
    return (
        f"{model.config.model_type} does not {cannot} that it is given (log-probs differ by "
        f"{gap:.2g} in the mean)"
    )


@contextmanager
def attending(model: PreTrainedModel, backend: Backend) -> Iterator[None]:
    """The model with the attention that ``backend`` needs, for the forward pass and, with gradient
    checkpointing, the way back."""
    before = model.config._attn_implementation
    wanted = _attention(model, backend)
    if wanted == before:
        yield
        return
    model.set_attn_implementation(wanted)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def _attention(model: PreTrainedModel, backend: Backend) -> str:
    """The name of the attention function: what the model has, where there is none of ours."""
    before: str = model.config._attn_implementation
    if backend is Backend.FLEX:
        return FLEX
    half = model.device.type == "cpu" and model.dtype is torch.bfloat16
    ours = bool(getattr(model, "_supports_attention_backend", False))
    return GROUPED if half and ours and before == SDPA else before
