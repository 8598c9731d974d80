"""Small records keep what paired intervals need; tables have the numbers of the records."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.pretrained.arm import Arm
from benchmarks.pretrained.carry_over_tables import carry_over_tables
from benchmarks.pretrained.curves import curve_table
from benchmarks.pretrained.environment import environment_of
from benchmarks.pretrained.figures import FIGURES, Figure
from benchmarks.pretrained.measuring import DataSet
from benchmarks.pretrained.records import Measured, read, small, write
from benchmarks.pretrained.tables import change, main, records, tables

from sparring.cli.common import run
from sparring.errors import RunError
from sparring.metrics.intervals import Influence, chained, ratio
from sparring.metrics.metric_intervals import difference_of, figure_of, mean_of
from sparring.metrics.share_intervals import share_difference

TASKS = 6
RIGHT = np.array([[0, 1, 0.5, 0.25, 1, 0], [1, 1, 0.5, 0.75, 1, 0.25]])
CAUGHT = np.array([[1, 0, 2, 3, 0, 1], [3, 0, 2, 3, 1, 1]], dtype=float)
PAIRS = np.array([[4, 0, 4, 8, 2, 1], [4, 0, 4, 8, 4, 2]], dtype=float)


def evaluation(which: int, digest: str = "tasks", **means: float) -> dict[str, Any]:
    """As much of eval.json as a small record is made of. The tasks have known figures."""
    share = ratio(CAUGHT[which], PAIRS[which])
    both = chained(share.value**2, [(2 * share.value, share)])
    shown = {"pass@1": RIGHT[which].tolist(), "unit_test_accuracy": [0.5, None, 0, 1, 0, 0.25]}
    shown |= {name: [value] * TASKS for name, value in means.items()}
    counts = {"responses": 24, "cut_off": 1, "tokens": 30.5, "characters": 99.0}
    return {
        "tasks": [{"id": f"t{i}", "digest": "d"} for i in range(TASKS)],
        "conditions": {"tasks": digest},
        "models": {"coder": {"name": "/a/path", "identity": {"sha256": "abc"}}},
        "responses": {"coder": counts, "tester": counts},
        "per_task": {**shown, "dual_root_4x4": [0.0] * TASKS},
        "ratios": {"catch_rate": share.as_dict(), "mu": both.as_dict(), "far": share.as_dict()},
    }


def test_a_small_record_has_the_figures_intervals_and_differences_of_the_evaluation(
    tmp_path: Path,
) -> None:
    sides = []
    for which in (0, 1):
        write(tmp_path / "record.json", {"evaluation": small(evaluation(which))})
        sides.append(Measured(read(tmp_path / "record.json")["evaluation"]))
    before, after = sides
    assert set(before.record["per_task"]) == {"pass@1", "unit_test_accuracy"}
    assert set(before.record["ratios"]) == {"catch_rate", "mu"}
    assert "/a/path" not in (tmp_path / "record.json").read_text()
    whole = [Influence.of(evaluation(which)["ratios"]["catch_rate"]) for which in (0, 1)]
    assert close(after.estimate("catch_rate"), figure_of("catch_rate", whole[1]))
    assert close(after.change_from(before, "catch_rate"), difference_of("catch_rate", *whole))
    mu = [Influence.of(evaluation(which)["ratios"]["mu"]) for which in (0, 1)]
    assert close(after.change_from(before, "mu"), difference_of("mu", *mu))
    assert close(before.estimate("pass@1"), mean_of("pass@1", RIGHT[0]))
    assert close(after.change_from(before, "pass@1"), share_difference(*RIGHT))


def close(one: Any, other: Any) -> bool:
    pairs = [(one.mean, other.mean), (one.low, other.low), (one.high, other.high)]
    return one.n_tasks == other.n_tasks and all(a == pytest.approx(b, abs=1e-4) for a, b in pairs)


def test_by_task_the_difference_of_two_ratios_has_the_difference_as_its_mean() -> None:
    before, after = (Measured(small(evaluation(which))) for which in (0, 1))
    changes = after.changes_by_task(before, "catch_rate")
    # 7 of 19 and 10 of 22 pairs; the task without a pair is in neither
    assert np.nanmean(changes) == pytest.approx(10 / 22 - 7 / 19, abs=1e-5)
    assert np.isnan(changes).tolist() == [False, True, False, False, False, False]


def test_of_two_seeds_the_change_is_the_mean_of_both_and_unknown_tasks_are_left_out() -> None:
    start, one, two = (Measured(small(evaluation(which))) for which in (0, 1, 0))
    moved = change([start, start], [one, two], "pass@1")
    assert moved.mean == pytest.approx((RIGHT[1] - RIGHT[0]).mean() / 2, abs=1e-5)
    assert moved.low < 0 < moved.high  # two seeds that differ say little
    same = change([start, start], [one, one], "unit_test_accuracy")
    assert same.n_tasks == TASKS - 1
    assert same.mean == 0
    assert same.low < -0.1  # few tasks without a change show no certainty


def test_records_of_other_tasks_are_not_paired() -> None:
    one, other = (Measured(small(evaluation(0, digest=d))) for d in ("a", "b"))
    with pytest.raises(RunError, match="of different tasks"):
        one.change_from(other, "pass@1")


def test_records_of_other_prompts_or_temperatures_are_not_paired() -> None:
    plain, hot = evaluation(0), evaluation(1)
    hot["conditions"]["params"] = {"temperature": 1.2}
    with pytest.raises(RunError, match=r"different prompts, lengths, temperatures.* one recipe"):
        Measured(small(hot)).change_from(Measured(small(plain)), "pass@1")
    pool = Measured(small(hot, recombined=True))  # of recorded responses: sampled by no conditions
    assert pool.change_from(Measured(small(plain)), "pass@1").n_tasks == TASKS


def test_recombined_keeps_only_what_no_evaluation_has() -> None:
    kept = small(evaluation(0, bon_4x4=0.5, tests_readable=1.0), recombined=True)
    assert set(kept["per_task"]) == {"pass@1", "unit_test_accuracy", "bon_4x4"}


def arm_record(arm: str, seed: int, which: int, steps: int = 7) -> dict[str, Any]:
    known = {f"{d}": small(evaluation(which, bon_4x4=0.5 + which / 4)) for d in DataSet}
    curve = [0.1 * (i + 1) for i in range(steps)]
    names = ("programs_right", "tests_copied", "tests_trivial", "coder_gradient", "tester_gradient")
    return {
        "arm": arm,
        "seed": seed,
        "commit": "c0ffee",
        "cpu": "a processor",
        "cores": 2,
        "steps": steps,
        "tokens": 1000 + 100 * seed,
        "train_seconds": 90.0,
        "initial_model": {"gguf_sha256": "1d96", "weights_sha256": "beef"},
        "evaluation_seconds": dict.fromkeys(known, 60.0),
        "evaluations": known,
        "pool": known,
        "evaluations_in_the_run": [
            {
                "step": step,
                "figures": {"pass@1": [0.5, 0.4, 0.6], "pool_bon_2x2": [0.25, 0.1, 0.4]},
                "differences": {"pass@1": [0.125, -0.1, 0.3]},
            }
            for step in (0, steps)
        ],
        "curves": {
            "step": list(range(1, steps + 1)),
            "seconds": [100.0] * (steps - 1) + [None],
            "tests_right": [0.2] * steps,
            "tests_unreadable": [0.6] * 5 + [None] * (steps - 5),
            **dict.fromkeys(names, curve),
        },
    }


def test_tables_show_the_start_every_arm_and_their_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "start.json", arm_record("start", 0, 0))
    for arm, seed, which in (("default", 1, 1), ("default", 2, 1), ("simple", 2, 0)):
        write(tmp_path / f"{arm}-s{seed}.json", arm_record(arm, seed, which))
    assert {arm: list(by_seed) for arm, by_seed in records(tmp_path).items()} == {
        Arm.DEFAULT: [1, 2],
        Arm.SIMPLE: [2],
    }
    main(["--results", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "| held-out MBPP, % | initial [95%] | default (seeds 1, 2) | simple (seed 2) |" in shown
    row = next(x for x in shown.splitlines() if x.startswith("| programs right (pass@1)"))
    cells = [c.strip() for c in row.split("|")]
    assert cells[2].startswith("45.8 [")
    assert cells[3].startswith("75.0; +29.2 [")
    assert cells[4].startswith("45.8; +0.0 [")
    assert "| programs readable |" not in shown.partition("default − simple")[0]
    assert "| default − simple (seed 2), points |" in shown
    start_programs = next(x for x in shown.splitlines() if "Best-of-4×4, fixed pool" in x)
    assert "| 50.0 [" in start_programs
    assert "| 75.0; +25.0 [" in start_programs
    assert "| default, 2 | 7 | 1,200 | 2 | 100 | 3 | 2 cores of a processor | c0ffee |" in shown
    assert "| 2, 0 | 50.0 | – | – | – | – | – | 25.0 |" in shown
    assert "| 2, 7 | 50.0; +12.5 [-10.0, +30.0] | – | – | – | – | – | 25.0 |" in shown
    assert "differ by at most 9.1% between runs" in shown  # 1,200 and 1,100


def test_the_number_of_tasks_is_shown_where_it_is_not_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for which, (arm, values) in enumerate(
        (
            ("start", [0.5, None, *[0.25] * (TASKS - 2)]),
            ("default", [None, 1.0, *[0.5] * (TASKS - 2)]),
        )
    ):
        record = arm_record(arm, 1, which)
        for evaluation_ in record["evaluations"].values():
            evaluation_["per_task"]["caught_by_right_test"] = values
        write(tmp_path / ("start.json" if arm == "start" else "default-s1.json"), record)
    shown = tables(tmp_path)
    row = next(x for x in shown.splitlines() if x.startswith("| own wrong programs caught"))
    assert f"] ({TASKS - 1} tasks) |" in row  # of the initial model
    assert "; +25.0 [" in row
    assert f"] ({TASKS - 2} tasks) |" in row  # known in both
    programs = next(x for x in shown.splitlines() if x.startswith("| programs right (pass@1)"))
    assert "tasks" not in programs
    assert shown.startswith("SHA-256 of the initial model's GGUF file: 1d96; of its tensors: beef.")


def test_an_arm_that_began_from_another_model_is_not_compared(tmp_path: Path) -> None:
    write(tmp_path / "start.json", arm_record("start", 0, 0))
    model = {"gguf_sha256": None, "weights_sha256": "dead"}
    write(tmp_path / "simple-s3.json", {**arm_record("simple", 3, 1), "initial_model": model})
    with pytest.raises(RunError, match=r"simple, seed 3, began from another initial model"):
        tables(tmp_path)


def test_a_curve_has_bins_of_five_steps_over_all_seeds() -> None:
    table = curve_table("default", [arm_record("default", 1, 0), arm_record("default", 2, 0, 5)])
    first, last = table.splitlines()[2:]
    # readable 0.4, right 0.2: half of the readable
    assert first == "| 1–5 | 30.0 | 20.0 | 40.0 | 50.0 | 30.0 | 30.0 | 30.0 | 30.0 |"
    assert last == "| 6–7 | 65.0 | 20.0 | – | – | 65.0 | 65.0 | 65.0 | 65.0 |"


def test_a_column_that_no_step_knows_is_left_out() -> None:
    record = arm_record("default", 1, 0)
    record["curves"]["tests_copied"] = [None] * 7
    head, _, first, *_ = curve_table("default", [record]).splitlines()
    assert "copied" not in head
    assert "trivial inputs" in head
    assert head.count("|") == first.count("|") == 9


def test_a_missing_start_and_a_damaged_record_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, message in ((None, "has no start.json"), ("{", "cannot be read as a record")):
        if text is not None:
            (tmp_path / "start.json").write_text(text)
        with pytest.raises(SystemExit):
            run(lambda: main(["--results", str(tmp_path)]))
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    write(tmp_path / "start.json", {"arm": "start"})
    with pytest.raises(RunError, match="the record of an arm"):
        tables(tmp_path)


def test_every_figure_of_the_tables_is_kept_in_a_record() -> None:
    values = [0.5] * TASKS
    for figure in FIGURES:
        record = evaluation(0)
        record["per_task"][figure.name] = values
        record["ratios"][figure.name] = record["ratios"]["catch_rate"]
        kept = small(record, recombined=figure.pool)
        assert figure.name in kept["per_task"] or figure.name in kept["ratios"], figure
    assert Figure("bon_4x4", "", pool=True).pool


def test_the_tables_of_what_carries_over_pair_the_initial_and_the_trained(tmp_path: Path) -> None:
    sets = [str(d) for d in DataSet][:2]
    solved = {"tasks": ["a", "b", "c"], "tokens": 300.0, "replayed": 24}
    figures = {"bon_4x4": 0.25, "oracle_4x4": 0.75, "pass@1": 0.5}
    record = {
        "arm": "default",
        "seed": 1,
        "coders": {
            "smollm2": {
                d: {
                    "start": small(evaluation(0, **figures), recombined=True),
                    "trained": small(evaluation(1, **{**figures, "bon_4x4": 0.5}), True),
                }
                for d in sets
            }
        },
        "solved": {
            d: {
                "start": {**solved, "solved": [0.0, 1.0, 0.0]},
                "trained": {**solved, "solved": [1.0, 1.0, 0.0], "tokens": 200.0},
            }
            for d in sets
        },
    }
    write(tmp_path / "carry-over-default-s1.json", record)
    shown = carry_over_tables(tmp_path)
    assert "| smollm2, HumanEval | 50.0 [" in shown
    assert "| 25.0 → 50.0 (+25.0 [" in shown
    assert "36.8 → 45.5 (+8.6 [" in shown  # 7 of 19 and 10 of 22 pairs
    assert shown.count("300 → 200 |") == 2
    assert "without examples" not in shown  # was not measured
    assert "+33.3 [" in shown


def test_the_environment_has_the_checksum_of_every_file_and_its_sources(tmp_path: Path) -> None:
    (tmp_path / "humaneval.jsonl").write_bytes(b"{}\n")
    known = hashlib.sha256(b"{}\n").hexdigest()
    assert environment_of(tmp_path)["data"] == {"humaneval.jsonl": known}
    (tmp_path / "data.json").write_text('{"sources": {"MBPP": "abc"}}')
    assert environment_of(tmp_path)["data"]["sources"] == {"MBPP": "abc"}
    for text in ("{", "{}", "[]"):
        (tmp_path / "data.json").write_text(text)
        with pytest.raises(RunError, match=r"data\.json: cannot be read"):
            environment_of(tmp_path)
