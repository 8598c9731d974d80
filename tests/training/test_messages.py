"""What a user is told: the value that is wrong, and what there is instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparring import __version__
from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import RunError
from sparring.runs.directory import RunDir
from sparring.training.launch import ended
from sparring.training.planning.fits import memory_lines
from tests.training.runs import sparring_here


def a_run(path: Path) -> RunDir:
    run = RunDir.create(path)
    run.write_json("recipe.json", load_recipe(NANO_RECIPE).model_dump(mode="json"))
    (path / "checkpoints" / "step-00002").mkdir(parents=True)
    return run


def test_the_version_is_an_option_too() -> None:
    done = sparring_here("--version")
    assert (done.returncode, done.stdout.strip()) == (0, __version__)


@pytest.mark.parametrize("summary", [{"x": 1}, {"steps": None, "tokens": 1}, {"steps": 2}])
def test_a_summary_of_another_form_is_one_line(tmp_path: Path, summary: dict[str, object]) -> None:
    run = a_run(tmp_path / "r")
    (run.path / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(RunError, match=r"summary\.json: a record is not of this version's form"):
        ended(load_recipe(NANO_RECIPE), run)
    run.close()


def test_a_replay_from_no_checkpoint_says_which_there_are(tmp_path: Path) -> None:
    run = a_run(tmp_path / "r")
    (run.path / "rollouts").mkdir()
    for step in (1, 2, 3):
        (run.path / "rollouts" / f"step-{step:05d}.jsonl.gz").write_bytes(b"")
    run.close()
    done = sparring_here(
        "train", "--replay", str(run.path), "--from-step", "1", "--run-dir", str(tmp_path / "n")
    )
    assert done.returncode != 0
    expected = "has no checkpoint of step 1; give --from-step the step of a checkpoint: 2"
    assert expected in done.stderr


def test_a_path_that_is_no_name_on_the_hub_is_said_in_our_words() -> None:
    recipe = load_recipe(NANO_RECIPE, ["model.path=runs/tester/checkpoints/step-00045"])
    told = " ".join(memory_lines(recipe))
    assert "there is no such directory, and a model of the hub is named OWNER/NAME" in told
    assert "repo_type" not in told
