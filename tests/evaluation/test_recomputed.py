"""Earlier evaluations show the figures that their version lacked, from their own records."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.errors import RunError
from sparring.evaluation.api import read_evaluation as opened
from sparring.evaluation.compare import compare, read_evaluation
from sparring.evaluation.recomputed import figures
from tests.evaluation.eval_command import run, usual, write_tasks
from tests.fake_openai import PROGRAM, TEST, FakeOpenAI, whole

pytestmark = pytest.mark.usefixtures("shared_workers")
NEW = {
    *("programs_readable", "programs_right_of_readable", "tests_readable"),
    *("tests_right_of_readable", "tests_right_own", "tests_right_not_trivial"),
    *("tests_right_own_not_trivial", "tests_copied", "tests_trivial", "caught_by_right_test"),
}
ROLLOUTS = "rollouts/step-00000.jsonl.gz"


def mixed(body: dict[str, Any]) -> dict[str, Any]:
    """Of three programs one is wrong and one no program; tests are right, copied, wrong, none."""
    if "Write one test" in body["messages"][0]["content"]:
        copied = TEST.replace("4", "1").replace("5", "2")
        return whole([TEST, copied, TEST.replace("5", "6"), "no test"][body["seed"] % 4])
    return whole([PROGRAM, PROGRAM.replace("+ 1", "+ 2"), "no program"][body["seed"] % 3])


@pytest.fixture
def earlier(fake: FakeOpenAI, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """An evaluation without the new figures in its record, and its whole record."""
    extra = {"example_input": ["1\n"], "example_output": ["2\n"]}
    tasks = write_tasks(tmp_path / "t.jsonl", 6, extra)
    fake.writes = mixed
    place = tmp_path / "a"
    record = run(*usual(tasks, fake, place, "-m", 4))
    assert record["figures"].keys() >= NEW
    old = {
        **record,
        **{
            part: {k: v for k, v in record[part].items() if k not in NEW}
            for part in ("figures", "per_task", "ratios")
        },
    }
    (place / "eval.json").write_text(json.dumps(old))
    return place, record


def test_the_figures_of_an_earlier_evaluation_are_those_of_this_version(
    earlier: tuple[Path, dict[str, Any]],
) -> None:
    place, record = earlier
    assert 0 < record["figures"]["tests_copied"]["mean"] < 1
    for found in (figures(place), read_evaluation(place), read_evaluation(place / "eval.json")):
        for part in ("figures", "per_task", "ratios"):
            assert found[part] == record[part], part
    assert opened(place).figures["tests_right_own"].mean == pytest.approx(
        record["figures"]["tests_right_own"]["mean"]
    )
    lines = compare(read_evaluation(place), record).lines
    assert {name for name in NEW if record["figures"][name]["n_tasks"]} <= lines.keys()


def test_the_terminal_shows_them_under_their_headings(
    earlier: tuple[Path, dict[str, Any]],
) -> None:
    place, record = earlier
    shown = CliRunner().invoke(app, ["show", str(place)], env={"COLUMNS": "150"}).output
    at = [shown.index(f"\n {word}") for word in ("programs ", "tests ", "tests against")]
    assert at == sorted(at)
    share = f"{100 * record['figures']['tests_copied']['mean']:.1f}%"
    [line] = [x for x in shown.splitlines() if "copied tests" in x]
    assert share in line


def test_without_rollouts_of_its_tasks_a_record_is_as_it_was_written(
    earlier: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    place, _ = earlier
    old = json.loads((place / "eval.json").read_text())
    copy = tmp_path / "copy.json"
    copy.write_text(json.dumps(old))
    assert read_evaluation(copy) == old
    whole_file = (place / ROLLOUTS).read_bytes()
    for damaged in (whole_file[:-20], b""):
        (place / ROLLOUTS).write_bytes(damaged)
        assert figures(place) == old
    (place / ROLLOUTS).unlink()
    assert figures(place) == old
    (place / ROLLOUTS).write_bytes(whole_file)
    other = {**old, "tasks": old["tasks"][::-1]}
    (place / "eval.json").write_text(json.dumps(other))
    assert figures(place) == other
    (place / "eval.json").write_text(json.dumps({**old, "tasks": [{}]}))
    with pytest.raises(RunError, match=r"eval\.json"):
        figures(place)


@pytest.mark.parametrize("part", ["per_task", "ratios"])
def test_a_record_without_all_kinds_of_figures_is_one_line(
    earlier: tuple[Path, dict[str, Any]], part: str
) -> None:
    place, _ = earlier
    old = json.loads((place / "eval.json").read_text())
    (place / "eval.json").write_text(json.dumps({k: v for k, v in old.items() if k != part}))
    with pytest.raises(RunError, match=rf"eval\.json.*{part}"):
        read_evaluation(place)


def test_rollouts_that_no_figure_can_be_computed_from_change_nothing(
    earlier: tuple[Path, dict[str, Any]],
) -> None:
    """A task without a ground-truth test, which no evaluation writes."""
    place, _ = earlier
    old = json.loads((place / "eval.json").read_text())
    rows = [json.loads(x) for x in gzip.decompress((place / ROLLOUTS).read_bytes()).splitlines()]
    rows[0]["task"]["tests"] = []
    for program in rows[0]["programs"]:
        program["runs"] = program["runs"][-len(rows[0]["tests"]) :]
    rows[0]["task"]["reference"] = []
    (place / ROLLOUTS).write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    assert figures(place) == old
