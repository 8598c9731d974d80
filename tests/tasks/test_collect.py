"""Rows of any kind become tasks or one line each; never a crash, and never a silent loss."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparring.errors import ConfigError, DataError
from sparring.schema import TestKind
from sparring.tasks.collect import RowSelection, collect
from sparring.tasks.load import dump_tasks, read_task_files
from sparring.tasks.mapping import FIELDS, parse_mapping
from sparring.tasks.rows import files
from sparring.tasks.rows.column_hints import columns_hint, guess_columns
from sparring.tasks.rows.files import RawRow, file_rows
from tests.tasks.test_livecodebench import STDIN
from tests.tasks.test_livecodebench import row as lcb
from tests.tasks.test_mapping import CALLS

CURE: dict[str, Any] = {
    "task_id": 7,
    "question": "Print the double.",
    "test_input": ["1\n", "2\n"],
    "test_output": ["2\n", "4\n"],
    "test_time_limit": 2,
    "exe_method": "stdio",
    "rating": 800,
}
NATIVE = {
    "task_id": "H/1",
    "prompt": 'def double(n):\n    """Double it."""\n',
    "entry_point": "double",
    "canonical_solution": "    return 2 * n\n",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n",
}
SHAPES = {"cure": CURE, "livecodebench": lcb(), "stdin": lcb(**STDIN), "calls": CALLS}
SHAPES["native"] = NATIVE


def raws(*rows: Any) -> list[RawRow]:
    return [RawRow(f"set, row {i}", f"set-{i}", row) for i, row in enumerate(rows, start=1)]


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return path


def test_every_shape_is_told_by_its_fields_and_written_and_read_again(tmp_path: Path) -> None:
    found = collect([raws(CURE, lcb(question_id="a"), lcb(**STDIN), CALLS, NATIVE)], RowSelection())
    assert [t.id for t in found.tasks] == ["7", "a", "2800", "set-4", "H/1"]
    assert [t.tests[0].kind for t in found.tasks] == [
        TestKind.STDIN, TestKind.CALL, TestKind.STDIN, TestKind.CALL, TestKind.CALL,
    ]  # fmt: skip
    assert dict(found.left_out) == {"rating": 1}
    dump_tasks(found.tasks, tmp_path / "out.jsonl")
    loaded = read_task_files([tmp_path / "out.jsonl"])
    assert [(t.id, t.statement, t.tests, t.examples, t.entry_point) for t in loaded] == [
        (t.id, t.statement, t.tests, t.examples, t.entry_point) for t in found.tasks
    ]
    collected = collect([file_rows(tmp_path / "out.jsonl")], RowSelection())
    assert [(t.id, t.tests) for t in collected.tasks] == [(t.id, t.tests) for t in found.tasks]


def test_bad_rows_refuse_the_load_or_are_left_out_and_listed() -> None:
    rows = raws(CURE, {**CURE, "task_id": 8, "test_output": []}, [1], {**CURE, "task_id": 9}, CURE)
    with pytest.raises(DataError) as caught:
        collect([rows], RowSelection())
    lines = str(caught.value).splitlines()
    assert lines[0] == "set, row 2, test_output: has 0 entries, test_input has 2"
    assert lines[1] == "set, row 3, row: must be an object with named fields"
    assert lines[2] == "set, row 5, task_id: '7' was already used at set, row 1"
    assert "--skip-bad" in lines[3]
    collected = collect([rows], RowSelection(skip_bad=True))
    assert [t.id for t in collected.tasks] == ["7", "9"]
    assert len(collected.faults) == 3
    assert collected.rows == 5


def test_all_faults_of_a_row_stand_in_its_one_line() -> None:
    collected = collect(
        [raws({**CURE, "checker": "tokenz", "test_time_limit": -1}, CALLS)],
        RowSelection(skip_bad=True),
    )
    [fault] = collected.faults
    assert "tokenz" in str(fault)
    assert "test_time_limit" in str(fault)


def test_no_task_at_all_is_an_error_even_when_bad_rows_may_be_skipped() -> None:
    with pytest.raises(DataError, match="none of 1 rows is a task; the first: set, row 1"):
        collect([raws({})], RowSelection(skip_bad=True))
    with pytest.raises(DataError, match="no task in 0 rows"):
        collect([[]], RowSelection())


def test_rows_are_counted_over_all_sources_and_no_more_are_read() -> None:
    read = []

    def source(first: int) -> Any:
        for i in range(first, first + 3):
            read.append(i)
            yield RawRow(f"row {i}", f"r{i}", {**CURE, "task_id": i})

    collected = collect([source(0), source(10)], RowSelection(max_rows=4, max_tests=1, prefix="p/"))
    assert [t.id for t in collected.tasks] == ["p/0", "p/1", "p/2", "p/10"]
    assert read == [0, 1, 2, 10]
    assert {len(t.tests) for t in collected.tasks} == {1}


def test_large_tests_are_left_out_before_the_first_are_taken() -> None:
    row = {**CURE, "test_input": ["x" * 50, "1", "2", "3"], "test_output": ["1"] * 4}
    huge = {**CURE, "task_id": 8, "test_input": ["x" * 50], "test_output": ["1"]}
    collected = collect(
        [raws(row, huge)], RowSelection(max_tests=2, max_test_size=10, skip_bad=True)
    )
    assert [[t.input for t in task.tests] for task in collected.tasks] == [["1", "2"]]
    assert collected.large == 2
    assert str(collected.faults[0]) == "set, row 2, tests: all have more than 10 characters"


def test_contests_are_chosen_by_day_both_ends_included() -> None:
    days = ("2024-07-31", "2024-08-01", "2025-02-01", "2025-02-02")
    rows = raws(*(lcb(question_id=d, contest_date=d) for d in days))
    span = RowSelection(since=date(2024, 8, 1), until=date(2025, 2, 1))
    collected = collect([rows], span)
    assert [t.id for t in collected.tasks] == ["2024-08-01", "2025-02-01"]
    assert collected.outside == 2
    with pytest.raises(DataError, match="contest_date: is missing or not a date"):
        collect([raws(lcb(contest_date="soon"))], span)


def test_a_mapping_is_held_against_the_first_row() -> None:
    columns = parse_mapping(["question=q,test_input=tests.*.0,test_output=tests.*.1"])
    row = {"q": "Double.", "tests": [["1", "2"]], "other": 1}
    collected = collect(
        [raws(row, {**row, "tests": [["1"]]})], RowSelection(columns, skip_bad=True)
    )
    assert [t.tests[0].output for t in collected.tasks] == ["2"]
    assert "row 2, --map: test_output=tests.*.1" in str(collected.faults[0])
    with pytest.raises(ConfigError, match="no column 'q'; the columns are p"):
        collect([raws({"p": 1})], RowSelection(columns, skip_bad=True))


def test_files_of_every_kind_give_the_same_rows(tmp_path: Path) -> None:
    rows = [{"a": "1", "b": "x\ny"}, {"a": "2", "b": 'é,"'}]
    text = "\n".join(map(json.dumps, rows))
    (tmp_path / "r.jsonl").write_text("\ufeff" + text + "\n\n")
    (tmp_path / "r.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "r.json").write_text(json.dumps(rows))
    (tmp_path / "r.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    with (tmp_path / "r.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["a", "b"])
        writer.writeheader()
        writer.writerows(rows)
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "r.parquet")
    for path in tmp_path.iterdir():
        found = list(file_rows(path))
        assert [r.row for r in found if isinstance(r, RawRow)] == rows, path
        assert [r.name for r in found if isinstance(r, RawRow)] == ["r-1", "r-2"], path


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "a.txt": (b"x", "unknown kind of file"),
    "a.json": (b'{"a": 1}', "must be a list of rows"),
    "b.json": (b"[" * 100_000, "nested too deeply"),
    "a.jsonl.gz": (b"not gzip", "not a gzip file"),
    "b.jsonl.gz": (gzip.compress(b"{}\n" * 50)[:-9], "cut off or damaged"),
    "a.csv": (b"", "is empty"),
    "b.csv": (b'a,"b\n1', "not CSV"),
    "c.csv": (b"a,\xff\n1,1\n", "line 1: not UTF-8"),
    "d.csv": (b"a,b,a\n1,2,3\n", "two columns are named 'a'; rename one"),
    "e.csv": (b"a;b\n1;2\n", "cells seem to be separated by ';'"),
    "f.csv": (b"a\tb\n1\t2\n", "write the file with commas"),
    "a.parquet": (b"PAR1", "not a readable Parquet file"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_read_is_one_line(name: str, tmp_path: Path) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    data, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError) as caught:
        list(file_rows(tmp_path / name))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="there is no such file"):
        list(file_rows(tmp_path / f"no-{name}.json"))


def test_a_packed_file_is_unpacked_only_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_LIST", 1000)
    monkeypatch.setattr(files, "MAX_LINE", 1000)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b"[" + b" " * 10**7 + b"]"))
    with pytest.raises(DataError, match=r"more than 1,000 bytes; write it as .jsonl"):
        list(file_rows(tmp_path / "a.json.gz"))
    long = b'{"a": "' + b"x" * 5000 + b'"}\n'
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(long + b'{"a": 1}\n' + long))
    first, second, third = file_rows(tmp_path / "a.jsonl.gz")
    assert str(first).endswith("line 1, is longer than 1,000 bytes")
    assert isinstance(second, RawRow)
    assert second.row == {"a": 1}
    assert str(third).endswith("line 3, is longer than 1,000 bytes")


def test_bad_lines_are_reported_by_number_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    bad = [b'{"x": ', b"\xff", b"[" * 100_000, b'{"n": ' + b"9" * 5000 + b"}", b"a,b"]
    path.write_bytes(b"\n".join([*bad, json.dumps(CURE).encode()]))
    collected = collect([file_rows(path)], RowSelection(skip_bad=True))
    assert [f.where for f in collected.faults] == [f"{path}, line {i}" for i in range(1, 6)]
    assert [t.id for t in collected.tasks] == ["7"]
    (tmp_path / "b.csv").write_bytes(b'a,b\n"x"y,1\n1,\xff\n3,4\n5,"6\n7,8\n')
    quoted, latin, good, unended = file_rows(tmp_path / "b.csv")
    assert str(quoted).endswith("line 2, not CSV: ',' expected after '\"'")
    assert str(latin).endswith("row 2, not UTF-8; convert the file")
    assert isinstance(good, RawRow)
    assert good.row == {"a": "3", "b": "4"}
    assert str(unended).endswith("line 5, not CSV: unexpected end of data")
    (tmp_path / "b.jsonl").write_text('{"a": {"x\\n": 1, "x\\n": 2}}\n{"a": 1}\n')
    first, second = file_rows(tmp_path / "b.jsonl")
    assert str(first).endswith(r"line 1, 'x\n' is given twice")
    assert isinstance(second, RawRow)
    (tmp_path / "a.csv").write_text("a,b\n1\n1,2\n")
    first, second = file_rows(tmp_path / "a.csv")
    assert str(first).endswith("row 1, has 1 cells, but the header has 2")
    assert isinstance(second, RawRow)


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table([["a"], ["b"]], names=["question", "question"]), path)
    with pytest.raises(DataError, match="two columns are named 'question'; rename one"):
        list(file_rows(path))


def test_a_text_where_a_list_should_be_comes_with_the_way_to_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,test_input,stdout,s\nAdd,1,2,3\n")
    mapping = "question=question,test_input=test_input,test_output=stdout,test_time_limit=s"
    for columns, message in (
        (
            (),
            "`sparring tasks load FILE --map test_input=test_input:one,test_output=stdout:one "
            "--out TASKS`",
        ),
        (parse_mapping([mapping]), "--map test_output=stdout:json (or :one) reads"),
        (parse_mapping([mapping]), "--map test_time_limit=s:number reads"),
    ):
        with pytest.raises(DataError) as caught:
            collect([file_rows(path)], RowSelection(columns))
        assert message in str(caught.value)


deep: Any = 1
for _ in range(3000):
    deep = [deep]
AWKWARD: list[Any] = [
    10**5000, -(10**400), float("nan"), "", "\x00", "\x1b[31m", "a\nb", "\ud800", b"x", deep, "[",
    "9" * 5000, "(" * 300, {"\n": {}}, {1: 2}, [[]], ["1"], [["1"]], [[1]], [{}],
]  # fmt: skip
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.integers(0, len(AWKWARD) - 1).map(lambda i: AWKWARD[i]),  # some cannot be shown
)
junk = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_a_label_of_thousands_of_digits_is_a_fault() -> None:
    row = {**SHAPES["livecodebench"], "question_id": 10**5000}
    good = {**CURE, "task_id": "good"}
    [fault] = collect([raws(row, good)], RowSelection(skip_bad=True)).faults
    assert "question_id: is a number of more than 40 digits; give a text" in str(fault)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_row_becomes_a_task_or_one_line(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(sorted(SHAPES)))
    row: Any = dict(SHAPES[shape])
    for name in data.draw(st.lists(st.sampled_from([*row, "checker", "kwargs", "x"]), max_size=3)):
        if data.draw(st.booleans()):
            row[name] = data.draw(junk)
        else:
            row.pop(name, None)
    if data.draw(st.integers(0, 20)) == 0:
        row = data.draw(junk)
    good = {**CURE, "task_id": "good"}
    collected = collect([raws(row, good)], RowSelection(skip_bad=True))
    assert collected.rows == 2
    assert len(collected.tasks) + len(collected.faults) == 2
    assert collected.tasks[-1].id == "good"
    for fault in collected.faults:
        assert str(fault).isprintable()
    json.dumps([[t.id, t.statement] for t in collected.tasks]).encode()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(["input", "output", "testtype"]), leaves), max_size=2)
)
def test_any_private_tests_are_tests_or_one_line(cases: list[dict[str, Any]]) -> None:
    filled = [{"input": "1", "output": "1", "testtype": "functional", **c} for c in cases]
    try:
        text = json.dumps(filled)
    except (TypeError, ValueError, RecursionError):
        text = "[]"
    collected = collect([raws(lcb(private_test_cases=text), CURE)], RowSelection(skip_bad=True))
    assert len(collected.tasks) + len(collected.faults) == 2


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_row_under_a_mapping_becomes_a_task_or_one_line(data: st.DataObject) -> None:
    forms = ["", ":json", ":python", ":number", ":one", ":lines", ":unwrap"]
    part = st.sampled_from(["a", "a.b", "a.*", "a.0", "a.*.b", "a.*.0"])
    names = ["question", "test_input", "test_output"]
    if data.draw(st.booleans()):
        names = ["question", "entry_point", "args", "expected"]
    elif data.draw(st.booleans()):
        names = ["question", "tests", "checker_program", "solutions"]
    texts = [f"{n}={data.draw(part)}{data.draw(st.sampled_from(forms))}" for n in names]
    limits = ["", ",test_time_limit=a:ms", ",memory_limit=a.b", ",memory_limit=c:bytes"]
    texts.append(f"task_id=a.0{data.draw(st.sampled_from(limits))}")
    choice = RowSelection(parse_mapping(texts), skip_bad=True)
    cell = data.draw(junk | st.just('[{"b": ["1"], "c": 2}]') | st.just(["assert f(1) == 2"]))
    more = data.draw(st.dictionaries(st.sampled_from(["c", *FIELDS]), junk, max_size=3))
    try:
        kept = len(collect([raws({"a": cell} | more)], choice).tasks)
    except (ConfigError, DataError) as error:
        message = str(error)
        kept = 1
    else:
        message = ""
    assert kept == 1
    assert message.isprintable() or not message


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["question", "tests", "a", "b.c", "in", "x y"]), junk))
def test_any_row_is_answered_with_its_columns(row: dict[str, Any]) -> None:
    assert "\n" not in columns_hint(row)
    if pairs := [f"{field}={path}" for field, path in guess_columns(row).items()]:
        assert parse_mapping(pairs)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200), st.sampled_from(["json", "jsonl", "csv", "jsonl.gz", "json.gz"]))
def test_any_bytes_are_rows_faults_or_one_refusal(tmp_path: Path, data: bytes, ending: str) -> None:
    path = tmp_path / f"f.{ending}"
    path.write_bytes(gzip.compress(data) if ending.endswith("gz") and len(data) % 2 else data)
    message = ""
    try:
        list(file_rows(path))
    except DataError as error:
        message = str(error)
    assert "\n" not in message
