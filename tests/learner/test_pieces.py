"""Weights written in several files, from models whose files have another form, and by a trainer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedModel, Qwen3MoeConfig

from sparring.learner.distributed import export
from sparring.learner.distributed.export import export_adapter, export_weights, weights_size
from sparring.policy.adapters import activate
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import Adapters, ModelSettings
from sparring.schema import Role
from tests.learner.test_export import IDS, loaded, logits
from tests.nano import nano, tiny_model
from tests.policy.test_model import NoTokenizer


def files(path: Path) -> dict[str, torch.Tensor]:
    return {k: v for f in sorted(path.glob("*.safetensors")) for k, v in load_file(f).items()}


def with_experts() -> PreTrainedModel:
    """In memory all experts of a layer are one tensor; in files each has its own."""
    torch.manual_seed(0)
    config = Qwen3MoeConfig(
        vocab_size=32, hidden_size=16, intermediate_size=16, moe_intermediate_size=8,
        num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=8,
        num_experts=4, num_experts_per_tok=2, tie_word_embeddings=False,
    )  # fmt: skip
    return AutoModelForCausalLM.from_config(config).eval()


def test_files_are_bounded_and_hold_what_transformers_would_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "FILE_BYTES", 2000)
    for name, model in {"tied": nano()[0], "experts": with_experts()}.items():
        export_weights(model, NoTokenizer(), tmp_path / name, torch.float32)
        written = list((tmp_path / name).glob("model-*.safetensors"))
        assert len(written) > 3  # tied matrices are in different files
        largest = max(p.numel() for p in model.parameters()) * 4
        assert all(f.stat().st_size < max(2000, largest) + 4000 for f in written)
        model.save_pretrained(tmp_path / "theirs" / name)
        ours, theirs = files(tmp_path / name), files(tmp_path / "theirs" / name)
        for key, value in theirs.items():
            assert torch.equal(ours[key], value), key
        assert set(ours) - set(theirs) == ({"lm_head.weight"} if name == "tied" else set())
        assert sum(t.numel() * 4 for t in ours.values()) == weights_size(model, torch.float32)
        torch.testing.assert_close(logits(loaded(tmp_path / name)), logits(model))


@pytest.mark.parametrize("adapters", list(Adapters))
def test_an_adapter_is_written_as_peft_loads_it(tmp_path: Path, adapters: Adapters) -> None:
    model = prepare_model(tiny_model(), ModelSettings(lora_rank=4, adapters=adapters), seed=3)
    with torch.no_grad():
        for i, p in enumerate(p for p in model.parameters() if p.requires_grad):
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(i)))
    names = [*Role] if adapters is Adapters.PER_ROLE else ["default"]
    for name in names:
        activate(model, [name] if name in list(Role) else [])
        export_adapter(model, tmp_path / name, str(name))
        assert {p.name for p in (tmp_path / name).iterdir()} == {
            "adapter_config.json",
            "adapter_model.safetensors",
        }
        again = PeftModel.from_pretrained(tiny_model(), tmp_path / name)
        torch.testing.assert_close(logits(again), logits(model))
    with torch.no_grad():
        assert not torch.allclose(model(input_ids=IDS).logits, logits(tiny_model()), atol=1e-3)


def test_a_full_disk_is_an_oserror_of_the_first_process(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("in the way")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        export_weights(tiny_model(), NoTokenizer(), place, torch.float32)
