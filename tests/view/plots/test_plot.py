"""``sparring plot``: what is drawn, that it is drawn the same twice, and what cannot be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparring.evaluation.arm_figures import by_task, evaluated, plane_points, trained
from sparring.evaluation.arms import arms_of
from sparring.evaluation.recorded import grid
from sparring.runs.directory import RunDir
from tests.metrics.groups import by_hand
from tests.training.runs import sparring_here
from tests.view.terminal.recorded_runs import evaluation, group, metrics, run_of


def made(path: Path, seed: int = 0, end: float = 0.75, **more: object) -> Path:
    """A run of two steps with its evaluation by task."""
    run = run_of(
        path,
        {1: [group("forbidden", id="a")], 2: [group("default", id="b")]},
        lines=[metrics(1), metrics(2)],
        evaluations=[evaluation(0), evaluation(2, end)],
        training={"seed": seed},
        **more,
    )
    values = [end, end + 0.1, end - 0.1, end]
    RunDir(run, locked=False).write_json(
        "evaluations/step-00002.json", {"per_task": {"pass@1": values, "bon_8x8": values}}
    )
    return run


def plot(out: Path, *arguments: str | Path) -> str:
    done = sparring_here("plot", *map(str, arguments), "-o", str(out))
    assert done.returncode == 0, done.stderr
    return out.read_text() if out.suffix == ".svg" else ""


def refused(out: Path, *arguments: str | Path) -> str:
    done = sparring_here("plot", *map(str, arguments), "-o", str(out))
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not out.exists()
    return done.stderr


def test_runs_that_differ_in_their_seed_are_one_arm(tmp_path: Path) -> None:
    reward = {"reward": {"validity_bonus": 0.0}}
    runs = [
        made(tmp_path / "a", 1),
        made(tmp_path / "b", 2),
        made(tmp_path / "c", 1, **reward),
    ]
    arms = arms_of([str(r) for r in runs])
    assert [(a.label, len(a.runs)) for a in arms] == [
        ("default, validity_bonus=0.5", 2),
        ("default, validity_bonus=0", 1),
    ]
    named = arms_of([f"ours={runs[0]}", f"ours={runs[2]}", str(runs[1])])
    assert [(a.label, len(a.runs)) for a in named] == [("ours", 2), ("default", 1)]


def test_a_curve_is_the_mean_of_the_seeds_between_the_least_and_the_greatest(
    tmp_path: Path,
) -> None:
    runs = [made(tmp_path / "a", 1, 0.7), made(tmp_path / "b", 2, 0.9)]
    [arm] = arms_of([str(r) for r in runs])
    assert evaluated(arm, "pass@1")[-1] == pytest.approx((2, 0.8, 0.7, 0.9))
    [single] = arms_of([str(runs[0])])
    assert evaluated(single, "pass@1")[-1] == pytest.approx((2, 0.7, 0.65, 0.75))
    assert trained(arm, "coder.entropy") == [(1, 0.5, 0.5, 0.5), (2, 0.25, 0.25, 0.25)]


def test_a_grid_is_the_expected_choice_over_programs_and_tests() -> None:
    """One correct and one wrong program, one right test that tells them apart: without a test half
    of the choices are right, with one of the two tests (the other is passed by both) 3/4, with both
    all."""
    value, ns, ms = grid([by_hand(["111", "001"], "rr")] * 40)
    assert (ns, ms) == ([2], [1, 2])
    assert value[0, 1] == 1
    assert value[0, 0] == pytest.approx(0.75, abs=0.05)


def test_bars_are_differences_paired_by_task(tmp_path: Path) -> None:
    runs = [
        made(tmp_path / "a", 1, 0.7),
        made(tmp_path / "b", 1, 0.6, reward={"validity_bonus": 0.0}),
    ]
    arms = arms_of([str(r) for r in runs])
    first, second = (by_task(a, "pass@1") for a in arms)
    assert np.mean(second - first) == pytest.approx(-0.1)
    svg = plot(tmp_path / "x.svg", *runs, "--kind", "ablation")
    assert "difference from default, validity_bonus=0.5, paired by task" in svg
    other = made(tmp_path / "c", 1, 0.6, tasks={"held_out_seed": 7})
    assert "not the same tasks" in plot(tmp_path / "y.svg", runs[0], other, "--kind", "ablation")


def test_the_plane_has_the_rates_of_the_rollouts(tmp_path: Path) -> None:
    """The explanations' group, but U0 right by reference as well, though the correct P4 fails it.
    The wrong P0 to P3 pass the right U0 U1 U2 6 of 12 times, the wrong U3 U4 once of 8."""
    record = group("default")
    record["tests"][0]["right"] = True
    [arm] = arms_of([str(run_of(tmp_path / "a", {2: [record]}))])
    [point] = plane_points(arm)
    assert (point.step, point.p_u) == (2, 0.6)
    assert point.p01 == pytest.approx(6 / 12)
    assert point.p00 == pytest.approx(1 / 8)
    assert point.mu == pytest.approx(0.6 / 2 - 0.4 / 8)


@pytest.mark.parametrize("kind", ["curves", "grid", "plane", "ablation"])
def test_every_kind_is_drawn_and_is_the_same_when_drawn_again(tmp_path: Path, kind: str) -> None:
    run = made(tmp_path / "run")
    for ending in ("svg", "pdf", "png") if kind == "curves" else ("svg",):
        one, other = tmp_path / f"one.{ending}", tmp_path / f"other.{ending}"
        for out in (one, other):
            plot(out, f"$x$ [b]=\x1b{run}".replace("\x1b", ""), "--kind", kind)
        assert one.read_bytes() == other.read_bytes()
        assert one.stat().st_size > 2000
    assert "$x$ [b]" in (tmp_path / "one.svg").read_text()


def test_an_impossible_plot_is_one_line(tmp_path: Path) -> None:
    run, out = made(tmp_path / "run"), tmp_path / "x.svg"
    assert "must end in .svg, .pdf, .png" in refused(tmp_path / "x.gif", run)
    assert "there is no directory" in refused(tmp_path / "no/x.svg", run)
    assert "no such run directory" in refused(out, tmp_path / "absent")
    told = refused(out, run, "--metric", "nothing")
    assert "no run has it; evaluations have " in told
    assert "pass@1" in told.partition("steps have")[0]
    assert "coder.entropy" in told.partition("steps have")[2]
    assert "not every run has it by task" in refused(
        out, run, "--kind", "ablation", "--metric", "mu"
    )
    assert "--steps is for grids" in refused(out, run, "--steps", "1-2")
    assert "no recorded rollouts of steps 7 to 9" in refused(
        out, run, "--kind", "grid", "--steps", "7-9"
    )
    empty = run_of(tmp_path / "empty", {})
    for kind, said in {
        "curves": "no evaluation is recorded",
        "grid": "no recorded rollouts",
        "plane": "neither rollouts nor evaluations",
        "ablation": "no evaluation by task",
    }.items():
        assert said in refused(out, empty, "--kind", kind)


def test_results_of_the_benchmarks_are_drawn_as_well(tmp_path: Path) -> None:
    result = Path(__file__).parents[3] / "benchmarks/results/ablate"
    files = [next((result / arm).glob("*.json")) for arm in ("no_validity", "one_epoch")]
    svg = plot(tmp_path / "x.svg", *files, "--kind", "ablation", "--metric", "pool_bon")
    assert "difference from no_validity, paired by task" in svg
    assert "one_epoch" in svg
