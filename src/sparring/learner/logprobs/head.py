"""From hidden states to log-probs of chosen tokens, a chunk of positions at a time.

Logits are as wide as the vocabulary: those of 16,000 positions at 152,000
tokens are 10 GB in float32, and the way back wants several such matrices. So
only the positions that predict a response token get logits, and when there are
more of them than a chunk, each chunk is computed, reduced to its log-probs and
dropped (`chunks`; an output matrix that is adapted is computed again on the
way back). In float32 a single chunk is kept: that is the quicker way where it
fits.

Hidden states are those of the model's decoder, called by itself: no logits are
made to be thrown away, and of a sharded model the output matrix is put together
once, here. What a model does to its logits after the output matrix is done here;
`check_head` refuses a model that does something else.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from sparring.errors import ModelError
from sparring.learner.distributed.shards import output_weights
from sparring.learner.logprobs.chunks import Rule, in_chunks, reduced
from sparring.learner.logprobs.sizes import CHUNK_BYTES, chunk_tokens
from sparring.policy.adapters import decoder_of, inner_model


def hidden_states(model: PreTrainedModel, **inputs: Any) -> torch.Tensor:
    """What the output matrix gets to see [rows, positions, width], from a call with ``inputs``."""
    found: torch.Tensor = decoder_of(model)(**inputs)[0]
    return found


def logits_of(
    model: PreTrainedModel, hidden: torch.Tensor, weights: dict[str, torch.Tensor] | None = None
) -> torch.Tensor:
    """The logits [..., vocabulary] of hidden states [..., width]; ``weights`` are those of the
    output matrix if the model's are in parts."""
    output = inner_model(model).get_output_embeddings()
    logits: torch.Tensor = (
        functional_call(output, weights, (hidden,)) if weights else output(hidden)
    )
    factor, cap = after_matrix(model)
    if factor != 1.0:
        logits = logits * factor
    if cap is not None:
        logits = torch.tanh(logits / cap) * cap
    return logits


def after_matrix(model: PreTrainedModel) -> tuple[float, float | None]:
    """What the model does to the output matrix's product: a factor (Granite, Cohere), and then a
    bound by a tanh, if any (Gemma 2)."""
    config = inner_model(model).config.get_text_config()
    factor = getattr(config, "logit_scale", None) or 1.0
    if (divisor := getattr(config, "logits_scaling", None)) is not None:
        factor = factor / divisor
    return float(factor), getattr(config, "final_logit_softcapping", None)


def token_logprobs(
    model: PreTrainedModel,
    hidden: torch.Tensor,
    targets: torch.Tensor,
    temperature: torch.Tensor,
    chunk: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probs with gradient, and entropies (nats) without, of ``targets`` [tokens].

    ``hidden`` [tokens, width]; ``temperature`` [tokens] divides the logits;
    ``chunk`` is how many tokens have logits at once (None: as many as fit
    into `CHUNK_BYTES`). The chunk's length changes rounding at most.
    """
    size = chunk or chunk_size(model)
    matrix = inner_model(model).get_output_embeddings()
    weights = output_weights(model, hidden.dtype)  # whole until the way back is over
    # One that is adapted or hooked has to be called.
    plain = isinstance(matrix, torch.nn.Linear) and (
        bool(weights) or (type(matrix) is torch.nn.Linear and not _hooked(matrix))
    )
    weight: torch.Tensor = weights.get("weight", matrix.weight) if plain else hidden
    bias = weights.get("bias", matrix.bias) if plain else None
    # In float32 a single chunk is as it always was, to the bit.
    if len(targets) <= size and not (plain and weight.dtype is torch.bfloat16):
        return _of_chunk(model, weights, hidden, targets, temperature)
    if plain:
        rule = Rule(*after_matrix(model), size, keep=CHUNK_BYTES)
        return in_chunks(hidden, weight, bias, targets, temperature, rule)
    parts = []
    for piece in zip(*(x.split(size) for x in (hidden, targets, temperature)), strict=True):
        if torch.is_grad_enabled():
            parts.append(
                checkpoint(
                    _of_chunk,
                    model,
                    weights,
                    *piece,
                    use_reentrant=False,
                    preserve_rng_state=False,
                )
            )
        else:
            parts.append(_of_chunk(model, weights, *piece))
    logprobs, entropies = zip(*parts, strict=True)
    return torch.cat(logprobs), torch.cat(entropies)


def _hooked(module: torch.nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def chunk_size(model: PreTrainedModel) -> int:
    """Positions whose float32 logits fit into a chunk on the model's device."""
    vocabulary: int = inner_model(model).get_input_embeddings().weight.shape[0]
    memory = None
    if model.device.type == "cuda":
        memory = torch.cuda.get_device_properties(model.device).total_memory
    return chunk_tokens(vocabulary, memory)


def _of_chunk(
    model: PreTrainedModel,
    weights: dict[str, torch.Tensor],
    hidden: torch.Tensor,
    targets: torch.Tensor,
    temperature: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    found: tuple[torch.Tensor, torch.Tensor] = _Chosen.apply(  # type: ignore[no-untyped-call]
        logits_of(model, hidden, weights), targets, temperature
    )
    return found


class _Chosen(torch.autograd.Function):
    """Log-prob and entropy of a row of logits: what `torch.log_softmax` and `gather` give, with
    probabilities as the only matrix that is kept and one new one on the way back."""

    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, targets: torch.Tensor, temperature: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast(logits.device.type, enabled=False):  # else entropies are of bfloat16
            chosen, entropy, p = reduced(logits, targets, temperature)
        ctx.save_for_backward(p, targets, temperature)
        ctx.dtype = logits.dtype
        ctx.mark_non_differentiable(entropy)
        return chosen, entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        p, targets, temperature = ctx.saved_tensors
        rate = (gradients[0] / temperature)[:, None]  # d log p(t) / d logit(v) = 1(v = t) - p(v)
        return (p * -rate).scatter_add_(1, targets[:, None], rate).to(ctx.dtype), None, None


@torch.no_grad()
def check_head(model: PreTrainedModel) -> None:
    """Raise `ModelError` if the model's logits are not those of `logits_of`."""
    ids = torch.tensor([[1, 2, 3]], device=model.device)
    ids = ids % inner_model(model).get_input_embeddings().weight.shape[0]
    inputs: dict[str, Any] = {"input_ids": ids, "use_cache": False}
    theirs = model(**inputs).logits
    ours = logits_of(model, hidden_states(model, **inputs))
    if ours.shape != theirs.shape or not torch.allclose(
        ours, theirs, rtol=1e-3, atol=1e-3, equal_nan=True
    ):
        raise ModelError(
            f"{model.config.name_or_path or model.config.model_type}: does something to its logits "
            "after the output matrix that is not known here; it cannot be trained"
        )
