"""Sampling and training compute the same distribution, whatever the architecture; and what is not
a sound causal language model is refused."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from sparring.errors import ModelError
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import LogprobBackend
from sparring.learner.update import Learner
from sparring.microworld import NANO_DIR
from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.local.sampler import LocalSampler
from sparring.policy.model import check_causal, load_model
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings
from sparring.schema import Role
from tests.learner.families import IDS, LLAMA
from tests.learner.one_step import ONE_STEP
from tests.nano import TinyTokenizer, nano

HALF = {"hidden_dropout": 0.5, "attention_dropout": 0.5}
# Windows shorter than the prompts; dropout wherever the family keeps it.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "Mistral": LLAMA | {"sliding_window": 8},
    "Qwen2": LLAMA | {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    "Gemma2": LLAMA | {"head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8},
    "GPT2": IDS | {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "resid_pdrop": 0.5},
    "OPT": IDS
    | {"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    | {"max_position_embeddings": 128, "word_embed_proj_dim": 32, "dropout": 0.5},
    "Bloom": IDS | HALF | {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    "Falcon": IDS | HALF | {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_sampling_and_training_agree(name: str) -> None:
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**ARCHITECTURES[name])
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3.0)
    model.generation_config.eos_token_id = 1
    check_causal(model.eval())
    model = prepare_model(model.eval(), ModelSettings(), 0)
    rng = random.Random(1)
    texts = [tuple(rng.randrange(2, 50) for _ in range(length)) for length in (5, 14, 12)]
    prompts = [
        Prompt(str(i), Role.CODER, ids, i, SamplingParams(0.8, 24)) for i, ids in enumerate(texts)
    ]
    found = LocalSampler(model, TinyTokenizer()).sample(prompts, 3)
    for ids, responses in zip(texts, found, strict=True):
        for r in responses:
            with torch.no_grad():
                logits = model(torch.tensor([ids + r.token_ids]), use_cache=False).logits[0]
            logprobs = torch.log_softmax(logits.float() / 0.8, -1)[len(ids) - 1 : -1]
            plain = logprobs.gather(1, torch.tensor(r.token_ids)[:, None])[:, 0]
            assert torch.allclose(plain, torch.tensor(r.logprobs), atol=2e-5)
    groups = [
        SampleGroup(
            Role.CODER, ids, 0.8, tuple(Sample(r.token_ids, r.logprobs, 1.0) for r in responses)
        )
        for ids, responses in zip(texts, found, strict=True)
    ]
    for backend in (LogprobBackend.PROMPT_CACHE, LogprobBackend.PADDED):
        settings = ONE_STEP.changed(backend=backend, kl_coef=0.0)
        stats = Learner(copy.deepcopy(model), settings).update(groups)[Role.CODER]
        assert stats.gap_tokens > 100
        assert stats.logprob_gap_max < 2e-5


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("Mamba", {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2}, "keys and values"),
        (
            "Bert",
            {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2}
            | {"num_attention_heads": 4, "intermediate_size": 64},
            "later tokens",
        ),
    ],
)
def test_what_is_no_causal_attention_model_is_refused(
    name: str, settings: dict[str, Any], reason: str
) -> None:
    model = AutoModelForCausalLM.from_config(getattr(transformers, f"{name}Config")(**settings))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(5.0)
    with pytest.raises(ModelError, match=reason):
        check_causal(model.eval())


def copied(tmp_path: Path) -> Path:
    """The nano model's directory, to be damaged."""
    place = tmp_path / "model"
    place.mkdir()
    for file in NANO_DIR.iterdir():
        if file.is_file():
            (place / file.name).write_bytes(file.read_bytes())
    return place


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    place = copied(tmp_path)
    weights = load_file(place / "model.safetensors")
    less = {k: v for k, v in weights.items() if ".layers.1." not in k}
    save_file(less, place / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks model\.layers\.1\."):
        load_model(str(place))


@pytest.mark.parametrize(("layers", "reason"), [(99, "lacks"), (1, "does not count")])
def test_a_configuration_of_another_depth_is_refused(
    tmp_path: Path, layers: int, reason: str
) -> None:
    place = copied(tmp_path)
    config = json.loads((place / "config.json").read_text())
    config["num_hidden_layers"] = layers
    config.pop("layer_types", None)
    (place / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=reason):
        load_model(str(place))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.json", "[]"),
        ("config.json", '{"model_type": "llama", "num_attention_heads": 0}'),
        ("tokenizer_config.json", "[]"),
        ("generation_config.json", '{"eos_token_id": 10000000}'),
        ("generation_config.json", '{"eos_token_id": "x"}'),
        ("model.safetensors", "no"),
    ],
)
def test_a_broken_checkpoint_is_one_line(tmp_path: Path, file: str, text: str) -> None:
    place = copied(tmp_path)
    (place / file).write_text(text)
    with pytest.raises(ModelError) as caught:
        load_model(str(place))
    assert "\n" not in str(caught.value)


def test_adapters_stay_away_from_tied_embeddings_and_unknown_layers() -> None:
    for targets, reason in (
        (("embed_tokens", "q_proj"), "tied"),
        (("lm_head",), "tied"),
        (("q_proj", "nope"), "no layer nope"),
    ):
        model, _ = load_model(str(NANO_DIR))
        with pytest.raises(ModelError, match=reason):
            prepare_model(model, ModelSettings(lora_rank=2, lora_targets=list(targets)), 0)


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(tmp_path: Path) -> None:
    model, _ = nano()
    place = copied(tmp_path)
    tokenizer_json = json.loads((place / "tokenizer.json").read_text())
    rows = model.get_input_embeddings().weight.shape[0]
    tokenizer_json["added_tokens"].append(
        {"id": rows + 3, "content": "<new>", "special": True, "single_word": False}
        | {"lstrip": False, "rstrip": False, "normalized": False}
    )
    (place / "tokenizer.json").write_text(json.dumps(tokenizer_json))
    if len(load_tokenizer(place)) <= rows:
        pytest.skip("this tokenizer renumbers what is added")
    with pytest.raises(ModelError, match="do not belong together"):
        load_model(str(place))


def load_tokenizer(place: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(place)
