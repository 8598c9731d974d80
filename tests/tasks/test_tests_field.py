"""Tests as people write them down: assertions, or inputs and outputs, in a task file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparring import values
from sparring.errors import DataError
from sparring.sandbox import Job, Sandbox
from sparring.schema import Task, Test, TestKind, Verdict
from sparring.tasks.collect import RowSelection, collect
from sparring.tasks.load import dump_tasks, read_task_files
from sparring.tasks.rows.files import file_rows

DOUBLE: dict[str, Any] = {
    "question": "Write double(n).",
    "entry_point": "double",
    "tests": ["assert double(2) == 4", "assert double(-1) == -2"],
}


def read(tmp_path: Path, row: Any, ending: str = "jsonl") -> Task:
    """The task of a row, read as a task file and by the loader alike."""
    path = tmp_path / f"a.{ending}"
    path.write_text(json.dumps(row if ending == "jsonl" else [row]))
    [task] = read_task_files([path])
    [other] = collect([file_rows(path)], RowSelection()).tasks
    assert (task.tests, task.entry_point) == (other.tests, other.entry_point)
    dump_tasks([task], tmp_path / "dumped.jsonl")
    [loaded] = read_task_files([tmp_path / "dumped.jsonl"])
    assert (loaded.tests, loaded.entry_point, loaded.checker) == (
        task.tests, task.entry_point, task.checker
    )  # fmt: skip
    return task


def calls(task: Task) -> list[tuple[Any, Any]]:
    return [(values.decode(t.input)[0], values.decode(t.output)) for t in task.tests]


WRITTEN = {
    "a list": DOUBLE,
    "one text": DOUBLE | {"tests": "\n".join(DOUBLE["tests"])},
    "the function by its calls": {k: v for k, v in DOUBLE.items() if k != "entry_point"},
    "imports of the program": DOUBLE
    | {"tests": ["from solution import double\n", *DOUBLE["tests"]]},
    "with a solution": DOUBLE | {"solutions": ["def double(n):\n    return 2 * n\n"]},
    "with more of a task": DOUBLE | {"test_time_limit": 2, "difficulty": "easy", "task_id": "d"},
    "blank texts between": DOUBLE | {"tests": ["", *DOUBLE["tests"], " \n"]},
}


@pytest.mark.parametrize("ending", ["jsonl", "json"])
@pytest.mark.parametrize("name", WRITTEN)
def test_assertions_are_calls(name: str, ending: str, tmp_path: Path) -> None:
    task = read(tmp_path, WRITTEN[name], ending)
    assert task.entry_point == "double"
    assert {t.kind for t in task.tests} == {TestKind.CALL}
    assert calls(task) == [([2], 4), ([-1], -2)]


def test_what_is_more_than_calls_is_one_script(tmp_path: Path) -> None:
    tests = ["for n in range(3):\n    assert double(n) == n + n", "assert double(5) == 10"]
    task = read(tmp_path, DOUBLE | {"tests": tests})
    [test] = task.tests
    assert test.kind is TestKind.SCRIPT
    assert "range(3)" in test.input
    assert "double(5)" in test.input


def test_helpers_and_builtins_are_not_the_function(tmp_path: Path) -> None:
    suite = (
        "from math import isclose\ndef near(a, b):\n    return isclose(a, b)\n"
        "for n in range(3):\n    assert near(abs(half(n)), n / 2)\n"
    )
    assert read(tmp_path, {"question": "?", "tests": suite}).entry_point == "half"


def test_the_solution_says_which_of_several_functions_it_is(tmp_path: Path) -> None:
    row = {"question": "?", "tests": ["assert decode(encode('a')) == 'a'"]}
    path = tmp_path / "b.jsonl"
    path.write_text(json.dumps(row))
    with pytest.raises(DataError, match="the tests call decode, encode; name the function"):
        read_task_files([path])
    row["solutions"] = ["def encode(text):\n    return text\n"]
    assert read(tmp_path, row).entry_point == "encode"


def test_inputs_and_outputs_are_tests_of_programs(tmp_path: Path) -> None:
    row = {
        "question": "Double n.",
        "tests": [{"input": "2\n", "output": "4\n"}, {"input": "", "output": "0"}],
        "checker": "lines",
    }
    task = read(tmp_path, row)
    assert task.entry_point is None
    assert task.tests == (Test("2\n", "4\n"), Test("", "0"))
    assert task.checker == "lines"
    cut = read_task_files([tmp_path / "a.jsonl"], max_tests=1)
    assert len(cut[0].tests) == 1


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no Python": ({"tests": ["assert double(1) == 2", "assert ("]}, "tests: item 1 is not Python"),
    "no assertion": ({"tests": ["double(1)"]}, "tests: asserts nothing"),
    "nothing": ({"tests": []}, "tests: has no test"),
    "blank": ({"tests": ["", " "]}, "tests: has no test"),
    "numbers": ({"tests": [1, 2]}, "tests: must be assertions (a text or a list of texts)"),
    "an object": ({"tests": {"a": 1}}, "tests: must be assertions"),
    "mixed": ({"tests": ["assert 1", {"input": "", "output": ""}]}, "tests: must be assertions"),
    "pairs of a function": (
        {"tests": [{"input": "1", "output": "2"}]},
        'must be assertions for a function, such as "assert f(1) == 2"',
    ),
    "other names inside": (
        {"tests": [{"in": "1", "out": "2"}], "entry_point": None},
        "item 0 has in, out; give input and output, both texts, and no more "
        "(--map test_input=tests.*.in,test_output=tests.*.out)",
    ),
    "numbers inside": (
        {"tests": [{"input": 1, "output": 2}], "entry_point": None},
        "item 0 has input, output; give input and output, both texts",
    ),
    "two ways": ({"test_input": ["1"]}, "tests: replaces test_input; leave one of the two out"),
    "no function": (
        {"tests": ["assert 1 == 1"], "entry_point": None},
        "entry_point: is missing, and the tests call no function by its name",
    ),
    "a name": (
        {"entry_point": "a b"},
        "entry_point: 'a b' is neither a function's name nor Class.method",
    ),
    "a validator": ({"validator": "print('valid')"}, "validator: reads standard input"),
    "a checker": ({"checker": "tokens"}, "checker: 'tokens' compares printed text"),
    "half a character": ({"tests": ["assert double('\ud800') == 1"]}, "half a surrogate pair"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_test_is_told(name: str, tmp_path: Path) -> None:
    changes, message = BAD[name]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(DOUBLE | changes))
    with pytest.raises(DataError) as caught:
        read_task_files([path])
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}, row 1, ")
    assert "\n" not in str(caught.value)


def test_a_column_of_that_name_beside_our_own_tests_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question": "?", "test_input": ["1"], "test_output": ["1"],
                                "tests": "whatever"}))  # fmt: skip
    collected = collect([file_rows(path)], RowSelection())
    assert collected.tasks[0].tests == (Test("1", "1"),)
    assert dict(collected.left_out) == {"tests": 1}


@pytest.mark.parametrize("entry_point", [None, "Solution.add"])
def test_methods_of_a_class(entry_point: str | None, tmp_path: Path) -> None:
    tests = ["assert Solution().add(1, 2) == 3", "assert Solution().add(0, b=0) == 0"]
    row = {"question": "?", "entry_point": entry_point, "tests": tests}
    task = read(tmp_path, row)
    assert task.entry_point == "Solution.add"
    assert calls(task) == [([1, 2], 3), ([0], 0)]
    looped = "for n in range(3):\n    assert Solution().add(n, n) == 2 * n"
    (tmp_path / "dumped.jsonl").unlink()
    [script] = read(tmp_path, row | {"tests": looped}).tests
    assert script.kind is TestKind.SCRIPT
    assert "assert add(n, n) == 2 * n" in script.input
    right = "class Solution:\n    def add(self, a, b):\n        return a + b\n"
    with Sandbox(workers=1) as sandbox:
        [[good], [bad]] = sandbox.run(
            [
                Job(source, (script.input,), kind=TestKind.SCRIPT, entry_point="Solution.add")
                for source in (right, right.replace("+", "-"))
            ]
        )
    assert (good.verdict, bad.verdict) == (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)
