"""A GPU of 24 GB that learning and a server share: what the trainer holds and gives back.

On a larger device torch is held to 24 GB. The model is the 1.5B recipe's, with LoRA; what a server
would find free is measured after an update and an export, as `vllm.share_gpu` has them.
"""

from __future__ import annotations

import gc
from typing import Any

import torch

from gpuchecks.common import GIB, Setting, part
from gpuchecks.learning import batch
from sparring.learner.settings import LearningSettings, OldLogprobs
from sparring.learner.update import Learner
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings, Precision

_GPU = 24.0


def shared_gpu(setting: Setting) -> dict[str, Any]:
    """GiB reserved after learning, before and after memory is given back."""
    if setting.cuda:
        whole = torch.cuda.get_device_properties(0).total_memory / GIB
        torch.cuda.set_per_process_memory_fraction(min(1.0, _GPU / whole))
    model = prepare_model(
        setting.model("1.5b", torch.bfloat16),
        ModelSettings(lora_rank=32, lora_alpha=64.0, gradient_checkpointing=True),
        0,
    )
    settings = LearningSettings(
        num_minibatches=1,
        ppo_epochs=1,
        kl_bound=None,
        old_logprobs=OldLogprobs.ROLLOUT,
        tokens_per_micro_batch=8192,
        kl_coef=0.01,
    )
    learner = Learner(model, settings, ModelSettings(precision=Precision.BFLOAT16))
    learner.update(batch(setting, setting.config("1.5b").vocab_size))
    found = part(peak_gib=round(setting.peak(), 2), reserved_gib=_reserved(setting))
    gc.collect()
    if setting.cuda:
        torch.cuda.empty_cache()
    return found | part(given_back_to_gib=_reserved(setting))


def _reserved(setting: Setting) -> float:
    return round(torch.cuda.memory_reserved() / GIB, 2) if setting.cuda else 0.0
