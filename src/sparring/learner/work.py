"""Floating-point operations of an update, by the model's shape.

- A matrix with N parameters costs 2N operations for each position in the forward pass. The backward
  pass costs 2N for the gradient of the input, and 2N for the gradient of the weight if the weight
  learns: 6N in all (arXiv 2001.08361, table 1), 4N through frozen weights.
- Attention costs 4 × the width of the queries for each pair of positions where one attends to the
  other, and twice as much in the backward pass.
- A prompt counts once for its group. Logits count where a response token is predicted.
- Forward passes that the method needs count as well. These are the passes of the reference, and the
  passes for the trainer's own old log-probs. Old log-probs need a pass only for groups that are
  learned from after the weights have moved. The first optimiser step computes its old log-probs in
  its own forward pass (`parts.spans`).
- Recomputation to save memory, padding, norms and AdamW do not count.

This is the numerator of model FLOPs utilisation (MFU) as in arXiv 2204.02311, appendix B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.learner.parts import parts_of, spans
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import LearningSettings, OldLogprobs
from sparring.policy.settings import Precision
from sparring.policy.shape import ModelShape


@dataclass(frozen=True, slots=True)
class UpdateWork:
    """Size of one update: response ``tokens`` learned from, counted once for each epoch, and
    ``flops``, floating-point operations (None for a model of unknown shape)."""

    tokens: int
    flops: float | None


def work_of(
    groups: Sequence[SampleGroup],
    settings: LearningSettings,
    precision: Precision,
    shape: ModelShape | None,
    adapter: int = 0,
) -> UpdateWork:
    """Return the work of an update on ``groups``. ``adapter`` is the number of parameters of a
    role's LoRA adapter, 0 where all weights learn."""
    tokens = settings.ppo_epochs * sum(g.tokens for g in groups)
    if shape is None:
        return UpdateWork(tokens, None)
    own = _Forward.of(groups, shape, adapter)
    back = (1 if adapter else 2) * own.weights + 2 * (own.attention + own.adapted)
    total = settings.ppo_epochs * (own.total + back)
    if settings.needs_reference:
        total += own.weights + own.attention
    if settings.old_logprobs is OldLogprobs.RECOMPUTED:
        for span in spans(parts_of(groups, settings), settings, precision):
            later = [g for part in span[1:] for of_role in part.values() for g in of_role]
            total += _Forward.of(later, shape, adapter).total
    return UpdateWork(tokens, total)


@dataclass(frozen=True, slots=True)
class _Forward:
    """Floating-point operations of one forward pass: in the model's own matrices, in attention, and
    in the adapter."""

    weights: float
    attention: float
    adapted: float

    @classmethod
    def of(cls, groups: Sequence[SampleGroup], shape: ModelShape, adapter: int) -> _Forward:
        through = lengths = 0
        for g in groups:
            prompt, after = len(g.prompt_ids), [len(s.token_ids) - 1 for s in g.samples]
            through += prompt + sum(after)  # the last token is predicted and predicts nothing
            lengths += prompt * (prompt + 1) // 2
            lengths += sum(prompt * n + n * (n + 1) // 2 for n in after)
        matrices = sum(inputs * outputs for inputs, outputs in shape.linears.values())
        logits = 2.0 * shape.embedding * sum(g.tokens for g in groups)
        return cls(
            2.0 * shape.layers * matrices * through + logits,
            4.0 * shape.layers * shape.query * lengths,
            2.0 * adapter * through,
        )

    @property
    def total(self) -> float:
        return self.weights + self.attention + self.adapted
