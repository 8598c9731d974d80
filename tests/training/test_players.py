"""Weights and log-probs of players, given to servers by a trainer of one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.samples import SampleGroup
from sparring.schema import Role
from sparring.training.state.trainer import BOTH, START, Trainer
from tests.learner.test_export import loaded
from tests.learner.test_update import groups

FULL = ["model.lora_rank=0", "sampling.initial_policy_programs=0", "learning.kl_coef=0"]
LORA = ["model.lora_rank=4", "sampling.initial_policy_programs=0", "learning.kl_coef=0"]
KEPT = {
    "full": (FULL, [BOTH]),
    "full with a reference": ([*FULL[:2], "learning.kl_coef=0.1"], [BOTH, START]),
    "full with initial-policy programs": (
        [FULL[0], "sampling.initial_policy_programs=1", FULL[2]],
        [BOTH, START],
    ),
    "a frozen tester": ([*FULL, "learning.frozen=tester"], [Role.CODER, Role.TESTER, START]),
    "adapters": ([*LORA, "model.adapters=per_role"], [*Role, START]),
}


def logprobs(model: Any, samples: list[SampleGroup]) -> torch.Tensor:
    return response_logprobs(model, samples).logprob


@pytest.mark.parametrize("name", KEPT)
def test_each_player_is_written_and_scored_with_its_own_weights(tmp_path: Path, name: str) -> None:
    changes, players = KEPT[name]
    trainer = Trainer(load_recipe(NANO_RECIPE, changes))
    asked = {role: groups(role=role) for role in Role}
    with torch.no_grad():
        before = logprobs(trainer.model, asked[Role.CODER])
    trainer.export(START, tmp_path / "first", torch.float32)  # before a step: always there
    trainer.learner.set_learning_rate(1e-3)
    trainer.learner.update([*asked[Role.CODER][:1], *asked[Role.TESTER][1:]])
    for player in players:
        role = player if isinstance(player, Role) else Role.CODER
        start = player == START or not trainer.learns(role)
        trainer.export(player, tmp_path / player, torch.float32)
        found = trainer.learner.score(asked[role], start)
        with torch.no_grad():
            expected = logprobs(loaded(tmp_path / player), asked[role])
        torch.testing.assert_close(torch.tensor(sum(found, ())), expected, atol=1e-4, rtol=0)
        assert torch.allclose(expected, before, atol=1e-4) is start
    with torch.no_grad():
        first = logprobs(loaded(tmp_path / "first"), asked[Role.CODER])
    torch.testing.assert_close(first, before, atol=1e-4, rtol=0)
    if START not in players:
        with pytest.raises(RuntimeError, match="the initial weights are gone"):
            trainer.export(START, tmp_path / "late", torch.float32)
        with pytest.raises(RuntimeError, match="the initial weights are gone"):
            trainer.learner.score(asked[Role.CODER], initial=True)
