"""A model that computes in bfloat16 beside its float32 masters."""

from __future__ import annotations

import copy

import pytest
import torch
from tests.learning.test_update import groups
from tests.nano import tiny_model

from sparring.learning.model import prepare_model
from sparring.learning.settings import LearningSettings, ModelSettings, Precision
from sparring.learning.update import Learner
from sparring.schema import Role

BF16 = LearningSettings(learning_rate=1e-5, precision=Precision.BFLOAT16)


@pytest.mark.parametrize("lora_rank", [0, 4])
def test_a_model_computes_in_bfloat16_and_its_masters_learn(lora_rank: int) -> None:
    model = prepare_model(tiny_model(), ModelSettings(lora_rank=lora_rank), 0)
    before = [p.detach().clone() for p in model.parameters() if p.requires_grad]
    exact = Learner(copy.deepcopy(model), LearningSettings())
    rough = Learner(model, BF16)
    masters = rough.masters.parameters
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert all(torch.equal(a, b) for a, b in zip(before, masters, strict=True))
    a, b = exact.update(groups()), rough.update(groups())
    rough.update(
        groups()
    )  # an adapter's first matrices have no gradient before the second are not 0
    gap = b[Role.CODER].logprob_gap
    assert a[Role.CODER].logprob_gap < 1e-5 < gap < 0.1  # rounding shows, and no more
    learning = [p for p in model.parameters() if p.requires_grad]
    for own, master, old in zip(learning, masters, before, strict=True):
        assert master.dtype is torch.float32
        assert own.grad is None
        assert torch.equal(own, master.bfloat16())
        moved = (master - old).abs().max()
        assert 0 < moved < 3e-5  # less than bfloat16 would show of most weights
