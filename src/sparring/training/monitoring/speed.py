"""Rates of a step's sampling and learning, by device, and the share of a device's peak in use.

They are of the phase's own seconds, with whatever went on beside it: what a phase costs, not what
it would reach alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from sparring.config.recipe import Recipe
from sparring.errors import ModelError
from sparring.learner.peaks import dense_peak
from sparring.learner.samples import Group
from sparring.learner.work import Work, work_of
from sparring.policy.settings import Engine, Precision
from sparring.policy.shape import shape_of
from sparring.runs.timeline import Phase
from sparring.training.state.trainer import Trainer


def work_in(trainer: Trainer, groups: Sequence[Group]) -> Work:
    """The work of an update on ``groups``; operations are not counted for a model whose shape is
    not known."""
    m, adapter = trainer.recipe.model, 0
    try:
        shape = shape_of(trainer.model.config.to_dict(), m.path)
        if m.lora_rank:
            adapter = shape.adapter(m.lora_rank, m.lora_targets)
    except ModelError:
        return work_of(groups, trainer.learner.settings, trainer.learner.precision, None)
    return work_of(groups, trainer.learner.settings, trainer.learner.precision, shape, adapter)


def speeds(
    trainer: Trainer, phases: Mapping[str, float], sampled: int, work: Work
) -> dict[str, float]:
    """``sampled`` tokens and the ``work`` of a step over the seconds of their phases. Of a step
    that was read from a record there is no rate of sampling."""
    found: dict[str, float] = {}
    if seconds := phases.get(Phase.SAMPLING):
        found["sampled_per_s"] = sampled / seconds
        if devices := _sampling_devices(trainer.recipe):
            found["sampled_per_s_device"] = sampled / seconds / devices
    if (seconds := phases.get(Phase.LEARNING)) and work.tokens:
        learners = trainer.world.size
        found["learned_per_s"] = work.tokens / seconds
        found["learned_per_s_device"] = work.tokens / seconds / learners
        if work.flops is not None:
            rate = work.flops / seconds / learners
            found["tflops_device"] = rate / 1e12
            if peak := _peak(trainer):
                found["mfu"] = rate / peak
    return found


def _sampling_devices(recipe: Recipe) -> int | None:
    """How many sample; None for servers that are given by URL, which may have any number each."""
    if recipe.sampling.engine is Engine.LOCAL:
        return 1
    if recipe.vllm.urls:
        return None
    return recipe.vllm.tensor_parallel * recipe.vllm.data_parallel


def _peak(trainer: Trainer) -> float | None:
    """Operations per second of a device that learns, at best; None where that is not known."""
    if (given := trainer.recipe.training.device_tflops) is not None:
        return given * 1e12
    device = trainer.world.device
    if device.type != "cuda" or trainer.recipe.model.precision is not Precision.BFLOAT16:
        return None
    return dense_peak(torch.cuda.get_device_name(device))
