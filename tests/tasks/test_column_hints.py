"""Rows of other names are answered with the columns there are and what would read them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import ConfigError, DataError
from sparring.tasks.collect import RowSelection, collect
from sparring.tasks.load import read_task_files
from sparring.tasks.mapping import parse_mapping
from sparring.tasks.rows.column_hints import guess_columns
from sparring.tasks.rows.files import RawRow, file_rows

PROBLEM = "Double n."
ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "a list of pairs": (
        {"problem": PROBLEM, "tests": [{"input": "1", "output": "2"}]},
        "question=problem,test_input=tests.*.input,test_output=tests.*.output",
    ),
    "lists": (
        {"prompt": PROBLEM, "inputs": ["1"], "outputs": ["2"], "id": 1},
        "question=prompt,test_input=inputs,test_output=outputs",
    ),
    "JSON inside": (
        {"description": PROBLEM, "cases": '{"inputs": ["1"], "outputs": ["2"]}'},
        "question=description,test_input=cases.inputs,test_output=cases.outputs",
    ),
    "calls, wrapped": (
        {"question": PROBLEM,
         "in_out": '{"fn_name": "f", "inputs": [[1]], "outputs": [[2]]}'},
        "entry_point=in_out.fn_name,args=in_out.inputs,"
        "expected=in_out.outputs:unwrap",
    ),
    "lists of lines": (
        {"question": PROBLEM, "io": {"inputs": [["1"]], "outputs": [["2"]]}},
        "test_input=io.inputs:lines,test_output=io.outputs:lines",
    ),
    "assertions": (
        {"instruction": PROBLEM, "test_list": ["assert f(1) == 2"]},
        "question=instruction,tests=test_list",
    ),
    "a suite": (
        {"question": PROBLEM, "test": "def test_f():\n    assert f(1) == 2"},
        "tests=test",
    ),
    "hidden before shown": (
        {"statement": PROBLEM, "public_tests": {"input": ["1"], "output": ["2"]},
         "private_tests": {"input": [], "output": []},
         "generated_tests": {"input": ["1"], "output": ["2"]}},
        "question=statement,test_input=generated_tests.input,test_output=generated_tests.output",
    ),
    "calls, each a pair": (
        {"problem": PROBLEM, "function": "f", "cases": [{"input": [1], "output": 2}]},
        "question=problem,entry_point=function,args=cases.*.input,expected=cases.*.output",
    ),
    "calls, two lists": (
        {"question": PROBLEM, "entry_point": "f", "inputs": [[1]], "outputs": [2]},
        "args=inputs,expected=outputs",
    ),
    "capitals and spaces": (
        {"Question": PROBLEM, "Test-Input": ["1"], "Test_Output": ["2"]},
        "question=Question,test_input=Test-Input,test_output=Test_Output",
    ),
    "a cell each, as in CSV": (
        {"problem": PROBLEM, "stdin": "1", "stdout": "2"},
        "question=problem,test_input=stdin:one,test_output=stdout:one",
    ),
    "a solution beside it": (
        {"solution": "x", "content": PROBLEM, "inputs": ["1"], "outputs": ["2"]},
        "question=content,test_input=inputs,test_output=outputs",
    ),
    "a slip": (
        {"qeustion": PROBLEM, "test_input": ["1"], "test_output": ["2"]},
        "question=qeustion",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_the_columns_and_the_way_to_read_them_are_told(name: str, tmp_path: Path) -> None:
    row, mapping = ROWS[name]
    assert ",".join(f"{k}={v}" for k, v in guess_columns(row).items()) == mapping
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row))
    raws = [RawRow("hub:train, row 1", "hub-1", row)]
    messages = []
    for attempt in (lambda: read_task_files([path]), lambda: collect([raws], RowSelection())):
        with pytest.raises(DataError) as caught:
            attempt()
        messages.append(str(caught.value))
    for text in messages:
        assert f"the columns are {', '.join(row)}" in text
        assert (
            f"did you mean {mapping.partition('=')[2].partition(',')[0].partition(':')[0]}? "
            in text
        )
        assert f"--map {mapping}" in text
    assert messages[0].startswith(f"{path}, row 1, ")
    assert messages[1].startswith("hub:train, row 1, ")
    # and what is told is right: it loads, unless a column of its own is in the way
    collected = collect([raws], RowSelection(parse_mapping([mapping])))
    assert len(collected.tasks) == 1


def test_rows_alike_are_told_once() -> None:
    rows = [RawRow(f"set, row {i}", f"set-{i}", ROWS["lists"][0]) for i in range(1, 200)]
    with pytest.raises(DataError) as caught:
        collect([rows], RowSelection())
    first, last = str(caught.value).splitlines()
    assert first.startswith("set, row 1, question: is missing, as are test_input and test_output")
    assert first.endswith("(198 more rows with this fault)")
    assert "--skip-bad" in last


def test_a_table_of_cells_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["problem", "cases"], [PROBLEM, '[{"in": "1", "out": "2"}]']])
    with pytest.raises(DataError, match=r"--map question=problem,test_input=cases.\*.in,"):
        collect([file_rows(path)], RowSelection())
    mapping = "question=problm,test_input=cases.*.in,test_output=cases.*.out"
    with pytest.raises(ConfigError, match="the columns are problem, cases; did you mean problem"):
        collect([file_rows(path)], RowSelection(parse_mapping([mapping])))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question_id": "1", "private_test_cases": "[]"}, "a row of LiveCodeBench"),
        ({"code": "def f(): ...", "input": "f()", "output": "1", "function_name": "f",
          "contest_id": "1"}, "a row of LiveCodeBench"),
        ({"question_content": "?", "function_name": "f", "test": "[]", "test_id": 0},
         "a row of LiveCodeBench"),
        ({"question": "?", "entry_point": "f", "args": [[1]], "expected": [2]},
         "a row of a table of calls"),
    ],
)  # fmt: skip
def test_a_row_of_a_known_shape_given_as_a_task_file_is_named(
    row: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row))
    with pytest.raises(
        DataError, match=f"line 1: {message}; convert it with `sparring tasks load`"
    ):
        read_task_files([path])


def test_columns_that_say_nothing_are_told_all_the_same() -> None:
    rows = [RawRow("set, row 1", "set-1", {"messages": [{"role": "user"}], "reward_model": {}})]
    with pytest.raises(DataError) as caught:
        collect([rows], RowSelection())
    assert str(caught.value).startswith(
        "set, row 1, question: is missing, as are test_input and test_output; "
        "the columns are messages, reward_model\n"
    )


@pytest.mark.parametrize(
    "row", [{}, {"a": 1}, {"x": None, "y": [[]]}, {1: 2}, {"t": "[" * 5000}, {"a.b": "c"}]
)
def test_rows_that_say_nothing_get_no_guess(row: dict[Any, Any]) -> None:
    assert guess_columns(row) == {}
