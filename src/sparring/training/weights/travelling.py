"""One player's weights on their way to servers: who writes them, and who compares log-probs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedModel

from sparring.config.recipe import Recipe
from sparring.learner.distributed.export import weights_size
from sparring.learner.samples import Group, Sample
from sparring.policy.prepared import is_adapted
from sparring.policy.vllm.lora import why_merged
from sparring.policy.vllm.wanted import Probe, Weights
from sparring.schema import Role
from sparring.training.state.trainer import START, Trainer


@dataclass
class Travelling:
    """A trainer's weights by the name of their player. They travel as ``dtype``, those of an
    adapter as an adapter where it is one of ``adapters``."""

    trainer: Trainer
    dtype: torch.dtype
    adapters: bool

    def weights(self, name: str, step: int, written_here: bool) -> Weights:
        """Those of a training ``step``, which for the start weights is 0. All processes write them
        and give their log-probs, unless they are not ``written_here``."""
        trainer = self.trainer
        step = 0 if name == START else step
        adapter = self.adapters and name != START
        size = self._adapter_size if adapter else self._size
        if not written_here:
            return Weights(name, step, size, _not_written, None, adapter)

        def save(path: Path) -> None:
            if adapter:
                trainer.export_adapter(name, path)
            else:
                trainer.export(name, path, self.dtype)

        def score(probes: Sequence[Probe]) -> Sequence[Sequence[float]]:
            role = Role(name) if name in list(Role) else Role.CODER
            groups = [
                Group(role, p.prompt_ids, p.temperature, (_sample(p.token_ids),)) for p in probes
            ]
            return trainer.learner.score(groups, name == START)

        return Weights(name, step, size, save, score, adapter)

    @cached_property
    def _size(self) -> int:
        """Bytes of whole weights."""
        return weights_size(self.trainer.model, self.dtype)

    @cached_property
    def _adapter_size(self) -> int:
        """Bytes of the adapters, in float32."""
        return sum(4 * p.numel() for p in self.trainer.model.parameters() if p.requires_grad)


def why_not_served(recipe: Recipe, model: PreTrainedModel) -> str | None:
    """Why vLLM cannot serve the recipe's adapter as one; None where it can, or there is none."""
    if not is_adapted(model):
        return None
    adapted = [name for name, m in model.named_modules() if isinstance(m, BaseTunerLayer)]
    rows = model.get_input_embeddings().weight.shape[0]
    return why_merged(recipe.model.lora_rank, adapted, rows)


def _not_written(path: Path) -> None:
    raise RuntimeError(f"{path.name}: a thread cannot write weights that all processes have")


def _sample(token_ids: tuple[int, ...]) -> Sample:
    """A response whose log-probs are asked for."""
    return Sample(token_ids, (0.0,) * len(token_ids), 0.0)
