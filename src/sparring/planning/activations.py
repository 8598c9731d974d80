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

from sparring.learning.settings import Adapters, Backend, Frozen, UpdateMode
from sparring.learning.shape import Shape
from sparring.planning.conditions import (
    FLOAT,
    Conditions,
    backend,
    chunk,
    longest,
    parts,
    size,
)
from sparring.recipe import Recipe


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
        how = backend(recipe, c)
        if how is Backend.PADDED:
            width = prompt + response - 1
            rows = max(1, budget // width)
            return cls(rows * width, rows * width, rows * response)
        # A prompt stands before as many responses as fit, a group's at most.
        group = max(s.programs, s.tests)
        rows = max(1, min(group, (budget - prompt) // response))
        groups = max(1, budget // (prompt + rows * response))
        computed = max(groups * (prompt + rows * response), min(budget, prompt + response))
        answers = groups * rows * response
        if how is Backend.PROMPT_CACHE:
            return cls(computed, groups * prompt + groups * rows * (prompt + response), answers)
        return cls(max(computed, budget), max(computed, budget), max(answers, budget - prompt))


def learning(recipe: Recipe, shape: Shape, c: Conditions, own: int) -> dict[str, float]:
    """By name; ``own``: parameters that one role's loss moves."""
    b, batch = size(recipe), Batch.of(recipe, shape, c)
    checkpointing = recipe.model.gradient_checkpointing
    layer = _layer(recipe, shape, c, batch)
    found: dict[str, float] = {}
    name = f"activations of {batch.computed:,} positions"
    head = _head(recipe, shape, batch)
    if checkpointing:
        found[f"{name}, an input for each layer"] = (
            float(shape.layers) * b * shape.hidden * batch.computed
        )
        working = _working(shape, b) * batch.computed
        most = max(layer + working, head)
        found["one layer, or distributions of a chunk"] = most
    else:
        found[name] = shape.layers * layer
        answers = min(batch.answers, chunk(recipe, shape))
        found[f"distributions of {answers:,} response positions"] = head
    found["gradients on their way"] = _on_their_way(recipe, shape, c, own)
    both = recipe.learning.mode is UpdateMode.JOINT and recipe.learning.frozen is Frozen.NONE
    if both and recipe.model.adapters is not Adapters.PER_ROLE:
        found["the first role's gradient, told apart"] = FLOAT * own / parts(recipe, c)
    if parts(recipe, c) > 1:
        found["layers and ends, put together"] = _gathered(recipe, shape)
    return found


def _layer(recipe: Recipe, shape: Shape, c: Conditions, batch: Batch) -> float:
    """Bytes that autograd keeps of a layer."""
    b, h, q, i = size(recipe), shape.hidden, shape.query, shape.inner
    adapted = recipe.model.lora_rank > 0
    norm = FLOAT * h + b * h * (1 if adapted else 2)  # input in float32, output, what is between
    keys = 2 * (shape.key if backend(recipe, c) is Backend.FLEX else q)
    rows = (2 * norm + b * (2 * q + 4 * i)) * batch.computed + b * keys * batch.seen
    if adapted:
        rows += b * recipe.model.lora_rank * len(shape.linears) * batch.computed
    return float(rows)


def _working(shape: Shape, b: int) -> float:
    """Bytes a position of what a layer's way back computes and drops."""
    return float(2 * b * shape.inner + 2 * FLOAT * shape.hidden)


def _head(recipe: Recipe, shape: Shape, batch: Batch) -> float:
    """The last norm, hidden states of the answers, and a chunk of distributions: logits, scaled,
    and probabilities, in float32."""
    b = size(recipe)
    answers = min(batch.answers, chunk(recipe, shape))
    wide = FLOAT * shape.vocabulary * (3 if b == FLOAT else 2.5) * answers
    return wide + shape.hidden * ((FLOAT + 2 * b) * batch.computed + b * batch.answers)


def _on_their_way(recipe: Recipe, shape: Shape, c: Conditions, own: int) -> float:
    """A weight's gradient before it is added to what there is: of the output matrix, the largest,
    two at once; an adapter's are small."""
    if recipe.model.lora_rank or parts(recipe, c) > 1:
        return 0.0
    return float(2 * size(recipe) * shape.embedding)


def _gathered(recipe: Recipe, shape: Shape) -> float:
    """Of sharded weights: this layer's and the next one's, whole, and one on its way; the output
    matrix; then a layer's gradient, and the float32 copies that are added up over all processes."""
    b, learns = size(recipe), recipe.model.lora_rank == 0
    layers = 3 * b * shape.layer
    if learns:
        layers += b * shape.layer + 2 * FLOAT * shape.layer
    ends = b * shape.embedding
    if learns:
        ends += b * shape.embedding + FLOAT * shape.embedding
    return float(layers + ends)
