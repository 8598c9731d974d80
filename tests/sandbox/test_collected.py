"""Tests that a script defines and does not run: run once, as pytest and unittest would."""

from __future__ import annotations

from typing import Any

import pytest

from sparring.sandbox import Sandbox
from sparring.sandbox.inside.approx import Approx
from sparring.schema import Verdict
from sparring.testnames import PYTEST
from tests.sandbox.test_scripts import RIGHT, WRONG, run

_HOLDS = "assert f(1, 2) == 3"
_UNIT = "import unittest\nclass T(unittest.{}):\n"
_MARK = "import pytest\n@pytest.mark."

SUITES = {
    "functions": f"def test_a(): {_HOLDS}\ndef testB(): assert f(4, 4) == 8",
    "a function of the candidate": "def test_a(candidate): assert candidate(1, 2) == 3",
    "of another name": "def test_a(fn): assert fn(1, 2) == 3",
    "only the second": f"def test_a(): pass\ndef test_b(): {_HOLDS}",
    "asynchronous": f"async def test_a(): {_HOLDS}",
    "a generator": f"def test_a():\n    yield\n    {_HOLDS}",
    "an answer": "def test_a(): return f(1, 2) == 3",
    "an exit": "import sys\ndef test_a(): sys.exit(f(1, 2) != 3)",
    "after an exit": f"import sys\ndef test_a(): {_HOLDS}\nsys.exit(0)",
    "after a test that exits": f"import sys\ndef test_a(): sys.exit(0)\ndef test_b(): {_HOLDS}",
    "beside a helper": "def test_eq(a, b): assert a == b\ndef test_a(): test_eq(f(1, 2), 3)",
    "beside a check": f"def check(c): assert c(1, 2) is not ...\ndef test_a(): {_HOLDS}",
    "wrapped": "import functools\ndef twice(t):\n    @functools.wraps(t)\n"
    f"    def both(): t(); t()\n    return both\n@twice\ndef test_a(): {_HOLDS}",
    "a class": f"class TestF:\n    def test_a(self):\n        {_HOLDS}",
    "a class with hooks": "class TestF:\n    def setup_method(self): self.want = 3\n"
    "    def test_a(self): assert f(1, 2) == self.want",
    "a class with its own hook": "class TestF:\n    @classmethod\n    def setup_class(cls):\n"
    "        cls.want = 3\n    def test_a(self): assert f(1, 2) == self.want",
    "a static method": f"class TestF:\n    @staticmethod\n    def test_a(): {_HOLDS}",
    "a class in a class": f"class TestF:\n    class TestG:\n        def test_a(self): {_HOLDS}",
    "an inherited test": f"class Base:\n    def test_a(self): {_HOLDS}\nclass TestF(Base): pass",
    "an object for each": "class TestF:\n    def test_a(self): self.x = 1; assert f(1, 2) == 3\n"
    "    def test_b(self): assert not hasattr(self, 'x') and f(1, 2) == 3",
    "hooks of the module": "def setup_module(): global want; want = 3\n"
    "def test_a(): assert f(1, 2) == want",
    "hooks of functions": "def setup_function(function): global want; want = 3\n"
    "def test_a(): assert f(1, 2) == want",
    "unittest": _UNIT.format("TestCase") + f"    def test_a(self): {_HOLDS}",
    "unittest, its assertions": "from unittest import TestCase\nclass Whatever(TestCase):\n"
    "    def setUp(self): self.f = f\n    def test_a(self): self.assertEqual(self.f(1, 2), 3)",
    "unittest, in setUp": _UNIT.format("TestCase") + f"    def setUp(self): {_HOLDS}\n"
    "    def test_a(self): pass",
    "unittest, sub-tests": _UNIT.format("TestCase") + "    def test_a(self):\n"
    "        for i in (1, 2):\n            with self.subTest(i=i): assert f(i, 2) == i + 2",
    "unittest, asynchronous": _UNIT.format("IsolatedAsyncioTestCase")
    + "    async def test_a(self): self.assertEqual(f(1, 2), 3)",
    "unittest, inherited": _UNIT.format("TestCase") + f"    def test_a(self): {_HOLDS}\n"
    "class U(T): pass",
    "unittest, expected": _UNIT.format("TestCase") + "    @unittest.expectedFailure\n"
    "    def test_a(self): assert f(1, 2) == 4\n"
    "    def test_b(self): self.skipTest('no')\n"
    f"    def test_c(self): {_HOLDS}",
    "unittest, one suite run": _UNIT.format("TestCase") + "    def test_a(self): pass\n"
    f"class U(unittest.TestCase):\n    def test_a(self): {_HOLDS}\n"
    "unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))",
    "unittest and a function": _UNIT.format("TestCase") + "    def test_a(self): pass\n"
    f"def test_a(): {_HOLDS}\nif __name__ == '__main__': unittest.main()",
    "pytest.main": f"import pytest, sys\ndef test_a(): {_HOLDS}\n"
    "if __name__ == '__main__': sys.exit(pytest.main([__file__]))",
    "raises": "import pytest\ndef test_a():\n    with pytest.raises(TypeError, match='f'): f(1)\n"
    f"    {_HOLDS}",
    "raises, looked at": "import pytest\ndef test_a():\n"
    "    with pytest.raises((KeyError, TypeError)) as e: f(1)\n"
    f"    assert e.type is TypeError and 'f' in str(e.value)\n    {_HOLDS}",
    "raises, called": "import pytest\ndef test_a():\n    pytest.raises(TypeError, f, 1)\n"
    f"    {_HOLDS}",
    "approx": "import pytest\ndef test_a(): assert f(0.1, 0.2) == pytest.approx(0.3)",
    "approx of several": "from pytest import approx\ndef test_a():\n"
    "    assert [f(0.1, 0.2), 1] == approx([0.3, 1])\n"
    "    assert {1: f(0.1, 0.2)} == approx({1: 0.3})",
    "cases": _MARK + "parametrize('a, b, want', [(1, 2, 3), (4, 4, 8)])\n"
    "def test_a(a, b, want): assert f(a, b) == want",
    "cases of two tables": _MARK + "parametrize('a', [1, 2])\n"
    "@pytest.mark.parametrize(['b'], [(3,)])\n"
    "def test_a(a, b): assert f(a, b) == a + b",
    "cases of a class": _MARK + "parametrize('a', [1, 2])\nclass TestF:\n"
    "    def test_a(self, a): assert f(a, 1) == a + 1",
    "cases with names and marks": _MARK + "parametrize('a,want', [pytest.param(1, 3, id='x'),\n"
    "    pytest.param(1, 9, marks=pytest.mark.xfail),\n"
    "    pytest.param(1, 9, marks=[pytest.mark.skip])])\n"
    "def test_a(a, want): assert f(a, 2) == want",
    "skipped ones": _MARK + "skip(reason='x')\ndef test_a(): assert False\n"
    "@pytest.mark.skipif(True, reason='x')\ndef test_b(): assert False\n"
    f"def test_c(): pytest.skip('x')\n@pytest.mark.slow\ndef test_d(): {_HOLDS}",
    "pytest.fail": "import pytest\ndef test_a():\n    if f(1, 2) != 3: pytest.fail('wrong')",
    "a check with pytest": "import pytest\ndef check(candidate):\n"
    "    with pytest.raises(TypeError): candidate(1)\n    assert candidate(1, 2) == 3",
    "only called so": "def check_solution(c): assert c(1, 2) == 3\ndef helper(): pass",
    "only called so, of nothing": f"def run_tests():\n    {_HOLDS}",
    "main that nobody calls": f"def main():\n    {_HOLDS}",
    "from solution": f"from solution import f\ndef test_a(): {_HOLDS}",
    "from solution, renamed": "from solution import f as g\ndef test_a(): assert g(1, 2) == 3",
    "from solution, all": f"from solution import *\ndef test_a(): {_HOLDS}",
    "the module": "import solution\ndef test_a(): assert solution.f(1, 2) == 3",
    "a module in a package": f"from src.adding import f\ndef test_a(): {_HOLDS}",
    "a package's module": "import src.adding\ndef test_a(): assert src.adding.f(1, 2) == 3",
    "a module beside it": f"from .adding import f\ndef test_a(): {_HOLDS}",
    "from where it is tested": f"def test_a():\n    from main import f\n    {_HOLDS}",
    "from solution, with another": "from solution import f, g\n"
    "def test_a(): assert g(g(f(1, 2))) == 3",
}  # fmt: skip


def test_a_right_program_passes_each_suite(sandbox: Sandbox) -> None:
    for name, outcome in zip(SUITES, run(sandbox, RIGHT, *SUITES.values()), strict=True):
        assert outcome.verdict is Verdict.ACCEPTED, (name, outcome)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_program_passes_none(sandbox: Sandbox, wrong: str) -> None:
    outcomes = run(sandbox, WRONG[wrong], *SUITES.values())
    for name, outcome in zip(SUITES, outcomes, strict=True):
        assert outcome.verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR), (name, outcome)


COUNTS = "calls = 0\ndef f():\n    global calls\n    calls += 1\n    return calls"
ONCE = {
    "called": "def test_a(): assert f() == 1\ntest_a()",
    "called by its name": "def test_a(): assert f() == 1\n"
    "for name, test in list(globals().items()):\n    if name.startswith('test'): test()",
    "called of a class": "class TestF:\n    def test_a(self): assert f() == 1\nTestF().test_a()",
    "called by a main": "def test_a(): assert f() == 1\n"
    "def main(): test_a()\nif __name__ == '__main__': main()",
    "unittest.main": "import unittest\nclass T(unittest.TestCase):\n"
    "    def test_a(self): assert f() == 1\nunittest.main()",
    "unittest, debug": "import unittest\nclass T(unittest.TestCase):\n"
    "    def test_a(self): assert f() == 1\n"
    "unittest.defaultTestLoader.loadTestsFromTestCase(T).debug()",
}


def test_tests_that_a_script_ran_are_not_run_again(sandbox: Sandbox) -> None:
    for name, outcome in zip(ONCE, run(sandbox, COUNTS, *ONCE.values()), strict=True):
        assert outcome.verdict is Verdict.ACCEPTED, (name, outcome)
    caught = "def test_a(): assert f() == 0\ntry: test_a()\nexcept AssertionError: pass"
    assert run(sandbox, COUNTS, caught)[0].verdict is Verdict.WRONG_ANSWER


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        ("def test_a():\n\n    assert f(1, 2) == 4, 'no'", "line 3: AssertionError: test_a: no"),
        ("class TestF:\n    def test_b(self): assert f(1, 2) == 4", "line 2: AssertionError: Tes"),
        ("import pytest\n@pytest.mark.parametrize('a', [2, 'x'])\ndef test_a(a):\n"
         "    assert f(a, a) != 'xx'", "line 4: AssertionError: test_a['x']"),
        ("import pytest\ndef test_a():\n    with pytest.raises(KeyError): f(1, 2)",
         "line 3: AssertionError: test_a: nothing raised KeyError"),
        ("import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
         "        self.assertEqual(f(1, 2), 4)", "line 4: AssertionError: __main__.T.test_a: "),
        ("import unittest\nclass T(unittest.TestCase):\n    def setUp(self): assert f(1, 2) == 4\n"
         "    def test_a(self): pass", "line 3: AssertionError: __main__.T.test_a: "),
        ("import pytest\npytest.fail('no')", "line 2: AssertionError: no"),
    ],
)  # fmt: skip
def test_a_failure_tells_which_test_and_line(sandbox: Sandbox, suite: str, told: str) -> None:
    [outcome] = run(sandbox, RIGHT, suite)
    assert outcome.verdict is Verdict.WRONG_ANSWER, outcome
    assert outcome.detail.startswith(told), outcome.detail


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        ("x = 1", "ended without a call of the program"),
        ("if False: assert f(1, 2) == 3", "ended without a call of the program"),
        ("def helper(): assert f(1, 2) == 3", "ended without a call of the program"),
        ("class Suite:\n    def check_a(self): assert f(1, 2) == 3", "without a call of"),
        ("for case in []: assert f(*case) == 3", "ended without a call of the program"),
        ("import pytest\ndef test_a(): pytest.skip('x')", "without a call of the program"),
        ("import pytest\npytest.importorskip('numpy')", "pytest.Skipped: No module named 'numpy'"),
        ("from math import gcd as f\nassert f(1, 2) == 1", "without a call of the program"),
        ("def test_a(tmp_path, x): assert f(1, 2) == 3", "test_a() takes tmp_path, x: fixtures"),
        ("import pytest\n@pytest.fixture\ndef x(): return 1", "fixture is not supported here"),
        ("from numpy import f\ndef test_a(): assert f(1, 2) == 3", "needs numpy"),
        ("from solution import f, check\nassert check(f)", "cannot import name 'check'"),
        ("from solutions import other\nassert other(f(1, 2))", "No module named 'solutions'"),
        ("import inspect\nassert len(inspect.signature(f).parameters) == 2", "the parameters of f"),
    ],
)  # fmt: skip
def test_a_suite_that_cannot_test_is_no_pass(sandbox: Sandbox, suite: str, told: str) -> None:
    program = RIGHT + "\ndef other(x): return True"
    [outcome] = run(sandbox, program, suite)
    assert outcome.verdict is Verdict.RUNTIME_ERROR, outcome
    assert told in outcome.detail, outcome.detail


def test_an_exception_of_the_programs_own_goes_by_the_names_of_its_classes(
    sandbox: Sandbox,
) -> None:
    program = (
        "class Bad(ValueError): pass\nclass Worse(Bad): pass\n"
        "def f(x):\n    if x: raise Worse(x)\n    assert x, 'x'"
    )
    suite = (
        "import pytest\nfrom solution import f, Bad\ndef test_a():\n"
        "    with pytest.raises(Bad, match='3'): f(3)\n    with pytest.raises(ValueError): f(3)\n"
        "    with pytest.raises(AssertionError): f(0)\n{}"
    )
    right, other = run(
        sandbox, program, suite.format(""), suite.format("    with pytest.raises(KeyError): f(3)")
    )
    assert right.verdict is Verdict.ACCEPTED, right
    assert other.verdict is Verdict.RUNTIME_ERROR


@pytest.mark.parametrize("value", ["5", "'abc'", "[1, (2, 3)]", "{'a': {1}}", "float('inf')"])
def test_data_of_the_program_is_a_value_and_no_function(sandbox: Sandbox, value: str) -> None:
    program = f"LIMIT = {value}\ndef f(a, b): return LIMIT\ndef g(): return 1\nlater = iter([1])"
    suites = [
        "assert f(1, 2) == LIMIT",
        "def check(c): assert c(1, 2) == LIMIT and g() == 1",
        "from solution import f, LIMIT\ndef test_a(): assert f(1, 2) == LIMIT",
        "import solution\ndef test_a(): assert solution.f(1, 2) == solution.LIMIT",
        "LIMIT = 0\nassert f(1, 2) != LIMIT",
    ]
    for outcome in run(sandbox, program, *suites):
        assert outcome.verdict is Verdict.ACCEPTED, outcome
    [broken] = run(sandbox, "raise KeyError('at the start')", suites[0])
    assert "at the start" in broken.detail


def test_no_test_and_no_object_is_taken_from_the_programs_data(sandbox: Sandbox) -> None:
    program = (
        "class Equal:\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "LIMIT = Equal()\ncases = []\ntests = [1]\ndef f(a, b): return 0"
    )
    suites = ["assert f(1, 2) == LIMIT", "for a in tests: assert f(1, 2) == 3\nassert tests"]
    suites += ["for a in cases: assert f(*a) == 3", "LIMIT = 3\nassert f(1, 2) == LIMIT"]
    for outcome in run(sandbox, program, *suites):
        assert outcome.verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR), outcome


def test_a_class_stands_in_a_suite_as_well(sandbox: Sandbox) -> None:
    program = "class Solution:\n    def f(self, x): return 2 * x\n    def g(self, x): return -x"
    suites = [
        "from solution import Solution\ndef test_a(): assert Solution().f(2) == 4",
        "class TestS:\n    def setup_method(self): self.s = Solution()\n"
        "    def test_a(self): assert self.s.f(self.s.g(-2)) == 4",
        "def check(candidate): assert candidate(2) == 4",
    ]
    for outcome in run(sandbox, program, *suites, name="Solution.f"):
        assert outcome.verdict is Verdict.ACCEPTED, outcome
    for outcome in run(sandbox, program.replace("2 * x", "0"), *suites, name="Solution.f"):
        assert outcome.verdict is Verdict.WRONG_ANSWER, outcome


def test_near_values_go_by_pytests_rule() -> None:
    reference = pytest.approx
    nan, inf = float("nan"), float("inf")
    numbers: list[Any] = [
        0,
        1,
        1.0,
        1 + 1e-7,
        1 + 1e-5,
        -1,
        1e-13,
        1e-11,
        1e9,
        1e9 + 1,
        nan,
        inf,
        -inf,
        2j,
    ]
    numbers += [True, False, None, "1", [1.0], (1.0,), {"a": 1.0}]
    given: list[dict[str, Any]] = [{}, {"abs": 0.1}, {"rel": 0.1}, {"abs": 1e-12, "rel": 1e-4}]
    given += [{"nan_ok": True}, {"abs": 0}]
    for expected in numbers:
        for how in given:
            for actual in numbers:
                try:
                    theirs = actual == reference(expected, **how)
                except TypeError:  # some releases take no text and no None
                    continue
                assert (actual == Approx(expected, **how)) == theirs, (actual, expected, how)
    with pytest.raises(ValueError, match="no tolerance"):
        Approx(1, abs=-1)
    with pytest.raises(TypeError):
        Approx({1, 2})


def test_pytest_has_the_documented_names(sandbox: Sandbox) -> None:
    names = ", ".join(f"pytest.{name}" for name in sorted(PYTEST))
    [outcome] = run(sandbox, RIGHT, f"import pytest\n{names}\nassert f(1, 2) == 3")
    assert outcome.verdict is Verdict.ACCEPTED, outcome
