"""The reward function under the real trainer of TRL, on the nano model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import ConfigError, DataError
from sparring.integrations.trl import TestsPassed
from sparring.prompts.templates import Templates
from sparring.sandbox import Sandbox
from tests.integrations.support import DOUBLE, TRIPLE, Failing, two_steps


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2) as opened:
        yield opened


def _says(program: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": f"So:\n```python\n{program}\n```"}]


def test_each_completion_is_paid_for_its_own_task(sandbox: Sandbox) -> None:
    reward = TestsPassed([DOUBLE, TRIPLE], sandbox=sandbox)
    double = _says("print(2 * int(input()))")
    rewards = reward(
        completions=[double, double, _says("print(8)"), "no program", _says("print(")],
        task_id=["double", "triple", "double", "triple", "double"],
        prompts=[""] * 5,
        completion_ids=[[1]] * 5,
    )
    assert rewards == [1.0, 0.5, 0.5, 0.0, 0.0]
    strict = TestsPassed([DOUBLE, TRIPLE], all_pass=True, sandbox=sandbox)
    assert strict(completions=[double, double], task_id=["double", "triple"]) == [1.0, 0.0]


def test_text_completions_are_read_as_well(sandbox: Sandbox) -> None:
    text = "```python\nprint(2 * int(input()))\n```"
    reward = TestsPassed([DOUBLE], sandbox=sandbox)
    assert reward(completions=[text], task_id=["double"]) == [1.0]


def test_a_failure_of_ours_is_no_reward_of_zero() -> None:
    with Failing(1) as sandbox:
        reward = TestsPassed([DOUBLE], all_pass=True, sandbox=sandbox)
        completions = [_says("print(2 * int(input()))"), _says("print(1)")]
        # One may be right; the other is wrong whatever the lost run would have shown.
        assert reward(completions=completions, task_id=["double"] * 2) == [None, 0.0]


def test_an_unknown_task_is_one_clear_error(sandbox: Sandbox) -> None:
    reward = TestsPassed([DOUBLE], sandbox=sandbox)
    with pytest.raises(DataError, match="'other'"):
        reward(completions=[""], task_id=["other"])
    with pytest.raises(DataError, match="same id"):
        TestsPassed([DOUBLE, DOUBLE], sandbox=sandbox)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_trl_trains_on_it(sandbox: Sandbox, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    datasets = pytest.importorskip("datasets")
    from sparring.microworld import NANO_DIR
    from sparring.microworld.problem import Split
    from sparring.microworld.tasks import microworld_tasks
    from sparring.policy.model import load_model

    model, tokenizer = load_model(str(NANO_DIR))
    tasks = microworld_tasks(Split.TRAIN, 20, 0)
    seen: list[Any] = []

    class Watched(TestsPassed):
        def __call__(self, completions: Any, task_id: Any, **others: Any) -> list[float | None]:
            rewards = super().__call__(completions, task_id, **others)
            seen.append((list(task_id), rewards))
            return rewards

    reward = Watched(tasks, templates=Templates(coder="Program: {statement}"), sandbox=sandbox)
    trainer = trl.GRPOTrainer(
        model,
        reward_funcs=reward,
        args=two_steps(tmp_path, 16),
        train_dataset=datasets.Dataset.from_list(reward.rows()),
        processing_class=tokenizer,
    )
    before = next(model.parameters()).detach().clone()
    trainer.train()
    assert len(seen) == 2
    for (names, rewards), logged in zip(seen, trainer.state.log_history, strict=False):
        assert [len(set(names[i : i + 8])) for i in (0, 8)] == [1, 1]
        mean = sum(r for r in rewards if r is not None) / len(rewards)
        assert math.isclose(logged["rewards/tests_passed/mean"], mean, abs_tol=1e-6)
    assert any(r for _, rewards in seen for r in rewards), "the nano model solves some"
    assert not bool((next(model.parameters()) == before).all())


def test_a_completion_without_text_earns_nothing_and_tools_do_not_write_programs(
    sandbox: Sandbox,
) -> None:
    [said] = _says("print(2 * int(input()))")
    text = said["content"]
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "x"}}]}
    none, half = {**call, "content": None}, len(text) // 2
    parts = [{"type": "text", "text": text[:half]}, {"type": "text", "text": text[half:]}]
    other = [{"type": "image", "url": "x"}, {"type": "thinking", "text": "no"}, *parts]
    cases: list[tuple[Any, float]] = [
        (None, 0.0),
        ("", 0.0),
        ([], 0.0),
        ([none], 0.0),
        ([call], 0.0),
        ([{"role": "assistant", "content": []}], 0.0),
        ([{"role": "assistant", "content": parts}], 1.0),
        ([{"role": "assistant", "content": other}], 1.0),
        ([{"role": "assistant", "content": [text[:half], text[half:]]}], 1.0),
        ([{"content": text}], 1.0),
        ([{**said, "reasoning_content": "hm"}], 1.0),
        ([none, {"role": "tool", "content": "4"}, said], 1.0),
        ([said, {"role": "tool", "content": "```python\nprint(0)\n```"}], 1.0),
        ([said, {"role": "user", "content": "thanks"}], 1.0),
        ([said, {"role": "tool", "content": "4"}, none], 0.0),  # its last word holds no program
        ([{"role": "tool", "content": text}], 0.0),
    ]
    reward = TestsPassed([DOUBLE], sandbox=sandbox)
    found = reward([c for c, _ in cases], ["double"] * len(cases))
    assert found == [paid for _, paid in cases]


@pytest.mark.parametrize("wrong", [7, b"x", [7], ["x"], [{"role": "assistant", "content": 7}]])
def test_a_wrong_completion_is_one_line(sandbox: Sandbox, wrong: Any) -> None:
    with pytest.raises(DataError, match=r"^completions\[1\]: [^\n]*$"):
        TestsPassed([DOUBLE], sandbox=sandbox)(["", wrong], ["double"] * 2)


def test_reasoning_that_the_template_has_opened(sandbox: Sandbox) -> None:
    [said] = _says("print(2 * int(input()))")
    text = said["content"]
    cases = [
        f"Let me try.\n{text}\nBut is that",
        f"Let me try.\n```python\nprint(0)\n```\nno.</think>{text}",
        [{**said, "reasoning_content": "hm"}],
        f"<think>{text}",
        text,
    ]
    ids = ["double"] * len(cases)
    assert TestsPassed([DOUBLE], sandbox=sandbox)(cases, ids) == [1.0, 1.0, 1.0, 0.0, 1.0]
    opened = TestsPassed([DOUBLE], sandbox=sandbox, reasoning="open")
    assert opened(cases, ids) == [0.0, 1.0, 1.0, 0.0, 0.0]
    marked = TestsPassed(
        [DOUBLE],
        sandbox=sandbox,
        reasoning="open",
        reasoning_start="[THINK]",
        reasoning_end="[/THINK]",
    )
    assert marked([f"hm[/THINK]{text}", f"hm</think>{text}"], ids[:2]) == [1.0, 0.0]
    nothing = TestsPassed([DOUBLE], sandbox=sandbox, reasoning="none")
    assert nothing([f"<think>\n{text}"], ids[:1]) == [1.0]
    with pytest.raises(ConfigError, match="'opened' is none of auto, open, none"):
        TestsPassed([DOUBLE], sandbox=sandbox, reasoning="opened")
    with pytest.raises(ConfigError, match="marks need a text"):
        TestsPassed([DOUBLE], sandbox=sandbox, reasoning_end="")
