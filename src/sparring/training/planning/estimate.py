"""Estimate of the memory that a recipe takes on each rank's device.

The estimate follows from the model's configuration alone: no weights are read and torch is not
loaded. Memory held from the first step to the last (`MemoryEstimate.held`) is exact to a few
percent. Memory of a phase (`MemoryEstimate.phases`) is for the largest batches that the recipe
allows; only the largest phase counts.

`activations` estimates forward and backward passes, `main_memory` the machine's main memory;
`conditions` describes processes and devices.

Not counted: fragmentation, and memory of other programs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sparring.config.recipe import Recipe
from sparring.learner.settings import Frozen, Reference
from sparring.policy.settings import Adapters
from sparring.policy.shape import PACKED_FROM, ModelShape
from sparring.training.planning.activations import learning
from sparring.training.planning.conditions import (
    ASLEEP,
    CONTEXT,
    FLOAT,
    GIB,
    NCCL,
    PROCESS,
    Conditions,
    parts,
    samples_here,
    serves_here,
    size,
)

_DRAWN_BYTES = 36
"""Bytes per logit of a sampling step: logits, scaled logits and log-probs of 4 bytes, three sums of
8 bytes."""
_DRAWN_AT_ONCE = 1 << 18
"""Logits that a CPU draws from at once (`policy.local.draw`)."""


@dataclass(slots=True)
class MemoryEstimate:
    """Estimate of one memory, in bytes by name."""

    title: str
    """First line of the printed table."""
    held: dict[str, float] = field(default_factory=dict)
    """Memory held from the first step to the last."""
    phases: dict[str, dict[str, float]] = field(default_factory=dict)
    """Memory that each phase of a step adds while the phase lasts."""

    @property
    def least(self) -> float:
        """Bytes held all the time: the least that any step needs."""
        return sum(self.held.values())

    @property
    def most(self) -> float:
        """Bytes at the peak of the largest phase, as an upper bound."""
        return self.least + max((sum(p.values()) for p in self.phases.values()), default=0.0)

    @property
    def largest(self) -> str:
        """Name of the phase with the highest peak."""
        return max(self.phases, key=lambda name: sum(self.phases[name].values()))

    def lines(self) -> list[str]:
        """Return the lines of the printed table: GiB and purpose."""
        rows = [self.title, *(_row(name, size) for name, size in self.held.items())]
        for phase, of_phase in self.phases.items():
            rows.append(f"{phase}, at most:")
            rows += [_row(name, size) for name, size in of_phase.items()]
        rows.append(_row(f"in all, at most (while {self.largest})", self.most))
        return rows


def estimate(
    recipe: Recipe,
    shape: ModelShape,
    conditions: Conditions | None = None,
    frozen_tester: ModelShape | None = None,
) -> MemoryEstimate:
    """Estimate the memory of each rank's device.

    ``frozen_tester`` is the shape of a frozen tester that the first process samples, if any. Raises
    `ModelError` for LoRA targets that the model lacks.
    """
    c = conditions or Conditions()
    whole, b, split = shape.parameters, size(recipe), parts(recipe, c)
    own, learn = learning_parameters(recipe, shape)
    adapted = recipe.model.lora_rank > 0
    total = whole + (learn if adapted else 0)
    of_device = MemoryEstimate(f"{total:,} parameters, {learn:,} learn; GiB on each rank:")
    held = of_device.held
    held["the process itself"] = PROCESS if not c.gpu else CONTEXT + (NCCL if c.ranks > 1 else 0)
    kind = "bfloat16" if b < FLOAT else "float32"
    if split == 1:  # sharded weights that learn exist only once, as float32 masters
        held[f"weights ({kind})"] = b * total
    elif adapted:
        held[f"weights ({kind})"] = b * whole / split
    if b < FLOAT or split > 1:
        held["weights that learn (float32)"] = FLOAT * learn / split
    held["gradients (float32)"] = FLOAT * learn / split
    held["AdamW's two moments (float32)"] = 2 * FLOAT * learn / split
    if not adapted and (copies := initial_copies(recipe, split > 1)):
        away = recipe.model.offload_reference
        name = f"initial weights (reference, initial-policy programs, frozen role; {kind})"
        held[name] = 0.0 if away else copies * b * whole / split
    if recipe.training.max_async_level and samples_here(recipe):
        held[f"weights of the step before ({kind})"] = b * (learn if adapted else whole)
    if frozen_tester:
        held[f"frozen tester ({kind})"] = b * frozen_tester.parameters
    server = _server(recipe, shape, c)
    if server:
        held["vLLM, on the same device"] = min(server.values())
    of_device.phases["learning"] = learning(recipe, shape, c, own)
    if not c.gpu:  # on CUDA AdamW is fused and has no temporaries
        of_device.phases["stepping"] = {"AdamW at work": _stepping(recipe, shape, c)}
    if samples_here(recipe):
        of_device.phases["sampling"] = _sampling(recipe, shape, c)
        if split > 1:
            of_device.phases["sampling, on the first rank"] = {
                f"the whole model ({kind})": b * whole,
                **of_device.phases.pop("sampling"),
            }
    elif server and server["awake"] > server["asleep"]:
        of_device.phases["sampling"] = {"vLLM, awake": server["awake"] - server["asleep"]}
    if frozen_tester:
        name = "sampling pseudo-labels, on the first rank"
        of_device.phases[name] = _sampling_pseudo_labels(recipe, frozen_tester, c)
    return of_device


def learning_parameters(recipe: Recipe, shape: ModelShape) -> tuple[int, int]:
    """Return the number of parameters that one role's loss moves, and of all that learn."""
    m = recipe.model
    if not m.lora_rank:
        return shape.parameters, shape.parameters
    own = shape.adapter(m.lora_rank, m.lora_targets)
    return own, own * (2 if m.adapters is Adapters.PER_ROLE else 1)


def initial_copies(recipe: Recipe, sharded: bool) -> int:
    """Return the number of copies of the initial weights on the device; see `Trainer` and
    `Learner`. With sharded weights, a copy that is only sampled from is in main memory."""
    s = recipe.learning
    kl = s.kl_coef > 0 and s.reference is Reference.INITIAL
    plays = not sharded and (s.frozen is not Frozen.NONE or recipe.initial_policy_programs > 0)
    return int(kl) + int(plays) if recipe.training.max_async_level else int(kl or plays)


def _server(recipe: Recipe, shape: ModelShape, c: Conditions) -> dict[str, float]:
    """Return the bytes that our own vLLM server takes on the trainer's device: ``awake`` during
    sampling and ``asleep`` during learning. Returns {} if the server has other GPUs."""
    vllm = recipe.vllm
    if not serves_here(recipe):
        return {}
    if not c.gpu:
        takes = PROCESS + vllm.cpu_cache * GIB + float(size(recipe)) * shape.parameters
        return {"awake": takes, "asleep": takes}
    if vllm.share_gpu:
        return {"awake": vllm.memory * c.device, "asleep": ASLEEP}
    if "CUDA_VISIBLE_DEVICES" in vllm.variables:
        return {}
    return {"awake": vllm.memory * c.device, "asleep": vllm.memory * c.device}


def _stepping(recipe: Recipe, shape: ModelShape, c: Conditions) -> float:
    """Return the bytes of AdamW's temporaries on a CPU: two of the largest parameter's size
    (torch.optim.adam)."""
    if recipe.model.lora_rank:
        return 2.0 * FLOAT * recipe.model.lora_rank * max(shape.inner, shape.hidden)
    return 2.0 * FLOAT * shape.embedding / parts(recipe, c)


def _sampling(recipe: Recipe, shape: ModelShape, c: Conditions) -> dict[str, float]:
    s, e = recipe.sampling, recipe.evaluation
    step, held_out = recipe.training.tasks_per_step, recipe.tasks.held_out_count
    asked = [(step, s.programs), (step, s.tests), (step, recipe.initial_policy_programs)]
    asked += [(held_out, e.programs), (held_out, e.tests)]
    # A batch holds whole groups, at most max_batch_size responses, but always at least one group.
    own, *rest = (
        max(n * min(tasks, max(1, s.max_batch_size // n)) for tasks, n in part if n)
        for part in (asked[:3], asked)
    )
    rows = max(own, *rest)
    whose = "" if rows == own else f", of up to {held_out:,} held-out tasks"
    positions = recipe.prompts.max_tokens + max(s.coder_max_tokens, s.tester_max_tokens)
    positions = min(positions, shape.positions or positions)
    return _decoding(recipe, shape, c, rows, positions, whose)


def _sampling_pseudo_labels(recipe: Recipe, shape: ModelShape, c: Conditions) -> dict[str, float]:
    """Return the bytes of sampling pseudo-labels in the first process."""
    s = recipe.pseudo_labels
    tasks = recipe.training.tasks_per_step
    rows = s.tests * min(tasks, max(1, recipe.sampling.max_batch_size // s.tests))
    return _decoding(recipe, shape, c, rows, recipe.prompts.max_tokens + s.max_tokens, "")


def _decoding(
    recipe: Recipe, shape: ModelShape, c: Conditions, rows: int, positions: int, whose: str
) -> dict[str, float]:
    b = size(recipe)
    drawn = shape.vocabulary * rows
    if not c.gpu:  # a CPU has the logits of all rows, but draws from some rows at a time
        drawn = min(drawn, max(_DRAWN_AT_ONCE, shape.vocabulary))
    # On a CPU one layer at a time has scaled keys, and float32 copies of its bfloat16 cache.
    copies = 0 if c.gpu else FLOAT * (1 if b == FLOAT else 3)
    matrices = sum(inputs * outputs for inputs, outputs in shape.linears.values())
    packs = not c.gpu and (b != FLOAT or shape.parameters >= PACKED_FROM)
    packed = matrices * shape.layers + shape.embedding if packs else 0
    return {
        f"keys and values of {rows:,} rows × {positions:,} positions{whose}": float(
            (2 * shape.layers * b + copies) * shape.key * rows * positions
        ),
        "one token's distributions": float(
            _DRAWN_BYTES * drawn + 2 * b * shape.vocabulary * rows * (not c.gpu)
        ),
    } | ({"weights as products read them": float(b * packed)} if packed else {})


def _row(name: str, size: float) -> str:
    return f"  {size / GIB:8.2f}  {name}"
