"""Binding tests of the user's own: what is used, how, and what is refused by line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from sparring import values
from sparring.errors import DataError
from sparring.sandbox import Sandbox
from sparring.sandbox.types import Job, Limits
from sparring.schema import Task, Test, TestKind, Verdict
from sparring.solving.problems.problem import ProblemOptions, read_problem
from sparring.tasks.checkers.checker import accepts

HEAD = "def f(x): ...\n"
RIGHT, WRONG = "def f(x):\n    return x + 1\n", "def f(x):\n    return x + 2\n"


def task_with(folder: Path, tests: str, problem: str = HEAD, name: str = "t.py") -> Task:
    file = folder / name
    file.write_text(textwrap.dedent(tests))
    return read_problem(problem, ProblemOptions(tests=file)).task


def passes(sandbox: Sandbox, task: Task, program: str) -> list[bool]:
    """Return for each binding test whether a program passes it."""
    assert task.entry_point is not None
    jobs = [
        Job(program, (t.input,), Limits(5.0, 5.0), t.kind, task.entry_point) for t in task.tests
    ]
    done = [one for [one] in sandbox.run(jobs)]
    return [_accepted(t, o.verdict, o.output) for t, o in zip(task.tests, done, strict=True)]


def _accepted(test: Test, verdict: Verdict, output: str) -> bool:
    if test.kind is TestKind.SCRIPT:
        return verdict is Verdict.ACCEPTED
    return verdict is Verdict.FINISHED and accepts(test.checker or "value", output, test.output)


SUITES = {
    "assertions": ("assert f(1) == 2\nassert f(-1) == 0\n", 2),
    "import of the module": ("from solution import f\n\nassert f(1) == 2\nassert f(2) == 3\n", 2),
    "import of any module": ("from my_work.adding import f\n\nassert f(1) == 2\n", 1),
    "another name": ("from solution import f as g\n\nassert g(1) == 2\n", 1),
    "a module": ("import solution\n\ndef test_f():\n    assert solution.f(1) == 2\n", 1),
    "pytest": (
        """
        import pytest
        from solution import f

        LIMIT = 3

        def twice(x):
            return f(f(x))

        @pytest.mark.parametrize("x", [1, 2])
        def test_adds(x):
            assert f(x) == x + 1

        def test_twice():
            assert twice(1) == LIMIT

        def test_close():
            assert f(0.1) == pytest.approx(1.1)
        """,
        3,
    ),
    "unittest": (
        """
        import unittest
        from solution import f

        class TestF(unittest.TestCase):
            def test_one(self):
                self.assertEqual(f(1), 2)

            def test_loop(self):
                for i in range(5):
                    self.assertEqual(f(i), i + 1)

        if __name__ == "__main__":
            unittest.main()
        """,
        1,
    ),
    "in order": (
        """
        xs = []
        xs.append(f(1))
        assert xs == [2]
        xs.append(f(2))
        assert xs == [2, 3]
        """,
        1,
    ),
}


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_binds_and_tells_right_from_wrong(
    name: str, tmp_path: Path, workers: Sandbox
) -> None:
    suite, count = SUITES[name]
    task = task_with(tmp_path, suite)
    assert len(task.tests) == count
    assert all(passes(workers, task, RIGHT))
    assert not any(passes(workers, task, WRONG))


def test_assertions_of_a_method_are_calls_of_a_new_object(tmp_path: Path, workers: Sandbox) -> None:
    problem = "class Solution:\n    def f(self, x): ...\n"
    task = task_with(tmp_path, "assert Solution().f(1) == 2\n", problem)
    assert task.entry_point == "Solution.f"
    right = "class Solution:\n    def f(self, x):\n        return x + 1\n"
    assert passes(workers, task, right) == [True]
    assert passes(workers, task, right.replace("+ 1", "+ 2")) == [False]


def test_plain_assertions_are_calls_and_the_rest_is_a_script(tmp_path: Path) -> None:
    task = task_with(tmp_path, "assert f(1) == 2\n\ndef test_all():\n    assert f(2) > 2\n")
    assert [t.kind for t in task.tests] == [TestKind.CALL, TestKind.SCRIPT]
    assert values.decode(task.tests[0].input) == ([1], {})


def test_the_tests_say_the_function_where_the_text_does_not(tmp_path: Path) -> None:
    task = task_with(tmp_path, "assert add(1, 2) == 3\n", "Add two numbers.\n")
    assert (task.entry_point, len(task.tests)) == ("add", 1)


def test_programs_have_tests_of_texts(tmp_path: Path) -> None:
    lines = '{"input": "1\\n", "output": "2\\n"}\n\n{"input": "2\\n", "output": "3\\n"}\n'
    for name, text in (("t.jsonl", lines), ("t.json", '[{"input": "1\\n", "output": "2\\n"}]')):
        task = task_with(tmp_path, text, "Print the number plus one.\n", name)
        assert {t.kind for t in task.tests} == {TestKind.STDIN}
        assert (task.tests[0].input, task.tests[0].output) == ("1\n", "2\n")


@pytest.mark.parametrize(
    ("tests", "problem", "name", "reason"),
    [
        ("assert f(1) == 2\nassert f(\n", HEAD, "t.py", r"line 2: is not Python"),
        ("def test(tmp_path):\n    assert f(1)\n", HEAD, "t.py", "no fixtures of pytest"),
        (
            "assert f(1) == 2\n\n\ndef test_b(capsys):\n    assert f(1)\n",
            HEAD,
            "t.py",
            "line 4: test_b takes capsys",
        ),
        ("assert f(1) == 2\nassert g(1) == 2\n", HEAD, "t.py", "line 2: never calls f"),
        ("x = 1\n", HEAD, "t.py", "asserts nothing"),
        ("", HEAD, "t.py", "asserts nothing"),
        ("def f(x):\n    return 1\n\nassert f(1) == 1\n", HEAD, "t.py", "defines f itself"),
        ("assert add(1)\nassert sub(1)\n", "Add numbers.\n", "t.py", "a whole program; give its"),
        ('{"input": "1"}\n', "Print 1.\n", "t.jsonl", "item 1: is not an object with the texts"),
        ('{"input": "1", "output": "2"}\n{\n', "Print 1.\n", "t.jsonl", "line 2: is not JSON"),
        ("[]", "Print 1.\n", "t.json", "has no test"),
        ("[]", HEAD, "t.json", "asks for the function f; give Python"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tests: str, problem: str, name: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as error:
        task_with(tmp_path, tests, problem, name)
    assert reason in str(error.value)
    assert str(error.value).startswith(f"--tests {tmp_path / name}")
    assert "\n" not in str(error.value)


def test_a_missing_file_of_tests_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--tests .*none\.py: No such file"):
        read_problem(HEAD, ProblemOptions(tests=tmp_path / "none.py"))
