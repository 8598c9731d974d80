"""Sharded weights over NCCL with one rank: the hooks, streams and masks that a CPU does not have.

A mesh of one rank runs all of `fully_shard`: gathering, the cast, the reduction. Its update must be
that of whole weights, and what a pass without gradient has gathered must be in parts afterwards.
"""

from __future__ import annotations

import math
import os
import socket
from typing import Any

import torch
import torch.distributed as dist

from gpuchecks.common import GIB, Setting, part
from gpuchecks.learning import batch
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.settings import LearningSettings, OldLogprobs
from sparring.learner.update import Learner
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings, Precision
from sparring.schema import Role


class OneRank(DistributedContext):
    """Context of one process that shards as if there were others."""

    @property
    def alone(self) -> bool:
        return False

    @classmethod
    def joined(cls, setting: Setting) -> OneRank:
        """The only rank of process groups of the device's backend and of gloo."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        dist.init_process_group("nccl" if setting.cuda else "gloo", rank=0, world_size=1)
        distributed = cls(0, 1, 0)
        distributed.device = setting.device
        distributed._orders = dist.new_group(backend="gloo")
        return distributed


def one_rank(setting: Setting) -> dict[str, Any]:
    """Distances between a whole and a sharded update, and bytes that stay gathered."""
    layers = 2 if setting.tiny else 6
    found = {"whole": _made(setting, layers, None)}
    distributed = OneRank.joined(setting)
    try:
        found["sharded"] = _made(setting, layers, distributed)
    finally:
        dist.destroy_process_group()
    whole, sharded = found["whole"], found["sharded"]
    for key in ("loss", "kl", "entropy", "grad_norm"):
        for role in Role:
            a, b = whole[f"{role}_{key}"], sharded[f"{role}_{key}"]
            if not math.isclose(a, b, rel_tol=0.05, abs_tol=0.02):
                raise ValueError(f"{role} {key}: {a} with whole weights, {b} with sharded ones")
    return part(**found)


def _made(setting: Setting, layers: int, distributed: DistributedContext | None) -> dict[str, Any]:
    """Statistics of the second of two updates, and the memory that is held after it."""
    model = setting.model("0.5b", torch.float32, layers)
    held = ModelSettings(gradient_checkpointing=True, precision=Precision.BFLOAT16)
    model = prepare_model(model, held, 0)
    settings = LearningSettings(
        num_minibatches=1,
        ppo_epochs=1,
        kl_bound=None,
        old_logprobs=OldLogprobs.ROLLOUT,
        tokens_per_micro_batch=200 if setting.tiny else 20_000,
        learning_rate=1e-5,
        kl_coef=0.01,
    )
    learner = Learner(model, settings, held, distributed, sharded=distributed is not None)
    groups = batch(setting, setting.config("0.5b").vocab_size)
    learner.update(groups)
    stats = learner.update(groups)
    held = torch.cuda.memory_allocated() / GIB if setting.cuda else 0.0
    found: dict[str, Any] = {"backend": str(learner.backend), "held_gib": round(held, 3)}
    for role, s in stats.items():
        found |= {
            f"{role}_loss": s.loss,
            f"{role}_kl": s.kl,
            f"{role}_entropy": s.entropy,
            f"{role}_grad_norm": s.grad_norm,
        }
    return found
