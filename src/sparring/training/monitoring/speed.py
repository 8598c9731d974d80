"""Rates of a step's sampling and learning, per device, and the used share of a device's peak.

A rate counts the wall-clock seconds of its phase, including seconds that other work at the same
time has cost. So a rate shows the cost of a phase within the step, not the speed that the phase
would reach alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from sparring.config.recipe import Recipe
from sparring.errors import ModelError
from sparring.learner.peaks import dense_peak
from sparring.learner.samples import SampleGroup
from sparring.learner.work import UpdateWork, work_of
from sparring.policy.settings import Precision, SamplingEngine
from sparring.policy.shape import shape_of
from sparring.runs.timeline import Phase
from sparring.training.state.trainer import Trainer


def work_in(trainer: Trainer, groups: Sequence[SampleGroup]) -> UpdateWork:
    """Return the work of an update on ``groups``: tokens, and floating-point operations unless the
    model's shape is unknown."""
    m, adapter = trainer.recipe.model, 0
    try:
        shape = shape_of(trainer.model.config.to_dict(), m.path)
        if m.lora_rank:
            adapter = shape.adapter(m.lora_rank, m.lora_targets)
    except ModelError:
        return work_of(groups, trainer.learner.settings, trainer.learner.precision, None)
    return work_of(groups, trainer.learner.settings, trainer.learner.precision, shape, adapter)


def speeds(
    trainer: Trainer, phases: Mapping[str, float], sampled: int, work: UpdateWork
) -> dict[str, float]:
    """Return the rates of a step: ``sampled`` tokens and the ``work`` of the update, each over the
    seconds of its phase. A step read from a record has no rate of sampling."""
    rates: dict[str, float] = {}
    if seconds := phases.get(Phase.SAMPLING):
        rates["sampled_per_s"] = sampled / seconds
        if devices := _sampling_devices(trainer.recipe):
            rates["sampled_per_s_device"] = sampled / seconds / devices
    if (seconds := phases.get(Phase.LEARNING)) and work.tokens:
        learners = trainer.distributed.size
        rates["learned_per_s"] = work.tokens / seconds
        rates["learned_per_s_device"] = work.tokens / seconds / learners
        if work.flops is not None:
            rate = work.flops / seconds / learners
            rates["tflops_device"] = rate / 1e12
            if peak := _peak(trainer):
                rates["mfu"] = rate / peak
    return rates


def _sampling_devices(recipe: Recipe) -> int | None:
    """Return the number of devices that sample; None for servers given by URL, whose devices are
    unknown."""
    if recipe.sampling.engine is SamplingEngine.LOCAL:
        return 1
    if recipe.vllm.urls:
        return None
    return recipe.vllm.tensor_parallel * recipe.vllm.data_parallel


def _peak(trainer: Trainer) -> float | None:
    """Return the peak operations per second of a device that learns; None if unknown."""
    if (tflops := trainer.recipe.training.device_tflops) is not None:
        return tflops * 1e12
    device = trainer.distributed.device
    if device.type != "cuda" or trainer.recipe.model.precision is not Precision.BFLOAT16:
        return None
    return dense_peak(torch.cuda.get_device_name(device))
