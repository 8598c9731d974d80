"""Other column names: what is mapped is what was meant, or one line says what there is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sparring import values
from sparring.errors import ConfigError
from sparring.schema import Test, TestKind
from sparring.tasks.mapping import NoSuchCell, check_columns, mapped, parse_mapping
from sparring.tasks.rows.calls import read_call_row

ROW: dict[str, Any] = {
    "problem": "Double it.",
    "name.with.dots": "x",
    "tests": [{"in": "1", "out": "2"}, {"in": "3", "out": "6"}],
    "packed": '{"inputs": ["1", "3"], "outputs": ["2", "6"]}',
    "literal": "[(1, 2), [3]]",
    "seconds": "2.5",
    "first": ["a", "b"],
}


def of(*texts: str) -> dict[str, Any]:
    return mapped(parse_mapping(texts), ROW)


def test_paths_go_into_lists_objects_and_json_texts() -> None:
    mapped_row = of(
        "question=problem, test_input=tests.*.in",
        "test_output=packed.outputs,task_id=first.1,example_input=literal:python",
        "test_time_limit=seconds:number,solutions=problem:one,difficulty=name.with.dots",
    )
    assert mapped_row == {
        "question": "Double it.",
        "test_input": ["1", "3"],
        "test_output": ["2", "6"],
        "task_id": "b",
        "example_input": [(1, 2), [3]],
        "test_time_limit": 2.5,
        "solutions": ["Double it."],
        "difficulty": "x",
    }


PAIRS = "test_input=tests.*.in,test_output=tests.*.out"
WRONG = {
    "question": "write FIELD=COLUMN",
    "=problem": "'' is not a field",
    "question=": "write FIELD=COLUMN",
    "quetsion=problem": "did you mean question?",
    "zzz=problem": "the fields are question,",
    f"question=problem,question=first,{PAIRS}": "question is given twice",
    f"question=problem:yaml,{PAIRS}": "the forms are plain, json, python, number, one",
    f"question=problem:ms,{PAIRS}": "ms is a unit, and question has no such unit",
    "test_time_limit=seconds:bytes": "bytes is a unit, and test_time_limit has no such unit",
    f"question=problem,args=first,{PAIRS}": "test_input and args are two ways to give tests",
}
LACKING = {
    PAIRS: "question is missing; name its column: the columns are problem",
    "question=problem,test_input=first": "test_output is missing; question, test_input need it",
    "question=problem,args=first,expected=first": "entry_point is missing; question, args, exp",
    "question=problem": "test_input is missing; the columns are problem, name.with.dots, cases",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_option_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_mapping([text])
    assert WRONG[text] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", LACKING)
def test_what_a_task_needs_is_mapped_or_a_column(text: str) -> None:
    columns = parse_mapping([text])
    row = {{"tests": "cases"}.get(name, name): cell for name, cell in ROW.items()}
    if "tests" in text:
        row = ROW
    with pytest.raises(ConfigError) as caught:
        check_columns(columns, row)
    assert LACKING[text] in str(caught.value)
    assert "\n" not in str(caught.value)
    ours = {"question": "?", "test_input": ["1"], "test_output": ["1"], "entry_point": "f"}
    check_columns(columns, ROW | ours)


def test_a_column_that_is_not_there_is_told_with_those_that_are() -> None:
    columns = parse_mapping([f"question=problme,{PAIRS}"])
    with pytest.raises(
        ConfigError, match=r"no column 'problme'; the columns are problem.*mean problem\?"
    ):
        check_columns(columns, ROW)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tests.in", "tests is a single value, with nothing inside"),
        ("tests.7.in", "tests has 2 items"),
        ("tests.*.nothing", "has no 'nothing'"),
        ("packed.inputs.x", "packed.inputs is a single value, with nothing inside"),
        ("problem.x", "not JSON"),
        ("problem.*", "not JSON"),
        ("first:json", "is not a text, which the form"),
        ("problem:json", "not JSON"),
        ("problem:python", "is not a Python literal"),
        ("problem:number", "is not a number"),
    ],
)
def test_a_row_without_what_the_path_asks_for_says_where_it_ends(path: str, message: str) -> None:
    with pytest.raises(NoSuchCell) as caught:
        of(f"question={path},{PAIRS}")
    assert message in str(caught.value)


def test_a_python_cell_runs_nothing() -> None:
    columns = parse_mapping([f"question=c:python,{PAIRS}"])
    for cell in ("__import__('os').getpid()", "[x for x in (1,)]", "(" * 5000, "1" * 5000):
        with pytest.raises(NoSuchCell):
            mapped(columns, {**ROW, "c": cell})


CALLS: dict[str, Any] = {
    "question": "Add.",
    "entry_point": "add",
    "args": [[1, 2], ["a", "b"]],
    "expected": [3, "ab"],
}


def test_a_text_that_looks_like_an_object_is_a_text() -> None:
    task, faults = read_call_row({**CALLS, "expected": [3, '{"object":1}']}, "t", "here", None)
    assert task is not None
    assert faults == []


def test_a_table_of_calls() -> None:
    row = {**CALLS, "kwargs": [{}, {"sep": ""}], "example_args": [[0, 0]], "example_expected": [0]}
    task, faults = read_call_row(row, "t-1", "here", None)
    assert faults == []
    assert task is not None
    assert (task.id, task.entry_point, task.checker) == ("t-1", "add", "value")
    assert task.tests[1] == Test(values.encode((["a", "b"], {"sep": ""})), '"ab"', TestKind.CALL)
    assert [values.decode(t.input) for t in task.examples] == [([0, 0], {})]
    [cut] = [read_call_row(row, "t-1", "here", 1)[0]]
    assert cut is not None
    assert len(cut.tests) == 1


BAD_CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "lengths": ({"expected": [3]}, "expected: has 1 entries, args has 2"),
    "no list": ({"args": "[[1, 2]]"}, "args: must be a list with one entry per test"),
    "no arguments": ({"args": [1, 2]}, "args: item 0 must be a list of arguments"),
    "named": ({"kwargs": [{}]}, "kwargs: must be a list of 2 objects"),
    "named by number": ({"kwargs": [{1: 2}, {}]}, "kwargs: item 0 must be an object"),
    "name": (
        {"entry_point": "a-b"},
        "entry_point: 'a-b' is neither a function's name nor Class.method",
    ),
    "checker": ({"checker": "tokens"}, "checker: 'tokens' compares text"),
    "no test": ({"args": [], "expected": []}, "args: has no test"),
    "preamble": ({"preamble": "no such"}, "preamble: 'no such' is not known"),
    "head": ({"head": "import ("}, "head: is not Python"),
    "no function": (
        {"entry_point": None},
        "entry_point: is missing; name the function that takes the arguments",
    ),
    "blank": ({"question": " "}, "question: is missing or blank"),
    "object": ({"expected": [3, date(2024, 1, 1)]}, "args: item 1: an object of the type"),
    "nothing": ({"args": None}, "args: must be a list"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_bad_row_of_calls_is_reported_by_field(name: str) -> None:
    changes, message = BAD_CALLS[name]
    task, faults = read_call_row({**CALLS, **changes}, "t-1", "here", None)
    assert task is None
    assert message in "; ".join(f"{field}: {text}" for field, text in faults)
