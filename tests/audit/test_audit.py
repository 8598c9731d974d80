"""A whole audit: planted faults found by name, sound tasks left alone, and what is written."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparring.audit.files import check_out, write
from sparring.audit.run import AuditOptions, AuditReport, _entry, audit, read
from sparring.audit.soundness import Audited, Care
from sparring.cli.main import app
from sparring.errors import DataError
from sparring.microworld.problem import Split
from sparring.microworld.tasks import microworld_tasks
from sparring.schema import Task, Test
from sparring.tasks.cleaning.findings import Finding, TaskFault
from sparring.tasks.load import dump_tasks, read_task_files
from tests import planted

PLANTED = AuditOptions(Care(repeats=3, patience=4.0, share=0.5), mutants=12)
BAD_ROW = Finding("x.jsonl, row 9", TaskFault.MALFORMED, "question: is missing", "mend it")


def nothing(done: int, tasks: int, found: int) -> None:
    """No progress is shown."""


@pytest.fixture(scope="module")
def report() -> AuditReport:
    """The planted set, with one bad row. As tasks: no file has calls and scripts beside others."""
    tasks = [*planted.SOUND, *planted.FAULTY, *microworld_tasks(Split.TRAIN, 4, 5)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sparring.audit.run.read", lambda paths: (tasks, [BAD_ROW], Counter()))
        return audit([], PLANTED, nothing)


def test_each_planted_fault_is_found_and_nothing_else(report: AuditReport) -> None:
    found = {(f.task, f.fault, f.test) for f in report.findings if f is not BAD_ROW}
    assert found - planted.EXPECTED == set()
    assert planted.EXPECTED - found == set()
    assert report.findings[0] is BAD_ROW


def test_every_kind_of_fault_is_planted() -> None:
    planted_faults = {fault for _, fault, _ in planted.EXPECTED} | {BAD_ROW.fault}
    assert planted_faults == set(TaskFault) - {
        TaskFault.UNKNOWN
    }  # our own failures cannot be planted


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("flaky-clock", "depends on the clock"),
        ("flaky-hash", "order of sets"),
        ("flaky-random", "random numbers"),
        ("wrong", r"expected 31\n, the solution gives 30\n"),
        ("too-strict", "more than 0.05 s of CPU time; right with 0.1"),
        ("several", "the statement allows any of several"),
        ("forbidden", r"the validator says of 3 -1\n: no"),
        ("crashes", "every solution fails on it: ValueError"),
        ("one-fails", "fails test 2; on the first: it gives 2"),
        ("contradiction", r"tests 1 and 3 have the same input and expect 9\n and 8\n"),
        ("weak", "mistakes are noticed; not line"),
        ("again", "the statement equals that of sound-sums"),
    ],
)
def test_a_finding_says_what_was_seen(report: AuditReport, task: str, message: str) -> None:
    assert any(message in f.seen for f in report.findings if f.task == task)


def test_the_checker_under_which_all_agree_is_suggested(report: AuditReport) -> None:
    advice = {f.task: f.advice for f in report.findings if f.fault is TaskFault.SEVERAL_ANSWERS}
    assert advice == {
        "several": "give the task a checker program",
        "several-float": "give the task the checker float",
    }


def test_the_sound_part_is_kept(report: AuditReport) -> None:
    kept = {task.id: task for task in (*report.sound, *report.unchecked)}
    for task in planted.SOUND:
        assert kept[task.id] == task
    assert len(kept["wrong"].tests) == 3
    assert [t.output for t in kept["contradiction"].tests][1:] == ["9\n", "5\n"]
    assert kept["one-fails"].solutions == (planted.SUM,)
    assert "slow" in kept
    assert "weak" in kept
    gone = {t.id for t in planted.FAULTY} - set(kept)
    assert gone == {
        "again", "clock-gettime", "flaky-clock", "flaky-random", "too-strict", "vacuous-task",
    }  # fmt: skip


def test_what_is_written(report: AuditReport, tmp_path: Path) -> None:
    check_out(tmp_path / "out")
    write(report, PLANTED, [Path("x.jsonl")], tmp_path / "out")
    data = json.loads((tmp_path / "out/audit.json").read_text())
    assert data["counts"]["wrong_output"] == 3
    wrong = next(t for t in data["tasks"] if t["task"] == "wrong")
    assert (wrong["tests"], wrong["confirmed"], wrong["kept"]) == (4, 3, True)
    assert wrong["dropped"] == ["wrong, test 3: wrong output at test 3"]
    assert wrong["branches"] == {"covered": 0, "all": 0, "untaken": []}
    weak = next(t for t in data["tasks"] if t["task"] == "weak")
    assert weak["branches"]["covered"] < weak["branches"]["all"]
    assert {"line": 7, "outcome": "len(v) > 3 true"} in weak["branches"]["untaken"]
    text = (tmp_path / "out/audit.md").read_text()
    assert "- **wrong, test 3**: expected 31\\\\n, the solution gives 30" in text
    assert "## several answers: 4" in text
    assert len((tmp_path / "out/tasks.jsonl").read_text().splitlines()) == len(report.sound)


def test_of_two_equal_tasks_the_sound_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(GOOD, id="broken", solutions=("print(0)",))
    tasks = [broken, GOOD, replace(GOOD, id="again")]
    monkeypatch.setattr("sparring.audit.run.read", lambda paths: (tasks, [], Counter()))
    found = audit([], AuditOptions(Care(repeats=1), mutants=0), nothing)
    assert [t.id for t in found.sound] == ["good"]
    assert [(f.task, f.fault) for f in found.findings] == [
        ("broken", TaskFault.SOLUTION_FAILS),
        ("again", TaskFault.DUPLICATE_TASK),
    ]


def test_an_infrastructure_failure_drops_nothing() -> None:
    unknown = Finding("good", TaskFault.UNKNOWN, "", "", test=0)
    entry = _entry(Audited(GOOD, (unknown,), None, 0), None, None, PLANTED)
    assert entry.cleaned.task == GOOD
    assert _entry(Audited(GOOD, (), None, 0), None, None, PLANTED).cleaned.task is None


def test_what_nothing_has_checked_is_not_called_sound(tmp_path: Path) -> None:
    bare = replace(GOOD, id="bare", statement="Something else.", tests=GOOD.tests[:1], solutions=())
    path = small(tmp_path, GOOD, bare)
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["audit", str(path), "--out", str(out), "--repeats", "1", "--mutants", "0"]
    )
    assert "1 of 2 tasks are sound, 1 not checked" in result.output
    assert [t.id for t in read_task_files([out / "tasks.jsonl"])] == ["good"]
    assert [t.id for t in read_task_files([out / "unchecked.jsonl"])] == ["bare"]
    data = json.loads((out / "audit.json").read_text())
    assert (data["kept"], data["unchecked"]) == (1, 1)
    assert [t["checked"] for t in data["tasks"]] == [True, False]
    assert "1 tasks are sound, 1 not checked" in (out / "audit.md").read_text()


def small(tmp_path: Path, *tasks: Task) -> Path:
    path = tmp_path / "tasks.jsonl"
    dump_tasks(tasks, path)
    return path


GOOD = Task(
    "good",
    "Double.",
    (Test("1\n", "2\n"), Test("4\n", "8\n")),
    solutions=("print(2 * int(input()))",),
)
BAD = Task(
    "bad",
    "Treble `x` <b>.",
    (Test("1\n", "3\n"), Test("2\n", "7\n")),
    solutions=("print(3 * int(input()))",),
)


def test_the_command_reports_filters_and_exits_with_one(tmp_path: Path) -> None:
    path = small(tmp_path, GOOD, BAD)
    path.write_text(path.read_text() + '{"question": 3}\nnonsense\n')
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["audit", str(path), "--out", str(out), "--repeats", "1"])
    assert result.exit_code == 1, result.output
    assert "wrong output" in result.output
    assert "2 of 2 tasks are sound" in result.output
    data = json.loads((out / "audit.json").read_text())
    rows = [(f["task"], f["seen"]) for f in data["malformed"]]
    assert ("tasks.jsonl, row 3", "question: must be a string, not a number") in rows
    assert rows[-1][0] == "tasks.jsonl, line 4"
    assert "not JSON" in rows[-1][1]
    loaded = read_task_files([out / "tasks.jsonl"])
    assert [len(t.tests) for t in loaded] == [2, 1]
    again = CliRunner().invoke(app, ["audit", str(path), "--out", str(out)])
    assert isinstance(again.exception, DataError)
    assert "audit.json already exists" in str(again.exception)


def test_a_sound_set_exits_with_zero_and_tasks_can_be_dropped_whole(tmp_path: Path) -> None:
    path = small(tmp_path, GOOD)
    result = CliRunner().invoke(app, ["audit", str(path), "--repeats", "2"])
    assert result.exit_code == 0, result.output
    assert "nothing was found" in result.output
    (tmp_path / "more").mkdir()
    path = small(tmp_path / "more", GOOD, BAD)
    options = ["--filter", "drop-tasks", "--out", str(tmp_path / "out"), "--mutants", "0"]
    assert CliRunner().invoke(app, ["audit", str(path), *options]).exit_code == 1
    assert [t.id for t in read_task_files([tmp_path / "out/tasks.jsonl"])] == ["good"]


def test_a_file_without_a_task_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"question": 3}\n')
    with pytest.raises(DataError, match=r"none of 1 rows is a task; the first: x\.jsonl, row 1"):
        read([path])
    path.write_text("\n")
    with pytest.raises(DataError, match=r"x\.jsonl: has no rows"):
        read([path])


NATIVE = {
    "task_id": "HumanEval/x",
    "prompt": 'def double(x):\n    """Twice x."""\n',
    "entry_point": "double",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(4) == 8\n",
}


def test_native_rows_packed_files_and_mapped_columns_are_audited(tmp_path: Path) -> None:
    path = tmp_path / "HumanEval.jsonl.gz"
    suite = "def check(candidate):\n    for i in range(4):\n        assert candidate(i) == 3 * i\n"
    rows = [
        NATIVE,
        {**NATIVE, "task_id": "script", "prompt": THRICE, "test": suite,
         "canonical_solution": "    return 3 * x\n"},
        {"task_id": "printed", "question": "Print 1 more.", "test_input": ["1\n", "5\n"],
         "test_output": ["2\n", "6\n"], "solutions": ["print(int(input()) + 1)"], "rating": 800,
         "checker": "program", "checker_program": CHECKER},
        {**NATIVE, "task_id": "bad", "test": "def check(candidate):\n    assert (\n"},
    ]  # fmt: skip
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["audit", str(path), "--out", str(out), "--mutants", "2"])
    assert result.exit_code == 1, result.output
    assert "columns that tasks do not use, left out: rating" in result.output
    data = json.loads((out / "audit.json").read_text())
    assert data["columns_left_out"] == {"rating": 1}
    assert [(f["task"], f["fault"]) for f in data["malformed"]] == [
        ("HumanEval.jsonl.gz, row 4", "malformed")
    ]
    assert [(t["task"], t["confirmed"], t["kept"]) for t in data["tasks"]] == [
        ("HumanEval/x", 2, True), ("script", 1, True), ("printed", 2, True),
    ]  # fmt: skip
    before, _, _ = read([path])
    assert [replace(t, source=None) for t in read_task_files([out / "tasks.jsonl"])] == [
        replace(t, source=None) for t in before
    ]


THRICE = 'def double(x):\n    """A misnomer: thrice x."""\n'
CHECKER = """
import json
asked = json.loads(input())
print("accepted" if asked["output"].split() == asked["expected"].split() else "no")
"""
