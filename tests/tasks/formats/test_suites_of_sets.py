"""Rows of KodCode (pytest files) and AceCode (lists of assertions)."""

# ruff: noqa: E501 - rows as their data sets have them
from __future__ import annotations

from typing import Any

import pytest

from sparring.sandbox import Sandbox
from sparring.schema import TestKind
from tests.tasks.formats.running import fault, loaded, one, passes

KODCODE: dict[str, Any] = {
    "version": "v1.0",
    "style": "instruct",
    "subset": "Prefill",
    "question_id": "Prefill_1_I",
    "question": "Write a function that joins two words with a dash.",
    "solution": "def join(a, b='x'):\n    return f'{a}-{b}'\n",
    "test": "from solution import join\n\ndef test_words():\n    assert join('a', 'b') == 'a-b'\n\n"
    "def test_empty():\n    assert join('', b='') == '-'\n",
    "test_info": [
        {"docstring": "", "function_declaration": "def join(a, b='x'):", "function_name": "join",
         "parameter_list": "(a, b='x')"}
    ],
    "gpt_pass_sequence": [1],
    "gpt_difficulty": "easy",
    "gpt_pass_percentage": 1.0,
    "trials": {},
    "metadata": {},
}  # fmt: skip
ACECODE: dict[str, Any] = {
    "id": "oss_900",
    "source": "oss",
    "question": "Write a function `span` that gives the distance of the largest and the smallest.",
    "test_cases": ["assert span([1, 4]) == 3", "assert span([2]) == 0", "assert abs(span([0.5, 2]) - 1.5) < 1e-9"],
    "inferences": [{"model_name": "m", "completion_id": 0, "completion": "def span(x): ...", "pass_rate": 1.0}],
    "context_messages": [[{"role": "user", "content": "..."}]],
}  # fmt: skip


def test_a_row_of_kodcode(sandbox: Sandbox) -> None:
    found = loaded(KODCODE)
    [task] = found.tasks
    assert (task.id, task.entry_point, task.difficulty) == ("Prefill_1_I", "join", "easy")
    assert task.statement.endswith("The function: `def join(a, b='x'):`")
    assert all(passes(sandbox, task, task.solutions[0]))
    assert not all(passes(sandbox, task, "def join(a, b):\n    return a + b\n"))
    assert not all(passes(sandbox, task, "def join(a, b):\n    return None\n"))
    assert "trials" in found.left_out
    named = one(KODCODE | {"question": "Write `join`, which joins two words."})
    assert named.statement == "Write `join`, which joins two words."


SUITES = {
    "loop": "from solution import join\n\ndef test_all():\n    for w in 'ab':\n        assert join(w, w) == f'{w}-{w}'\n",
    "star": "from solution import *\n\ndef test_one():\n    assert join('a', 'b') == 'a-b'\n",
    "module": "import solution\n\ndef test_one():\n    assert solution.join('a', 'b') == 'a-b'\n",
    "raises": "import pytest\nfrom solution import join\n\ndef test_error():\n    assert join('a', 'b') == 'a-b'\n"
    "    with pytest.raises(TypeError):\n        join()\n",
    "parametrized": "import pytest\nfrom solution import join\n\n@pytest.mark.parametrize('a, w', [('a', 'a-x'), ('b', 'b-x')])\n"
    "def test_each(a, w):\n    assert join(a) == w\n",
    "class": "from solution import join\n\nclass TestJoin:\n    def test_one(self):\n        assert join('a') == 'a-x'\n",
}  # fmt: skip


@pytest.mark.parametrize("name", SUITES)
def test_test_files_of_kodcode_are_run(sandbox: Sandbox, name: str) -> None:
    task = one(KODCODE | {"test": SUITES[name]})
    assert all(passes(sandbox, task, task.solutions[0]))
    assert not all(passes(sandbox, task, "def join(a='', b=''):\n    return None\n"))


def test_programs_of_kodcode(sandbox: Sandbox) -> None:
    text = str({"stdin": ["1 2\n", "3 4\n"], "stdout": ["3\n", "7"]})
    for test in (text, {"stdin": ["1 2\n", "3 4\n"], "stdout": ["3\n", "7"]}):
        row = KODCODE | {
            "test": test,
            "solution": "print(sum(map(int, input().split())))",
            "test_info": [],
        }
        task = one(row)
        assert (task.entry_point, [t.kind for t in task.tests]) == (None, [TestKind.STDIN] * 2)
        assert passes(sandbox, task, task.solutions[0]) == [True, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"solution": "class Stack:\n    pass\n", "test": "from solution import Stack\ndef test_s():\n    assert Stack()\n"},
         "test: tests the class Stack"),
        ({"test": "def test_x():\n    assert 1\n", "test_info": None}, "test: imports nothing from solution"),
        ({"test": "from solution import (join\n"}, "test: is not Python"),
        ({"test": None}, "test: is missing; the row has gpt_difficulty, question"),
        ({"test": "from solution import join\n\ndef test_x():\n    join('a')\n"}, "test: "),
        ({"test": {"stdin": ["1"], "stdout": []}}, "test: has 1 inputs but 0 outputs"),
        ({"solution": None}, "solution: is missing; the row has gpt_difficulty"),
        ({"solution": "def ("}, "solution: is not Python"),
    ],
)  # fmt: skip
def test_what_kodcode_cannot_carry_is_named(change: dict[str, Any], message: str) -> None:
    assert message in fault(KODCODE | change)


def test_a_row_of_acecode(sandbox: Sandbox) -> None:
    found = loaded(ACECODE)
    [task] = found.tasks
    assert (task.id, task.entry_point, task.statement) == ("oss_900", "span", ACECODE["question"])
    assert [t.kind for t in task.tests] == [TestKind.CALL] * 3
    assert task.solutions == ()  # nobody says that an inference is right
    assert passes(sandbox, task, "def span(x):\n    return max(x) - min(x)\n") == [True, True, True]
    assert passes(sandbox, task, "def span(x):\n    return len(x) + 1\n") == [True, False, False]
    assert found.left_out == {"inferences": 1, "context_messages": 1, "source": 1}


ACECODES: dict[str, tuple[dict[str, Any], str, list[TestKind]]] = {
    "second_release": (
        {"test_cases": None, "tests": ["assert span([1]) == 0"]}, "span", [TestKind.CALL],
    ),
    "wrapped": (
        {"test_cases": ["assert sorted(span([1])) == [0]", "assert set(span([2])) == {0}"]},
        "span", [TestKind.SCRIPT] * 2,
    ),
    "imports": (
        {"test_cases": ["import math\nassert math.isclose(span([1]), 0)", "assert span([1]) == 0"]},
        "span", [TestKind.CALL] * 2,
    ),
    "two_functions": (
        {"test_cases": ["assert span(helper(1)) == 0", "assert span([1]) == 0"]},
        "span", [TestKind.SCRIPT, TestKind.CALL],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ACECODES)
def test_assertions_of_acecode(name: str) -> None:
    change, entry, kinds = ACECODES[name]
    task = one(ACECODE | change)
    assert task.entry_point == entry
    assert [t.kind for t in task.tests] == kinds


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_cases": []}, "test_cases: has no test"),
        ({"test_cases": ["assert span("]}, "test_cases: item 0 is not Python"),
        ({"test_cases": ["assert len([1]) == 1"]}, "test_cases: no assertion calls a function"),
        ({"test_cases": "assert span([1])"}, "test_cases: must be a list of strings"),
        ({"question": None}, "question: is missing; the row has id, test_cases"),
        ({"test_cases": ["span([1])"]}, "test_cases: "),
    ],
)
def test_bad_rows_of_acecode_are_one_line(change: dict[str, Any], message: str) -> None:
    assert message in fault(ACECODE | change)
