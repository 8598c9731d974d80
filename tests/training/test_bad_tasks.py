"""Bad tasks in a whole run: alarms that name them, before anything expensive has happened."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.microworld.problem import Split
from sparring.microworld.tasks import microworld_tasks
from sparring.tasks.load import dump_tasks
from sparring.training.rollouts.context import trial_context
from sparring.training.state.trainer import Trainer
from tests.training.runs import command, records, same_run, sparring_here

Row = dict[str, Any]


def trained_on(tmp_path: Path, spoil: Callable[[Row], None]) -> tuple[list[Row], str]:
    """The metrics and the screen of a small run on tasks that were spoilt in their file."""
    file = tmp_path / "tasks.jsonl"
    dump_tasks(microworld_tasks(Split.TRAIN, 12, 0), file)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        spoil(row)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "run"
    arguments = command(
        path,
        tasks__train=f'["{file}"]',
        training__steps="6",
        training__checkpoint_every="5",
        evaluation__every="6",
    )
    done = sparring_here(*arguments[3:])
    assert done.returncode == 0, done.stderr
    return records(path, "metrics.jsonl"), done.stdout


def reasons(metrics: list[Row]) -> dict[str, str]:
    """The reason of each alarm when it was first raised."""
    found: dict[str, str] = {}
    for step in metrics:
        for alarm in step["alarms"]:
            found.setdefault(alarm["monitor"], alarm["reason"])
    return found


def test_a_task_file_with_every_other_test_wrong_is_named(tmp_path: Path) -> None:
    def spoil(row: Row) -> None:
        row["test_output"][1::2] = ["wrong\n" for _ in row["test_output"][1::2]]

    metrics, screen = trained_on(tmp_path, spoil)
    found = reasons(metrics)
    # Nobody passes the wrong tests, so that no program is correct and no test has a label.
    assert set(found) == {"reference_failures", "suspect_tests", "tester_gradient"}
    for monitor in ("reference_failures", "suspect_tests"):
        reason = found[monitor]
        named = re.findall(
            r"test ([GH]\d) of task (micro-\w{12}) \(test (\d) of the file\)", reason
        )
        assert len(named) == 3, reason
        assert all(int(n) % 2 == 1 for _, _, n in named), reason  # from 0: these are the wrong ones
        shown = sparring_here(
            "show", str(tmp_path / "run"), "--task", named[0][1], "--test", named[0][0]
        )
        assert shown.returncode == 0, shown.stderr
        assert "wrong" in shown.stdout
        assert screen.count(f"alarm {monitor}") == 1  # when it begins, not while it lasts
    assert all(len(m["alarms"]) == 3 for m in metrics[4:])
    assert metrics[-1]["monitors"]["reference_failures"] == 0.5

    again = shutil.copytree(tmp_path / "run", tmp_path / "again")
    shutil.rmtree(again / "checkpoints" / "step-00006")  # as if it had been killed before
    done = sparring_here("train", "--resume", "--run-dir", str(again))
    assert done.returncode == 0, done.stderr
    same_run(tmp_path / "run", again)
    assert "alarm" not in done.stdout  # they had begun in step 5


def test_a_checker_that_accepts_everything_is_named(tmp_path: Path) -> None:
    def spoil(row: Row) -> None:
        row["checker"], row["checker_program"] = "program", 'print("accepted")'

    metrics, screen = trained_on(tmp_path, spoil)
    assert metrics[-1]["pass@1"] > 0.8  # what the reward sees
    found = reasons(metrics)
    assert "checkers accept 100% of the expected outputs" in found["checker_leniency"]
    assert re.search(r"such as task micro-\w{12}", found["checker_leniency"])
    assert screen.count("alarm checker_leniency") == 1


@pytest.mark.parametrize(("most", "rewarded", "hidden"), [("10", 8, 2), ("5", 4, 1), ("3", 3, 0)])
def test_training_tasks_lose_tests_of_those_in_use_and_held_out_tasks_none(
    most: str, rewarded: int, hidden: int
) -> None:
    recipe = load_recipe(
        NANO_RECIPE,
        ["tasks.train_count=16", "tasks.held_out_count=4", f"tasks.max_tests={most}"],
    )
    with trial_context(recipe, Trainer(recipe)) as context:
        whole = {t.id: t for t in microworld_tasks(Split.TRAIN, 16, 0)}
        for task in context.prompts.tasks:
            assert (len(task.tests), len(task.hidden)) == (rewarded, hidden)
            assert {*task.ground_truth} == {*whole[task.id].tests[: int(most)]}
        assert {len(t.tests) for t in context.prompts.held_out} == {int(most)}
        assert not any(t.hidden for t in context.prompts.held_out)
