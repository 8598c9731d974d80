"""How much memory a recipe takes on each rank, from the model's configuration alone.

Products and sums over what this program keeps: no weights are read and no torch is loaded. What is
there from the first step to the last (`Estimate.held`) is exact up to a few percent; what comes
and goes is for batches as large as the recipe allows them, and the largest of these phases counts.

Activations of a layer, for each position that a micro-batch computes, are the tensors that autograd
keeps in `transformers`' decoder layers with fused attention: around each of two norms the
input, the normalised and the scaled (6 × hidden), queries, repeated keys and values, the
attention's output and its copy (5 × query), in the MLP the gate, its activation, the product's
other side and the product (4 × inner). That is the sum of arXiv 2205.05198, section 4.1, without
dropout, for a gated MLP and without the scores, which fused attention does not keep. With
checkpointing the input of each layer and one whole layer.

Not counted: fragmentation, workspaces of libraries, and what other processes take.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sparring.learning.settings import (
    Adapters,
    Frozen,
    Precision,
    Reference,
    Sharding,
    UpdateMode,
)
from sparring.learning.shape import Shape
from sparring.recipe import Recipe

GIB = 1 << 30
_FLOAT = 4
_HALF = 2
_PROCESS = 0.6 * GIB
"""Python with its libraries, or a CUDA context."""
_LOGIT_COPIES = 6
"""Whole distributions at the peak of a loss's forward pass: logits, those of real positions,
scaled, log-probs, and two for the entropy."""
_DRAWN_BYTES = 36
"""For each logit of a sampling step: logits, scaled and log-probs in 4, three sums in 8 bytes."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What decides beside the recipe's older keys. ``logprob_chunk``: response positions whose
    distributions are there at once; None: all of a micro-batch. ``vllm_gib``: what a vLLM server
    takes of the same device."""

    ranks: int = 1
    sharding: Sharding = Sharding.NONE
    offload_reference: bool = False
    logprob_chunk: int | None = None
    samples_here: bool = True
    vllm_gib: float = 0.0


@dataclass(slots=True)
class Estimate:
    """Bytes by name, on one rank. ``held``: from the first step to the last. ``phases``: each with
    what it adds for a while."""

    parameters: int
    learning: int
    held: dict[str, float] = field(default_factory=dict)
    phases: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def least(self) -> float:
        """Bytes without which no step can be made."""
        return sum(self.held.values())

    @property
    def most(self) -> float:
        """Bytes at the largest phase's peak, at most."""
        return self.least + max(sum(p.values()) for p in self.phases.values())

    @property
    def largest(self) -> str:
        """The phase with that peak."""
        return max(self.phases, key=lambda name: sum(self.phases[name].values()))

    def lines(self) -> list[str]:
        """The table: GiB, and what for."""
        rows = [
            f"{self.parameters:,} parameters, {self.learning:,} learn; GiB on each rank:",
            *(_row(name, size) for name, size in self.held.items()),
        ]
        for phase, parts in self.phases.items():
            rows.append(f"{phase}, at most:")
            rows += [_row(name, size) for name, size in parts.items()]
        rows.append(_row(f"in all, at most (while {self.largest})", self.most))
        return rows


def estimate(
    recipe: Recipe,
    shape: Shape,
    conditions: Conditions | None = None,
    supervisor: Shape | None = None,
) -> Estimate:
    """The memory of each rank; ``supervisor``: the frozen tester's shape, if one supervises.

    Raises `ModelError` for LoRA targets that the model lacks.
    """
    c = conditions or Conditions()
    whole = shape.parameters
    parts = c.ranks if c.sharding is Sharding.FSDP else 1
    adapted = recipe.model.lora_rank > 0
    learning, own = whole, whole
    if adapted:
        own = shape.adapter(recipe.model.lora_rank, recipe.model.lora_targets)
        learning = own * (2 if recipe.model.adapters is Adapters.PER_ROLE else 1)
    found = Estimate(whole + (learning if adapted else 0), learning)
    held = found.held
    held["the process itself"] = _PROCESS
    held["weights (float32)"] = _FLOAT * whole / parts
    if adapted:
        held["LoRA adapter (float32)"] = _FLOAT * learning / parts
    held["gradients (float32)"] = _FLOAT * learning / parts
    held["AdamW's two moments (float32)"] = 2 * _FLOAT * learning / parts
    if not adapted and (copies := _start_copies(recipe)):
        name = "start weights (reference, opponents, frozen role)"
        held[name] = 0 if c.offload_reference else copies * _FLOAT * whole / parts
    if recipe.training.ahead:
        held["weights of the step before (float32)"] = _FLOAT * (learning if adapted else whole)
    if supervisor:
        half = recipe.model.precision is Precision.BFLOAT16
        name = f"frozen tester that supervises ({recipe.model.precision})"
        held[name] = (_HALF if half else _FLOAT) * supervisor.parameters
    if c.vllm_gib:
        held["vLLM, on the same device"] = c.vllm_gib * GIB
    found.phases["learning"] = _learning(recipe, shape, c, own / parts)
    found.phases["stepping"] = {"AdamW at work": _FLOAT * learning / parts}
    if c.samples_here:
        found.phases["sampling"] = _sampling(recipe, shape)
    if supervisor:
        found.phases["supervising, on the first rank"] = _supervising(recipe, supervisor)
    if parts > 1 and c.samples_here:
        found.phases["playing, on the first rank"] = {"the whole model": _FLOAT * whole}
    if adapted:
        found.phases["saving"] = {"a copy with the adapter merged": _FLOAT * found.parameters}
    return found


def _start_copies(recipe: Recipe) -> int:
    """Further copies of whole weights that are there; see `Trainer`."""
    learning = recipe.learning
    kl = learning.kl > 0 and learning.reference is Reference.START
    plays = learning.frozen is not Frozen.NONE or recipe.opponents > 0
    return int(kl) + int(plays) if recipe.training.ahead else int(kl or plays)


def _learning(recipe: Recipe, shape: Shape, c: Conditions, own: float) -> dict[str, float]:
    """Forward and backward of one micro-batch; ``own``: parameters that one role's loss moves."""
    half = recipe.model.precision is Precision.BFLOAT16
    budget = recipe.learning.tokens_per_micro_batch
    longest = _longest(recipe, shape)
    positions = max(budget, longest)  # a response that is longer is a batch of its own
    h, q, i = shape.hidden, shape.query, shape.inner
    layer: int = _FLOAT * (6 * h + 5 * q + 4 * i)
    if half:  # norms and what is added up stay float32; inputs of products are cast, each its own
        layer = _FLOAT * 6 * h + _HALF * (5 * h + 5 * q + 4 * i)
    layers = shape.layers * layer
    if recipe.model.gradient_checkpointing:
        layers = shape.layers * _FLOAT * h + layer
    found = {f"activations of {positions:,} positions": float(layers * positions)}
    answers = min(positions, c.logprob_chunk or positions)
    found[f"distributions of {answers:,} response positions"] = float(
        _LOGIT_COPIES * _FLOAT * shape.vocabulary * answers
    )
    if half and not recipe.model.gradient_checkpointing:  # else made anew for each layer
        found["weights in bfloat16, for products"] = float(_HALF * shape.parameters)
    if recipe.learning.mode is UpdateMode.JOINT and recipe.learning.frozen is Frozen.NONE:
        found["the first role's gradient, told apart"] = _FLOAT * own
    if c.sharding is Sharding.FSDP and c.ranks > 1:
        ends = shape.embedding * (1 if shape.tied else 2)
        found["two layers and the ends, put together"] = float(
            2 * _FLOAT * 2 * shape.layer + _FLOAT * ends
        )
    return found


def _sampling(recipe: Recipe, shape: Shape) -> dict[str, float]:
    s, e = recipe.sampling, recipe.evaluation
    step, held_out = recipe.training.tasks_per_step, recipe.tasks.held_out_count
    asked = [(step, s.programs), (step, s.tests), (step, recipe.opponents)]
    asked += [(held_out, e.programs), (held_out, e.tests)]
    # whole groups share a batch, and one that is larger than max_rows is one all the same
    own, *rest = (
        max(n * min(tasks, max(1, s.max_rows // n)) for tasks, n in part if n)
        for part in (asked[:3], asked)
    )
    rows = max(own, *rest)
    whose = "" if rows == own else f", of up to {held_out:,} held-out tasks"
    positions = _longest(recipe, shape)
    cache = 2 * shape.layers * shape.key * _FLOAT * rows * positions
    return {
        f"keys and values of {rows:,} rows × {positions:,} positions{whose}": float(cache),
        "one token's distributions": float(_DRAWN_BYTES * shape.vocabulary * rows),
    }


def _supervising(recipe: Recipe, shape: Shape) -> dict[str, float]:
    """The frozen tester's tests, sampled in this process."""
    s = recipe.supervision
    tasks = recipe.training.tasks_per_step
    rows = s.tests * min(tasks, max(1, recipe.sampling.max_rows // s.tests))
    positions = recipe.prompts.max_tokens + s.max_tokens
    size = _HALF if recipe.model.precision is Precision.BFLOAT16 else _FLOAT
    cache = 2 * shape.layers * shape.key * size * rows * positions
    return {
        f"keys and values of {rows:,} rows × {positions:,} positions": float(cache),
        "one token's distributions": float(_DRAWN_BYTES * shape.vocabulary * rows),
    }


def _longest(recipe: Recipe, shape: Shape) -> int:
    s = recipe.sampling
    longest = recipe.prompts.max_tokens + max(s.coder_max_tokens, s.tester_max_tokens)
    return min(longest, shape.positions or longest)


def _row(name: str, size: float) -> str:
    return f"  {size / GIB:8.2f}  {name}"
