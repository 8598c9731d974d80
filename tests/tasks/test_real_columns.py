"""Columns as real data sets have them, under ``--map``: kept, absent, in other units, wrapped."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sparring import values
from sparring.errors import ConfigError, DataError
from sparring.grading.comparison import Grader, OutputComparison
from sparring.sandbox import Sandbox
from sparring.schema import Task, TestKind, Verdict
from sparring.tasks.collect import CollectedTasks, RowSelection, collect
from sparring.tasks.mapping import parse_mapping
from sparring.tasks.rows.files import RawRow, file_rows
from sparring.tasks.rows.limits import limit
from tests.shared import shared

CASE = "cases/11-map-and-real-columns"


def load(mapping: str, *rows: Any, skip_bad: bool = False) -> CollectedTasks:
    raws = [RawRow(f"set, row {i}", f"set-{i}", row) for i, row in enumerate(rows, start=1)]
    return collect([raws], RowSelection(parse_mapping([mapping]), skip_bad=skip_bad))


def tasks(mapping: str, *rows: Any) -> list[Task]:
    return load(mapping, *rows).tasks


ROW: dict[str, Any] = {"q": "Double n.", "i": ["2\n"], "o": ["4\n"]}
PAIRS = "question=q,test_input=i,test_output=o"


@pytest.mark.parametrize(
    ("path", "rows", "found"),
    [
        # case 11, opt.jsonl
        ("meta.level", [{"meta": {"level": "easy"}}, {"meta": None}, {}], ["easy", None, None]),
        ("meta.level", [{}, {"meta": {}}, {"meta": {"level": "x"}}], [None, None, "x"]),
        ("a.b.c", [{"a": {"b": None}}, {"a": {"b": {"c": 7}}}], [None, "7"]),
        ("tags.0", [{"tags": []}, {"tags": ["dp", "x"]}, {"tags": None}], [None, "dp", None]),
        ("m.level", [{"m": '{"level": "hard"}'}, {"m": ""}, {"m": "null"}], ["hard", None, None]),
        ("level", [{"level": "  "}, {"level": None}, {"level": "a"}], [None, None, "a"]),
    ],
)
def test_what_a_task_can_be_without_is_absent(
    path: str, rows: list[dict[str, Any]], found: list[str | None]
) -> None:
    loaded = tasks(f"{PAIRS},difficulty={path}", *(ROW | row for row in rows))
    assert [task.difficulty for task in loaded] == found


def test_what_a_task_needs_is_a_fault_where_it_is_null() -> None:
    mapping = "question=q,test_input=t.*.in,test_output=t.*.out"
    good = {"q": "?", "t": [{"in": "1", "out": "1"}]}
    loaded = load(mapping, good, {"q": "?", "t": None}, {"q": None, "t": good["t"]},
                 {"q": "?", "t": [{"in": "1"}]}, skip_bad=True)  # fmt: skip
    assert len(loaded.tasks) == 1
    assert [fault.text for fault in loaded.faults] == [
        "--map: test_input=t.*.in: t is null",
        "question: is missing; the columns are test_input, test_output",
        "--map: test_output=t.*.out: t.0 has no 'out'; it has in",
    ]


def test_a_place_that_is_missing_in_a_list_is_no_absence() -> None:
    """What comes after it would stand beside another test's."""
    row = ROW | {"e": [{"a": "1", "b": "1"}, {"a": "2"}]}
    with pytest.raises(DataError, match=r"e\.1 has no 'b'"):
        tasks(f"{PAIRS},example_input=e.*.a,example_output=e.*.b", row)
    [task] = tasks(f"{PAIRS},example_input=e.*.a,example_output=e.*.b", ROW | {"e": None})
    assert task.examples == ()


def test_a_column_that_no_row_has_is_a_mistake_after_all_rows() -> None:
    with pytest.raises(ConfigError, match=r"no column 'mata'; .* are q, i, o, meta.*mean meta"):
        tasks(f"{PAIRS},difficulty=mata.level", ROW, ROW | {"meta": {"level": "x"}})


def test_columns_of_our_names_are_kept_and_the_others_named() -> None:
    loaded = load(
        "question=q,test_input=i,test_output=o",
        ROW | {"task_id": "t", "difficulty": 3, "solutions": ["print(4)"], "checker": "lines",
               "test_time_limit": 2, "memory_limit": "64 MB", "url": "x", "meta": None},
    )  # fmt: skip
    [task] = loaded.tasks
    assert (task.id, task.difficulty, task.solutions) == ("t", "3", ("print(4)",))
    assert (task.checker, task.time_limit, task.memory_limit) == ("lines", 2.0, 64)
    assert dict(loaded.left_out) == {"url": 1, "meta": 1}


def test_our_own_names_need_no_mapping_at_all() -> None:
    ours = {"question": "?", "test_input": ["1"], "test_output": ["1"], "t": 500}
    [task] = tasks("test_time_limit=t:ms", ours)
    assert (task.statement, task.time_limit) == ("?", 0.5)


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("solutions", '["print(4)"]', "is not a list (--map solutions=solutions:json reads one)"),
        ("solutions", {"solution": []}, "is not a list (--map solutions=solutions.NAME is one"),
        ("memory_limit", "large", "names no unit"),
        ("memory_limit", "2 s", "'2 s' is not a memory limit in bytes"),
        ("difficulty", [1], "is neither a text nor a whole number"),
        ("validator", 5, "is not a text"),
        ("tests", ["assert f(1) == 1"], ""),
        ("question", "another", ""),
    ],
)
def test_a_column_of_our_name_that_is_no_such_field_is_left_out_and_said(
    name: str, cell: Any, message: str
) -> None:
    loaded = load(PAIRS, ROW | {name: cell})
    assert len(loaded.tasks) == 1
    assert loaded.tasks[0].statement == "Double n."
    [left] = loaded.left_out
    assert left.startswith(f"{name}, which {message}" if message else name)


@pytest.mark.parametrize(
    ("field", "cell", "unit", "value"),
    [
        ("test_time_limit", {"seconds": 0, "nanos": 500_000_000}, None, 0.5),
        ("test_time_limit", {"seconds": 2, "nanos": None}, "seconds", 2.0),
        ("test_time_limit", {"seconds": 0, "nanos": 0}, None, None),
        ("test_time_limit", timedelta(milliseconds=1500), None, 1.5),
        ("test_time_limit", "2.0 seconds", None, 2.0),
        ("test_time_limit", "1 second", None, 1.0),
        ("test_time_limit", "2000 ms", None, 2.0),
        ("test_time_limit", "2s", "ms", 2.0),  # what the cell says counts
        ("test_time_limit", "2 seconds per test", None, 2.0),
        ("test_time_limit", 2000, "ms", 2.0),
        ("test_time_limit", "2000", "ms", 2.0),
        ("test_time_limit", 5e8, "nanos", 0.5),
        ("test_time_limit", 3, None, 3.0),
        ("test_time_limit", "3", None, "3"),  # a text: :seconds or :number says that it counts
        ("test_time_limit", "", None, None),
        ("test_time_limit", None, "ms", None),
        ("memory_limit", 256_000_000, "bytes", 256e6 / 2**20),
        ("memory_limit", 0, "bytes", None),
        ("memory_limit", "256.0 megabytes", None, 256.0),
        ("memory_limit", "262144 KB", None, 256.0),
        ("memory_limit", 262144, "kb", 256.0),
        ("memory_limit", "1GiB", None, 1024.0),
        ("memory_limit", "256", "mb", 256.0),
    ],
)
def test_limits_in_their_units(field: str, cell: Any, unit: str | None, value: Any) -> None:
    limit_read = limit(field, cell, unit)
    assert limit_read == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    ("field", "cell", "unit"),
    [
        ("test_time_limit", "2 MB", None),
        ("test_time_limit", "two seconds", "seconds"),
        ("test_time_limit", {"minutes": 1}, None),
        ("test_time_limit", {"seconds": "2"}, None),
        ("memory_limit", {"seconds": 2}, None),
        ("memory_limit", "256 apples", None),
        ("memory_limit", timedelta(1), None),
    ],
)
def test_what_is_no_limit(field: str, cell: Any, unit: str | None) -> None:
    if isinstance(cell, timedelta):
        assert limit(field, cell, unit) is cell  # which the field refuses
        return
    with pytest.raises(ValueError, match=r"is not a (time|memory) limit in"):
        limit(field, cell, unit)


def test_a_checker_program_brings_its_checker() -> None:
    mapping = f"{PAIRS},checker_program=judge"
    first, second = tasks(mapping, ROW | {"judge": "print('accepted')"}, ROW | {"judge": None})
    assert (first.checker, first.checker_program) == ("program", "print('accepted')")
    assert (second.checker, second.checker_program) == ("tokens", None)


def test_a_checker_that_is_called_with_files_is_given_them() -> None:
    """open-r1's: input, expected and printed output as three files; prints 1 for right."""
    judge = (
        "import sys\n\ndef main():\n"
        "    given, wanted, printed = (open(p).read() for p in sys.argv[1:4])\n"
        "    print(1 if int(printed) > int(given) else 0)\n\nmain()\n"
    )
    row = {"q": "Print any number above n.", "i": ["3\n"], "o": ["4\n"], "judge": judge}
    [task] = tasks(f"{PAIRS},checker_program=judge", row)
    with Sandbox(workers=1) as sandbox:
        grader = Grader(sandbox)
        pairs = [OutputComparison.of(task, task.tests[0], printed) for printed in ("9", "3", "x")]
        grader.prepare(pairs)
        verdicts = [grader.verdict(pair)[0] for pair in pairs]
    assert verdicts == [Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.WRONG_ANSWER]


@pytest.mark.parametrize(
    ("given", "wanted", "inputs", "outputs"),
    [
        ([["2", "3"]], [["5"]], ("2\n3\n",), ("5\n",)),
        (["2\n3\n", ["1"]], ["5", ["1", "2"]], ("2\n3\n", "1\n"), ("5", "1\n2\n")),
        ('[["2", "3"]]', '[["5"]]', ("2\n3\n",), ("5\n",)),
        ([[2, 3], []], [[5], ["6"]], ("2\n3\n", "\n"), ("5\n", "6\n")),
    ],
)
def test_tests_as_lists_of_lines(
    given: Any, wanted: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> None:
    mapping = "question=q,test_input=i:lines,test_output=o:lines"
    [task] = tasks(mapping, {"q": "?", "i": given, "o": wanted})
    assert tuple(t.input for t in task.tests) == inputs
    assert tuple(t.output for t in task.tests) == outputs


@pytest.mark.parametrize(
    ("args", "expected", "found"),
    [
        ([[2], [3]], [[4], [6]], [4, 6]),
        ([[2]], [[[4]]], [[4]]),  # a list that is wrapped
        ([[2]], [[None]], [None]),
        ("[[2]]", '[["x"]]', ["x"]),
    ],
)
def test_values_that_are_wrapped_in_a_list(args: Any, expected: Any, found: list[Any]) -> None:
    mapping = "question=q,entry_point=f,args=a:json,expected=e:unwrap"
    cell = args if isinstance(args, str) else json.dumps(args)
    [task] = tasks(mapping, {"q": "?", "f": "dbl", "a": cell, "e": expected})
    assert [values.decode(t.output) for t in task.tests] == found
    assert {t.kind for t in task.tests} == {TestKind.CALL}


@pytest.mark.parametrize("cell", [[4], [[4, 5]], [[]], 4, "4"])
def test_what_is_not_wrapped_is_a_fault(cell: Any) -> None:
    mapping = "question=q,entry_point=f,args=a,expected=e:unwrap"
    with pytest.raises(DataError, match=r"expected=e: .*(not a list|not JSON)"):
        tasks(mapping, {"q": "?", "f": "dbl", "a": [[2]], "e": cell})


ASSERTIONS = {
    "a list, the function from its calls": ("tests=t", {"t": ["assert add(1, 2) == 3"]}),
    "one text": ("tests=t", {"t": "assert add(1, 2) == 3\nassert add(0, 0) == 0"}),
    "a text of a list": ("tests=t:json", {"t": '["assert add(1, 2) == 3"]'}),
    "a single one": ("tests=t:one", {"t": "assert add(1, 2) == 3"}),
    "the function inside a column": (
        "tests=t,entry_point=info.0.name",
        {"t": ["assert add(1, 2) == 3"], "info": [{"name": "add"}]},
    ),
    "with a solution": ("tests=t,solutions=s:one", {"t": ["assert add(abs(1), 2) == 3"],
                                                    "s": "def add(a, b):\n    return a + b\n"}),
}  # fmt: skip


@pytest.mark.parametrize("name", ASSERTIONS)
def test_a_column_of_assertions(name: str) -> None:
    mapping, row = ASSERTIONS[name]
    [task] = tasks(f"question=q,{mapping}", {"q": "Add."} | row)
    assert task.entry_point == "add"
    assert task.tests[0].kind in (TestKind.CALL, TestKind.SCRIPT)


COMMANDS = {
    "opt": (PAIRS + ",difficulty=meta.level", 3),
    "taco": ("test_input=input_output.inputs,test_output=input_output.outputs,"
             "solutions=solutions:json,test_time_limit=time_limit", 2),
    "cc": ("question=description,test_input=generated_tests.input,"
           "test_output=generated_tests.output,test_time_limit=time_limit,"
           "memory_limit=memory_limit_bytes:bytes,task_id=name,solutions=solutions.solution", 3),
    "cf": ("question=description,test_input=official_tests.*.input,"
           "test_output=official_tests.*.output,test_time_limit=time_limit,"
           "checker_program=generated_checker,task_id=id", 1),
    "apps_fn": ("entry_point=input_output.fn_name,args=input_output.inputs,"
                "expected=input_output.outputs:unwrap,solutions=solutions:json", 1),
    "apps_lines": ("test_input=input_output.inputs:lines,test_output=input_output.outputs:lines,"
                   "solutions=solutions:json", 1),
    "ace": ("tests=test_cases,task_id=id", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_the_rows_of_case_11(name: str) -> None:
    mapping, count = COMMANDS[name]
    path: Path = shared(f"{CASE}/{name}.jsonl")
    choice = RowSelection(parse_mapping([mapping]), skip_bad=True)
    collected = collect([file_rows(path)], choice)
    assert len(collected.tasks) == count
    by_name = {
        "opt": lambda t: t.difficulty == "easy",
        "taco": lambda t: (t.time_limit, t.memory_limit, len(t.solutions)) == (2.0, 256, 1),
        "cc": lambda t: (t.time_limit, t.memory_limit) == (2.0, 244),
        "cf": lambda t: t.checker == "program",
        "apps_fn": lambda t: (t.entry_point, t.tests[0].output) == ("dbl", "4"),
        "apps_lines": lambda t: t.tests[0].input == "2\n3\n",
        "ace": lambda t: (t.id, t.entry_point, len(t.tests)) == ("a1", "add", 2),
    }
    assert by_name[name](collected.tasks[0])
    if name == "cc":
        assert [t.time_limit for t in collected.tasks] == [2.0, 1.0, 0.5]
        assert [t.memory_limit for t in collected.tasks] == [244, 256, 244]
