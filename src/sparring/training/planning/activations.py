"""What one micro-batch's forward and backward pass adds for a while.

Of a layer autograd keeps, for each position, the tensors that its products and norms need again:
around each of two norms its input and output (and, where the norm's weight learns, what is
between), in float32 where `transformers` computes them so; queries, keys and values as attention
sees them, and its output; in the MLP the gate, its activation, the product's other side and the
product. That is the sum of arXiv 2205.05198, section 4.1, without dropout, for a gated MLP and
without the scores, which fused attention does not keep. With checkpointing it is the input of each
layer, and one whole layer.

Held against measured peaks on CPUs by `benchmarks/memory.py`. What is left out: fragmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from sparring.config.recipe import Recipe
from sparring.learner.logprobs.sizes import CACHE_BYTES, CHUNK_BYTES
from sparring.learner.settings import Frozen, Layout, UpdateMode
from sparring.policy.settings import Adapters
from sparring.policy.shape import Shape
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
    """The largest micro-batch: responses at their limit. ``computed`` positions, of which ``seen``
    is how many keys attention gets, copies of a prompt's included; ``answers`` are predicted."""

    computed: int
    seen: int
    answers: int

    @classmethod
    def of(cls, recipe: Recipe, shape: Shape, c: Conditions) -> Batch:
        """A response that is longer than the budget is a batch of its own."""
        prompt, response = longest(recipe, shape)
        s = recipe.sampling
        budget = recipe.learning.tokens_per_micro_batch
        layout = backend(recipe, c).traits.layout
        if layout is Layout.ROWS:
            width = prompt + response - 1
            rows = max(1, budget // width)
            return cls(rows * width, rows * width, rows * response)
        # A prompt stands before as many responses as fit, a group's at most.
        group = max(s.programs, s.tests)
        rows = max(1, min(group, (budget - prompt) // response))
        groups = max(1, budget // (prompt + rows * response))
        computed = max(groups * (prompt + rows * response), min(budget, prompt + response))
        answers = groups * rows * response
        match layout:
            case Layout.PROMPTS_APART:
                return cls(computed, groups * prompt + groups * rows * (prompt + response), answers)
            case Layout.SEQUENCE:
                most = max(computed, budget)
                return cls(most, most, max(answers, budget - prompt))
            case other:
                assert_never(other)


def learning(recipe: Recipe, shape: Shape, c: Conditions, own: int) -> dict[str, float]:
    """By name; ``own``: parameters that one role's loss moves. The peak is either at the output
    matrix, where the way back begins, or in a layer behind it."""
    batch, b = Batch.of(recipe, shape, c), size(recipe)
    layer = _layer(recipe, shape, c, batch)
    checkpointing = recipe.model.gradient_checkpointing
    kept = shape.layers * (float(b) * shape.hidden * batch.computed if checkpointing else layer)
    what = "inputs of layers" if checkpointing else "activations"
    found = {f"{what}, of {batch.computed:,} positions": kept}
    in_layer = _in_layer(recipe, shape, c) + _working(shape, b) * batch.computed
    if checkpointing:
        in_layer += layer
    at_matrix = _at_matrix(recipe, shape, c, batch)
    if at_matrix >= in_layer:
        answers = min(batch.answers, chunk(recipe, shape, c))
        found[f"the output matrix, distributions of {answers:,} positions"] = at_matrix
    else:
        found["a layer on the way back"] = in_layer
    both = recipe.learning.mode is UpdateMode.JOINT and recipe.learning.frozen is Frozen.NONE
    if both and recipe.model.adapters is not Adapters.PER_ROLE:
        found["the first role's gradient, told apart"] = FLOAT * own / parts(recipe, c)
    return found


def _layer(recipe: Recipe, shape: Shape, c: Conditions, batch: Batch) -> float:
    """Bytes that autograd keeps of a layer."""
    b, h, q, i = size(recipe), shape.hidden, shape.query, shape.inner
    adapted = recipe.model.lora_rank > 0
    norm = FLOAT * h + b * h * (1 if adapted else 2)  # input in float32, output, what is between
    packed = (
        backend(recipe, c).traits.layout is Layout.SEQUENCE
    )  # keys of grouped heads as they are
    keys = 2 * (shape.key if packed else q)
    rows = (2 * norm + b * (2 * q + 4 * i)) * batch.computed + b * keys * batch.seen
    if adapted:
        rows += b * recipe.model.lora_rank * len(shape.linears) * batch.computed
    return float(rows)


def _working(shape: Shape, b: int) -> float:
    """Bytes a position of what a layer's way back computes and drops."""
    return float(2 * b * shape.inner + 2 * FLOAT * shape.hidden)


def _in_layer(recipe: Recipe, shape: Shape, c: Conditions) -> float:
    """Weights of sharded layers, whole: this one's, the next one's and one on its way; this one's
    gradient, and the float32 sums of it and of the one before that travel. On one process the
    gradient of tied embeddings, which waits for its other half."""
    b, learns = size(recipe), recipe.model.lora_rank == 0
    if parts(recipe, c) == 1:
        return float(b * shape.embedding * (learns and shape.tied))
    return float(shape.layer * (3 * b + (b + 2 * FLOAT if learns else 0)))


def _at_matrix(recipe: Recipe, shape: Shape, c: Conditions, batch: Batch) -> float:
    """The last norm, hidden states of the answers, a chunk of logits, scaled ones and
    probabilities; the matrix itself, if it is sharded; its gradient, added up in float32. A CPU
    has logits of a chunk in the weights' type alone (`chunks`) and, of few answers, their rows
    and a gradient that needs no adding."""
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
