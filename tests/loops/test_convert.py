"""Function tasks as programs: only what is certain is turned, and every test is run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tests.loops.runs import sparring_here
from tests.shared import shared

from sparring.tasks.functions import convert_row
from sparring.tasks.load import load_tasks

HUMAN = {
    "task_id": "H/1",
    "prompt": 'def add(a, b):\n    """Add two numbers."""\n',
    "entry_point": "add",
    "canonical_solution": "  return a + b\n",  # another indentation than the docstring's
    "test": "def check(candidate):\n"
    "    assert candidate(1, 2) == 3\n"
    "    assert candidate('a', 'b') == 'ab'\n"
    "    assert candidate([1], [2]) == [1, 2]\n"
    "    assert candidate(2, 2) == 5\n"  # wrong: the solution will not confirm it
    "    assert abs(candidate(0.1, 0.2) - 0.3) < 1e-6\n"
    "    assert candidate(4, 4) == 8\n",
}
MBPP = {
    "task_id": 2,
    "text": "Write a function to find out whether a number is even.",
    "code": "def even(n):\n    return n % 2 == 0",
    "test_list": ["assert even(2)", "assert not even(3)", "assert even(4) == True"],
}


def test_rows_of_both_shapes(tmp_path: Path) -> None:
    rows = [HUMAN, MBPP, {"task_id": "bad"}]
    source = tmp_path / "rows.jsonl.gz"
    source.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    done = sparring_here("tasks", "convert", str(source), "--out", str(tmp_path / "out.jsonl"))
    assert done.returncode == 0, done.stderr
    assert "left out bad: neither HumanEval's nor MBPP's fields" in done.stderr
    assert "2 of 3 tasks with 7 tests" in done.stdout
    assert "(2 assertions of another form left out)" in done.stdout
    add, even = load_tasks([tmp_path / "out.jsonl"], None)
    assert [t.input for t in (*add.examples, *add.tests)] == [
        "1\n2\n", "'a'\n'b'\n", "[1]\n[2]\n", "4\n4\n",
    ]  # fmt: skip
    assert [t.output for t in add.tests] == ["'ab'\n", "[1, 2]\n", "8\n"]
    assert "read the 2 arguments of `add`" in add.statement
    assert [t.output for t in even.tests] == ["True\n", "False\n", "True\n"]
    assert even.examples == ()


def test_what_is_no_literal_is_left_out() -> None:
    tests = ["assert even(2) == f(1)", "assert even(n=2)", "assert even(3) != 1"]
    found = convert_row({**MBPP, "test_list": tests}, 1)
    assert found.task is None
    assert found.left_out == 3


def test_the_real_data_sets_convert(tmp_path: Path) -> None:
    for name, least in (("mbpp_sanitized_first213", 170), ("humaneval_codegen16b_first82", 70)):
        source = shared(f"data/{name}.jsonl.gz")
        out = tmp_path / f"{name}.jsonl"
        done = sparring_here("tasks", "convert", str(source), "--out", str(out))
        assert done.returncode == 0, done.stderr
        assert len(load_tasks([out], None)) >= least
