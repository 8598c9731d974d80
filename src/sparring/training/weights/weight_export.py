"""Export of one player's weights to servers: the functions that write and that score them."""

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
from sparring.learner.samples import Sample, SampleGroup
from sparring.policy.prepared import is_adapted
from sparring.policy.vllm.lora import why_merged
from sparring.policy.vllm.requests import Probe, Weights
from sparring.schema import Role
from sparring.training.state.trainer import START, Trainer


@dataclass
class WeightExport:
    """Exporter of a trainer's weights to servers."""

    trainer: Trainer
    dtype: torch.dtype
    """Type in which full weights are written."""
    adapters: bool
    """True if learned weights are written as adapters instead of full weights."""

    def weights(self, name: str, step: int, written_here: bool) -> Weights:
        """Return the weights ``name`` of a training ``step`` (the initial weights: of step 0).

        All processes write the weights and compute log-probs with them together. Weights that are
        not ``written_here`` exist as files already and cannot be scored.
        """
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
                SampleGroup(role, p.prompt_ids, p.temperature, (_sample(p.token_ids),))
                for p in probes
            ]
            return trainer.learner.score(groups, name == START)

        return Weights(name, step, size, save, score, adapter)

    @cached_property
    def _size(self) -> int:
        """Bytes of full weights."""
        return weights_size(self.trainer.model, self.dtype)

    @cached_property
    def _adapter_size(self) -> int:
        """Bytes of the adapters, in float32."""
        return sum(4 * p.numel() for p in self.trainer.model.parameters() if p.requires_grad)


def why_not_served(recipe: Recipe, model: PreTrainedModel) -> str | None:
    """Return the reason why vLLM cannot serve the recipe's adapter as an adapter; None if vLLM can,
    or if the model has no adapter."""
    if not is_adapted(model):
        return None
    adapted = [name for name, m in model.named_modules() if isinstance(m, BaseTunerLayer)]
    rows = model.get_input_embeddings().weight.shape[0]
    return why_merged(recipe.model.lora_rank, adapted, rows)


def _not_written(path: Path) -> None:
    raise RuntimeError(f"{path.name}: a sampling thread cannot write the trainer's weights")


def _sample(token_ids: tuple[int, ...]) -> Sample:
    """Return a response in the learner's form, to compute its log-probs."""
    return Sample(token_ids, (0.0,) * len(token_ids), 0.0)
