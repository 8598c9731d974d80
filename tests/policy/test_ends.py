"""End tokens that a user names."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import GenerationConfig

from sparring.errors import ModelError
from sparring.policy.ends import add_end_tokens, end_ids_on_disk, end_token_id
from sparring.policy.local.sampler import end_token_ids
from sparring.policy.model import load_model
from sparring.policy.saved import save_model
from tests.parrots import CHATML, byte_tokenizer, parrot


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = byte_tokenizer(["<|im_start|>", "<|im_end|>"], end="<|endoftext|>", template=CHATML)
    return parrot(tmp_path_factory.mktemp("base"), tokenizer, "hm<|im_end|>", room=120)


def test_they_end_responses_beside_those_of_the_files_and_stay_in_what_is_saved(
    base: Path, tmp_path: Path
) -> None:
    model, tokenizer = load_model(str(base))
    before = end_token_ids(model, tokenizer)
    add_end_tokens(model, tokenizer, ["<|im_end|>", "\n"], "model.end_tokens")
    more = [end_token_id(tokenizer, t, "") for t in ("<|im_end|>", "\n")]
    assert end_token_ids(model, tokenizer) == sorted({*before, *more})
    names = ["<|im_end|>", "\n"]
    assert end_ids_on_disk(str(base), tokenizer, names, "") == end_token_ids(model, tokenizer)
    assert end_ids_on_disk(str(base), tokenizer, [], "") == before
    save_model(model, tokenizer, tmp_path / "saved")
    again, tokenizer = load_model(str(tmp_path / "saved"))
    assert end_token_ids(again, tokenizer) == end_token_ids(model, tokenizer)
    assert GenerationConfig.from_pretrained(tmp_path / "saved").eos_token_id == sorted(
        {*before, *more}
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("<|im_ends|>", r"did you mean <\|im_end\|>\?"),
        ("im_end", r"did you mean <\|im_end\|>\?"),
        ("</s>", r"its special tokens are <\|im_start\|>, <\|im_end\|>, <\|endoftext\|>"),
        ("two", "its special tokens are"),
    ],
)
def test_one_that_is_no_token_is_one_line_with_what_was_meant(
    base: Path, name: str, hint: str
) -> None:
    model, tokenizer = load_model(str(base))
    with pytest.raises(
        ModelError, match=f"^model.end_tokens: '.*' is no token of the model; {hint}"
    ):
        add_end_tokens(model, tokenizer, [name], "model.end_tokens")
    assert end_token_ids(model, tokenizer) == [tokenizer.eos_token_id]
