"""Log-probs of chosen tokens from hidden states, a chunk of positions at a time.

Logits are as wide as the vocabulary: 16,000 positions at 152,000 tokens take 10 GB in float32, and
a backward pass needs several such matrices. So only positions that predict a response token get
logits. If there are more positions than fit into a chunk, they are computed chunk by chunk. Each
chunk is reduced to its log-probs and dropped (`chunks`), or, with an adapted output matrix,
computed again in the backward pass. A single chunk in float32 is kept, which is faster where it
fits.

Hidden states come from the model's decoder, called without the output matrix, so no unneeded logits
are made, and a sharded model's output matrix is gathered once, here. Scaling and bounding of logits
after the output matrix happen here too; `check_head` refuses a model that does anything else to its
logits.
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
from sparring.learner.logprobs.chunks import LogitTransform, in_chunks, reduced
from sparring.learner.logprobs.sizes import CHUNK_BYTES, chunk_tokens
from sparring.policy.adapters import decoder_of, inner_model


def hidden_states(model: PreTrainedModel, **inputs: Any) -> torch.Tensor:
    """Return the decoder's output, the input of the output matrix [rows, positions, width]."""
    hidden: torch.Tensor = decoder_of(model)(**inputs)[0]
    return hidden


def logits_of(
    model: PreTrainedModel, hidden: torch.Tensor, weights: dict[str, torch.Tensor] | None = None
) -> torch.Tensor:
    """Return the logits [..., vocabulary] of hidden states [..., width]. ``weights`` are the
    gathered weights of the output matrix if the model is sharded."""
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
    """Return the factor on the output matrix's product (Granite, Cohere; 1 for others), and the
    bound that a tanh then puts on it (Gemma 2; None for others)."""
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
    """Return log-probs with gradient and entropies (nats) without, [tokens] each, of ``targets``
    [tokens].

    ``hidden`` is [tokens, width]; ``temperature`` [tokens] divides the logits; ``chunk`` is the
    number of tokens whose logits exist at one time (None: `chunk_size`). The chunk's length changes
    nothing but rounding.
    """
    size = chunk or chunk_size(model)
    matrix = inner_model(model).get_output_embeddings()
    weights = output_weights(model, hidden.dtype)  # gathered until the backward pass is over
    # An adapted or hooked matrix must be called as a module; of a plain matrix only the weights are
    # needed.
    plain = isinstance(matrix, torch.nn.Linear) and (
        bool(weights) or (type(matrix) is torch.nn.Linear and not _hooked(matrix))
    )
    weight: torch.Tensor = weights.get("weight", matrix.weight) if plain else hidden
    bias = weights.get("bias", matrix.bias) if plain else None
    # A single float32 chunk does not go through `in_chunks`, whose sums round differently: recorded
    # runs would not be repeated to the bit.
    if len(targets) <= size and not (plain and weight.dtype is torch.bfloat16):
        return _of_chunk(model, weights, hidden, targets, temperature)
    if plain:
        rule = LogitTransform(*after_matrix(model), size, keep=CHUNK_BYTES)
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
    """Return the number of positions in a chunk of float32 logits on the model's device."""
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
    values: tuple[torch.Tensor, torch.Tensor] = _Chosen.apply(  # type: ignore[no-untyped-call]
        logits_of(model, hidden, weights), targets, temperature
    )
    return values


class _Chosen(torch.autograd.Function):
    """Log-probs and entropies of rows of logits, equal to `torch.log_softmax` and `gather`. Only
    the probabilities are kept, and the backward pass makes a single new matrix."""

    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, targets: torch.Tensor, temperature: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast(logits.device.type, enabled=False):  # keeps entropies in float32
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
    """Raise `ModelError` if the model's logits differ from the logits that `logits_of` returns."""
    ids = torch.tensor([[1, 2, 3]], device=model.device)
    ids = ids % inner_model(model).get_input_embeddings().weight.shape[0]
    inputs: dict[str, Any] = {"input_ids": ids, "use_cache": False}
    theirs = model(**inputs).logits
    ours = logits_of(model, hidden_states(model, **inputs))
    if ours.shape != theirs.shape or not torch.allclose(
        ours, theirs, rtol=1e-3, atol=1e-3, equal_nan=True
    ):
        name = model.config.name_or_path or model.config.model_type
        raise ModelError(
            f"{name}: this model cannot be trained: it changes its logits after the output matrix "
            "in a way that is not supported"
        )
