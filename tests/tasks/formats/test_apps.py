"""Rows of APPS and TACO: programs and calls by the rules of their harnesses."""

# ruff: noqa: E501 - rows as their data sets have them
from __future__ import annotations

import json
from typing import Any

import pytest

from sparring import values
from sparring.sandbox import Sandbox
from sparring.schema import TestKind
from tests.tasks.formats.running import fault, loaded, one, passes

APPS: dict[str, Any] = {
    "problem_id": 17,
    "question": "Read n and n numbers; print their doubles, one a line.",
    "solutions": json.dumps(
        ["n = int(input())\nfor x in input().split():\n    print(2 * int(x))\n"]
    ),
    "input_output": json.dumps({"inputs": ["2\n1 2\n", "1\n5\n"], "outputs": ["2\n4\n", "10\n"]}),
    "difficulty": "interview",
    "url": "https://example.org/17",
    "starter_code": "",
}
CALLS = APPS | {
    "problem_id": 18,
    "question": "Return the sum of two numbers.",
    "input_output": json.dumps(
        {"fn_name": "add", "inputs": [[1, 2], [0, 0]], "outputs": [[3], [0]]}
    ),
    "solutions": json.dumps(
        ["class Solution:\n    def add(self, a: int, b: int) -> List[int]:\n        return a + b\n",
         "def add(a, b):\n    return gcd(a + b, 0)\n"]
    ),
    "starter_code": "\nclass Solution:\n    def add(self, a: int, b: int) -> int:\n        ",
}  # fmt: skip
TACO: dict[str, Any] = {
    "question": "Print the words in any order.",
    "starter_code": "",
    "input_output": json.dumps({"inputs": [["2", "b a"]], "outputs": [["a", "b"]]}),
    "difficulty": "EASY",
    "raw_tags": "['strings']",
    "name": None,
    "source": "codeforces",
    "tags": "['String algorithms']",
    "skill_types": "[]",
    "url": None,
    "Expected Auxiliary Space": None,
    "time_limit": "2.0 seconds",
    "date": "2020-01-01",
    "picture_num": "0",
    "memory_limit": "256.0 megabytes",
    "Expected Time Complexity": None,
    "solutions": json.dumps(["input()\nfor w in sorted(input().split()):\n    print(w)\n"]),
}


def calling(inputs: list[Any], outputs: list[Any], **more: Any) -> dict[str, Any]:
    """A row of calls of ``f``."""
    held = {"fn_name": "f", "inputs": inputs, "outputs": outputs}
    return APPS | {"input_output": json.dumps(held), "solutions": ""} | more


def test_programs_of_apps(sandbox: Sandbox) -> None:
    found = loaded(APPS)
    [task] = found.tasks
    assert (task.id, task.difficulty, task.checker, task.time_limit) == (
        "17",
        "interview",
        "apps",
        4.0,
    )
    assert found.left_out == {"url": 1}
    assert passes(sandbox, task, task.solutions[0]) == [True, True]
    shuffled = (
        "input()\nprint(*sorted((2 * int(x) for x in input().split()), reverse=True), sep='\\n')\n"
    )
    assert passes(sandbox, task, shuffled) == [True, True]  # its harness takes lines in any order
    assert passes(sandbox, task, "print(2)\n") == [False, False]
    bare = "input()\nfor x in input().split():\n    print(floor(2 * int(x)))\n"  # math's, before it
    assert passes(sandbox, task, bare) == [True, True]


def test_calls_of_apps_in_both_forms(sandbox: Sandbox) -> None:
    task = one(CALLS)
    assert (task.entry_point, task.checker) == ("Solution.add", "unwrapped")
    assert "```python\nclass Solution:\n    def add" in task.statement
    assert all(all(passes(sandbox, task, program)) for program in task.solutions)
    free = one(CALLS | {"starter_code": "", "solutions": json.dumps(
        ["def add(a, b):\n    return a + b\n",
         "def add(a, b):\n    return b + a\n",
         "class Solution:\n    def add(self, a, b):\n        return a + b\n"])})  # fmt: skip
    assert free.entry_point == "add"
    assert all(all(passes(sandbox, free, program)) for program in free.solutions)


CASES: list[tuple[list[Any], list[Any], str, list[bool]]] = [
    ([[1], [2]], [[4], [5]], "return x + 3", [True, True]),  # [[4]] is 4
    ([[1], [2]], [4, 5], "return x + 3", [True, True]),
    ([[1]], [[4]], "return [x + 3]", [True]),
    ([[1]], [[[4]]], "return (x + 3,)", [True]),
    ([[1]], [[[[1, 2]]]], "return [(1, 2)]", [True]),
    ([[1]], [[[1, 2]]], "return [(1, 2)]", [False]),
    ([[{"1": 2, "3": 4}]], [[6]], "return sum(x.values()) if 1 in x else 0", [True]),
    ([[{"a": 2}]], [[2]], "return x['a']", [True]),
    ([[[1]]], [{"1": "a"}], "return {1: 'a'}", [True]),
    ([[[1]]], [{"k": "a"}], "return {'k': 'a'}", [True]),
    ([["ab"]], [["ab"]], "return x", [True]),
    ([["ab"]], ["ab"], "return x[0]", [False]),
    ([[3]], [[0.1]], "return 0.1 + 1e-12", [False]),  # == alone
    ([[3]], [[True]], "return 1", [True]),
    ([[3]], [[None]], "return None", [True]),
]


@pytest.mark.parametrize(("inputs", "outputs", "body", "wanted"), CASES)
def test_calls_are_compared_as_the_harness_does(
    sandbox: Sandbox, inputs: list[Any], outputs: list[Any], body: str, wanted: list[bool]
) -> None:
    for row in (calling(inputs, outputs), calling(inputs, outputs, skill_types="[]")):
        assert passes(sandbox, one(row), f"def f(x):\n    {body}\n") == wanted


def test_rows_of_taco(sandbox: Sandbox) -> None:
    found = loaded(TACO)
    [task] = found.tasks
    assert (task.checker, task.time_limit, task.memory_limit) == ("taco", 2.0, 256)
    assert (task.tests[0].input, task.tests[0].output) == ("2\nb a", "a\nb")
    assert task.difficulty == "EASY"
    assert passes(sandbox, task, task.solutions[0]) == [True]
    assert passes(sandbox, task, "print('a b')\n") == [True]  # letters are words are lines
    assert "skill_types" in found.left_out
    for limit, memory, wanted in (
        ("0.5 seconds", "64.0 megabytes", (0.5, 64)),
        (None, None, (4.0, 256)),
        ("1000 ms", "0.25 gigabytes", (1.0, 256)),
        (3, 512, (3.0, 512)),
    ):
        task = one(TACO | {"time_limit": limit, "memory_limit": memory})
        assert (task.time_limit, task.memory_limit) == wanted


def test_columns_may_hold_data_in_place_of_text() -> None:
    held = {"inputs": ["1\n"], "outputs": ["1\n"]}
    task = one(
        APPS | {"input_output": held, "solutions": ["print(1)\n"], "problem_id": None, "id": 5}
    )
    assert task.id == "5"
    assert [t.kind for t in task.tests] == [TestKind.STDIN]
    assert task.solutions == ("print(1)\n",)


def test_the_harness_keeps_only_a_keyed_first_argument() -> None:
    task = one(calling([[{"1": 2}, 3]], [[1]]))
    assert values.decode(task.tests[0].input) == ([{1: 2}], {})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (APPS | {"input_output": ""}, "input_output: has no test"),
        (APPS | {"input_output": '{"inputs": [], "outputs": []}'}, "input_output: has no test"),
        (APPS | {"input_output": '{"inputs": ["1"]}'}, "input_output: must hold a list of inputs"),
        (APPS | {"input_output": '{"inputs": ["1"], "outputs": []}'}, "has 1 inputs but 0 outputs"),
        (APPS | {"input_output": '{"inputs": [1], "outputs": ["1"]}'}, "test 0: input and output must be"),
        (APPS | {"input_output": "{"}, "input_output: not JSON"),
        (APPS | {"solutions": "[1]"}, "solutions: must be a list of programs"),
        (APPS | {"question": None}, "question: is missing; the row has difficulty, input_output"),
        (calling(["ab"], ["a"]), "test 0: a call's input must be a list of arguments"),
        (calling([[1]], [[1]]) | {"input_output": '{"fn_name": "a b", "inputs": [[1]], "outputs": [1]}'},
         "input_output: 'a b' is neither a function's name"),
        (TACO | {"time_limit": "soon"}, "time_limit: "),
    ],
)  # fmt: skip
def test_bad_rows_are_one_line(row: dict[str, Any], message: str) -> None:
    assert message in fault(row)
