"""What a first user meets: another model under the embedded recipe, a run as a model, what a run
says when it is piped and when it ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import RunError
from sparring.policy.shape import ModelShape
from sparring.training.notes import embedded_prompts
from sparring.training.planning.estimate import estimate
from sparring.training.planning.fits import find_shape
from tests.nano import nano
from tests.parrots import byte_tokenizer
from tests.training.runs import SMALL, command, finished, sparring_here


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of one step, and what it printed into a pipe."""
    path = tmp_path_factory.mktemp("runs") / "first"
    return path, finished(command(path, training__steps="1"))


def test_a_piped_run_says_what_takes_minutes_before_it_does(run: tuple[Path, str]) -> None:
    _, said = run
    first = "evaluating the initial model: 6 tasks × (8 + 8) responses …"
    last = "evaluating: 6 tasks"
    assert said.index(first) < said.index("step 0: held-out programs") < said.index(last)


def test_a_run_ends_with_its_model_and_what_to_do_with_it(run: tuple[Path, str]) -> None:
    path, said = run
    checkpoint = path / "checkpoints" / "step-00001"
    assert f"the model: {checkpoint}\n" in said
    [line] = re.findall(r"to measure it on tasks: .*sparring(?:\.cli)? (eval .*)\n", said)
    assert line == f"eval microworld:held_out --coder {path} --out {path}-eval"
    small = ["--limit-tasks", "1", "-n", "1", "-m", "1", "--mutants", "0", "--workers", "1"]
    done = sparring_here(*line.split(), *small)
    assert done.returncode == 0, done.stderr
    assert f"taken from the run {path}: " in done.stdout


def test_a_run_as_a_model_is_its_newest_checkpoint(run: tuple[Path, str], tmp_path: Path) -> None:
    path, _ = run
    newest = str(path / "checkpoints" / "step-00001")
    asked = load_recipe(NANO_RECIPE, [f"model.path={path}"])
    assert asked.model.path == newest
    by = ["pseudo_labels.source=tester", f"pseudo_labels.model={path}"]
    assert load_recipe(NANO_RECIPE, by).pseudo_labels.model == newest
    older = f"{path}/checkpoints/step-00000"
    assert load_recipe(NANO_RECIPE, [f"model.path={older}"]).model.path == older
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(RunError, match="has no checkpoint yet"):
        load_recipe(NANO_RECIPE, [f"model.path={tmp_path}"])
    changes = [x for k, v in SMALL.items() for x in ("--set", f"{k}={v}")]
    done = sparring_here(
        "train", "--dry-run", *changes, "--set", f"model.path={path}", cwd=tmp_path / ".."
    )
    assert done.returncode == 0, done.stderr
    assert "✓ model: " in done.stdout  # its prompts are the embedded model's, and so is it


def test_another_model_under_the_embedded_recipes_prompts_is_told_of() -> None:
    recipe = load_recipe(NANO_RECIPE, ["model.path=other"])
    told = embedded_prompts(recipe, byte_tokenizer())
    assert told is not None
    assert told.startswith("prompts.coder and prompts.tester, sampling.coder_max_tokens = 64, ")
    assert embedded_prompts(recipe, nano()[1]) is None
    own = ["prompts.coder=Do: {statement}", "sampling.tester_max_tokens=900"]
    told = embedded_prompts(load_recipe(NANO_RECIPE, own), byte_tokenizer())
    assert told is not None
    assert told.startswith("prompts.tester are the embedded")
    both = [*own, "prompts.tester=Test: do {statement}"]
    assert embedded_prompts(load_recipe(NANO_RECIPE, both), byte_tokenizer()) is None
    assert embedded_prompts(load_recipe(None), byte_tokenizer()) is None


def test_rows_of_an_evaluation_are_not_those_of_a_step() -> None:
    few = [
        "training.tasks_per_step=1",
        "sampling.programs=10",
        "sampling.initial_policy_programs=0",
    ]
    few += ["sampling.tests=10", "sampling.max_batch_size=512"]

    def rows(*changes: str, frozen_tester: ModelShape | None = None) -> list[str]:
        found = estimate(load_recipe(NANO_RECIPE, [*few, *changes]), find_shape("nano"))
        return [k for k in found.phases["sampling"] if k.startswith("keys")]

    [line] = rows()
    assert line.startswith("keys and values of 512 rows")
    assert line.endswith(", of up to 300 held-out tasks")
    [line] = rows("tasks.held_out_count=1")
    assert line.startswith("keys and values of 10 rows")
    assert "held-out" not in line
    by = ["pseudo_labels.source=tester", "pseudo_labels.model=nano", "pseudo_labels.tests=8"]
    shape = find_shape("nano")
    found = estimate(load_recipe(NANO_RECIPE, [*few, *by]), shape, frozen_tester=shape)
    phase = found.phases["sampling pseudo-labels, on the first rank"]
    [line] = [k for k in phase if k.startswith("keys")]
    assert line.startswith("keys and values of 8 rows")
