"""A prompt that is too long ends the run, or its task is left out of it, everywhere and always."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import ConfigError, ModelError
from sparring.runs.reader import open_run
from sparring.schema import Role
from sparring.training.held_out import held_out_plan
from sparring.training.notes import environment, notes
from sparring.training.planning.data_checks import task_checks
from sparring.training.rollouts.context import RolloutContext, trial_context
from sparring.training.state.trainer import Trainer
from tests.training.runs import command, finished, records

FEW = [
    "tasks.train_count=12",
    "tasks.held_out_count=8",
    "training.tasks_per_step=2",
    "sampling.initial_policy_programs=0",
    "sandbox.workers=1",
    "evaluation.programs=2",
    "evaluation.tests=2",
]


@contextmanager
def opened(*changes: str) -> Iterator[tuple[RolloutContext, Trainer]]:
    recipe = load_recipe(NANO_RECIPE, [*FEW, *changes])
    trainer = Trainer(recipe)
    with trial_context(recipe, trainer) as context:
        yield context, trainer


@pytest.fixture(scope="module")
def lengths() -> dict[str, int]:
    """Tokens of the longer prompt of every task, training and held out."""
    with opened() as (context, _):
        prompts = context.prompts
        ids = {**held_out_plan(context).prompt_ids}
        ids |= {
            (p.task_id, p.role): p.token_ids
            for r in Role
            for p in prompts.of_step(1, prompts.tasks, r)
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
    with opened(f"prompts.max_tokens={limit}", "tasks.too_long=drop") as (context, trainer):
        made, plan = context.prompts, held_out_plan(context)
        left = {t.id for t in (*made.tasks, *made.held_out)}
        assert left == set(lengths) - long
        assert set(made.too_long["training"]) | set(made.too_long["held-out"]) == long
        assert [t.id for t in plan.tasks] == [t.id for t in made.held_out]
        met = {t.id for step in range(1, 20) for t in context.order.batch(step, {})}
        assert met == {t.id for t in made.tasks}
        said = [n for n in notes(context, trainer) if "left out" in n]
        assert len(said) == sum(map(bool, made.too_long.values()))
        assert environment(context, trainer)["tasks_left_out"] == made.too_long
        warned = [c.text for c in task_checks(context) if c.warning]
        assert [w for w in warned if "left out" in w] == made.left_out_notes()


def test_a_long_prompt_ends_a_run_that_does_not_say_otherwise(limit: int) -> None:
    with (
        pytest.raises(
            ModelError, match=r"prompts\.max_tokens is .*tasks\.too_long = \"drop\""
        ) as e,
        opened(f"prompts.max_tokens={limit}"),
    ):
        pass
    assert "\n" not in str(e.value)


def test_no_room_for_a_response_is_a_prompt_that_is_too_long(limit: int) -> None:
    with opened("tasks.too_long=drop") as (_, trainer):
        room = trainer.model.config.max_position_embeddings
    wide = f"sampling.tester_max_tokens={room - limit}"
    with pytest.raises(ModelError, match=r"lower sampling\.tester_max_tokens"), opened(wide):
        pass
    with opened(wide, "tasks.too_long=drop") as (context, _):
        made = context.prompts
        assert made.too_long["training"]
        assert all("positions" in why for why in made.too_long["training"].values())


def test_a_supervisors_prompt_may_be_the_one_that_is_too_long(limit: int) -> None:
    by = ["pseudo_labels.source=tester", "pseudo_labels.model=nano", "pseudo_labels.tests=2"]
    with opened() as (_, trainer):
        room = trainer.model.config.max_position_embeddings
    wide = f"pseudo_labels.max_tokens={room - limit}"
    said = r"pseudo_labels\.model: .*lower pseudo_labels\.max_tokens"
    with pytest.raises(ModelError, match=said), opened(*by, wide):
        pass
    with opened(*by, wide, "tasks.too_long=drop") as (context, _):
        made = context.prompts
        assert made.too_long["training"]
        assert not made.too_long["held-out"]
        assert context.pseudo_labels is not None
        frozen_tester = context.pseudo_labels.frozen_tester
        assert len(frozen_tester.prompts(made.tasks)) == len(made.tasks)


def test_too_few_tasks_that_are_left_end_the_run(lengths: dict[str, int]) -> None:
    short = min(lengths.values())
    said = "12 of 12 training tasks are left out"
    few = opened(f"prompts.max_tokens={short - 1}", "tasks.too_long=drop")
    with pytest.raises(ConfigError, match=said) as error, few:
        pass
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
    run = open_run(path)
    met = {
        g["task"]["id"] for s in (1, 2) for g in run.read_packed(f"rollouts/step-{s:05d}.jsonl.gz")
    }
    assert met
    assert not met & {*before["training"], *before["held-out"]}
