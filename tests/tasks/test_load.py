"""Task files: good ones round-trip, bad ones are reported whole."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.errors import DataError
from sparring.schema import Task, Test
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.load import dump_tasks, read_task_files

ROW: dict[str, Any] = {
    "task_id": 7,
    "question": "Print the double.",
    "test_input": ["1\n", "2\n"],
    "test_output": ["2\n", "4\n"],
    "example_input": ["3\n"],
    "example_output": ["6\n"],
    "test_time_limit": 2,
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return path


def test_a_row_in_the_cure_field_names(tmp_path: Path) -> None:
    [task] = read_task_files([write(tmp_path / "a.jsonl", ROW)])
    assert task.id == "7"
    assert task.tests == (Test("1\n", "2\n"), Test("2\n", "4\n"))
    assert task.examples == (Test("3\n", "6\n"),)
    assert task.time_limit == 2.0
    [cut] = read_task_files([tmp_path / "a.jsonl"], max_tests=1)
    assert len(cut.tests) == 1


def test_json_and_parquet_give_the_same_tasks(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [ROW, {**ROW, "task_id": 8}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    write(tmp_path / "a.jsonl", *rows)
    found = [read_task_files([tmp_path / f"a.{kind}"]) for kind in ("json", "jsonl", "parquet")]
    assert [[(t.id, t.tests, t.examples) for t in ts] for ts in found[1:]] == [
        [(t.id, t.tests, t.examples) for t in found[0]]
    ] * 2


BAD_ROWS: dict[str, tuple[Any, str]] = {
    "no question": ({k: v for k, v in ROW.items() if k != "question"}, "question: is missing"),
    "blank question": ({**ROW, "question": " "}, "question: is blank"),
    "no tests": ({**ROW, "test_input": [], "test_output": []}, "test_input: has no test"),
    "lengths": ({**ROW, "test_output": ["2\n"]}, "test_output: has 1 entries, test_input has 2"),
    "numbers as text": ({**ROW, "test_output": [2, 4]}, "item 0 must be a string, not a number"),
    "text for a list": ({**ROW, "test_input": "1"}, "must be a list of strings, not a string"),
    "time": ({**ROW, "test_time_limit": 0}, "test_time_limit: must be above 0"),
    "time as text": ({**ROW, "test_time_limit": "2"}, "must be a number, not a string"),
    "NaN": ('{"question": "a", "test_input": ["1"], "test_output": ["1"], '
            '"test_time_limit": NaN}', "test_time_limit: must be above"),
    "checker": ({**ROW, "checker": "tokenz"}, "unknown checker 'tokenz'"),
    "method": ({**ROW, "exe_method": "function"}, "without one there is only stdin"),
    "unknown field": ({**ROW, "test_inputs": []}, "did you mean test_input?"),
    "another format's name": ({**ROW, "id": "7"}, "did you mean task_id?"),
    "a list": ([1], "must be an object with named fields, not a list"),
    "null": ("null", "must be an object with named fields, not null"),
    "a number too large": ({**ROW, "test_time_limit": 10**400}, "test_time_limit: must be above"),
    "half a character": ({**ROW, "question": "x \ud800"}, "question: holds half a surrogate pair"),
    "half in an id": ({**ROW, "task_id": "x \ud800"}, "task_id: holds half a surrogate pair"),
    "a field of two lines": ({**ROW, "a\nb": 1}, r"'a\nb': is not a known field"),
    "half in a test": ({**ROW, "test_input": ["\udfff", "2"]}, "item 0 holds half a surrogate"),
    "boolean id": ({**ROW, "task_id": True}, "task_id: must be"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_named_with_its_number_and_field(name: str, tmp_path: Path) -> None:
    row, expected = BAD_ROWS[name]
    path = write(tmp_path / "a.jsonl", {**ROW, "task_id": 1}, row)
    with pytest.raises(DataError) as caught:
        read_task_files([path])
    assert f"{path}, row 2, " in str(caught.value)
    assert expected in str(caught.value)


def test_all_lines_that_are_not_json_come_in_one_report(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    digits = '{"memory_limit": ' + "9" * 5000 + "}"
    path.write_text("\n".join(["{", json.dumps(ROW), "[1", digits, "{}"]))
    with pytest.raises(DataError) as caught:
        read_task_files([path])
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [
        f"{path}, line 1", f"{path}, line 3", f"{path}, line 4",
    ]  # fmt: skip
    assert "row 5, question: is missing" in lines[3]


def test_rows_without_ids_are_named_by_file_and_number(tmp_path: Path) -> None:
    rows = [{**ROW, "task_id": None}, {k: v for k, v in ROW.items() if k != "task_id"}]
    path = write(tmp_path / "a.jsonl", *rows)
    assert [t.id for t in read_task_files([path])] == ["a-1", "a-2"]


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there.jsonl").write_text("mine")
    with pytest.raises(DataError, match="already exists"):
        dump_tasks([], tmp_path / "there.jsonl")
    with pytest.raises(DataError, match="cannot be written"):
        dump_tasks([], tmp_path / "no" / "where.jsonl")
    assert (tmp_path / "there.jsonl").read_text() == "mine"


def test_all_bad_rows_come_in_one_report(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {}, ROW, {**ROW, "checker": "x", "test_time_limit": -1}, ROW)
    with pytest.raises(DataError) as caught:
        read_task_files([path])
    lines = str(caught.value).splitlines()
    assert len(lines) == 3 + 2 + 1
    assert "row 4, task_id: '7' was already used at a.jsonl, row 2" in lines[-1]
    write(path, *[{}] * 100)
    with pytest.raises(DataError, match="… and 250 more"):
        read_task_files([path])


FILES = {
    "missing": (None, "there is no such file"),
    "empty.jsonl": ("\n \n", "is empty"),
    "torn.jsonl": (json.dumps(ROW) + '\n{"question": ', "line 2: not JSON"),
    "object.json": ("{}", "must be a list of tasks"),
    "kind.csv": ("a,b", "CSV is not a task file"),
    "none.json": ("[]", "has no rows"),
    "lcb.jsonl": (
        '{"question_id": "1", "private_test_cases": "[]"}',
        "line 1: a row of LiveCodeBench; convert it with `sparring tasks load`",
    ),
    "deep.json": ("[" * 100_000, "nested too deeply"),
    "fake.parquet": ("no", "not a readable Parquet file"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_one_clear_line(name: str, tmp_path: Path) -> None:
    text, expected = FILES[name]
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=expected):
        read_task_files([tmp_path / name])


def test_bytes_that_are_not_text_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8 at byte 0"):
        read_task_files([tmp_path / "a.jsonl"])
    with pytest.raises(DataError, match="is a directory"):
        read_task_files([tmp_path])
    with pytest.raises(DataError, match="no task"):
        read_task_files([])


texts = st.text(max_size=30)
tests_ = st.builds(Test, texts, texts)


@given(
    st.builds(
        Task,
        id=st.text(min_size=1, max_size=10),
        statement=texts.filter(str.strip),
        tests=st.lists(tests_, min_size=1, max_size=4).map(tuple),
        examples=st.lists(tests_, max_size=2).map(tuple),
        time_limit=st.floats(0.01, 60),
        memory_limit=st.integers(1, 4096),
        checker=st.sampled_from(["tokens", "lines", "exact", "float", "unordered"]),
        solutions=st.lists(texts, max_size=2).map(tuple),
        validator=st.none() | texts,
        difficulty=st.none() | texts,
    )
)
def test_written_tasks_read_back_the_same(task: Task) -> None:
    import dataclasses
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.jsonl"
        dump_tasks([task], path)
        [read] = read_task_files([path])
    assert dataclasses.replace(read, source=None) == task


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(st.sampled_from([*ROW, "solutions", "checker", "x"]), x, max_size=6)
        ),
        max_leaves=12,
    )
)
def test_no_row_crashes_the_loader(row: Any) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.jsonl"
        path.write_text(json.dumps(row))
        with contextlib.suppress(DataError):
            assert read_task_files([path])


CASES = [
    ("tokens", "1  2\n3", "1 2 3\n", True),
    ("tokens", "12", "1 2", False),
    ("tokens", "", "\n", True),
    ("lines", "1 \n2\n\n", "1\n2", True),
    ("lines", "1 2", "1\n2", False),
    ("lines", "1  2", "1 2", False),
    ("exact", "1\n", "1\n", True),
    ("exact", "1", "1\n", False),
]


@pytest.mark.parametrize(("checker", "actual", "expected", "good"), CASES)
def test_checkers(checker: str, actual: str, expected: str, good: bool) -> None:
    assert accepts(checker, actual, expected) is good


def test_checkers_take_what_programs_print() -> None:
    assert accepts("tokens", "\udcff " * 200_000, "\udcff " * 200_000)
    with pytest.raises(ValueError, match="nope"):
        accepts("nope", "", "")
