"""``sparring theory`` on run directories made by hand, and on a real run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparring.metrics.facts import TaskFacts
from sparring.runs.directory import RunDir
from sparring.runs.reader import open_run, step_file
from tests.metrics.groups import by_hand, simulated
from tests.training.runs import sparring_here

RESPONSE = {"prompt_ids": [1], "token_ids": [2], "logprobs": [0.0], "stop": "end_token", "text": ""}


def record(step: int, group: TaskFacts, reference: bool = True) -> dict[str, Any]:
    """A rollout record with the verdicts of a group's matrix."""
    matrix, right = group.matrix, group.right_U
    assert right is not None

    def verdict(p: int, t: int) -> str:
        if not matrix.observed_PT[p, t]:
            return "infra"
        return "accepted" if matrix.passed_PT[p, t] else "wrong_answer"

    programs, tests = matrix.passed_PT.shape
    return {
        "step": step,
        "task": {
            "id": group.task,
            "statement": "",
            "tests": [["1\n", "1\n"]],
            "checker": "tokens",
            "source": None,
            "has_reference": reference,
        },
        "programs": [
            {
                **RESPONSE,
                "source": "pass",
                "failure": None,
                "runs": [{"verdict": verdict(p, t), "output": ""} for t in range(tests)],
            }
            for p in range(programs)
        ],
        "tests": [
            {
                **RESPONSE,
                "input": "1\n" if parsed else None,
                "output": "1\n" if parsed else None,
                "failure": None if parsed else "no_test_input",
                "valid": bool(parsed),
                "refused": None,
                "right": bool(right[k]) if reference else None,
                "reference": None,
            }
            for k, parsed in enumerate(group.parsed_U)
        ],
    }


def made(path: Path, steps: dict[int, list[dict[str, Any]]]) -> str:
    run = RunDir.create(path)
    run.write_json("recipe.json", {})
    for step, records in steps.items():
        run.write_packed(step_file("rollouts", step), records)
    run.close()
    return str(path)


def told(run: str, *arguments: str, tmp: Path) -> tuple[dict[str, Any], str]:
    out = tmp / "theory.json"
    done = sparring_here("theory", run, "--json", str(out), *arguments)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    return json.loads(out.read_text()), done.stdout


A = by_hand(["110", "001", "000"], "rw")
B = by_hand(["111", "01?"], "r-", "b")
RIGHT_ONLY = by_hand(["111"], "rr", "c")


def test_a_run_by_hand(tmp_path: Path) -> None:
    run = made(tmp_path / "run", {1: [record(1, A)], 2: [record(2, B), record(2, RIGHT_ONLY)]})
    found, out = told(run, tmp=tmp_path)
    assert found["steps"] == [1, 2]
    assert (found["groups"], found["paired_groups"], found["pairs"]) == (3, 2, 3)
    assert "steps 1 to 2, the last 2 of 2 recorded" in out
    assert "│     1 │" in out  # numbers of tests stand one under another
    assert "│   128 │" in out
    means = {k: v["mean"] for k, v in found["rates"].items()}
    # right: 1 of 2, 1 of 1, 2 of 2; a wrong program on right tests: 0 0 / 1; on wrong: 1 0
    assert means == pytest.approx(
        {
            "p_s": 3 / 6,
            "parsed": 5 / 6,
            "p_u": 4 / 5,
            "p01": 1 / 3,
            "p00": 1 / 2,
            "p11": 1.0,
            "p10": 0.0,
            "mu": 4 / 5 * 2 / 3 - 1 / 5 * 1 / 2,
            "mu_sampled": 5 / 6 * (4 / 5 * 2 / 3 - 1 / 5 * 1 / 2),
        }
    )
    rows = {row["m"]: row for row in found["precision"]}
    assert list(rows) == [1, 2, 4, 8, 16, 32, 64, 128]
    one = rows[1]["ties_lost"]
    up, down = 5 / 6 * 4 / 5 * 2 / 3, 5 / 6 * 1 / 5 * 1 / 2
    assert one["predicted"]["mean"] == pytest.approx(up)
    # a: pairs with 1, 1 of 2 and 1, 0 of 2; b: one common test, a tie
    assert one["observed"]["mean"] == pytest.approx((1 / 2 + 0) / 2)
    assert one["difference"]["mean"] == pytest.approx(1 / 4 - up)
    two = rows[2]["ties_lost"]
    assert two["observed"]["mean"] == pytest.approx((0 + 1) / 2)  # only task a has two tests
    assert two["observed"]["n_tasks"] == 1
    stay = 1 - up - down
    assert two["predicted"]["mean"] == pytest.approx(up * up + 2 * up * stay)
    assert two["independent"]["mean"] == pytest.approx(0.25**2 + 2 * 0.25 * (1 - 0.25 - 0.125))
    halved = rows[2]["ties_halved"]["observed"]["mean"]
    assert halved == pytest.approx((1 / 2 + 1) / 2)
    mu = means["mu_sampled"]
    assert rows[4]["bound"] == pytest.approx(1 - np.exp(-(mu**2) * 4 / 8))
    assert rows[4]["ties_lost"]["observed"]["mean"] is None


def test_groups_whose_tests_were_not_sampled_are_told_and_count_in_p_s_alone(
    tmp_path: Path,
) -> None:
    untested = by_hand(["0", "0"], "", "d")
    both = [record(1, A), record(1, B)]
    plain, said = told(made(tmp_path / "one", {1: both}), tmp=tmp_path)
    assert plain["untested_groups"] == 0
    assert "not tested" not in said
    found, said = told(made(tmp_path / "two", {1: [*both, record(1, untested)]}), tmp=tmp_path)
    assert found["untested_groups"] == 1
    assert "3 groups of 3 tasks with 2 tests each, 1 of them not tested" in said
    assert found["rates"].pop("p_s")["mean"] == pytest.approx(2 / 7)
    assert plain["rates"].pop("p_s")["mean"] == pytest.approx(2 / 5)
    assert found["rates"] == plain["rates"]


def test_tasks_without_a_reference_go_by_the_papers_rule(tmp_path: Path) -> None:
    # by the rule the second test of b is right too; by reference it is wrong
    b = by_hand(["111", "001"], "rw", "b")
    run = made(tmp_path / "run", {1: [record(1, A), record(1, b, reference=False)]})
    found, out = told(run, tmp=tmp_path)
    assert found["tasks_by"] == {"reference": 1, "estimate": 1}
    assert "by reference in 1 tasks, by the paper's rule (every correct program passes) in 1" in out
    assert found["rates"]["p_u"]["mean"] == pytest.approx((1 + 2) / 4)
    known = made(tmp_path / "known", {1: [record(1, A), record(1, b)]})
    by_reference, _ = told(known, tmp=tmp_path)
    assert by_reference["rates"]["p_u"]["mean"] == pytest.approx((1 + 1) / 4)
    assert by_reference["rates_by_the_papers_rule"] == found["rates_by_the_papers_rule"]


def test_by_default_the_last_ten_steps_are_read(tmp_path: Path) -> None:
    run = made(tmp_path / "run", {s: [record(s, A)] for s in range(1, 14)})
    found, out = told(run, tmp=tmp_path)
    assert found["steps"] == list(range(4, 14))
    assert "steps 4 to 13, the last 10 of 13 recorded" in out
    found, out = told(run, "--steps", "2-3", tmp=tmp_path)
    assert found["steps"] == [2, 3]
    assert "steps 2 to 3\n" in out
    # the same task at both steps is one task: no interval
    assert found["rates"]["p_u"]["n_tasks"] == 1
    assert found["rates"]["p_u"]["low"] is None
    assert told(run, "--steps", "5", tmp=tmp_path)[0]["steps"] == [5]


def simulated_run(path: Path, **rates: Any) -> str:
    rng = np.random.default_rng(7)
    groups = [simulated(rng, str(i), **rates) for i in range(150)]
    return made(path, {1: [record(1, g) for g in groups]})


def test_where_the_model_holds_its_word_is_taken(tmp_path: Path) -> None:
    # up 0.5, down 0.05: m = 3 reaches 0.8 … found by the exact law in tests/metrics
    found, out = told(simulated_run(tmp_path / "run", p_u=0.75, p01=0.3), tmp=tmp_path)
    needed = {n["precision"]: (n["exact"], n["bound"]) for n in found["needed"]}
    exact = ", ".join(str(needed[w][0]) for w in (0.9, 0.95))
    bounds = ", ".join(f"{needed[w][1]:,}" for w in (0.9, 0.95))
    assert (
        f"By the model a precision of 90%, 95% and 99% takes {exact} and {needed[0.99][0]} tests "
        f"(by the bound {bounds} and {needed[0.99][1]:,})."
    ) in out
    rows = {row["m"]: row for row in found["precision"]}
    assert rows[64]["ties_lost"]["predicted"]["mean"] > 0.99 > rows[64]["bound"]
    assert "the interval of the difference from the model includes 0" in out
    assert "lower the precision" not in out


def test_with_mu_below_zero_more_tests_hurt(tmp_path: Path) -> None:
    found, out = told(simulated_run(tmp_path / "run", p_u=0.2, p01=0.9, p00=0.5), tmp=tmp_path)
    assert "μ is not above 0: more tests lower the precision; train the tester first." in out
    assert found["needed"][0] == {"precision": 0.9, "exact": None, "bound": None}
    halved = [row["ties_halved"]["predicted"]["mean"] for row in found["precision"]]
    assert halved == sorted(halved, reverse=True)
    assert {row["bound"] for row in found["precision"]} == {0.0}


def test_a_gap_between_model_and_matrices_is_said(tmp_path: Path) -> None:
    """Every second task's wrong programs are missed by every test."""
    rng = np.random.default_rng(8)
    groups = [simulated(rng, str(i), p01=float(i % 2), p00=0.0) for i in range(100)]
    run = made(tmp_path / "run", {1: [record(1, g) for g in groups]})
    _, out = told(run, tmp=tmp_path)
    assert "less than the model predicts: a wrong program that passes one test tends" in out


def test_few_groups_are_called_few(tmp_path: Path) -> None:
    run = made(tmp_path / "run", {1: [record(1, A), record(1, B)]})
    assert "The interval of μ includes 0" in told(run, tmp=tmp_path)[1]
    # the only right test is in a group without a wrong program
    unknown = [by_hand(["10", "00"], "w"), by_hand(["11"], "r", "b")]
    run = made(tmp_path / "unknown", {1: [record(1, g) for g in unknown]})
    found, out = told(run, tmp=tmp_path)
    assert "μ is unknown" in out
    assert found["rates"]["mu"]["mean"] is None


ALL_WRONG = by_hand(["01"], "r")
UNREAD = by_hand(["10", "00"], "-")
UNSEEN = by_hand(["1?", "01"], "r")


@pytest.mark.parametrize(
    ("steps", "arguments", "code", "expected"),
    [
        ({}, (), 1, "no recorded rollouts; recorded: none"),
        ({1: [A]}, ("--steps", "2-5"), 1, "no recorded rollouts of steps 2-5; recorded: steps 1"),
        ({1: [A]}, ("--steps", "3-2"), 2, "--steps 3-2: not a range of steps; give the f"),
        ({1: [A]}, ("--steps", "last"), 2, "--steps last: not a range of steps; give the f"),
        ({1: [A]}, ("--json", "/proc/no/x"), 2, "--json /proc/no/x: cannot be written"),
        ({1: [ALL_WRONG]}, (), 1, "no group has both a correct and a wrong program"),
        ({1: [UNSEEN]}, (), 1, "no group has both a correct and a wrong program"),
        ({1: [UNREAD]}, (), 1, "steps 1-1: no generated test could be read"),
    ],
)
def test_what_cannot_be_told_is_one_clear_line(
    steps: dict[int, list[TaskFacts]],
    arguments: tuple[str, ...],
    code: int,
    expected: str,
    tmp_path: Path,
) -> None:
    run = made(tmp_path / "run", {s: [record(s, g) for g in gs] for s, gs in steps.items()})
    done = sparring_here("theory", run, *arguments)
    assert done.returncode == code
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_no_run_and_a_damaged_one_are_one_clear_line(tmp_path: Path) -> None:
    done = sparring_here("theory", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "holds no run" in done.stderr
    broken = record(1, A)
    del broken["tests"][0]["refused"]
    done = sparring_here("theory", made(tmp_path / "run", {1: [broken]}))
    assert done.returncode == 1
    assert "rollouts of step 1: a record is not of this version's form" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_on_a_real_run_the_rates_are_those_of_its_records(run: Path, tmp_path: Path) -> None:
    found, _ = told(str(run), tmp=tmp_path)
    directory = open_run(run)
    groups = [g for s in (1, 2, 3, 4) for g in directory.read_packed(step_file("rollouts", s))]
    passes = runs = correct = programs = 0
    for g in groups:
        right = [k for k, t in enumerate(g["tests"]) if t["right"]]
        for p in g["programs"]:
            correct, programs = correct + p["correct"], programs + 1
            if not p["correct"]:
                cells = [p["runs"][len(g["task"]["tests"]) + k]["verdict"] for k in right]
                passes, runs = passes + cells.count("accepted"), runs + len(cells)
    assert found["rates"]["p_s"]["mean"] == pytest.approx(correct / programs)
    assert found["rates"]["p01"]["mean"] == pytest.approx(passes / runs)
    assert found["groups"] == len(groups)
