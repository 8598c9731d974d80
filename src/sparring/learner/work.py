"""Operations that an update has to make, by the model's shape.

A matrix costs 2 operations for each of its parameters and each position that passes it; the way
back costs that for the input's gradient and once more for the weight's, if the weight learns: 6N
for each position in all (arXiv 2001.08361, table 1), 4N through frozen weights. Attention adds 4 ×
the width of the queries for every pair of positions of which one sees the other, and twice that on
the way back. A prompt counts once for its group, logits where a response token is predicted.

Counted are also the forward passes that the method asks for: the reference's, and those of the
trainer's own old log-probs of what is learned from after the weights have moved; those of the first
optimiser step are found as it is made (`parts.spans`). What is computed twice to save memory,
padding, norms and AdamW are not: so this is the numerator of MFU as arXiv 2204.02311, appendix B
has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.learner.parts import parts_of, spans
from sparring.learner.samples import Group
from sparring.learner.settings import LearningSettings, OldLogprobs
from sparring.policy.settings import Precision
from sparring.policy.shape import Shape


@dataclass(frozen=True, slots=True)
class Work:
    """Of one update: response ``tokens`` that are learned from, an epoch at a time, and ``flops``,
    None for a model whose shape is not known."""

    tokens: int
    flops: float | None


def work_of(
    groups: Sequence[Group],
    settings: LearningSettings,
    precision: Precision,
    shape: Shape | None,
    adapter: int = 0,
) -> Work:
    """The work of an update on ``groups``; ``adapter``: parameters of a role's LoRA adapter, 0
    where all weights learn."""
    tokens = settings.epochs * sum(g.tokens for g in groups)
    if shape is None:
        return Work(tokens, None)
    own = _Forward.of(groups, shape, adapter)
    back = (1 if adapter else 2) * own.weights + 2 * (own.attention + own.adapted)
    total = settings.epochs * (own.whole + back)
    if settings.needs_reference:
        total += own.weights + own.attention
    if settings.old_logprobs is OldLogprobs.TRAINER:
        for span in spans(parts_of(groups, settings), settings, precision):
            before = [g for part in span[1:] for of_role in part.values() for g in of_role]
            total += _Forward.of(before, shape, adapter).whole
    return Work(tokens, total)


@dataclass(frozen=True, slots=True)
class _Forward:
    """Operations of one forward pass: through the model's own matrices, of attention, and through
    the adapter."""

    weights: float
    attention: float
    adapted: float

    @classmethod
    def of(cls, groups: Sequence[Group], shape: Shape, adapter: int) -> _Forward:
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
    def whole(self) -> float:
        return self.weights + self.attention + self.adapted
