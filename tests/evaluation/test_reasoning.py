"""Reasoning and ends of turns in `sparring eval`: local models that say one text, and servers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import ConfigError, ModelError
from sparring.runs.directory import RunDir
from tests.evaluation.eval_command import run
from tests.fake_openai import FakeOpenAI, whole
from tests.parrots import CHATML, PLAIN, byte_tokenizer, parrot

GOOD = "```python\nprint(2 * int(input()))\n```"
DRAFT = "```python\nprint(0)\n```"
OPENS = "{% for m in messages %}<u>{{ m['content'] }}</u>{% endfor %}"
HARMONY = ("<|channel|>analysis", "<|channel|>final<|message|>")
THINK = ("[THINK]", "[/THINK]")
USUAL = ("<think>", "</think>")


@pytest.fixture
def task(tmp_path: Path) -> Path:
    row = {"task_id": "d", "question": "Double n."}
    row |= {"test_input": ["2\n", "5\n"], "test_output": ["4\n", "10\n"]}  # type: ignore[dict-item]
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    return tmp_path / "t.jsonl"


def recipe(path: Path, marks: tuple[str, str] = USUAL, more: str = "") -> Path:
    path.write_text(
        '[prompts]\ncoder = "{statement}"\ntester = "{statement}"\ncoder_examples = 0\n'
        + (f"reasoning_start = {marks[0]!r}\nreasoning_end = {marks[1]!r}\n" if marks else "")
        + more
    )
    return path


def alone(task: Path, model: Any, out: Path, prompts: Path, *more: Any) -> dict[str, Any]:
    """An evaluation of one program at temperature 0."""
    given = ("-n", 1, "-m", 0, "--temperature", 0, "--max-tokens", 200, "--prompts", prompts)
    return run(task, "--coder", model, "--out", out, *given, *more)


@pytest.mark.usefixtures("shared_workers")
@pytest.mark.parametrize(
    ("special", "plain", "marks", "template", "says", "right"),
    [
        (THINK, (), THINK, PLAIN, f"[THINK]hm\n{DRAFT}\nno[/THINK]\n{GOOD}<|end|>", True),
        (THINK, (), THINK, PLAIN, f"[THINK]hm\n{GOOD}\nor not, let me see<|end|>", None),
        (THINK, (), THINK, OPENS + "[THINK]", f"hm\n{DRAFT}\nno[/THINK]\n{GOOD}<|end|>", True),
        (THINK, (), THINK, OPENS + "[THINK]", f"hm\n{GOOD}\nor not<|end|>", None),
        (USUAL, (), USUAL, OPENS + "<think>\n", f"{DRAFT}\nno</think>\n{GOOD}<|end|>", True),
        (USUAL, (), USUAL, OPENS + "<think>\nOkay,", f"so\n{GOOD}\nwait<|end|>", None),
        ((), USUAL, USUAL, OPENS + "<think>\n", f"{DRAFT}\nno</think>\n{GOOD}<|end|>", True),
        (
            ("<|channel|>", "<|message|>", "<|start|>", "<|e|>"),
            (),
            HARMONY,
            PLAIN,
            f"<|channel|>analysis<|message|>hm\n{DRAFT}\nno<|e|><|start|>assistant"
            f"<|channel|>final<|message|>{GOOD}<|end|>",
            True,
        ),
        (
            ("<|channel|>", "<|message|>", "<|start|>", "<|e|>"),
            (),
            HARMONY,
            PLAIN,
            f"<|channel|>analysis<|message|>hm\n{GOOD}\nno, wait<|end|>",
            None,
        ),
    ],
)
def test_marks_that_are_tokens_are_found(
    special: Sequence[str],
    plain: Sequence[str],
    marks: tuple[str, str],
    template: str,
    says: str,
    right: bool | None,
    task: Path,
    tmp_path: Path,
) -> None:
    """``right`` is None where there is no program."""
    model = parrot(tmp_path / "m", byte_tokenizer(special, plain, template=template), says)
    found = alone(task, model, tmp_path / "ev", recipe(tmp_path / "r.toml", marks))
    assert found["figures"]["pass@1"]["mean"] == float(bool(right))
    assert sum(found["responses"]["coder"]["failures"].values()) == (right is None)
    assert found["notes"] == []


@pytest.mark.usefixtures("shared_workers")
def test_a_note_names_a_model_with_other_marks(
    task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = parrot(tmp_path / "m", byte_tokenizer(THINK), f"[THINK]{GOOD} hm[/THINK]no<|end|>")
    found = alone(task, model, tmp_path / "ev", recipe(tmp_path / "r.toml"))
    [note] = found["notes"]
    assert "the tokenizer has [THINK], [/THINK], but reasoning is looked for between" in note
    found = alone(
        task, model, tmp_path / "none", recipe(tmp_path / "r.toml"), "--reasoning", "none"
    )
    assert found["notes"] == []


@pytest.mark.usefixtures("shared_workers")
def test_a_turn_that_ends_with_no_end_token(task: Path, tmp_path: Path) -> None:
    says = f"{GOOD}<|im_end|>\n<|im_start|>user\nThanks<|im_end|>\n{DRAFT}<|im_end|>"
    tokens = byte_tokenizer(["<|im_start|>", "<|im_end|>"], end="<|endoftext|>", template=CHATML)
    model = parrot(tmp_path / "m", tokens, says)
    prompts = recipe(tmp_path / "r.toml")
    found = alone(task, model, tmp_path / "a", prompts)
    [note] = found["notes"]
    assert "ends a turn with <|im_end|>, which is no end token (<|endoftext|>)" in note
    assert "--end-token '<|im_end|>'" in note
    assert found["responses"]["coder"]["cut_off"] == 1
    named = ("--end-token", "<|im_end|>", "--cache", tmp_path / "cache")
    found = alone(task, model, tmp_path / "b", prompts, *named)
    assert found["notes"] == []
    assert found["responses"]["coder"]["cut_off"] == 0
    assert found["figures"]["pass@1"]["mean"] == 1
    assert found["models"]["coder"]["identity"]["end_tokens"] == ["<|im_end|>"]
    # A response that ended elsewhere is another one.
    found = alone(task, model, tmp_path / "c", prompts, "--cache", tmp_path / "cache")
    assert found["responses"]["coder"]["cut_off"] == 1
    with pytest.raises(ModelError, match=r"did you mean <\|im_end\|>\?"):
        alone(task, model, tmp_path / "d", prompts, "--end-token", "<|imend|>")
    with pytest.raises(ConfigError, match="belong to --tester"):
        alone(task, model, tmp_path / "d", prompts, "--tester-end-token", "x")


@pytest.mark.usefixtures("shared_workers")
@pytest.mark.parametrize("end", ["<|im_end|>", "</u>"])
def test_a_note_names_a_turn_that_ends_with_text(end: str, task: Path, tmp_path: Path) -> None:
    template = CHATML if end.startswith("<|") else PLAIN
    said = f"{GOOD}\n{end}\nuser: thanks\n{DRAFT}" + "." * 150
    model = parrot(tmp_path / "m", byte_tokenizer(template=template), said)
    prompts = recipe(tmp_path / "r.toml")
    found = alone(task, model, tmp_path / "a", prompts)
    assert any(f"--stop '{end}' ends them" in note for note in found["notes"])
    found = alone(task, model, tmp_path / "b", prompts, "--stop", end)
    assert found["figures"]["pass@1"]["mean"] == 1


def says(fake: FakeOpenAI, *answers: tuple[Any, ...]) -> None:
    """Have the server give these in turn: content, finish reason, fields of the message."""
    given = iter(answers * 9)

    def writes(_: dict[str, Any]) -> dict[str, Any]:
        content, why, *more = next(given)
        body = whole(content, why)
        body["choices"][0]["message"] |= more[0] if more else {}
        return body

    fake.writes = writes


def at_server(task: Path, fake: FakeOpenAI, out: Path, count: int, *more: Any) -> dict[str, Any]:
    given = ("-n", count, "-m", 0, "--concurrency", 1)
    return run(task, "--coder", fake.url, "--out", out, *given, *more)


def failures(out: Path) -> list[str | None]:
    [record] = RunDir(out, locked=False).read_packed("rollouts/step-00000.jsonl.gz")
    return [p["failure"] for p in record["programs"]]


@pytest.mark.usefixtures("shared_workers")
def test_reasoning_that_a_server_opens_out_of_sight(
    task: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    apart = ({"reasoning_content": DRAFT}, {"reasoning": f"hm {DRAFT}"})
    says(
        fake,
        (f"Let me try.\n{GOOD}\nBut is that", "length"),
        (f"Let me try.\n{DRAFT}\nno.\n</think>\n{GOOD}", "stop"),
        (f"<think>{DRAFT}</think>{GOOD}", "stop"),
        (GOOD, "stop", apart[0]),
        (GOOD, "stop", apart[1]),
        (None, "length", apart[0]),
        (f"I gave up.\n{GOOD}", "stop"),
    )
    auto = at_server(task, fake, tmp_path / "ev", 7)
    assert failures(tmp_path / "ev") == [None, None, None, None, None, "truncated", None]
    [note] = auto["notes"]
    assert not note.startswith("note:")  # whoever prints it says so
    assert "1 of 7 responses have </think> and no <think>" in note
    assert auto["conditions"]["reasoning"] == {"coder": "auto", "tester": "auto"}
    asked = len(fake.bodies)
    said = at_server(task, fake, tmp_path / "ev", 7, "--reasoning", "open")
    assert len(fake.bodies) == asked  # the same responses, read again
    found = failures(tmp_path / "ev")
    assert [f is None for f in found] == [False, True, True, True, True, False, False]
    assert found[0] == found[5] == "truncated"
    assert found[6] == "unfinished_reasoning"
    assert said["notes"] == []
    assert said["conditions"]["reasoning"]["coder"] == "open"
    assert said["figures"]["pass@1"]["mean"] == pytest.approx(4 / 7)


@pytest.mark.usefixtures("shared_workers")
@pytest.mark.parametrize("marks", [THINK, HARMONY, ("analysis", "assistantfinal")])
def test_a_servers_own_marks(
    marks: tuple[str, str], task: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    prompts = recipe(tmp_path / "r.toml", marks, 'reasoning = "open"\n')
    says(fake, (f"{DRAFT}no{marks[1]}{GOOD}", "stop"), (f"hm\n{GOOD}\nor", "length"))
    at_server(task, fake, tmp_path / "ev", 2, "--prompts", prompts)
    assert failures(tmp_path / "ev") == [None, "truncated"]


@pytest.mark.usefixtures("shared_workers")
def test_each_role_may_reason_elsewhere(task: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    test = "**Test Input:**\n```\n4\n```\n**Test Output:**\n```\n8\n```"
    fake.writes = lambda body: whole(
        test if "Write one test" in body["messages"][0]["content"] else f"hm</think>\n{GOOD}"
    )
    more = ("-n", 1, "-m", 1, "--reasoning", "open")
    found = run(task, "--coder", fake.url, "--out", tmp_path / "a", *more)
    assert sum(found["responses"]["tester"]["failures"].values()) == 1
    assert any("none of 1 responses has </think>" in n for n in found["notes"])
    more = (*more, "--tester-reasoning", "auto")
    found = run(task, "--coder", fake.url, "--out", tmp_path / "b", *more)
    assert found["responses"]["tester"]["failures"] == {}
    assert found["notes"] == []


def test_an_end_token_is_not_for_a_server(task: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for a local model; a server takes --stop"):
        at_server(task, fake, tmp_path / "ev", 1, "--end-token", "<|im_end|>")
