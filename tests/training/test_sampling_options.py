"""Initial-policy programs, tests for tasks with a label, extra attempts, curriculum, limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparring.config.load import load_recipe, make_recipe
from sparring.config.presets import Preset
from sparring.errors import ConfigError
from sparring.grading.recorded import result_from
from sparring.rewards.advantages import DropReason
from sparring.runs.reader import open_run, step_file
from tests.training.runs import command, finished, records, same_run, sparring_here

RECIPES = sorted((Path(__file__).parents[2] / "recipes" / "nano").glob("*.toml"))
ALL = {
    "sampling__programs": "2",  # few, so that some tasks stay unsolved
    "sampling__initial_policy_programs": "1",
    "sampling__skip_unlabelled": "true",
    "sampling__extra_attempts": "2",
    "tasks__curriculum": "pass_rate",
    "learning__ppo_epochs": "2",
}


def groups(run: Path, step: int) -> list[dict[str, Any]]:
    return open_run(run).read_packed(step_file("rollouts", step))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("options") / "run"
    finished(command(path, **ALL))
    return path


def test_tests_are_sampled_exactly_where_some_program_is_correct(run: Path) -> None:
    skipped = 0
    for step in range(1, 5):
        for record in groups(run, step):
            group = result_from(record)
            assert group.pool is not None
            assert len(group.initial_policy_programs) == len(group.pool.passed_PT) == 1
            correct = group.matrix.correct_P.any() or group.pool.correct_P.any()
            assert len(group.tester) == (6 if correct else 0)
            skipped += not correct
            if not correct:
                assert record["dropped"]["tester"] == DropReason.NOT_SAMPLED
    assert skipped, "every task was solved by chance: the test shows nothing"


def test_other_tasks_come_in_place_of_those_without_a_label(run: Path) -> None:
    for step in range(1, 5):
        ids = [b["task"]["id"] for b in groups(run, step)]
        assert len(set(ids)) == len(ids)
        sizes, rest = [4], ids
        while sizes[-1] and len(sizes) <= 3:  # a batch and at most two further attempts
            turn, rest = rest[: sizes[-1]], rest[sizes[-1] :]
            untested = [b for b in groups(run, step) if b["task"]["id"] in turn and not b["tests"]]
            sizes.append(min(len(untested), len(rest)))
        assert rest == []
    assert any(len(groups(run, step)) > 4 for step in range(1, 5))


def test_tokens_of_initial_policy_programs_and_discarded_groups_are_counted(run: Path) -> None:
    for record in records(run, "metrics.jsonl"):
        every = groups(run, record["step"])
        tokens = sum(
            len(r["token_ids"])
            for b in every
            for r in (*b["programs"], *b["tests"], *b["initial_policy_programs"])
        )
        assert record["tokens"] == tokens


@pytest.mark.slow
def test_a_run_in_two_parts_is_the_run_in_one(run: Path, tmp_path: Path) -> None:
    """The curriculum's pass rates are in the checkpoint; what follows it is learned again."""
    parts = tmp_path / "parts"
    finished(command(parts, **ALL, training__steps="3"))
    state = json.loads((parts / "checkpoints" / "step-00003" / "state.json").read_text())
    assert state["pass_rates"]
    for name in ("step-00003",):
        for file in (parts / "checkpoints" / name).iterdir():
            file.unlink()
        (parts / "checkpoints" / name).rmdir()  # back to step 2
    (parts / "evaluations" / "step-00003.json").unlink()
    again = ("train", "--resume", "--run-dir", str(parts), "--set", "training.steps=4")
    done = sparring_here(*again)
    assert done.returncode == 0, done.stderr
    one, other = (json.loads((p / "recipe.json").read_text()) for p in (run, parts))
    assert one == other
    same_run(run, parts)


def test_a_replay_gives_the_same_weights(run: Path, tmp_path: Path) -> None:
    done = sparring_here("train", "--replay", str(run), "--run-dir", str(tmp_path / "again"))
    assert "the weights are the same as those of" in done.stdout, done.stderr


@pytest.mark.slow
def test_the_initial_policy_stays_what_it_was(tmp_path: Path) -> None:
    """Two runs that learn differently get the same initial-policy programs, and other responses of
    their own policies."""
    runs = []
    for rate in ("1e-5", "1e-3"):
        path = tmp_path / rate
        finished(
            command(
                path,
                sampling__initial_policy_programs="2",
                training__steps="2",
                learning__learning_rate=rate,
                evaluation__every="9",
            )
        )
        runs.append(groups(path, 2))
    for one, other in zip(*runs, strict=True):
        for a, b in zip(
            one["initial_policy_programs"], other["initial_policy_programs"], strict=True
        ):
            assert (a["token_ids"], a["logprobs"]) == (b["token_ids"], b["logprobs"])
    own = [[p["token_ids"] for b in every for p in b["programs"]] for every in runs]
    assert own[0] != own[1]


def test_initial_policy_programs_are_in_the_testers_reward_and_not_in_the_coders(run: Path) -> None:
    for record in groups(run, 1):
        group = result_from(record)
        assert group.pool is not None
        if not record["tests"]:
            continue
        wrong = int(group.matrix.wrong_P.sum() + group.pool.wrong_P.sum())
        for test in record["tests"]:
            if test["valid"]:
                assert test["caught"] + test["missed"] == pytest.approx(wrong)
        count = group.matrix.passed_PG.sum(axis=1)
        assert [p["reward"] for p in record["programs"]] == pytest.approx(count.tolist())


def test_a_curriculum_prefers_what_is_sometimes_solved() -> None:
    from sparring.schema import Task, Test
    from sparring.tasks.settings import Curriculum
    from sparring.training.prompting.task_order import TaskOrder

    recipe = make_recipe({"tasks": {"curriculum": Curriculum.PASS_RATE}}, (), "recipe")
    order = TaskOrder(recipe, [Task(str(i), "", (Test("", ""),)) for i in range(40)])

    rates = {str(i): (0.0, 1.0, 0.5)[i % 3] for i in range(39)}
    drawn = [int(t.id) % 3 for step in range(200) for t in order.batch(step + 1, rates)[:8]]
    counts = np.bincount(drawn, minlength=3)
    assert counts[2] > 3 * counts[0]
    assert counts[2] > 3 * counts[1]
    assert min(counts) > 0


def test_a_budget_of_tokens_ends_a_run_with_the_step_that_spends_it(tmp_path: Path) -> None:
    path = tmp_path / "run"
    budget = {"training__steps": "50", "training__token_budget": "2000", "evaluation__every": "99"}
    finished(command(path, **budget))
    spent = np.cumsum([r["tokens"] for r in records(path, "metrics.jsonl")])
    assert spent[-1] >= 2000 > spent[-2]
    summary = json.loads((path / "summary.json").read_text())
    assert summary["steps"] == len(spent)
    again = sparring_here("train", "--resume", "--run-dir", str(path))
    assert "nothing to continue" in again.stdout
    more = sparring_here(
        "train", "--resume", "--run-dir", str(path), "--set", "training.token_budget=2500"
    )
    assert more.returncode == 0, more.stderr
    assert sum(r["tokens"] for r in records(path, "metrics.jsonl")) >= 2500


def test_a_recipe_may_extend_another(tmp_path: Path) -> None:
    base, middle, top = (tmp_path / f"{n}.toml" for n in ("base", "middle", "top"))
    base.write_text('extends = "nano"\n[training]\nsteps = 7\nseed = 3\n')
    middle.write_text('extends = "base.toml"\npreset = "paper"\n[training]\nsteps = 9\n')
    top.write_text('extends = "middle.toml"\nreward = "mine.py:f"\n')
    recipe = load_recipe(top)
    assert (recipe.training.steps, recipe.training.seed) == (9, 3)
    assert recipe.training.tasks_per_step == 16  # of the nano recipe
    assert recipe.preset is Preset.PAPER
    assert recipe.reward.function == "mine.py:f"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('extends = "none.toml"', "no such recipe"),
        ('extends = "self.toml"', "which in turn extends"),
        ("extends = 3", "must be"),
    ],
)
def test_what_cannot_be_extended_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "self.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said) as error:
        load_recipe(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_of_the_repository_reads(path: Path) -> None:
    load_recipe(path)
