"""Where problems are: files, standard input, task files; and what is refused there."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import DataError
from sparring.solving.problems.problem import ProblemOptions, read_problem

TASK = {
    "task_id": "double",
    "question": "Double the number.\n\nSample Input\n9\nSample Output\n18\n",
    "test_input": ["2\n"],
    "test_output": ["4\n"],
    "example_input": ["1\n"],
    "example_output": ["2\n"],
    "solutions": ["print(2 * int(input()))"],
    "test_time_limit": 2.0,
}
HUMANEVAL = {
    "task_id": "H/0",
    "prompt": 'def twice(x: int) -> int:\n    """Double.\n    >>> twice(2)\n    4\n    """\n',
    "entry_point": "twice",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n",
}


def task_file(folder: Path, *rows: Any, name: str = "tasks.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


def test_a_task_of_a_file_comes_without_its_ground_truth(tmp_path: Path) -> None:
    read = read_problem(task_file(tmp_path, TASK))
    task = read.task
    assert (task.id, task.time_limit) == ("double", 2.0)
    assert (task.tests, task.hidden, task.solutions, task.validator) == ((), (), (), None)
    assert [(t.input, t.output) for t in task.examples] == [("1\n", "2\n")]  # not the text's
    assert "1 public example in the task file" in read.notes


def test_examples_are_read_where_a_task_has_none(tmp_path: Path) -> None:
    file = task_file(tmp_path, TASK, HUMANEVAL)
    task = read_problem(file, ProblemOptions(task="H/0")).task
    assert (task.id, task.entry_point, len(task.examples)) == ("H/0", "twice", 1)
    assert task.tests == ()


def test_a_file_of_several_tasks_needs_an_id(tmp_path: Path) -> None:
    file = task_file(tmp_path, TASK, HUMANEVAL)
    with pytest.raises(DataError, match=r"has 2 tasks \(double, H/0\); name one by --task ID"):
        read_problem(file)
    with pytest.raises(DataError, match=r"--task x: .* has no such task; it has double, H/0"):
        read_problem(file, ProblemOptions(task="x"))
    with pytest.raises(DataError, match="a task says itself what it asks for"):
        read_problem(file, ProblemOptions(task="H/0", entry_point="f"))


def test_standard_input_is_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfWrite `f`.\r\n\r\n>>> f(1)\r\n2\r\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    task = read_problem("-").task
    assert (task.id, task.entry_point, len(task.examples)) == ("problem", "f", 1)
    assert "\r" not in task.statement


def test_a_str_is_a_text_a_head_or_a_file(tmp_path: Path) -> None:
    assert read_problem("Print the sum.").task.statement == "Print the sum."
    assert read_problem("def f(x): ...").task.entry_point == "f"
    file = tmp_path / "two words.txt"
    file.write_text("Print the product.\n")
    assert read_problem(str(file)).task.statement == "Print the product."
    with pytest.raises(DataError, match=r"missing\.txt: there is no such file"):
        read_problem("missing.txt")
    with pytest.raises(DataError, match="there is no such file; write a problem of one line"):
        read_problem(Path("Print the sum."))


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("p.txt", b"", "is empty"),
        ("p.md", b"\xff\xfe", "is not UTF-8 text"),
        ("p.txt", b"x" * ((256 << 10) + 1), "longer than 256 KiB"),
        ("p.csv", b"a,b\n", "CSV is not a task file"),
        ("p.jsonl", b"{", "line 1"),
    ],
)
def test_a_bad_file_is_one_line(name: str, data: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(DataError) as error:
        read_problem(file)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_a_task_needs_a_task_file(tmp_path: Path) -> None:
    file = tmp_path / "p.txt"
    file.write_text("Print 1.\n")
    with pytest.raises(DataError, match=r"--task x: .*p\.txt is not a task file"):
        read_problem(file, ProblemOptions(task="x"))
    with pytest.raises(DataError, match="is a directory; name the file"):
        read_problem(tmp_path)


def test_the_users_examples_come_first_and_win() -> None:
    text = "Double.\n\nSample Input\n1\nSample Output\n3\nSample Input\n4\nSample Output\n8\n"
    read = read_problem(text, ProblemOptions(examples=[("1", "2")]))
    assert [(t.input, t.output) for t in read.task.examples] == [("1\n", "2\n"), ("4\n", "8\n")]
    assert "1 given by --example" in read.notes


@pytest.mark.parametrize(
    ("given", "shown", "arguments"),
    [
        ("f(1, 2)", "3", [1, 2]),
        ("1, 2", "3", [1, 2]),
        ("candidate(1, 2)", "[3]", [1, 2]),
        ("[1, 2], 'a'", "true", [[1, 2], "a"]),
    ],
)
def test_an_example_of_a_function_is_a_call_or_its_arguments(
    given: str, shown: str, arguments: list[Any]
) -> None:
    from sparring import values

    text = "def f(x, y): ...\n"
    [test] = read_problem(text, ProblemOptions(examples=[(given, shown)])).task.examples
    assert values.decode(test.input) == (arguments, {})


@pytest.mark.parametrize(
    ("given", "shown", "problem"),
    [
        ("f(1, 2)", "abc", "'abc' is no Python literal; put texts in quotes"),
        ("f(1)", "2", "no argument for y"),
        ("1, x", "2", "not a constant"),
        ("f(1, 2", "2", "not a Python or JSON literal"),
        ("1, 2, 3", "2", "3 arguments for 2 parameters"),
    ],
)
def test_a_bad_example_is_one_line(given: str, shown: str, problem: str) -> None:
    with pytest.raises(DataError) as error:
        read_problem("def f(x, y): ...\n", ProblemOptions(examples=[(given, shown)]))
    assert problem in str(error.value)
    assert "\n" not in str(error.value)
