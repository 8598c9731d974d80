"""The function that a problem asks for, by a head, a sentence, assertions or the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.errors import DataError
from sparring.solving.problems.problem import ProblemOptions, read_problem


@pytest.mark.parametrize(
    ("text", "entry_point"),
    [
        ('def f(x):\n    """Do."""\n', "f"),
        ("def f(x): ...\n\n", "f"),
        ("def f(x):\n    pass\n", "f"),
        ("async def f(x):\n    raise NotImplementedError\n", "f"),
        ("def f(x):\n    # your code here\n", "f"),
        ("import math\n\ndef g(x):\n    return x\n\ndef f(x):\n    '''Use g.'''\n", "f"),
        ("class Solution:\n    def f(self, x: int) -> int:\n        ", "Solution.f"),
        ("Do it.\n\n```python\ndef f(x):\n    ...\n```\n", "f"),
        ("Do it.\n\nclass Solution:\n    def f(self, x):\n        pass\n", "Solution.f"),
        ("Write a function `f(x, y)` that adds.\nNo more.", "f"),
        ("The function: `f(x)`\n\n", "f"),
        ("Write a function `def f(x: int) -> int` that doubles.\n\n", "f"),
        ("Write a Python function called `add_up` that adds.\n\n", "add_up"),
        ("Write a function named add_up which adds.\n\n", "add_up"),
        ("Implement the function add_up(a, b).\n\n", "add_up"),
        ("Complete the `staircase` function below.\n\n", "staircase"),
        ("Add two numbers.\n\n>>> plus(1, 2)\n3\n", "plus"),
        ("Write a function to add.\n\nassert plus(1, 2) == 3\n", "plus"),
        ("Read two numbers and print their sum.\n\n", None),
        ("Use the function `print()` to print a number.\n\n", None),
        ("A function is monotone if it never falls.\nCount the monotone ones.", None),
    ],
)
def test_the_function_is_found(text: str, entry_point: str | None) -> None:
    assert read_problem(text).task.entry_point == entry_point


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def f(x): ...\ndef g(x): ...\n", "several functions without a body (f, g)"),
        ("def f(x):\n    return 1\n", "every function has a body (f)"),
        ("Write a function `f(x)`.\nImplement the function `g(x)`.\n", "several functions (f, g)"),
        (" \n\n", "is empty"),
        ("a\0b\n", "NUL"),
        ("a\ud800b\n", "surrogate"),
    ],
)
def test_what_is_unclear_is_refused(text: str, problem: str) -> None:
    with pytest.raises(DataError) as error:
        read_problem(text)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_the_user_decides_between_functions() -> None:
    text = "def f(x): ...\ndef g(x, y): ...\n"
    task = read_problem(text, ProblemOptions(entry_point="g")).task
    assert (task.entry_point, task.head) == ("g", "def f(x): ...\n")
    whole = read_problem("Write a function `f(x)`.\n\n", ProblemOptions(whole_program=True)).task
    assert whole.entry_point is None
    named = read_problem("Add two numbers.\n\n", ProblemOptions(entry_point="add")).task
    assert named.entry_point == "add"
    by_example = ProblemOptions(examples=[("add(1, 2)", "3")])
    assert read_problem("Add two numbers.\n\n", by_example).task.entry_point == "add"
    for wanted, problem in (("a b", "neither a function's name"), ("h", "has a body")):
        with pytest.raises(DataError, match=problem):
            read_problem(
                "def h(x):\n    return x\ndef g(x): ...\n", ProblemOptions(entry_point=wanted)
            )


def test_what_stands_before_the_function_is_its_head() -> None:
    text = "import math\nLIMIT = 3\n\ndef f(x):\n    '''Do.'''\n"
    assert read_problem(text).task.head == "import math\nLIMIT = 3\n"
    assert read_problem("def f(x): ...\n\n").task.head == ""


def test_a_python_file_has_to_be_python(tmp_path: Path) -> None:
    file = tmp_path / "p.py"
    file.write_text("Write something.\n")
    with pytest.raises(DataError, match=r"p\.py: is not Python with the head of a function"):
        read_problem(file)
    file.write_text("def f(x):\n    '''Do.'''\n")
    assert read_problem(file).task.id == "p"
