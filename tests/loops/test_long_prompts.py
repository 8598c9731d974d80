"""A prompt that is too long ends the run, or its task is left out of it, everywhere and always."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.loops.runs import command, finished, records

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import ConfigError, ModelError
from sparring.runs.directory import RunDir
from sparring.schema import Role
from sparring.training.planning.dryrun import _tasks
from sparring.training.ring import Ring
from sparring.training.trainer import Trainer

FEW = [
    "tasks.train_count=12",
    "tasks.held_out_count=8",
    "training.tasks_per_step=2",
    "sampling.opponents=0",
    "sandbox.workers=1",
    "evaluation.programs=2",
    "evaluation.tests=2",
]


def ring(*changes: str) -> Ring:
    recipe = load_recipe(NANO_RECIPE, [*FEW, *changes])
    return Ring(recipe, Trainer(recipe))


@pytest.fixture(scope="module")
def lengths() -> dict[str, int]:
    """Tokens of the longer prompt of every task, training and held out."""
    with ring() as made:
        ids = {**made.plan.prompt_ids}
        ids |= {
            (p.task_id, p.role): p.token_ids for r in Role for p in made.prompts(made.tasks, r, 1)
        }
    found: dict[str, int] = {}
    for (task, _), prompt in ids.items():
        found[task] = max(found.get(task, 0), len(prompt))
    return found


@pytest.fixture(scope="module")
def limit(lengths: dict[str, int]) -> int:
    """One that some tasks exceed, and not all."""
    return sorted(lengths.values())[len(lengths) * 2 // 3]


def test_tasks_with_long_prompts_are_left_out_of_training_and_evaluation(
    lengths: dict[str, int], limit: int
) -> None:
    long = {t for t, n in lengths.items() if n > limit}
    with ring(f"prompts.max_tokens={limit}", "tasks.too_long=drop") as made:
        left = {t.id for t in (*made.tasks, *made.held_out)}
        assert left == set(lengths) - long
        assert set(made.too_long["training"]) | set(made.too_long["held-out"]) == long
        assert [t.id for t in made.plan.tasks] == [t.id for t in made.held_out]
        met = {t.id for step in range(1, 20) for t in made.batch(step)}
        assert met == {t.id for t in made.tasks}
        said = [n for n in made.notes() if "left out" in n]
        assert len(said) == sum(map(bool, made.too_long.values()))
        assert made.environment()["tasks_left_out"] == made.too_long
        warned = [c.found for c in _tasks(made) if c.warning]
        assert [w for w in warned if "left out" in w] == made.left_out


def test_a_long_prompt_ends_a_run_that_does_not_say_otherwise(limit: int) -> None:
    with pytest.raises(
        ModelError, match=r"prompts\.max_tokens is .*tasks\.too_long = \"drop\""
    ) as e:
        ring(f"prompts.max_tokens={limit}")
    assert "\n" not in str(e.value)


def test_no_room_for_a_response_is_a_prompt_that_is_too_long(limit: int) -> None:
    with ring("tasks.too_long=drop") as made:
        room = made.trainer.model.config.max_position_embeddings
    wide = f"sampling.tester_max_tokens={room - limit}"
    with pytest.raises(ModelError, match=r"lower sampling\.tester_max_tokens"):
        ring(wide)
    with ring(wide, "tasks.too_long=drop") as made:
        assert made.too_long["training"]
        assert all("positions" in why for why in made.too_long["training"].values())


def test_a_supervisors_prompt_may_be_the_one_that_is_too_long(limit: int) -> None:
    by = ["supervision.kind=tester", "supervision.model=nano", "supervision.tests=2"]
    with ring() as made:
        room = made.trainer.model.config.max_position_embeddings
    wide = f"supervision.max_tokens={room - limit}"
    with pytest.raises(ModelError, match=r"supervision\.model: .*lower supervision\.max_tokens"):
        ring(*by, wide)
    with ring(*by, wide, "tasks.too_long=drop") as made:
        assert made.too_long["training"]
        assert not made.too_long["held-out"]
        assert made.supervisor is not None
        assert len(made.supervisor.prompts(made.tasks)) == len(made.tasks)


def test_too_few_tasks_that_are_left_end_the_run(lengths: dict[str, int]) -> None:
    short = min(lengths.values())
    with pytest.raises(ConfigError, match=r"12 of 12 training tasks are left out") as error:
        ring(f"prompts.max_tokens={short - 1}", "tasks.too_long=drop")
    assert "\n" not in str(error.value)


def test_a_run_says_what_it_leaves_out_and_goes_on_with_the_same(
    tmp_path: Path, limit: int
) -> None:
    path = tmp_path / "run"
    few = dict(change.replace(".", "__").split("=") for change in FEW)
    how = {**few, "prompts__max_tokens": str(limit), "tasks__too_long": "drop"}
    told = finished(command(path, training__steps="1", **how))
    assert "are left out (tasks.too_long = drop)" in told
    assert f"tokens, prompts.max_tokens is {limit}" in told  # why, by one of them
    before = json.loads((path / "environment.json").read_text())["tasks_left_out"]
    finished(["", "", "", "train", "--resume", "--run-dir", str(path), "--set", "training.steps=2"])
    assert json.loads((path / "environment.json").read_text())["tasks_left_out"] == before
    assert len(records(path, "metrics.jsonl")) == 2
    run = RunDir.reading(path)
    met = {
        g["task"]["id"] for s in (1, 2) for g in run.read_lines(f"rollouts/step-{s:05d}.jsonl.gz")
    }
    assert met
    assert not met & {*before["training"], *before["held-out"]}
