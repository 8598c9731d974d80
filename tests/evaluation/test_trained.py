"""Evaluating what a run has trained: asked as the run asks it, by naming the run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import ConfigError, RunError
from sparring.evaluation.conditions import differing_conditions
from sparring.evaluation.options import EvalOptions, ModelSpec, Protocol, prompts_of
from sparring.evaluation.trained import trained_checkpoint, with_run_defaults
from sparring.microworld import NANO_DIR
from sparring.schema import Role
from tests.evaluation.eval_command import run, usual
from tests.fake_openai import FakeOpenAI
from tests.training.runs import sparring_here

pytestmark = pytest.mark.usefixtures("shared_workers")


def a_run(path: Path, *changes: str, steps: tuple[int, ...] = (2, 10)) -> Path:
    recipe = load_recipe(NANO_RECIPE, changes).model_dump(mode="json")
    path.mkdir()
    (path / "recipe.json").write_text(json.dumps(recipe))
    for step in steps:
        (path / "checkpoints" / f"step-{step:05d}").mkdir(parents=True)
    return path


def both(place: Path | str, other: Path | str | None = None, **more: Any) -> EvalOptions:
    models = {Role.CODER: ModelSpec(str(place)), Role.TESTER: ModelSpec(str(other or place))}
    return EvalOptions(sources=("tasks.jsonl",), models=models, **more)


def test_a_runs_checkpoint_is_asked_as_the_run_asks_it(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", "evaluation.temperature=0.7", "sampling.coder_max_tokens=90")
    for place in (path, path / "checkpoints" / "step-00010"):
        found, told = with_run_defaults(both(place))
        assert found.models[Role.CODER].place == str(path / "checkpoints" / "step-00010")
        assert found.prompts == load_recipe(NANO_RECIPE).prompts
        assert (found.temperature, found.max_tokens, found.tester_max_tokens) == (0.7, 90, 72)
        [line] = told
        assert "prompts, temperature 0.7, up to 90 tokens, tests 72" in line


def test_each_role_has_the_limit_of_its_own_run(tmp_path: Path) -> None:
    one = a_run(tmp_path / "a", "sampling.coder_max_tokens=90")
    other = a_run(tmp_path / "b", "sampling.tester_max_tokens=30")
    found, _ = with_run_defaults(both(one, other))
    assert [found.params_for(role).max_tokens for role in Role] == [90, 30]
    found, _ = with_run_defaults(both(one, other, tester_max_tokens=7))
    assert [found.params_for(role).max_tokens for role in Role] == [90, 7]
    found, _ = with_run_defaults(both(one, other, max_tokens=50))
    assert [found.params_for(role).max_tokens for role in Role] == [50, 50]
    equal, _ = with_run_defaults(both(a_run(tmp_path / "c", "sampling.coder_max_tokens=72")))
    assert (equal.max_tokens, equal.tester_max_tokens) == (72, None)


def test_options_of_the_user_stay_and_a_protocol_sets_its_own(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r")
    usual_prompts = load_recipe(None).prompts
    given = {"temperature": 0.0, "max_tokens": 5, "prompts": usual_prompts}
    found, told = with_run_defaults(both(path, **given))
    assert ({name: getattr(found, name) for name in given}, told) == (given, [])
    official, _ = with_run_defaults(both(path, protocol=Protocol.OFFICIAL))
    assert (official.temperature, official.max_tokens) == (None, None)
    assert official.prompts == load_recipe(NANO_RECIPE).prompts
    assert with_run_defaults(both("nano"))[0].prompts is None
    assert with_run_defaults(both("nano", path))[0].prompts == official.prompts


def test_a_note_names_a_tester_of_a_run_with_other_prompts(tmp_path: Path) -> None:
    one, other = a_run(tmp_path / "a"), a_run(tmp_path / "b", "prompts.coder_examples=2")
    _, told = with_run_defaults(both(one, other))
    assert len(told) == 2
    assert str(other) in told[1]


def test_a_run_without_a_checkpoint_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no checkpoint yet"):
        trained_checkpoint(str(a_run(tmp_path / "r", steps=())))
    assert trained_checkpoint(str(tmp_path)) is None
    assert trained_checkpoint("nano") is None


def test_the_checkpoint_just_trained_is_evaluated_by_naming_its_run(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", steps=(2,))
    shutil.rmtree(path / "checkpoints" / "step-00002")
    shutil.copytree(NANO_DIR, path / "checkpoints" / "step-00002")
    args = ("microworld:held_out", "--coder", path, "-n", 2, "-m", 1, "--limit-tasks", 2)
    record = run(*args, "--out", tmp_path / "o")
    assert record["responses"]["coder"]["failures"] == {}  # by its own prompts it writes programs
    assert record["conditions"]["params"]["temperature"] == 1.0
    assert record["conditions"]["params"]["max_tokens"] == 64
    assert record["conditions"]["tester_max_tokens"] == 72


def test_a_recipe_may_be_a_runs(tmp_path: Path) -> None:
    path = a_run(tmp_path / "r", "training.steps=7")
    for name in (path, path / "recipe.json"):
        assert load_recipe(name).training.steps == 7
        assert prompts_of(str(name)) == load_recipe(NANO_RECIPE).prompts
    for name, said in (
        (path / "checkpoints", "is a directory without"),
        (tmp_path / "x", "no such"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_recipe(name)
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    for bad, said in (("bad.json", "not JSON"), ("list.json", "table of sections")):
        with pytest.raises(ConfigError, match=said):
            load_recipe(tmp_path / bad)
    done = sparring_here("config", str(path))
    assert done.returncode == 0, done.stderr
    assert "steps = 7" in done.stdout


def test_the_microworlds_tasks_are_the_same_under_every_seed_of_sampling() -> None:
    split = ("microworld:held_out",)
    ids = [[t.id for t in EvalOptions(sources=split, seed=s).load()] for s in (0, 5)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 100


def test_another_option_in_a_directory_that_was_begun_is_named(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    run(*usual(tasks, fake, tmp_path / "o"))
    with pytest.raises(RunError) as refused:
        run(*usual(tasks, fake, tmp_path / "o", "--temperature", "0.5"))
    assert "another params.temperature (0.8, now 0.5); choose" in str(refused.value)
    was: dict[str, Any] = {"prompts": {"coder": "a" * 200, "tester": "b"}, "seed": 0}
    assert differing_conditions(was, {**was, "prompts": {"coder": "c", "tester": "b"}}) == [
        "prompts.coder"
    ]
