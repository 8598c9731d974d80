"""Suites as data sets write them: run, or refused by name when they are loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import DataError
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Task, TestKind, Verdict
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.load import read_task_files
from sparring.tasks.rows.heads import head_of
from tests.shared import shared

HEAD = 'def add(a, b):\n    """Sum of two numbers."""\n'
BODY = "    return a + b\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1) as one:
        yield one


def row(suite: str, head: str = HEAD, body: str = BODY, name: str = "add") -> dict[str, Any]:
    return {"prompt": head, "entry_point": name, "canonical_solution": body, "test": suite}


def loaded(tmp_path: Path, data: dict[str, Any]) -> Task:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(data))
    [task] = read_task_files([path])
    return task


def refusal(tmp_path: Path, data: dict[str, Any]) -> str:
    with pytest.raises(DataError) as caught:
        loaded(tmp_path, data)
    return str(caught.value)


def passed(sandbox: Sandbox, task: Task, program: str) -> bool:
    """Whether a program passes all tests of the task."""
    jobs = [
        Job(program, (t.input,), Limits(3, 3), t.kind, task.entry_point or "") for t in task.tests
    ]
    for test, [outcome] in zip(task.tests, sandbox.run(jobs), strict=True):
        if test.kind is TestKind.SCRIPT:
            right = outcome.verdict is Verdict.ACCEPTED
        else:
            rule = test.checker or task.checker
            right = outcome.verdict is Verdict.FINISHED
            right = right and accepts(rule, test.output, outcome.output)
        if not right:
            return False
    return True


NOTHING = "def add(*a, **b): return None"
_HOLDS = "assert add(1, 2) == 3"
RUN = {
    "functions": f"def test_a():\n    {_HOLDS}\ndef test_b():\n    assert add(-1, -1) == -2",
    "a function of the candidate": "def test_a(candidate):\n    assert candidate(1, 2) == 3",
    "functions with loops": "def test_a():\n    for i in range(3): assert add(i, 1) == i + 1",
    "from solution": f"from solution import add\n\ndef test_a():\n    {_HOLDS}",
    "from solution, renamed": "from solution import add as plus\n"
    "def test_a(): assert plus(1, 2) == 3",
    "from main": f"from main import add\ndef test_a(): {_HOLDS}",
    "from your_module": "import your_module\ndef test_a(): assert your_module.add(1, 2) == 3",
    "a class": f"class TestAdd:\n    def test_a(self):\n        {_HOLDS}",
    "two classes": f"class TestA:\n    def test_a(self): pass\n"
    f"class TestB:\n    def test_a(self): {_HOLDS}",
    "unittest": "import unittest\nclass T(unittest.TestCase):\n"
    "    def test_a(self): self.assertEqual(add(1, 2), 3)",
    "unittest.main": "import unittest\nclass T(unittest.TestCase):\n"
    f"    def test_a(self): {_HOLDS}\n"
    "if __name__ == '__main__':\n    unittest.main()",
    "unittest, in a helper": "import unittest\nclass Base(unittest.TestCase):\n"
    "    def holds(self, a, b, c): self.assertEqual(add(a, b), c)\n"
    "class T(Base):\n    def test_a(self): self.holds(1, 2, 3)",
    "check_solution": "def check_solution(f):\n    assert f(1, 2) == 3",
    "validate": "def validate(fn):\n    for a in (1, 2): assert fn(a, 2) == a + 2",
    "run_tests": f"def run_tests():\n    {_HOLDS}\nif __name__ == '__main__':\n    run_tests()",
    "pytest": "import pytest\n@pytest.mark.parametrize('a,b,c', [(1, 2, 3)])\n"
    "def test_a(a, b, c): assert add(a, b) == pytest.approx(c)",
    "a helper": "def holds(a, b, c): assert add(a, b) == c\ndef test_a(): holds(1, 2, 3)",
    "a table of helpers": "def one(): assert add(1, 2) == 3\ndef two(): pass\n"
    "for case in (one, two): case()",
    "by reflection": f"def case_a(): {_HOLDS}\n"
    "for name, case in dict(globals()).items():\n    if name.startswith('case_'): case()",
    "a registry": f"cases = []\ndef case(f): cases.append(f)\n@case\ndef a(): {_HOLDS}\n"
    "for one in cases: one()",
    "exit": "import sys\nsys.exit(add(1, 2) != 3)",
    "doctest": "import doctest\ndef h():\n    '''\n    >>> add(1, 2)\n    3\n    '''\n"
    "doctest.testmod()",
    "a check that answers": "def check(candidate):\n    return candidate(1, 2) == 3",
    "main only": f"if __name__ == '__main__':\n    {_HOLDS}",
    "a condition": f"DEBUG = True\nif DEBUG:\n    {_HOLDS}",
}  # fmt: skip


@pytest.mark.parametrize("name", RUN)
def test_what_defines_tests_is_run(name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    task = loaded(tmp_path, row(RUN[name]))
    assert passed(sandbox, task, task.solutions[0])
    assert not passed(sandbox, task, NOTHING)
    assert not passed(sandbox, task, "def add(a, b): return a - b")


_UNREACHED = {
    "nothing": "x = 1",
    "always true": "assert True\nassert (add(1, 2), 'is right')\nassert 'add'",
    "a helper that nothing calls": f"def holds():\n    {_HOLDS}",
    "helpers that call each other": f"def a():\n    {_HOLDS}\n    b()\ndef b():\n    a()",
    "a class that no runner knows": f"class Suite:\n    def check_a(self):\n        {_HOLDS}",
    "a method that is no test": f"class TestAdd:\n    def small(self):\n        {_HOLDS}",
    "a method of unittest that is no test": "import unittest\nclass T(unittest.TestCase):\n"
    f"    def small(self): {_HOLDS}\nunittest.main()",
    "after a return": f"def check(candidate):\n    return\n    {_HOLDS}",
    "after a return in both branches": "def test_a():\n    if add:\n        return\n    else:\n"
    f"        return\n    {_HOLDS}",
    "after a raised skip": "import unittest\ndef test_a():\n    raise unittest.SkipTest('x')\n"
    f"    {_HOLDS}",
    "after an exit": f"import sys\nsys.exit(0)\n{_HOLDS}",
    "under if False": f"if False:\n    {_HOLDS}",
    "under if 0 and": f"if 0 and add:\n    {_HOLDS}",
    "under a constant": f"RUN = False\ndef test_a():\n    if RUN:\n        {_HOLDS}",
    "as another module": f"if __name__ != '__main__':\n    {_HOLDS}",
    "for a type checker": f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {_HOLDS}",
    "over nothing": f"for case in []:\n    {_HOLDS}",
    "while False": f"while False:\n    {_HOLDS}",
    "a test inside a test": f"def test_a():\n    def inside():\n        {_HOLDS}",
    "skipped": f"import pytest\n@pytest.mark.skip\ndef test_a():\n    {_HOLDS}",
    "skipped by unittest": "import unittest\n@unittest.skip('x')\nclass T(unittest.TestCase):\n"
    f"    def test_a(self): {_HOLDS}",
    "a lambda is none": "def test_a():\n    f = lambda: add(1, 2) == 3",
    "only calls": "def test_a():\n    add(1, 2)",
}


@pytest.mark.parametrize("name", _UNREACHED)
def test_a_suite_that_reaches_no_assertion_is_refused(name: str, tmp_path: Path) -> None:
    message = refusal(tmp_path, row(_UNREACHED[name]))
    assert "row 1, test: asserts nothing" in message
    assert "every program would pass" in message


def test_the_refusal_names_what_is_not_run(tmp_path: Path) -> None:
    suite = f"def one():\n    {_HOLDS}\ndef two():\n    {_HOLDS}"
    assert "(nothing runs one, two)" in refusal(tmp_path, row(suite))


REFUSED = {
    "a fixture": (
        f"def test_a(tmp_path): {_HOLDS}",
        "test_a takes tmp_path: the sandbox has no fixtures of pytest"),
    "two fixtures": (
        f"def test_a(x, y): {_HOLDS}",
        "test_a takes x, y: the sandbox has no fixtures of pytest"),
    "a method's fixture": (f"class TestA:\n    def test_a(self, capsys): {_HOLDS}", "takes capsys"),
    "its own fixture": (
        f"import pytest\n@pytest.fixture\ndef x(): return 1\ndef test_a(x): {_HOLDS}",
        "uses pytest.fixture; of pytest the sandbox has only approx",
    ),
    "an imported fixture": (f"from pytest import fixture\ndef test_a(): {_HOLDS}", "imports fix"),
    "used fixtures": (
        f"import pytest\n@pytest.mark.usefixtures('x')\ndef test_a(): {_HOLDS}", "usefixtures"
    ),
    "warnings": (
        "import pytest as pt\ndef test_a():\n    with pt.warns(UserWarning): add(1, 2)",
        "uses pytest.warns",
    ),
    "a plugin": (
        f"import pytest_mock\ndef test_a(): {_HOLDS}",
        "imports pytest_mock: the sandbox has no plugins of pytest"),
    "another function": (
        "from solution import minus\ndef test_a(): assert minus(1, 2) == 3",
        "imports minus from solution, but the task asks for add",
    ),
    "no call": ("def test_a(): assert plus(1, 2) == 3", "never calls add: it tests no program"),
    "its own function": (f"def add(a, b): return a + b\ndef test_a(): {_HOLDS}", "defines add"),
    "the library's": (f"from operator import add\ndef test_a(): {_HOLDS}", "defines add itself"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_given_is_named(name: str, tmp_path: Path) -> None:
    suite, told = REFUSED[name]
    assert told in refusal(tmp_path, row(suite))


def test_a_class_is_refused_where_its_objects_would_be_tested(tmp_path: Path) -> None:
    head = "class Stack:\n    def __init__(self): self.held = []\n"
    body = "    def push(self, x): self.held.append(x)\n"
    suite = "from solution import Stack\ndef test_a():\n    s = Stack()\n    assert not s.held"
    message = refusal(tmp_path, row(suite, head, body, "Stack"))
    assert "test: tests a class (Stack), whose objects cannot cross" in message


def test_a_row_of_mbpp_with_functions_for_tests(tmp_path: Path, sandbox: Sandbox) -> None:
    several = [
        "def test_one():\n    assert add(1, 2) == 3",
        "def test_one():\n    for i in (1, 2): assert add(i, 2) == i + 2",
        "def test_two():\n    assert add(0, 0) == 0",
    ]
    data = {"task_id": 1, "text": "Add.", "code": HEAD + BODY, "test_list": several}
    task = loaded(tmp_path, data)
    assert passed(sandbox, task, task.solutions[0])
    for other in (["def check(f):\n    assert f(1, 2) == 3", "check(add)"],
                  ["import solution\nassert solution.add(1, 2) == 3"],
                  ["import unittest\nclass T(unittest.TestCase):\n"
                   "    def test_a(self): self.assertEqual(add(1, 2), 3)"]):  # fmt: skip
        unlike = loaded(tmp_path, {**data, "test_list": other})
        assert passed(sandbox, unlike, task.solutions[0])
        assert not passed(sandbox, unlike, NOTHING)
    unseen = {k: v for k, v in data.items() if k != "code"}
    called = loaded(tmp_path, {**unseen, "test_list": [*several, "test_two()"]})
    assert called.entry_point == "add"
    # Two parts define `test_one`: neither is lost.
    assert not passed(sandbox, task, "def add(a, b): return {(1, 2): 0}.get((a, b), a + b)")
    assert not passed(sandbox, task, "def add(a, b): return {(2, 2): 0}.get((a, b), a + b)")


CONSTANTS = {
    "a number": ("LIMIT = 10\n", "LIMIT"),
    "a text": ("WORD = 'abc'\n", "len(WORD) + 7"),
    "a list": ("TABLE = [1, 2, 7]\n", "sum(TABLE)"),
    "a type": ("LIMIT: int = 10\n", "LIMIT"),
    "two at once": ("LOW, HIGH = 3, 7\n", "LOW + HIGH"),
    "of another": ("N = 5\nLIMIT = N * 2\n", "LIMIT"),
    "made by a loop": ("TABLE = []\nfor i in range(5):\n    TABLE.append(i)\n", "sum(TABLE)"),
    "made by a function": ("def make():\n    return [4, 6]\nTABLE = make()\n", "sum(TABLE)"),
    "grown": ("LIMIT = 4\nLIMIT += 6\n", "LIMIT"),
    "under a condition": ("import sys\nif sys:\n    LIMIT = 10\nelse:\n    LIMIT = 0\n", "LIMIT"),
    "of a module": ("import string\nDIGITS = string.digits\n", "len(DIGITS)"),
    "all of math": ("from math import *\n", "floor(10.5)"),
    "all of two modules": ("from math import *\nfrom collections import *\n", "Counter(a=10)['a']"),
    "all of a module in another": ("from os.path import *\n", "len(basename('/a/abcdefghij'))"),
    "in a class": ("class Config:\n    LIMIT = 10\n", "Config.LIMIT"),
    "of all of math": ("from math import *\nLIMIT = ceil(9.5)\n", "LIMIT"),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_of_the_head_are_values(name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    head, value = CONSTANTS[name]
    suite = f"def check(candidate):\n    for _ in (1, 2): assert candidate(4, 6) == {value}"
    task = loaded(tmp_path, row(suite, head + HEAD))
    # Also for a program that leaves them out, or has others.
    for program in (task.solutions[0], "def add(a, b): return a + b"):
        assert passed(sandbox, task, program)
    for names in ("LIMIT = TABLE = DIGITS = 0", "LOW = HIGH = 0\nWORD = ''\nfloor = Counter = int"):
        assert not passed(sandbox, task, f"{names}\ndef add(a, b): return 0")


def test_infinity_of_all_of_math(tmp_path: Path, sandbox: Sandbox) -> None:
    suite = "def check(candidate):\n    assert candidate(inf, 1) == inf\n"
    suite += "    assert candidate(-inf, 1) == -inf"
    task = loaded(tmp_path, row(suite, "from math import *\n" + HEAD))
    assert passed(sandbox, task, task.solutions[0])
    assert not passed(sandbox, task, NOTHING)


def test_what_a_star_binds_is_not_put_in_the_functions_place(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    head = "from math import *\ndef gcd(a, b):\n    '''The greatest common divisor.'''\n"
    body = "    while b: a, b = b, a % b\n    return a\n"
    suite = (
        "def check(candidate):\n    for n in (1, 2): assert gcd(4 * n, 6) == 2 and floor(1.5) == 1"
    )
    task = loaded(tmp_path, row(suite, head, body, "gcd"))
    assert passed(sandbox, task, task.solutions[0])
    assert not passed(sandbox, task, "def gcd(a, b): return None")


@pytest.mark.parametrize("folder", ["03-suites-that-never-run", "10-constants-become-functions"])
def test_the_collected_cases(folder: str, sandbox: Sandbox) -> None:
    cannot = {"class of the prompt as argument", "closure argument", "returns a function"}
    cannot |= {"captures printed output", "signature looked at", "global state of the program"}
    for path in sorted(shared(f"cases/{folder}").glob("*.jsonl")):
        for task in read_task_files([path]):
            right = passed(sandbox, task, task.solutions[0])
            assert right == (task.id not in cannot), (path, task.id)
            assert not passed(sandbox, task, f"def {task.entry_point}(*a, **b): return None")


def test_parts_of_one_suite_do_not_hide_each_other(sandbox: Sandbox, tmp_path: Path) -> None:
    first = "def {}:\n    for a, s in cases: assert add(a, 1) == s"
    parts = {
        "checks": ["def check(candidate):\n    for a in (1,): assert candidate(a, 1) == a + 1",
                   "def check(candidate):\n    for a in (2,): assert candidate(a, 1) == a + 1"],
        "data": [f"cases = [(1, 2)]\n{first.format('test_a()')}",
                 f"cases = [(2, 3)]\n{first.format('test_b()')}"],
        "asynchronous": ["async def test_a():\n    for a in (1,): assert add(a, 1) == a + 1",
                         "async def test_a():\n    for a in (2,): assert add(a, 1) == a + 1"],
        "classes": ["import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
                    f"        for a in ({n},): self.assertEqual(add(a, 1), a + 1)" for n in (1, 2)],
    }  # fmt: skip
    right = "def add(a, b): return a + b"
    for name, tests in parts.items():
        data = {"question": "Sum.", "entry_point": "add", "tests": tests}
        task = loaded(tmp_path, data)
        assert passed(sandbox, task, right), name
        for wrong in ("return 2", "return 3"):
            assert not passed(sandbox, task, f"def add(a, b): {wrong}"), (name, wrong)


def test_a_suite_with_a_future_import_can_stand_after_what_it_needs(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    suite = "from __future__ import annotations\ndef test_a(x: Nothing = 1):\n"
    suite += "    for a in range(LIMIT): assert add(a, x) == a + 1\n"
    task = loaded(tmp_path, row(suite, "LIMIT = 3\n" + HEAD))
    assert passed(sandbox, task, HEAD + BODY)
    assert not passed(sandbox, task, "def add(a, b): pass")


_CAUGHT = "def test_a():\n    try:\n        assert add(1, 2) == 3\n    except {}:\n        {}\n"


@pytest.mark.parametrize(
    "suite",
    [
        _CAUGHT.format("AssertionError as e", "print('failed', e)"),
        _CAUGHT.format("Exception", "pass"),
        _CAUGHT.format("(ValueError, AssertionError)", "traceback.print_exc()"),
        "for a in (1,):\n    try:\n        assert add(a, 2) == 3\n    except: continue\n",
        "from contextlib import suppress\nwith suppress(AssertionError):\n"
        "    assert add(1, 2) == 3\n",
        "import pytest\n@pytest.mark.xfail\ndef test_a():\n    assert add(1, 2) == 3\n",
        "import pytest\n@pytest.mark.skipif(True)\ndef test_a(): assert add(1, 2) == 3\n",
        "import unittest\nclass T(unittest.TestCase):\n    @unittest.skipUnless(False, '')\n"
        "    def test_a(self): self.assertEqual(add(1, 2), 3)\n",
        "def test_a():\n    return [add(a, 2) == a + 2 for a in (1, 2)]\n",
        "def test_a():\n    return add(1, 2) == 3, 'message'\n",
    ],
)
def test_what_catches_its_own_failures_asserts_nothing(tmp_path: Path, suite: str) -> None:
    assert "asserts nothing" in refusal(tmp_path, row(suite))


@pytest.mark.parametrize("handler", ["raise", "sys.exit(1)", "return False", "assert False"])
def test_what_passes_its_failures_on_asserts(
    sandbox: Sandbox, tmp_path: Path, handler: str
) -> None:
    suite = "import sys\n" + _CAUGHT.format("AssertionError", handler)
    task = loaded(tmp_path, row(suite))
    assert passed(sandbox, task, HEAD + BODY)
    assert not passed(sandbox, task, "def add(a, b): pass")


def test_lines_end_where_they_do_for_python(sandbox: Sandbox, tmp_path: Path) -> None:
    # A form feed and a line separator are no ends of lines to Python, but to `str.splitlines`.
    one = "TEXT{} = '\u2028\x0c'\ndef test_a():\n    for a in ({},): assert add(a, 1) == a + 1\n"
    data = {"question": "Sum.", "entry_point": "add", "tests": [one.format(n, n) for n in (1, 2)]}
    task = loaded(tmp_path, data)
    assert passed(sandbox, task, "def add(a, b): return a + b")
    for wrong in ("return 2", "return 3"):
        assert not passed(sandbox, task, f"def add(a, b): {wrong}"), wrong
    head = "S = '\u2028\x0c'\nT = 3\n"
    assert head_of(head + HEAD, "add") == head


def test_a_helper_that_is_also_called_in_the_open_asserts(sandbox: Sandbox, tmp_path: Path) -> None:
    suite = "def same(a, s):\n    assert add(a, 1) == s\ntry:\n    same(1, 2)\n"
    suite += "except AssertionError:\n    print('failed')\nsame(2, 3)\n"
    task = loaded(tmp_path, row(suite))
    assert passed(sandbox, task, HEAD + BODY)
    assert not passed(sandbox, task, "def add(a, b): return 2")
