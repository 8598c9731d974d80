"""Both roles under the real trainer of TRL, on the nano model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparring import Recipe
from sparring.errors import ConfigError, DataError
from sparring.integrations.trl_pair import BothRoles
from sparring.sandbox import Sandbox
from tests.integrations.support import DOUBLE, TRIPLE, two_steps
from tests.integrations.test_pair import PROGRAMS, TESTS

ROOT = Path(__file__).parents[2]
RECIPE = Recipe.model_validate(
    {"prompts": {"coder": "Program: {statement}", "tester": "Test: {statement}"}}
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2) as opened:
        yield opened


def _columns(*parts: tuple[str, str, list[str]]) -> dict[str, list[str]]:
    return {
        "completions": [text for _, _, texts in parts for text in texts],
        "task_id": [task for task, _, texts in parts for _ in texts],
        "role": [role for _, role, texts in parts for _ in texts],
    }


def test_rows_are_two_prompts_a_task_side_by_side(sandbox: Sandbox) -> None:
    rows = BothRoles([DOUBLE, TRIPLE], RECIPE, sandbox=sandbox).rows()
    assert [(row["task_id"], row["role"]) for row in rows] == [
        ("double", "coder"),
        ("double", "tester"),
        ("triple", "coder"),
        ("triple", "tester"),
    ]
    assert rows[1]["prompt"] == [{"role": "user", "content": "Test: Read n. Print 2n."}]


def test_tests_are_paid_by_the_programs_of_the_same_call(sandbox: Sandbox) -> None:
    columns = _columns(
        ("double", "coder", PROGRAMS[0]),
        ("double", "tester", TESTS[0]),
        ("triple", "coder", PROGRAMS[1]),
        ("triple", "tester", TESTS[1]),
    )
    seen: dict[str, float] = {}
    reward = BothRoles([DOUBLE, TRIPLE], sandbox=sandbox, advantages=False)
    values = reward(**columns, log_metric=seen.__setitem__, trainer_state=None)
    assert values[:4] == [2.0, 0.0, 0.0, 0.0]
    assert values[4] == 4.5  # three wrong programs caught, and half of three for being right
    assert set(seen) == {"coder/reward", "tester/reward"}
    gains = BothRoles([DOUBLE, TRIPLE], sandbox=sandbox)(**columns)
    for group in (gains[:4], gains[4:8]):
        known = [gain for gain in group if gain is not None]
        assert sum(known) == pytest.approx(0, abs=1e-9)
    assert gains[4] > gains[6]  # type: ignore[operator]


def test_no_label_is_none_and_no_gradient_is_zero(sandbox: Sandbox) -> None:
    columns = _columns(("double", "coder", PROGRAMS[0][2:]), ("double", "tester", TESTS[0]))
    assert BothRoles([DOUBLE], sandbox=sandbox)(**columns) == [0.0, 0.0, *[None] * 4]


def test_a_dataset_that_was_shuffled_is_one_clear_error(sandbox: Sandbox) -> None:
    reward = BothRoles([DOUBLE, TRIPLE], sandbox=sandbox)
    alone = _columns(("double", "coder", PROGRAMS[0]), ("triple", "tester", TESTS[1]))
    with pytest.raises(DataError, match=r"'double': .* no completion of the tester; set shuffle_"):
        reward(**alone)
    with pytest.raises(DataError, match="role 'judge' of the dataset are unknown"):
        reward(**_columns(("double", "judge", ["x"])))
    by_step = {"tester_examples": 1, "tester_examples_share": 0.5}
    recipe = Recipe.model_validate({"prompts": by_step})
    with pytest.raises(ConfigError, match="tester_examples_share"):
        BothRoles([DOUBLE], recipe, sandbox=sandbox)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_trl_learns_from_the_advantages_of_our_own_training(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    trl = pytest.importorskip("trl")
    datasets = pytest.importorskip("datasets")
    import torch

    from sparring.microworld import NANO_DIR
    from sparring.microworld.problem import Split
    from sparring.microworld.tasks import microworld_tasks
    from sparring.policy.model import load_model

    model, tokenizer = load_model(str(NANO_DIR))
    seen: list[tuple[list[float], Any]] = []

    class Watched(BothRoles):
        def __call__(self, *args: Any, **columns: Any) -> list[float | None]:
            self.values = super().__call__(*args, **columns)
            return self.values

    class Trainer(trl.GRPOTrainer):  # type: ignore[misc]
        def _generate_and_score_completions(self, inputs: Any) -> Any:
            output = super()._generate_and_score_completions(inputs)
            ours = [0.0 if value is None else value for value in reward.values]
            seen.append((ours, output["advantages"]))
            return output

    reward = Watched(microworld_tasks(Split.TRAIN, 8, 0), RECIPE, sandbox=sandbox)
    trainer = Trainer(
        model,
        reward_funcs=reward,
        args=two_steps(tmp_path, 32, shuffle_dataset=False, scale_rewards="none"),
        train_dataset=datasets.Dataset.from_list(reward.rows()),
        processing_class=tokenizer,
    )
    before = next(model.parameters()).detach().clone()
    trainer.train()
    assert len(seen) == 2
    for ours, theirs in seen:
        assert any(ours)
        assert torch.allclose(theirs, torch.tensor(ours), rtol=0, atol=1e-6)
    assert not torch.equal(before, next(model.parameters()))
    assert any("tester/reward" in line for line in trainer.state.log_history)


def test_the_example_trains_both_roles() -> None:
    pytest.importorskip("trl")
    done = subprocess.run(
        [sys.executable, "examples/trl_two_roles.py", "2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("mean reward {'coder': ") == 2
