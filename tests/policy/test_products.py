"""The note on bfloat16 where float32 is faster."""

from __future__ import annotations

import pytest
import torch

from sparring.policy import products
from sparring.policy.products import product_seconds, slow_bfloat16
from tests.learner.families import family


@pytest.fixture(autouse=True)
def every_model_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "PACKED_FROM", 0)


def measured(monkeypatch: pytest.MonkeyPatch, bfloat16: float, float32: float) -> None:
    seconds = {torch.bfloat16: bfloat16, torch.float32: float32}
    monkeypatch.setattr(products, "product_seconds", seconds.__getitem__)


def test_slow_products_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, 0.0019, 0.001)
    note = slow_bfloat16(family("Qwen2").bfloat16())
    assert note is not None
    assert "1.9 times as long as float32" in note
    assert "model.precision = float32" in note


def test_nothing_is_said_where_bfloat16_is_about_as_fast_or_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured(monkeypatch, 0.0012, 0.001)
    assert slow_bfloat16(family("Qwen2").bfloat16()) is None
    measured(monkeypatch, 0.0019, 0.001)
    assert slow_bfloat16(family("Qwen2")) is None
    monkeypatch.setattr(products, "PACKED_FROM", 10**9)
    assert slow_bfloat16(family("Qwen2").bfloat16()) is None


def test_products_are_measured() -> None:
    assert 0 < product_seconds(torch.float32) < 10
