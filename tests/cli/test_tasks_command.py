"""``sparring tasks load`` and ``show``: one file of data sets, and what was left out and why."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.errors import ConfigError, DataError
from sparring.evaluation.passrates import pass_rates
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Verdict
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.load import read_task_files
from tests.shared import shared
from tests.tasks.test_collect import CURE
from tests.tasks.test_livecodebench import case, sealed
from tests.tasks.test_livecodebench import row as lcb
from tests.training.runs import sparring_here


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def cure(name: object, statement: str, **changes: Any) -> dict[str, Any]:
    return {**CURE, "task_id": name, "question": statement, **changes}


def test_a_load_with_everything(tmp_path: Path) -> None:
    source = lines(
        tmp_path / "set.jsonl",
        cure(
            "keep", "Print the double of the number that is given on the only line.", difficulty=1
        ),
        cure(
            "twin", "print the double, of the number that is given on the only line", difficulty=1
        ),
        cure("hard", "Print the square.", difficulty=3),
        cure(
            "leak",
            "Say whether the number is prime. The number is below one million.",
            difficulty=2,
        ),
        cure("never", "Print the number backwards, without its leading zeros.", difficulty=2),
        {"task_id": "bad"},
        lcb(difficulty="1", private_test_cases=sealed([case('[4]\n"x"', "4", "functional")])),
        lcb(difficulty="1", question_id="none", question_content="Do another thing."),
    )
    held_out = lines(
        tmp_path / "eval.jsonl",
        cure("e", "say whether the number is prime. The number is below one million",
             test_input=["3"], test_output=["yes"], rating=None, exe_method="stdin"),
    )  # fmt: skip
    row = json.loads(held_out.read_text())
    del row["rating"]
    lines(held_out, row)
    rates = lines(
        tmp_path / "rates.jsonl",
        *(
            {"task_id": n, "pass_rate": 0.5}
            for n in ("keep", "twin", "hard", "leak", "2800", "none")
        ),
        {"task_id": "never", "correct": 0, "programs": 8},
    )
    out, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    done = sparring_here(
        *("tasks", "load", str(source), "--out", str(out), "--report", str(report)),
        *("--difficulty", "..2", "--rates", str(rates), "--pass-rate", "0.1..0.9"),
        *("--dedupe", "near", "--against", str(held_out), "--stdio", "--skip-bad"),
    )
    assert done.returncode == 0, done.stderr
    kept = read_task_files([out])
    assert [t.id for t in kept] == ["keep", "2800"]
    assert [t.entry_point for t in kept] == [None, None]
    found = json.loads(report.read_text())
    assert {r["task_id"]: r["reason"] for r in found["removed"]} == {
        "hard": "difficulty", "never": "pass_rate", "twin": "duplicate", "leak": "overlap",
        "none": "not_stdin",
    }  # fmt: skip
    assert [b["where"] for b in found["bad_rows"]] == [f"{source}, line 6"]
    assert (found["rows"], found["kept"]) == (8, 2)
    assert "column left out: rating (5 rows)" in done.stderr
    assert "bad rows: 1" in done.stderr
    assert "left out for overlap: 1\n  leak: 100% of 8-grams in common with e" in done.stderr
    assert "2 of 8 rows" in done.stdout
    again = sparring_here("tasks", "load", str(source), "--out", str(out))
    assert "already exists" in again.stderr


REFUSED: dict[tuple[str, ...], str] = {
    ("set.jsonl",): "set.jsonl, line 2, question: is missing",
    ("Set", ): "neither an existing file",
    ("some/one",): "not a known data set; name its split with --split",
    ("set.jsonl", "--pass-rate", "0..1"): "--pass-rate: give --pass-rate with one of --rates",
    ("set.jsonl", "--dedupe", "yes"): "choose no, exact or near",
    ("set.jsonl", "--kind", "calls"): "choose one of stdin, call, script",
    ("set.jsonl", "--overlap", "1.5"): "--overlap 1.5",
    ("set.jsonl", "--since", "May"): "--since May: not a day; give one such as",
    ("set.jsonl", "--map", "question=q"): "no column 'q'; the columns are task_id, question",
    ("set.jsonl", "--skip-bad", "--min-tests", "9"): "no task is left",
    ("set.jsonl", "--release", "v1", "--skip-bad"): "--release is for LiveCodeBench-lite",
    ("MBPP", "--release", "v1"): "--release is for LiveCodeBench-lite",
}  # fmt: skip


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_a_wrong_load_is_refused_and_writes_nothing(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    lines(tmp_path / "set.jsonl", CURE, {"task_id": 2, "test_input": ["1"], "test_output": ["1"]})
    done = sparring_here("tasks", "load", *arguments, "--out", "out.jsonl", cwd=tmp_path)
    assert done.returncode != 0
    assert REFUSED[arguments] in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_a_set_without_rows_among_others_and_an_output_without_a_directory(
    tmp_path: Path,
) -> None:
    good, empty = lines(tmp_path / "a.jsonl", cure("a", "Add.")), lines(tmp_path / "empty.jsonl")
    out = tmp_path / "out.jsonl"
    for wrong in (
        [str(good), str(empty), "--out", str(out)],
        [str(good), "--against", str(empty), "--out", str(out)],
    ):
        with pytest.raises(DataError, match=r"empty\.jsonl: has no rows"):
            CliRunner().invoke(app, ["tasks", "load", *wrong], catch_exceptions=False)
    arguments = [str(good), "--out", str(tmp_path / "missing/out.jsonl")]
    with pytest.raises(ConfigError, match=r"there is no directory .*missing; make it first"):
        CliRunner().invoke(app, ["tasks", "load", *arguments], catch_exceptions=False)
    assert not out.exists()


def test_the_summary_of_task_files(tmp_path: Path) -> None:
    plain = {k: v for k, v in CURE.items() if k not in ("rating", "exe_method")}
    one = lines(tmp_path / "a.jsonl", plain, {**plain, "task_id": 8, "difficulty": "\x1b[31mred"})
    done = sparring_here("tasks", "show", str(one))
    assert done.returncode == 0, done.stderr
    shown = [" ".join(line.replace("│", " ").split()) for line in done.stdout.splitlines()]
    assert any("2 tasks" in line for line in shown)
    for line in ("tests 4", "tests of kind: stdin 4", "time limit: 2 s 2", "checker: tokens 2",
                 "difficulty: not stated 1", "with public examples 0"):  # fmt: skip
        assert line in shown, done.stdout
    assert "\x1b[31mred" not in done.stdout


@pytest.mark.slow
def test_reference_solutions_of_real_call_tasks_pass_as_programs(tmp_path: Path) -> None:
    source, out = shared("data/mbpp_sanitized_first213.jsonl.gz"), tmp_path / "out.jsonl"
    done = sparring_here("tasks", "load", str(source), "--stdio", "--out", str(out))
    assert done.returncode == 0, done.stderr
    tasks = read_task_files([out])
    assert len(tasks) == 151
    jobs = [
        Job(t.solutions[0], tuple(x.input for x in t.tests), Limits(cpu_seconds=t.time_limit))
        for t in tasks
    ]
    with Sandbox() as sandbox:
        ran = sandbox.run(jobs)
    wrong = [
        (t.id, test.input, o.verdict, o.output, o.detail)
        for t, outcomes in zip(tasks, ran, strict=True)
        for test, o in zip(t.tests, outcomes, strict=True)
        if o.verdict is not Verdict.FINISHED or not accepts(t.checker, o.output, test.output)
    ]
    assert wrong == []


def test_pass_rates_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "rollouts").mkdir(parents=True)
    (run / "recipe.json").write_text("{}")
    for step, right in ((1, [True, False]), (2, [False, False])):
        record = {"task": {"id": "t"}, "programs": [{"correct": r} for r in right]}
        (run / "rollouts" / f"step-{step:05d}.jsonl.gz").write_bytes(
            gzip.compress(json.dumps(record).encode() + b"\n")
        )
        (run / "metrics.jsonl").write_text(
            json.dumps({"step": 1}) + "\n" + json.dumps({"step": 2}) + "\n"
        )
    assert pass_rates(run) == {"t": 0.25}


def test_pass_rates_of_an_evaluation(tmp_path: Path) -> None:
    record = {"tasks": [{"id": "a"}, {"id": "b"}], "per_task": {"pass@1": [0.25, None]}}
    (tmp_path / "eval.json").write_text(json.dumps(record))
    assert pass_rates(tmp_path) == {"a": 0.25}
    for other in ({}, [], {**record, "tasks": []}, {**record, "per_task": {}}):
        (tmp_path / "eval.json").write_text(json.dumps(other))
        with pytest.raises(DataError, match=r"not an evaluation|no pass rate"):
            pass_rates(tmp_path)


def test_pass_rates_of_a_column(tmp_path: Path) -> None:
    rows = [
        {**CURE, "task_id": i, "stats": {"solved": r}} for i, r in enumerate((0.1, "0.6", None))
    ]
    source = lines(tmp_path / "set.jsonl", *rows)
    arguments = ("tasks", "load", str(source), "--rate-column", "stats.solved")
    done = sparring_here(*arguments, "--pass-rate", "0.5..", "--out", str(tmp_path / "out.jsonl"))
    assert done.returncode == 0, done.stderr
    assert [t.id for t in read_task_files([tmp_path / "out.jsonl"])] == ["1"]
    assert "left out for pass_rate: 2\n  0: 0.100\n  2: no pass rate" in done.stderr


@pytest.mark.parametrize(
    "row",
    [{}, [], {"task_id": "a"}, {"task_id": "a", "pass_rate": 1.5}, {"task_id": "a", "correct": 1},
     {"task_id": "a", "pass_rate": "x"}, {"task_id": "a", "correct": 1, "programs": 0}],
)  # fmt: skip
def test_a_row_without_a_rate_is_named(row: Any, tmp_path: Path) -> None:
    path = lines(tmp_path / "r.jsonl", {"task_id": "b", "pass_rate": 0.5}, row)
    with pytest.raises(DataError, match=r"line 2: needs task_id, and pass_rate"):
        pass_rates(path)
    with pytest.raises(DataError, match="task b occurs twice"):
        pass_rates(lines(path, *[{"task_id": "b", "pass_rate": 0.5}] * 2))


def test_statements_without_examples(tmp_path: Path) -> None:
    first = 'def f(n):\n    """Twice n.\n    >>> f(1)\n    2\n    """\n'
    rows = [
        {"task_id": "one", "question": first, "entry_point": "f", "tests": ["assert f(2) == 4"]},
        {"task_id": "two", "question": "Write f.", "entry_point": "f", "tests": ["assert f(0)==0"]},
        cure("program", "Print the double.", exe_method="stdin", rating=None),
    ]
    del rows[2]["rating"]
    source = lines(tmp_path / "set.jsonl", *rows)
    out, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    done = sparring_here(
        *("tasks", "load", str(source), "--without-examples"),
        *("--out", str(out), "--report", str(report)),
    )
    assert done.returncode == 0, done.stderr
    assert [t.statement for t in read_task_files([out])] == [
        'def f(n):\n    """Twice n.\n    """\n',
        "Write f.",
    ]
    assert "statements whose worked examples were taken out: 1" in done.stderr
    assert json.loads(report.read_text())["removed"] == [
        {
            "task_id": "program",
            "reason": "examples",
            "detail": "asks for a program, not a function",
        }
    ]
