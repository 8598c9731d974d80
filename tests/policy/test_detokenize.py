"""Texts of responses: marks of reasoning stay, end tokens and other special tokens go."""

from __future__ import annotations

import random

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from sparring.policy.local.detokenize import Detokenizer, kept_tokens
from tests.nano import nano
from tests.parrots import byte_tokenizer

HARMONY = ("<|channel|>analysis", "<|channel|>final<|message|>")


@pytest.mark.parametrize(
    ("special", "plain"),
    [(["<|a|>", "<|b|>"], []), (["<|a|>"], ["<think>", "</think>"]), ([], ["<think>"])],
)
def test_without_special_marks_a_text_is_what_the_tokenizer_gives(
    special: list[str], plain: list[str]
) -> None:
    rng = random.Random(0)
    tokenizer = byte_tokenizer(special, plain)
    marked = Detokenizer(tokenizer, [tokenizer.eos_token_id], ("<think>", "</think>"))
    for _ in range(100):
        ids = [rng.randrange(len(tokenizer)) for _ in range(rng.randrange(40))]
        assert marked.text(ids) == tokenizer.decode(ids, skip_special_tokens=True)


def test_the_embedded_models_texts_are_what_they_were() -> None:
    model, tokenizer = nano()
    rng = random.Random(1)
    found = Detokenizer(tokenizer, [model.generation_config.eos_token_id], ("<think>", "</think>"))
    rows = [[rng.randrange(len(tokenizer)) for _ in range(30)] for _ in range(100)]
    assert found.texts(rows) == tokenizer.batch_decode(rows, skip_special_tokens=True)


@pytest.mark.parametrize(
    ("special", "marks", "said", "kept"),
    [
        (["[THINK]", "[/THINK]"], ("[THINK]", "[/THINK]"), "[THINK]hm[/THINK]so<|x|>", None),
        (["<think>", "</think>"], ("<think>", "</think>"), "hm</think>so<|x|>", None),
        (
            ["<|channel|>", "<|message|>", "<|start|>"],
            HARMONY,
            "<|channel|>analysis<|message|>hm<|x|><|start|>assistant<|channel|>final<|message|>so",
            "<|channel|>analysis<|message|>hmassistant<|channel|>final<|message|>so",
        ),
        (["◁think▷", "◁/think▷"], ("◁think▷", "◁/think▷"), "◁think▷é ü◁/think▷日本", None),
        (["</s:think>"], ("<s:think>", "</s:think>"), "<s:think>hm</s:think>so", None),
    ],
)
def test_special_tokens_of_marks_stay_and_others_go(
    special: list[str], marks: tuple[str, str], said: str, kept: str | None
) -> None:
    tokenizer = byte_tokenizer([*special, "<|x|>"])
    ids = tokenizer.encode(said + "<|end|>", add_special_tokens=False)
    text = Detokenizer(tokenizer, [tokenizer.eos_token_id], marks).text(ids)
    assert text == (kept or said.replace("<|x|>", ""))
    plain = Detokenizer(tokenizer, [tokenizer.eos_token_id]).text(ids)
    for token in kept_tokens(tokenizer, marks).values():
        assert token not in plain
        text = text.replace(token, "")
    assert text == plain


def test_an_end_token_is_cut_whatever_it_is() -> None:
    tokenizer = byte_tokenizer(["[/THINK]"], plain=["<turn>"])
    [end] = tokenizer.encode("<turn>", add_special_tokens=False)
    for marks in ((), ("[THINK]", "[/THINK]")):
        found = Detokenizer(tokenizer, [end], marks)
        ids = tokenizer.encode("a<turn>```<turn>", add_special_tokens=False)
        assert found.text(ids) == "a<turn>```"  # one inside ended nothing
        assert found.text([]) == ""


def test_blanks_of_a_program_stay_where_a_tokenizer_would_clean_up() -> None:
    letters = {c: i for i, c in enumerate("~abcdefgijklmnoprstuvwxyz =',.!?\n()")}
    inner = Tokenizer(models.WordLevel(letters, unk_token="~"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, clean_up_tokenization_spaces=True, unk_token="~"
    )
    said = "sep = ' ' , end = ' .'"
    ids = tokenizer.encode(said, add_special_tokens=False)
    assert tokenizer.decode(ids) != said
    assert Detokenizer(tokenizer, []).text(ids) == said
