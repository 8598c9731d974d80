"""Weights as a server loads them: whole, merged, in its type, the output matrix on its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from sparring.learner.distributed.export import export_weights, weights_size
from sparring.policy.adapters import activate
from sparring.policy.prepared import initial_weights, prepare_model
from sparring.policy.settings import Adapters, ModelSettings
from sparring.schema import Role
from tests.nano import nano, tiny_model
from tests.policy.test_model import NoTokenizer

IDS = torch.tensor([[5, 6, 7, 8, 9]])


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


def loaded(path: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_tied_model_has_its_output_matrix_twice(tmp_path: Path, dtype: torch.dtype) -> None:
    model, tokenizer = nano()
    export_weights(model, tokenizer, tmp_path, dtype)
    tensors = {k: v for f in tmp_path.glob("*.safetensors") for k, v in load_file(f).items()}
    assert {t.dtype for t in tensors.values()} == {dtype}
    embeddings = model.get_input_embeddings().weight.detach().to(dtype)
    for name in ("lm_head.weight", "model.embed_tokens.weight"):
        assert torch.equal(tensors[name], embeddings)
    assert json.loads((tmp_path / "config.json").read_text())["tie_word_embeddings"] is False
    close = 1e-5 if dtype is torch.float32 else 0.3
    torch.testing.assert_close(logits(loaded(tmp_path)), logits(model), atol=close, rtol=0)
    written = sum(t.numel() * t.element_size() for t in tensors.values())
    assert written == pytest.approx(weights_size(model, dtype), rel=0.01)


@pytest.mark.parametrize("adapters", list(Adapters))
def test_adapters_are_merged_and_left_out(tmp_path: Path, adapters: Adapters) -> None:
    model = prepare_model(tiny_model(), ModelSettings(lora_rank=4, adapters=adapters), seed=3)
    with torch.no_grad():
        for i, p in enumerate(p for p in model.parameters() if p.requires_grad):
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(i)))
    for role in Role:
        activate(model, [role])
        names = [role.value] if adapters is Adapters.PER_ROLE else None
        export_weights(model, NoTokenizer(), tmp_path / role, torch.float32, names)
        torch.testing.assert_close(
            logits(loaded(tmp_path / role)), logits(model), atol=1e-4, rtol=1e-4
        )
    before = logits(model)
    with initial_weights(model):
        export_weights(model, NoTokenizer(), tmp_path / "start", torch.float32, merged=False)
    torch.testing.assert_close(
        logits(loaded(tmp_path / "start")), logits(tiny_model()), atol=1e-5, rtol=1e-5
    )
    assert torch.equal(logits(model), before)
