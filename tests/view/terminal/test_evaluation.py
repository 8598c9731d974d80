"""An evaluation's directory, looked at in every way that a run's is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparring.rewards.settings import EQUATIONS
from sparring.runs.directory import RunDir
from sparring.runs.evaluation import is_evaluation
from sparring.view.explain import explain
from sparring.view.html import pages
from sparring.view.source import evaluation_recipe
from tests.training.runs import sparring_here
from tests.view.html.test_pages import blobs
from tests.view.terminal.evaluated import evaluation_of
from tests.view.terminal.recorded_runs import run_of
from tests.view.terminal.test_show import refused, shown


def test_its_figures_and_groups_are_shown(tmp_path: Path) -> None:
    path = evaluation_of(tmp_path / "e", ["paper", "forbidden"])
    out = shown(path)
    assert "coder a model · tester another · tasks 4" in out
    [title] = [line for line in out.splitlines() if line.startswith("One of 2 programs")]
    block = out.split(title)[1]
    assert block.index("one sample (pass@1)") < block.index("oracle")
    assert "oracle" not in out.split(title)[0]
    assert "50.0% [40.0, 60.0]" in out
    assert "an evaluation: nothing is learned from it" in out
    assert "groups learned from" not in out
    assert "an evaluation: nothing is learned" in shown(path, "--task", "0")


@pytest.mark.parametrize("name", ["paper", "default", "forbidden"])
def test_recorded_rewards_are_explained(tmp_path: Path, name: str) -> None:
    run = RunDir(evaluation_of(tmp_path / "e", [name]), locked=False)
    recipe = evaluation_recipe(run)
    assert recipe.reward == EQUATIONS
    [record] = run.read_packed("rollouts/step-00000.jsonl.gz")
    found = explain(record, recipe, 0)
    assert [e.differs() for e in (*found.coder, *found.tester) if e.differs()] == []
    assert {e.advantage for e in (*found.coder, *found.tester)} == {0.0}
    out = shown(run.path, "--task", "0", "--test", "0", "--why")
    assert "an evaluation: nothing is learned from it" in out
    assert "as recorded" in out
    every = shown(run.path, "--task", "0", "--why", "--all")
    assert "+-" not in every  # a sum of which a part is negative has one sign
    assert "not as recorded" not in every


def test_the_page_has_its_figures_and_matrices(tmp_path: Path) -> None:
    a, b = evaluation_of(tmp_path / "a"), evaluation_of(tmp_path / "b", pass_at_1=0.6)
    written = pages.write_file([a, b], tmp_path / "r.html")
    assert (written.groups, written.detailed, written.notes) == (2, 2, [])
    found = blobs(tmp_path / "r.html")
    main, detail = found["data"], found["g-0-0-0"]
    assert main["runs"][0]["evaluation"] is True
    assert main["runs"][0]["labels"]["pass@1"] == "programs right (pass@1)"
    groups = main["runs"][0]["groups"]
    assert groups[0][0] == "programs"
    assert {k: v for _, labels in groups for k, v in labels.items()} == main["runs"][0]["labels"]
    assert ["coder", "a model"] in main["runs"][0]["facts"]
    assert main["between"][0]["paired"] is True
    assert main["between"][0]["differences"]["pass@1"]["mean"] == pytest.approx(0.1)
    assert main["charts"] == []
    assert detail["rows"][0]["length"] == 5
    assert detail["dropped"] == {"coder": "evaluation", "tester": "evaluation"}


def test_an_evaluation_stands_beside_a_run(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", {})
    written = pages.write_file([run, evaluation_of(tmp_path / "e")], tmp_path / "r.html")
    assert written.groups == 1


def test_a_damaged_one_opens_with_a_note_and_one_without_figures_is_shown(tmp_path: Path) -> None:
    path = evaluation_of(tmp_path / "e")
    (path / "eval.json").write_text("{")
    assert "eval.json is damaged" in refused(path)
    written = pages.write_file([path], tmp_path / "r.html")
    assert written.groups == 1
    assert any("eval.json is damaged" in note for note in written.notes)
    (path / "eval.json").write_text(json.dumps({"figures": {}}))
    assert "not of this version's form" in refused(path)
    (path / "eval.json").unlink()
    assert is_evaluation(path)
    assert "an evaluation" in shown(path)


def test_figures_for_papers_are_drawn_of_evaluations(tmp_path: Path) -> None:
    a, b = (str(evaluation_of(tmp_path / n, pass_at_1=v)) for n, v in (("a", 0.5), ("b", 0.6)))
    for kind in ("grid", "plane", "ablation"):
        out = tmp_path / f"{kind}.svg"
        done = sparring_here("plot", a, b, "--kind", kind, "-o", str(out))
        assert done.returncode == 0, done.stderr
        assert out.stat().st_size > 1000
    assert "all tasks" in (tmp_path / "grid.svg").read_text()
    assert "paired by task" in (tmp_path / "ablation.svg").read_text()
    done = sparring_here("plot", a, "-o", str(tmp_path / "c.svg"))
    assert done.returncode == 1
    assert "no curves" in done.stderr


def test_an_evaluation_is_not_watched_for_ever(tmp_path: Path) -> None:
    done = sparring_here("watch", str(evaluation_of(tmp_path / "e")))
    assert done.returncode == 1
    assert "is an evaluation" in done.stderr
