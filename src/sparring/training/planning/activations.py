"""Estimate of the memory of one micro-batch's forward and backward pass.

For each layer and position autograd keeps the tensors that the backward pass needs:

- the input and output of each of the two norms (and the value between them, where the norm's weight
  learns), in float32 where `transformers` computes in float32;
- queries, keys and values in the form that attention takes, and attention's output;
- the MLP's gate, its activation, the product's other factor and the product.

This is the sum of arXiv 2205.05198, section 4.1, for a gated MLP, without dropout and without the
attention scores, which fused attention does not keep. With gradient checkpointing autograd keeps
the input of each layer, and all tensors of one layer at a time.

`benchmarks/memory.py` compares the estimate with measured peaks on CPUs. Not counted:
fragmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from sparring.config.recipe import Recipe
from sparring.learner.logprobs.sizes import CACHE_BYTES, CHUNK_BYTES
from sparring.learner.settings import BatchLayout, Frozen, UpdateMode
from sparring.policy.settings import Adapters
from sparring.policy.shape import ModelShape
from sparring.training.planning.conditions import (
    FLOAT,
    Conditions,
    backend,
    chunk,
    longest,
    parts,
    size,
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Largest micro-batch of a recipe: all responses have their maximum length."""

    computed: int
    """Positions computed."""
    seen: int
    """Keys that attention gets, copies of a prompt's keys included."""
    answers: int
    """Response tokens whose log-probs are computed."""

    @classmethod
    def of(cls, recipe: Recipe, shape: ModelShape, c: Conditions) -> Batch:
        """Return the largest micro-batch. A response longer than the budget is a batch of its
        own."""
        prompt, response = longest(recipe, shape)
        s = recipe.sampling
        budget = recipe.learning.tokens_per_micro_batch
        layout = backend(recipe, c).traits.layout
        if layout is BatchLayout.ROWS:
            width = prompt + response - 1
            rows = max(1, budget // width)
            return cls(rows * width, rows * width, rows * response)
        # A prompt is computed once for as many responses of its group as fit into the budget.
        group = max(s.programs, s.tests)
        rows = max(1, min(group, (budget - prompt) // response))
        groups = max(1, budget // (prompt + rows * response))
        computed = max(groups * (prompt + rows * response), min(budget, prompt + response))
        answers = groups * rows * response
        match layout:
            case BatchLayout.PROMPTS_APART:
                return cls(computed, groups * prompt + groups * rows * (prompt + response), answers)
            case BatchLayout.SEQUENCE:
                positions = max(computed, budget)
                return cls(positions, positions, max(answers, budget - prompt))
            case other:
                assert_never(other)


def learning(recipe: Recipe, shape: ModelShape, c: Conditions, own: int) -> dict[str, float]:
    """Return the bytes of the learning phase, by name. ``own`` is the number of parameters that one
    role's loss moves.

    The peak is either at the output matrix, where the backward pass starts, or in a layer later in
    the backward pass.
    """
    batch, b = Batch.of(recipe, shape, c), size(recipe)
    layer = _layer(recipe, shape, c, batch)
    checkpointing = recipe.model.gradient_checkpointing
    kept = shape.layers * (float(b) * shape.hidden * batch.computed if checkpointing else layer)
    what = "inputs of layers" if checkpointing else "activations"
    memory = {f"{what}, of {batch.computed:,} positions": kept}
    in_layer = _in_layer(recipe, shape, c) + _working(shape, b) * batch.computed
    if checkpointing:
        in_layer += layer
    at_matrix = _at_matrix(recipe, shape, c, batch)
    if at_matrix >= in_layer:
        answers = min(batch.answers, chunk(recipe, shape, c))
        memory[f"the output matrix, distributions of {answers:,} positions"] = at_matrix
    else:
        memory["a layer in the backward pass"] = in_layer
    both = recipe.learning.mode is UpdateMode.JOINT and recipe.learning.frozen is Frozen.NONE
    if both and recipe.model.adapters is not Adapters.PER_ROLE:
        memory["the first role's gradient, kept apart"] = FLOAT * own / parts(recipe, c)
    return memory


def _layer(recipe: Recipe, shape: ModelShape, c: Conditions, batch: Batch) -> float:
    """Return the bytes that autograd keeps for one layer."""
    b, h, q, i = size(recipe), shape.hidden, shape.query, shape.inner
    adapted = recipe.model.lora_rank > 0
    norm = FLOAT * h + b * h * (1 if adapted else 2)  # float32 input, output, value between
    # Packed sequences keep the keys of grouped heads unrepeated.
    packed = backend(recipe, c).traits.layout is BatchLayout.SEQUENCE
    keys = 2 * (shape.key if packed else q)
    rows = (2 * norm + b * (2 * q + 4 * i)) * batch.computed + b * keys * batch.seen
    if adapted:
        rows += b * recipe.model.lora_rank * len(shape.linears) * batch.computed
    return float(rows)


def _working(shape: ModelShape, b: int) -> float:
    """Return the temporary bytes per position of a layer's backward pass."""
    return float(2 * b * shape.inner + 2 * FLOAT * shape.hidden)


def _in_layer(recipe: Recipe, shape: ModelShape, c: Conditions) -> float:
    """Return further bytes in a layer's backward pass.

    With sharded weights: the full weights of this layer, of the next layer and of a layer being
    gathered; this layer's gradient; and the float32 sums of this and the previous layer's gradient
    that are being exchanged. On one process: the gradient of tied embeddings, which stays until its
    other half is added.
    """
    b, learns = size(recipe), recipe.model.lora_rank == 0
    if parts(recipe, c) == 1:
        return float(b * shape.embedding * (learns and shape.tied))
    return float(shape.layer * (3 * b + (b + 2 * FLOAT if learns else 0)))


def _at_matrix(recipe: Recipe, shape: ModelShape, c: Conditions, batch: Batch) -> float:
    """Return the bytes at the output matrix.

    These are the last norm, the hidden states of the answers, a chunk's logits, scaled logits and
    probabilities; the matrix itself, if weights are sharded; and its gradient, summed in float32.
    A CPU has a chunk's logits only in the weights' type (`chunks`); with few answers a CPU keeps
    the logits of all answers, and the gradient needs no sum.
    """
    b, learns = size(recipe), recipe.model.lora_rank == 0
    answers = min(batch.answers, chunk(recipe, shape, c))
    wide = 3.0 * FLOAT * shape.vocabulary * answers
    kept = False
    if not c.gpu and (b < FLOAT or answers < batch.answers):
        kept = learns and b * shape.vocabulary * batch.answers <= CHUNK_BYTES
        wide = min(wide, 3.0 * CACHE_BYTES)
        wide += float(b * shape.vocabulary * (batch.answers if kept else answers))
    states = shape.hidden * ((FLOAT + 2 * b) * batch.computed + 2 * b * batch.answers)
    gradient = (b if kept else FLOAT + b) if learns else 0
    matrix = b * (parts(recipe, c) > 1) + gradient
    return float(wide + states + matrix * shape.embedding)
