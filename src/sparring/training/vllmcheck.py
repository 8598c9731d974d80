"""``sparring vllm check``: trial of a vLLM environment with one server and the nano model.

The check starts a server, samples, exchanges the server's weights for changed
weights, and samples again. Both times the server's log-probs are compared with
the trainer's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.vllm.environment import installed_version
from sparring.schema import Role
from sparring.training.state.trainer import Trainer
from sparring.training.weights.players import Player, PlayerRequest
from sparring.training.weights.policies import RolePolicies
from sparring.training.weights.served import ServedPolicies

_RESPONSES = 8


def try_environment(place: Path) -> Iterator[str]:
    """Try the environment at ``place`` and yield a line for each part that works. Raises `RunError`
    for the first part that does not work."""
    yield f"vLLM {installed_version(place)} can be imported in {place}"
    changes = ["sampling.engine=vllm", f"vllm.environment={str(place)!r}", "vllm.cpu_cache=1"]
    changes.append('vllm.arguments=["--enforce-eager"]')  # nothing is compiled for so little
    recipe = load_recipe(NANO_RECIPE, changes)
    trainer = Trainer(recipe)
    ids = tuple(trainer.tokenizer.encode("Program: ", add_special_tokens=False))
    prompt = Prompt("check", Role.CODER, ids, 0, SamplingParams(1.0, 32))
    served = ServedPolicies(recipe, trainer, RolePolicies(trainer, 1).end_ids)
    try:
        started = time.monotonic()
        served.bring([Player.CODER])
        yield f"a server serves the nano model after {time.monotonic() - started:.0f} s"
        served.play([PlayerRequest(Player.CODER, prompt, _RESPONSES)])
        yield f"mean difference between its log-probs and the trainer's: {served.gap:.2g}"
        with torch.no_grad():
            for p in trainer.model.parameters():
                p.mul_(1.05)
        trainer.step = 1
        served.play([PlayerRequest(Player.CODER, prompt, _RESPONSES)])
        yield f"after an exchange of weights: {served.gap:.2g}"
    finally:
        served.close()
    yield "vLLM works here"
