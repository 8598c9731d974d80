"""What templates and tokenizers say of ends of turns and of reasoning marks."""

from __future__ import annotations

import pytest

from sparring.grading.marks import TurnEnd, mark_faults, special_marks, turn_end
from tests.nano import nano
from tests.parrots import CHATML, PLAIN, byte_tokenizer


def turn(end: str) -> str:
    """A template that writes ``end`` behind each message."""
    return "{% for m in messages %}<b>{{ m['content'] }}" + end + "{% endfor %}"


@pytest.mark.parametrize(
    ("template", "special", "found", "doubtful"),
    [
        (CHATML, ["<|im_start|>", "<|im_end|>"], TurnEnd("<|im_end|>", False, True), True),
        (CHATML, [], TurnEnd("<|im_end|>", False, False), True),  # the tokens are not there
        (turn("<|eot_id|>"), ["<|eot_id|>"], TurnEnd("<|eot_id|>", False, True), True),
        (turn("<end_of_turn>\n"), ["<end_of_turn>"], TurnEnd("<end_of_turn>", False, True), True),
        (turn(" <|end|>"), [], TurnEnd("<|end|>", True, True), False),
        (turn(".\n<|end|>\n"), ["<|x|>"], TurnEnd("<|end|>", True, True), False),
        (turn("<|x|><|end|>"), ["<|x|>"], TurnEnd("<|x|>", False, True), True),
        (PLAIN, [], TurnEnd("</u>", False, False), False),
        (turn("\n\n"), [], None, False),
        (turn("{{ raise_exception('no answers') }}"), [], None, False),
        ("{{ messages[0]['content'] }}<|x|>", ["<|x|>"], None, False),  # the answer is not shown
        (None, [], None, False),
    ],
)
def test_the_end_of_a_turn_is_what_the_template_writes_behind_an_answer(
    template: str | None, special: list[str], found: TurnEnd | None, doubtful: bool
) -> None:
    tokenizer = byte_tokenizer(special, template=template)
    assert turn_end(tokenizer, [tokenizer.eos_token_id]) == found
    assert (found is not None and found.doubtful) == doubtful


def test_a_named_end_token_settles_it() -> None:
    tokenizer = byte_tokenizer(["<|im_start|>", "<|im_end|>"], template=CHATML)
    [end] = tokenizer.encode("<|im_end|>", add_special_tokens=False)
    assert turn_end(tokenizer, [tokenizer.eos_token_id, end]) == TurnEnd("<|im_end|>", True, True)


@pytest.mark.parametrize(
    ("special", "marks", "fault"),
    [
        (["[THINK]", "[/THINK]"], ("<think>", "</think>"), "the tokenizer has [THINK], [/THINK]"),
        (["<|channel|>"], ("<think>", "</think>"), "the tokenizer has <|channel|>, but"),
        (["<|begin_of_thought|>"], ("<think>", "</think>"), "name its marks"),
        (["<think>"], ("<think>", "<|end|>"), "<|end|> holds the end token <|end|>"),
        (["[THINK]", "[/THINK]"], ("[THINK]", "[/THINK]"), None),
        (["<|channel|>"], ("<|channel|>analysis", "<|channel|>final"), None),
        ([], ("<think>", "</think>"), None),
        (["<|x|>"], ("<think>", "</think>"), None),
    ],
)
def test_marks_that_would_not_be_found_are_told(
    special: list[str], marks: tuple[str, str], fault: str | None
) -> None:
    tokenizer = byte_tokenizer(special)
    faults = mark_faults(tokenizer, [tokenizer.eos_token_id], marks)
    assert len(faults) == (fault is not None)
    assert fault is None or fault in faults[0]


def test_a_mark_that_the_tokenizer_alters_is_told() -> None:
    tokenizer = byte_tokenizer(["<|think|>"])
    tokenizer.backend_tokenizer.decoder = None  # puts blanks between tokens
    marks = ("<|think|>so", "<|think|>end")
    assert any("is lost" in fault for fault in mark_faults(tokenizer, [], marks))


def test_special_marks_are_named_and_the_embedded_model_has_none() -> None:
    tokenizer = byte_tokenizer(["[/THINK]"])
    assert special_marks(tokenizer, ("[THINK]", "[/THINK]")) == ["[/THINK]"]
    model, own = nano()
    ends = [model.generation_config.eos_token_id]
    assert special_marks(own, ("<think>", "</think>")) == []
    assert mark_faults(own, ends, ("<think>", "</think>")) == []
    assert turn_end(own, ends) is None or not turn_end(own, ends).doubtful  # type: ignore[union-attr]
