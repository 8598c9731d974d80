"""End tokens and reasoning marks in training: the dry run's lines, samplers, checkpoints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from transformers import GenerationConfig

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.config.recipe import Recipe
from sparring.policy.base import Prompt, SamplingParams
from sparring.prompts.opening import ReasoningMode
from sparring.prompts.rules import Reasoning
from sparring.prompts.settings import PromptSettings
from sparring.runs.directory import RunDir
from sparring.schema import Response, Role, StopReason
from sparring.tasks.sources import tasks_of
from sparring.training.planning.speech import reasoning, unfinished
from sparring.training.pseudo_labels.frozen_tester import FrozenTester
from sparring.training.state.trainer import Trainer
from sparring.training.weights.policies import RolePolicies
from sparring.training.weights.served import ServedPolicies
from tests.parrots import CHATML, byte_tokenizer, parrot
from tests.training.runs import sparring_here

GOOD = "```python\nprint(2 * int(input()))\n```"
DRAFT = "```python\nprint(0)\n```"
OPENED = "{% for m in messages %}<u>{{ m['content'] }}</u>{% endfor %}[THINK]"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that goes on behind its turn, as base models do."""
    says = f"{GOOD}<|im_end|>\n<|im_start|>user\nThanks<|im_end|>\n{DRAFT}" + "." * 60
    ends = byte_tokenizer(["<|im_start|>", "<|im_end|>"], end="<|endoftext|>", template=CHATML)
    return parrot(tmp_path_factory.mktemp("base") / "m", ends, says, room=200)


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose marks are special tokens, and whose template opens its reasoning."""
    tokens = byte_tokenizer(["[THINK]", "[/THINK]"], template=OPENED)
    says = f"hm\n{DRAFT}\nno[/THINK]\n{GOOD}<|end|>"
    return parrot(tmp_path_factory.mktemp("thinker") / "m", tokens, says, room=200)


def recipe_of(path: Path, model: Path, *more: str) -> list[str]:
    """A recipe for one task, as the arguments of ``sparring train``."""
    row = {"task_id": "d", "question": "Double n.", "solutions": ["print(2 * int(input()))"]}
    row |= {"test_input": ["2\n", "5\n"], "test_output": ["4\n", "10\n"]}
    (path / "t.jsonl").write_text(json.dumps(row))
    sets = {
        "model.path": json.dumps(str(model)),
        "tasks.train": '["t.jsonl"]',
        "tasks.held_out": '["t.jsonl"]',
        "tasks.hidden_tests": "0",
        "prompts.coder": "{statement}",
        "prompts.tester": "{statement}",
        "sampling.programs": "2",
        "sampling.tests": "2",
        "sampling.initial_policy_programs": "0",
        "sampling.coder_max_tokens": "90",
        "sampling.tester_max_tokens": "90",
        "learning.ppo_epochs": "1",
        "training.steps": "1",
        "training.tasks_per_step": "1",
        "sandbox.workers": "1",
        **dict(change.split("=", 1) for change in more),
    }
    return [x for k, v in sets.items() for x in ("--set", f"{k}={v}")]


def resolved(path: Path, model: Path, *more: str) -> Recipe:
    return load_recipe(NANO_RECIPE, recipe_of(path, model, *more)[1::2])


def dry(path: Path, model: Path, *more: str) -> dict[str, tuple[str, str]]:
    """The dry run's lines: mark and text by name."""
    done = sparring_here("train", "--dry-run", *recipe_of(path, model, *more), cwd=path)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^([✓!]) ([^:]+): (.*)$", done.stdout, re.M)
    return {name: (mark, text) for mark, name, text in found}


def test_a_turn_that_ends_with_no_end_token_gets_no_tick(base: Path, tmp_path: Path) -> None:
    found = dry(tmp_path, base)
    mark, text = found["end tokens"]
    assert mark == "!"
    assert text.startswith("<|endoftext|>; the chat template ends a turn with <|im_end|>")
    assert 'model.end_tokens = ["<|im_end|>"]' in text
    mark, text = found["coder responses"]
    assert mark == "!"
    assert "100% cut off" in text
    assert "2 of the responses cut off contain <|im_end|>" in text
    args = recipe_of(tmp_path, base, 'model.end_tokens=["<|im_end>"]')
    done = sparring_here("train", "--dry-run", *args, cwd=tmp_path)
    assert done.stderr.startswith("sparring: model.end_tokens: '<|im_end>' is no token")
    assert done.stderr.count("\n") == 1


def test_named_end_tokens_are_learned_from_and_stay_in_checkpoints(
    base: Path, tmp_path: Path
) -> None:
    args = recipe_of(tmp_path, base, 'model.end_tokens=["<|im_end|>"]')
    done = sparring_here("train", *args, "--run-dir", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "which is no end token" not in done.stdout
    run = RunDir(tmp_path / "run", locked=False)
    tokens = byte_tokenizer(["<|im_start|>", "<|im_end|>"], end="<|endoftext|>")
    end = tokens.convert_tokens_to_ids("<|im_end|>")
    [record] = run.read_packed("rollouts/step-00001.jsonl.gz")
    for program in record["programs"]:
        assert program["token_ids"][-1] == end
        assert program["text"] == GOOD
    saved = GenerationConfig.from_pretrained(run.newest_checkpoint())
    assert end in saved.eos_token_id


def test_open_reasoning_has_its_tick_if_its_end_can_be_found(thinker: Path, tmp_path: Path) -> None:
    marks = ("prompts.reasoning_start=[THINK]", "prompts.reasoning_end=[/THINK]")
    found = dry(tmp_path, thinker, *marks)
    mark, text = found["reasoning"]
    assert mark == "✓"
    assert "open at the end of the prompts of coder and tester" in text
    assert "[THINK], [/THINK] are special tokens, which responses' texts keep" in text
    assert "2 of 2 programs" in found["parsing and reward"][1]


def test_what_the_dry_run_says_of_reasoning() -> None:
    tokens = byte_tokenizer(["[THINK]", "[/THINK]"])
    ends = [tokens.eos_token_id]
    own = PromptSettings(reasoning_start="[THINK]", reasoning_end="[/THINK]")
    found = reasoning(tokens, ends, own, {Role.CODER: True, Role.TESTER: False})
    assert found is not None
    assert not found.warning
    assert "open at the end of the prompts of coder; [THINK]" in found.text
    found = reasoning(tokens, ends, PromptSettings(), dict.fromkeys(Role, False))
    assert found is not None
    assert found.warning
    assert "the tokenizer has [THINK], [/THINK]" in found.text
    opened = own.model_copy(update={"reasoning": ReasoningMode.OPEN})
    found = reasoning(tokens, ends, opened, dict.fromkeys(Role, True))
    assert found is not None
    assert "open before every response (prompts.reasoning)" in found.text
    nothing = own.model_copy(update={"reasoning": ReasoningMode.NONE})
    assert reasoning(tokens, ends, nothing, dict.fromkeys(Role, False)) is None
    assert reasoning(byte_tokenizer(), ends, PromptSettings(), dict.fromkeys(Role, False)) is None


def test_responses_that_end_inside_of_reasoning_are_counted() -> None:
    texts = ("hm", "hm</think>so", "</think>")
    said = [Response("d", Role.CODER, 0, (), (), (), StopReason.LENGTH, t) for t in texts]
    inside = Reasoning(opened=True)
    assert unfinished(inside, said) == ["1 have no </think>: their reasoning is unfinished"]
    assert unfinished(inside, said[1:]) == unfinished(Reasoning(), said) == []


def test_every_sampler_of_a_run_keeps_the_marks_and_ends_at_the_named_tokens(
    base: Path, thinker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = ("prompts.reasoning_start=[THINK]", "prompts.reasoning_end=[/THINK]")
    recipe = resolved(tmp_path, thinker, *marks, 'model.end_tokens=["\\n"]')
    trainer = Trainer(recipe)
    cast = RolePolicies(trainer, 4)
    newline = trainer.tokenizer.encode("\n", add_special_tokens=False)[0]
    assert newline in cast.end_ids
    words: list[Any] = []
    monkeypatch.setattr(
        "sparring.training.weights.served.VllmSampler", lambda _, given, *__: words.append(given)
    )
    ServedPolicies(recipe, trainer, cast.end_ids)
    ids = trainer.tokenizer.encode("hm[/THINK]so<|end|>", add_special_tokens=False)
    assert words[0].text(ids) == "hm[/THINK]so"
    assert list(words[0].end_ids) == cast.end_ids
    own = resolved(
        tmp_path,
        base,
        *marks,
        "pseudo_labels.source=tester",
        f"pseudo_labels.model={thinker}",
        'pseudo_labels.end_tokens=["\\n"]',
        "pseudo_labels.max_tokens=90",
    )
    monkeypatch.chdir(tmp_path)
    tasks = tasks_of(own.tasks.train, 1, 0, None)
    frozen_tester = FrozenTester(own, tasks)
    [[said, *_]] = frozen_tester.sample(tasks)
    assert said.text == "hm"
    assert said.stop is StopReason.END_TOKEN
    plain = own.pseudo_labels.model_copy(update={"end_tokens": []})
    whole = FrozenTester(
        own.model_copy(update={"pseudo_labels": plain}),
        tasks,
    )
    [[said, *_]] = whole.sample(tasks)
    assert said.text == f"hm\n{DRAFT}\nno[/THINK]\n{GOOD}"
    prompt = Prompt("d", Role.CODER, whole.prompts(tasks)[0].token_ids, 0, SamplingParams(1.0, 90))
    [[local]] = RolePolicies(Trainer(resolved(tmp_path, thinker, *marks)), 4).sample([prompt], 1)
    assert local.text == said.text
