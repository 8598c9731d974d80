"""Preambles by name, heads of statements, and that every program of a task has them in front."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from sparring.errors import DataError
from sparring.grading import test_jobs
from sparring.grading.test_jobs import ExecutionRequest
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Task, Test, Verdict
from sparring.tasks.formats.natives import read_native
from sparring.tasks.load import dump_tasks, read_task_files
from sparring.tasks.preambles import PREAMBLES, VERSION, source_before, versions
from sparring.tasks.rows.fields import read_row
from sparring.tasks.rows.heads import head_of

ROW = {"question": "q", "test_input": ["1\n"], "test_output": ["1\n"]}


def test_every_preamble_is_versioned_and_runs() -> None:
    assert PREAMBLES.keys() == VERSION.keys()
    with Sandbox(1) as sandbox:
        jobs = [Job("print(Counter, List, gcd)", ("",), preamble=p) for p in PREAMBLES.values()]
        assert all(o.verdict is Verdict.FINISHED for [o] in sandbox.run(jobs))


def test_the_later_module_wins_as_at_the_judge() -> None:
    program = "print(pow(2, 3, 5))\nprint(type(datetime).__name__, bisect)"
    with Sandbox(1) as sandbox:
        lcb, leetcode = (
            sandbox.run([Job(program, ("",), preamble=PREAMBLES[name])])[0][0]
            for name in ("livecodebench", "leetcode")
        )
    assert lcb.output.startswith("3\nmodule <module 'bisect'")
    assert "pow expected 2 arguments" in leetcode.detail  # math's, as LeetCodeDataset has it


def test_an_unknown_name_is_one_clear_line() -> None:
    task, faults = read_row(ROW | {"preamble": "livecodebanch"}, "x", "here", None)
    assert task is None
    assert faults == [
        (
            "preamble",
            "'livecodebanch' is not known; the preambles are apps, leetcode, livecodebench",
        )
    ]
    with pytest.raises(DataError, match="t: preamble 'no' is not known"):
        source_before(Task("t", "q", (), preamble="no"))


def test_a_head_that_is_no_python_is_one_clear_line() -> None:
    _, faults = read_row(ROW | {"head": "def f(:"}, "x", "here", None)
    assert faults == [("head", "is not Python; give the source that stands before every program")]


def test_both_survive_a_task_file(tmp_path: Path) -> None:
    row = ROW | {"preamble": "leetcode", "head": "X = 1\n"}
    task, faults = read_row(row, "x", "here", None)
    assert task is not None, faults
    dump_tasks([task], tmp_path / "t.jsonl")
    [loaded] = read_task_files([tmp_path / "t.jsonl"])
    assert (loaded.preamble, loaded.head) == ("leetcode", "X = 1\n")
    assert versions([loaded, loaded]) == {"leetcode": "1"}
    assert source_before(loaded) == PREAMBLES["leetcode"] + "X = 1\n"


@pytest.mark.parametrize(
    ("prompt", "head"),
    [
        ('from typing import List\n\n\ndef f(x: List[int]):\n    """Doc."""\n',
         "from typing import List\n"),
        ("import math\n\ndef poly(xs):\n    return math.fsum(xs)\n\n\ndef f(x):\n    '''Doc.'''\n",
         "import math\n\ndef poly(xs):\n    return math.fsum(xs)\n"),
        ("LIMIT = 3\n\n@staticmethod\ndef f(x):\n    '''Doc.'''\n", "LIMIT = 3\n"),
        ("class Node: pass\n\nclass Solution:\n    def f(self):\n        '''D'''\n",
         "class Node: pass\n"),
        ("import random\nfrom math import *\n\ninf = float('inf')\n",
         "import random\nfrom math import *\n\ninf = float('inf')\n"),
        ("def f(x):\n    '''Doc.'''\n", ""),
        ('"""Write a function that doubles."""\n', ""),
        ("Write a function f that doubles a list.", ""),
        ("import os\n\nthis is no Python\n", ""),
    ],
)  # fmt: skip
def test_the_head_of_a_prompt(prompt: str, head: str) -> None:
    entry = "Solution.f" if "class Solution" in prompt else "f"
    assert head_of(prompt, entry) == head


HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": "from typing import List\nLIMIT = 3\n\ndef helper(x):\n    return x + LIMIT\n\n\n"
    'def f(xs: List[int]) -> List[int]:\n    """Add the limit to each."""\n',
    "entry_point": "f",
    "canonical_solution": "    return [helper(x) for x in xs]\n",
    "test": "def check(candidate):\n    for xs in ([], [1]):\n"
    "        assert candidate(xs) == [helper(x) for x in xs]\n",
}


def test_answers_may_leave_out_what_the_prompt_has() -> None:
    task, faults = read_native(HUMANEVAL, "x", "here", None)
    assert task is not None, faults
    left_out = "def f(xs: List[int]):\n    return [helper(x) for x in xs]"
    own = "def helper(x):\n    return x + 3\n" + left_out
    wrong = "def f(xs):\n    return [helper(x) + 1 for x in xs]"
    with Sandbox(1) as sandbox:
        asks = [
            ExecutionRequest(task, p, task.tests, Limits(), of_task=False)
            for p in (left_out, own, wrong)
        ]
        rows = test_jobs.run(
            sandbox, [*asks, ExecutionRequest(task, task.solutions[0], task.tests, Limits())]
        )
    verdicts = [row[0].verdict for row in rows]
    assert verdicts == [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.ACCEPTED]


def test_mbpp_rows_have_none() -> None:
    row = {"task_id": 1, "text": "Add.", "code": "def f(a):\n    return a\n",
           "test_list": ["assert f(1) == 1"]}  # fmt: skip
    task, faults = read_native(row, "x", "here", None)
    assert task is not None, faults
    assert (task.head, task.preamble) == ("", None)


def test_validators_have_nothing_in_front() -> None:
    task = Task("t", "q", (Test("1\n", "1\n"),), validator="print('valid')", head="A = 1\n",
                preamble="livecodebench")  # fmt: skip
    [job] = test_jobs.jobs(ExecutionRequest(task, "print(1)", task.tests, Limits()))
    assert job.preamble == PREAMBLES["livecodebench"] + "A = 1\n"
    [job] = test_jobs.jobs(ExecutionRequest(task, "print('valid')", task.tests, Limits()))
    assert job.preamble == ""


def test_livecodebench_answers_on_standard_input_have_it_too(tmp_path: Path) -> None:
    cases = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]
    row = {
        "question_title": "t", "question_content": "Add.", "platform": "atcoder",
        "question_id": "a", "contest_id": "c", "contest_date": "2024-01-01T00:00:00",
        "starter_code": "", "difficulty": "easy", "public_test_cases": json.dumps(cases),
        "private_test_cases": json.dumps(cases), "metadata": "{}",
    }  # fmt: skip
    from sparring.tasks.collect import RowSelection, collect
    from sparring.tasks.rows.files import file_rows

    path = tmp_path / "lcb.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(row).encode() + b"\n"))
    [task] = collect([file_rows(path, "tasks")], RowSelection()).tasks
    assert task.preamble == "livecodebench"
    program = "a, b = map(int, stdin.readline().split())\nprint(reduce(add, [a, b]))"
    with Sandbox(1) as sandbox:
        [[outcome]] = test_jobs.run(
            sandbox, [ExecutionRequest(task, program, task.tests, Limits())]
        )
    assert (outcome.verdict, outcome.output) == (Verdict.FINISHED, "3\n")


def test_a_head_that_parses_and_does_not_compile_is_none() -> None:
    from sparring.tasks.rows.heads import head_of, is_python

    assert not is_python("return 1\n")
    assert is_python("from __future__ import annotations\nx = 1\n")
    assert head_of("x = 1\nreturn x\ndef f():\n", "f") == ""
