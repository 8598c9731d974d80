"""LiveCodeBench's rows: calls stay calls, programs stay programs, faults are named."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from datetime import date, datetime
from typing import Any

import pytest

from sparring import values
from sparring.schema import TestKind
from sparring.tasks.formats.livecodebench import contest_date, read_livecodebench


def sealed(cases: list[dict[str, str]]) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(cases)))).decode()


def case(given: str, wanted: str, kind: str) -> dict[str, str]:
    return {"input": given, "output": wanted, "testtype": kind}


def row(**changes: Any) -> dict[str, Any]:
    """A functional row."""
    return {
        "question_title": "Add",
        "question_content": "Add up two lists.",
        "platform": "leetcode",
        "question_id": "2800",
        "contest_id": "weekly",
        "contest_date": "2023-08-21T00:00:00",
        "starter_code": "class Solution:\n    def addAll(self, a: List[int], b: str):\n        ",
        "difficulty": "easy",
        "public_test_cases": json.dumps([case('[1, 2]\n"x y"', "6", "functional")]),
        "private_test_cases": sealed([case('[]\n"a\\nb"', "[1.5, null]", "functional")] * 3),
        "metadata": json.dumps({"func_name": "addAll"}),
    } | changes


STDIN = {
    "starter_code": "",
    "metadata": "{}",
    "public_test_cases": json.dumps([case("1\n", "1", "stdin")]),
    "private_test_cases": sealed([case("2\n\n", "2", "stdin")]),
}


def test_functional_tests_are_calls_of_the_class_around_the_function() -> None:
    task, faults = read_livecodebench(row(), "here", max_tests=2)
    assert faults == []
    assert task is not None
    assert (task.id, task.difficulty, task.entry_point) == ("2800", "easy", "Solution.addAll")
    assert len(task.tests) == 2
    assert {t.kind for t in (*task.tests, *task.examples)} == {TestKind.CALL}
    assert values.decode(task.tests[0].input) == ([[], "a\nb"], {})
    assert values.decode(task.tests[0].output) == [1.5, None]
    assert values.decode(task.examples[0].input) == ([[1, 2], "x y"], {})
    assert "def addAll(self" in task.statement
    assert task.checker == "livecodebench_value"


def test_a_starter_without_a_class_is_a_function() -> None:
    task, _ = read_livecodebench(row(starter_code="def addAll(a, b):\n    "), "here", None)
    assert task is not None
    assert task.entry_point == "addAll"


def test_stdin_tests_stay_to_the_letter() -> None:
    task, faults = read_livecodebench(row(**STDIN), "here", None)
    assert faults == []
    assert task is not None
    assert task.entry_point is None
    assert [(t.input, t.output, t.kind) for t in task.tests] == [("2\n\n", "2", TestKind.STDIN)]
    assert task.statement == "Add up two lists."
    assert (task.time_limit, task.memory_limit) == (6.0, 1024)


def one_test(**changes: Any) -> dict[str, Any]:
    """A row of `test_generation`."""
    return {
        "question_title": "number-of-senior-citizens",
        "question_content": "Count those above 60.",
        "question_id": "2727",
        "contest_id": "weekly-contest-346",
        "contest_date": datetime(2023, 5, 13, 18, 30),
        "test_id": 1,
        "difficulty": "easy",
        "function_name": "countSeniors",
        "starter_code": "class Solution:\n    def countSeniors(self, d: List[str]):\n        ",
        "test": json.dumps([case('["7868190130M7522"]', "1", "functional")]),
    } | changes


def test_a_row_of_test_generation_is_its_function_with_the_one_test() -> None:
    task, faults = read_livecodebench(one_test(), "here", None)
    assert faults == []
    assert task is not None
    assert (task.id, task.entry_point) == ("2727/1", "Solution.countSeniors")
    assert task.checker == "livecodebench_value"
    assert [(values.decode(t.input), t.output) for t in task.tests] == [
        (([["7868190130M7522"]], {}), "1")
    ]
    assert task.examples == ()
    assert "def countSeniors(self" in task.statement
    assert read_livecodebench(one_test(question_id=2727), "here", None) == (task, [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"function_name": None}, "function_name: names no function, which"),
        ({"function_name": "a b"}, "function_name: names no function"),
        ({"test": "[]"}, "test: has no test"),
        ({"test": None}, "test: is missing"),
        ({"test_id": "one"}, "test_id: must be a number"),
        ({"test_id": 10**5000}, "test_id: must be above"),
        ({"test": json.dumps([case("1", "one", "functional")])}, "test: test 0: not JSON"),
    ],
)
def test_a_bad_row_of_test_generation_is_reported_by_field(
    changes: dict[str, Any], message: str
) -> None:
    task, faults = read_livecodebench(one_test(**changes), "here", None)
    assert task is None
    assert message in "; ".join(f"{field}: {text}" for field, text in faults)


def test_a_row_of_execution_is_named() -> None:
    ran = {"code": "def f(): ...", "input": "f()", "output": "1", "function_name": "f"}
    task, [(field, message)] = read_livecodebench(ran | {"contest_id": "1"}, "here", None)
    assert task is None
    assert field == "code"
    assert message.startswith(
        "is of LiveCodeBench's execution set, which asks for a program's value"
    )


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no function": ({"metadata": "{}"}, "names no function"),
    "not a name": ({"metadata": '{"func_name": "a b"}'}, "names no function"),
    "metadata": ({"metadata": "{"}, "not JSON"),
    "no tests": ({"private_test_cases": sealed([])}, "has no test"),
    "tests missing": ({"private_test_cases": None}, "is missing"),
    "tests of another kind": (
        {"private_test_cases": sealed([case("1", "1", "interactive")])},
        "testtype is 'interactive'",
    ),
    "two kinds": ({"private_test_cases": STDIN["private_test_cases"]}, "functional, stdin"),
    "argument": (
        {"private_test_cases": sealed([case("[1", "1", "functional")])},
        "test 0: not JSON",
    ),
    "not a list": ({"private_test_cases": '{"input": "1"}'}, "must hold a list"),
    "an item": ({"private_test_cases": "[1]"}, "test 0: is not an object"),
    "deep": ({"private_test_cases": "[" * 100_000}, "nested too deeply"),
    "surrogate": (
        {"private_test_cases": json.dumps([case("\ud800", "1", "stdin")])},
        "half a surrogate pair",
    ),
    "id": ({"question_id": None}, "missing or blank"),
    "number": ({"question_content": 3}, "must be a string"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_reported_by_field(name: str) -> None:
    changes, message = BAD[name]
    task, faults = read_livecodebench(row(**changes), "here", None)
    assert task is None
    assert any(message in text for _, text in faults), faults


def test_the_day_of_a_contest_as_text_and_as_the_library_reads_it() -> None:
    day = date(2023, 8, 21)
    for value in ("2023-08-21T00:00:00", "2023-08-21", datetime(2023, 8, 21, 5), day):
        assert contest_date({"contest_date": value}) == day
    for value in (None, 5, "soon", ""):
        assert contest_date({"contest_date": value}) is None
