"""The run directory: whole files, exact numbers, and no action by untrusted text."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sparring.errors import RunError
from sparring.runs.directory import RunDir
from sparring.runs.labels import figure_labels, in_groups, metric_labels
from sparring.runs.lines import clean
from sparring.runs.progress import RunProgress
from sparring.runs.reader import step_file
from sparring.text import visible
from sparring.view.plots.curves import plot_curves
from sparring.view.terminal.tables import closing_table, show


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run")
    run.append("metrics.jsonl", {"step": 1})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert run.jsonl("metrics.jsonl") == [{"step": 1}]


def test_lost_metrics_are_noticed(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run")
    for step in (1, 3):
        run.append("metrics.jsonl", {"step": step})
    with pytest.raises(RunError, match=r"metrics.jsonl lacks step 2"):
        run.rewind(3)
    run.rewind(1)
    assert [r["step"] for r in run.jsonl("metrics.jsonl")] == [1]


def test_a_run_that_has_merely_begun_can_be_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = RunDir.create(path)
    run.write_json("recipe.json", {})
    run.rewind(0)  # leaves empty files
    with pytest.raises(RunError, match="in use by process"):
        RunDir.create(path)
    run.close()
    run = RunDir.create(path)
    run.append("metrics.jsonl", {"step": 1})
    run.close()
    with pytest.raises(RunError, match=r"not empty \(it has metrics.jsonl\); add --resume"):
        RunDir.create(path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "empty.txt").touch()
    with pytest.raises(RunError, match=r"it has empty.txt\); choose another"):
        RunDir.create(tmp_path / "own")
    assert [p.name for p in (tmp_path / "own").iterdir()] == ["empty.txt"]


def test_a_damaged_line_is_not_passed_over(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run")
    (run.path / "metrics.jsonl").write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(RunError, match=r"metrics.jsonl: line 2 is damaged"):
        run.jsonl("metrics.jsonl")


def test_rewinding_forgets_later_metrics_and_keeps_rollouts(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run")
    for step in (1, 2, 3):
        run.append("metrics.jsonl", {"step": step})
        run.write_packed(step_file("rollouts", step), [{"step": step}])
    run.rewind(2)
    assert [r["step"] for r in run.jsonl("metrics.jsonl")] == [1, 2]
    assert run.recorded_steps() == [1, 2, 3]
    run.remove(step_file("rollouts", 2))
    assert run.recorded_steps() == [1]


@given(st.lists(st.floats(width=32) | st.text(), max_size=5))
def test_lines_read_back_exactly(values: list[object]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        run = RunDir(Path(directory))
        run.write_packed("x.jsonl.gz", [{"values": values}])
        [found] = run.read_packed("x.jsonl.gz")
        run.close()
    assert found == {"values": clean(values)}


def test_unknown_numbers_are_null() -> None:
    assert clean({"a": math.nan, "b": [math.inf, 1.5]}) == {"a": None, "b": [None, 1.5]}


def test_a_checkpoint_is_complete_or_absent(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run")
    with run.checkpoint(1) as path:
        (path / "weights").write_text("one")
    with pytest.raises(ZeroDivisionError), run.checkpoint(2):
        raise ZeroDivisionError
    newest = run.newest_checkpoint()
    assert newest is not None
    assert newest.name == "step-00001"
    for step in (3, 4):
        with run.checkpoint(step) as path:
            (path / "weights").write_text("more")
    run.prune_checkpoints(2)
    assert sorted(p.name for p in (run.path / "checkpoints").glob("step-?????")) == [
        "step-00003",
        "step-00004",
    ]


def test_steps_are_numbers_also_beyond_five_digits(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run")
    for step in (99_999, 100_000):
        with run.checkpoint(step) as path:
            (path / "weights").write_text("one")
    newest = run.newest_checkpoint()
    assert newest is not None
    assert newest.name == "step-100000"
    run.prune_checkpoints(1)
    assert run.steps("checkpoints") == [100_000]


def test_an_unwritable_directory_is_one_clear_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        RunDir.create(blocked / "run")


def test_a_failed_start_leaves_the_directory_for_the_next_try(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run")
    run.write_json("recipe.json", {})
    run.discard_unused()
    run.close()
    again = RunDir.create(tmp_path / "run")
    again.append("metrics.jsonl", {"step": 1})
    again.discard_unused()
    assert again.jsonl("metrics.jsonl")


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\u202eb", "\x00", "\ud800", "\u200b", "\x9b2J"])
def test_text_cannot_act_in_a_terminal(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert shown != text


def test_ordinary_text_is_left_alone() -> None:
    assert visible("größer ≥ 3\n\tx") == "größer ≥ 3\n\tx"


def evaluation(step: int, mean: float | None) -> dict[str, object]:
    known = {"mean": mean, "low": None, "high": None, "n_tasks": 3}
    return {"step": step, "metrics": {"pass@1": known, "catch_rate": known}}


def test_curves_are_drawn_and_repeat(tmp_path: Path) -> None:
    evaluations = [evaluation(0, 0.3), evaluation(5, None), evaluation(9, 0.7)]
    metrics = [{"step": 1, "pass@1": 0.2, "tests_right": None}]
    plot_curves(evaluations, metrics, tmp_path / "a")
    plot_curves(evaluations, metrics, tmp_path / "b")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    plot_curves([], [], tmp_path / "empty")


def test_progress_is_plain_when_piped() -> None:
    out = io.StringIO()
    with RunProgress(10, console=Console(file=out)) as progress:
        progress.phase("sampling")
        progress.step(1, {"pass@1": 0.5, "tests_right": float("nan")}, 2.0)
    assert "\x1b" not in out.getvalue()
    lines = out.getvalue().splitlines()
    assert lines[0].split() == [
        "step", "programs", "tests", "resp/s", "exec/s", "tokens/s", "s/step", "left",
    ]  # fmt: skip
    assert lines[1].split() == ["1", "50%", "–", "–", "–", "–", "2.0", "0:18"]


def left(progress: RunProgress, step: int, **values: float) -> str:
    """The last column of the line of a step that took 60 seconds."""
    out = io.StringIO()
    progress.console = Console(file=out)
    progress.step(step, values, 60.0)
    return out.getvalue().splitlines()[-1].split()[-1]


def test_the_time_left_follows_from_the_steps_since_the_run_was_resumed() -> None:
    with RunProgress(20, console=Console(file=io.StringIO())) as progress:
        progress.begin(15, 0)
        assert left(progress, 16) == "4:00"
        assert left(progress, 17) == "3:00"


def test_a_budget_of_tokens_may_be_the_nearer_end() -> None:
    with RunProgress(1000, console=Console(file=io.StringIO())) as progress:
        progress.begin(3, 500, budget=1000)
        assert left(progress, 4, tokens=100) == "4:00"  # 400 of about 100 each
        assert left(progress, 5, tokens=300) == "1:00"  # 100 of about 200 each
        assert left(progress, 6, tokens=200) == "0:00"
    with RunProgress(6, console=Console(file=io.StringIO())) as progress:
        progress.begin(0, 0, budget=10**9)
        assert left(progress, 1, tokens=100) == "5:00"


def test_progress_is_live_in_a_terminal() -> None:
    out = io.StringIO()
    with RunProgress(10, console=Console(file=out, force_terminal=True, width=100)) as progress:
        progress.phase("sampling")
        progress.step(5, {"pass@1": 0.5}, 2.0)
    assert "step 5/10" in out.getvalue()


def test_best_of_n_is_named_by_its_size() -> None:
    names = metric_labels(["mu", "pool_bon_4x6", "bon_4x6", "majority_test"])
    assert names == {
        "bon_4x6": "Best-of-4×6, own samples",
        "pool_bon_4x6": "Best-of-4×6, fixed pool",
        "mu": "μ",
    }


def test_figures_stand_in_groups_in_one_order() -> None:
    """The figures of a run are named after its pool; each has its group, whatever comes first."""
    names = [
        "mu",
        "bon_4x6",
        "coverage@4",
        "coverage@1",
        "tests_copied",
        "pass@1",
        "tests_readable",
    ]
    groups = in_groups(metric_labels([*names, "tests_readable", "tests_right_own"]))
    assert {str(group): list(labels) for group, labels in groups.items()} == {
        "programs": ["pass@1"],
        "tests": ["tests_readable", "tests_copied"],
        "tests against wrong programs": ["coverage@4", "coverage@1", "mu"],
        "choosing a program by tests": ["bon_4x6"],
    }
    [caught] = [labels for labels in groups.values() if "mu" in labels]
    assert caught["coverage@4"] == "wrong pool programs caught by 4 tests"
    assert caught["coverage@1"] == "wrong pool programs caught by 1 test"


def test_a_figure_that_nobody_knows_is_shown_under_the_last_heading() -> None:
    labels = figure_labels(["newest_thing", "tester.failed", "tests_readable", "coder.failed"])
    groups = {str(group): list(labels) for group, labels in in_groups(labels).items()}
    assert groups == {
        "programs": ["coder.failed"],  # programs_readable, which would replace it, is unknown
        "tests": ["tests_readable"],
        "other figures": ["newest_thing"],
    }


def test_the_closing_table_shows_unknown_figures() -> None:
    out = io.StringIO()
    known = {"mean": 0.5, "low": 0.4, "high": 0.6, "n_tasks": 9}
    unknown = {"mean": None, "low": None, "high": None, "n_tasks": 0}
    table = closing_table(
        {"pass@1": known, "mu": unknown}, {"pass@1": known, "mu": known}, {"pass@1": known}
    )
    show(Console(file=out), table)
    assert "50.0% [40.0, 60.0]" in out.getvalue()
    rows = [line.split("│")[1].rstrip() for line in out.getvalue().splitlines() if "│" in line]
    assert rows == [
        " programs", "   programs right (pass@1)", " tests against wrong programs", "   μ",
    ]  # fmt: skip
    assert "–" in out.getvalue()
    assert json.dumps(unknown)
