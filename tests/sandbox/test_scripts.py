"""Test scripts as people and models write them, and the verdict that each has to give.

Each idiom is run with a right program and with wrong ones, at each level. Where plain Python's exit
status would say something else, the test says so.
"""

from __future__ import annotations

import pytest

from sparring.sandbox import Job, Limits, Sandbox, TestKind
from sparring.schema import Outcome, Verdict

ROOMY = Limits(cpu_seconds=3, idle_seconds=3, memory_mib=128, output_bytes=1 << 16)

# Functions that a test would have, too: none of them may decide.
_DECIDES = "\ndef g(x): return -x\ndef check(c): pass\ndef test_f(): pass\ndef main(): pass"
RIGHT = "def f(a, b): return a + b" + _DECIDES
WRONG = {
    "value": "def f(a, b): return a - b" + _DECIDES,
    "nothing": "def f(a, b): pass" + _DECIDES,
    "raises": "def f(a, b): raise ValueError('no')" + _DECIDES,
    "stops": "def f(a, b): raise StopIteration" + _DECIDES,
    "stops, of its own": "class Stop(StopIteration): pass\ndef f(a, b): raise Stop(1)" + _DECIDES,
    "ends": "import os\ndef f(a, b): os._exit(0)" + _DECIDES,
}
_CASES = "cases = [((1, 2), 3), ((2, 5), 7), ((4, 4), 8)]\n"
_UNIT = """import unittest
class T(unittest.TestCase):
    def test_a(self):
        self.assertEqual(candidate(1, 2), 3)
    def test_b(self):
        for a in range(3):
            with self.subTest(a=a):
                self.assertEqual(candidate(a, 1), a + 1)
suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)
"""
_FAILING = _UNIT.replace("3)", "4)")
_DEAF = """class Deaf(unittest.TextTestResult):
    def addFailure(self, test, err): pass
    def addError(self, test, err): pass
    def addSubTest(self, test, subtest, err): pass
"""
_DOC = "import doctest\ndef h():\n    '''\n    >>> candidate(1, 2)\n    3\n    '''\n"
_STARTED = "[t.start() for t in ts]\n[t.join() for t in ts]\n"

IDIOMS = {
    "loop": _CASES + "for a, want in cases:\n    assert candidate(*a) == want",
    "all of a map": _CASES + "assert all(map(lambda c: candidate(*c[0]) == c[1], cases))",
    "zip with a map": _CASES
    + "for got, (_, w) in zip(map(lambda c: candidate(*c[0]), cases), cases): assert got == w",
    "filter": _CASES + "assert not list(filter(lambda c: candidate(*c[0]) != c[1], cases))",
    "sum of a map": _CASES + "assert not sum(map(lambda c: candidate(*c[0]) != c[1], cases))",
    "any of a map": _CASES + "assert not any(map(lambda c: candidate(*c[0]) != c[1], cases))",
    "starmap": _CASES + "from itertools import starmap\n"
    "for v, c in zip(starmap(candidate, [c[0] for c in cases]), cases): assert v == c[1]",
    "next with a default": _CASES
    + "assert next(filter(lambda c: candidate(*c[0]) != c[1], cases), None) is None",
    "own sequence": "class Results:\n    def __getitem__(self, i):\n"
    "        if i > 2: raise IndexError\n        return candidate(i, 1) == i + 1\n"
    "assert all(Results())",
    "generator": "assert all(candidate(a, 1) == a + 1 for a in range(3))",
    "tolerance": "import math\nassert math.isclose(candidate(0.1, 0.2), 0.3)",
    "check": "METADATA = {}\ndef check(candidate):\n    assert candidate(1, 2) == 3",
    "check, called": "def check(candidate):\n    assert candidate(1, 2) == 3\ncheck(candidate)",
    "check of a case": "def check(args, want):\n    assert candidate(*args) == want\n"
    + _CASES
    + "for a, w in cases: check(a, w)",
    "check of nothing": "def check():\n    assert candidate(1, 2) == 3\ncheck()",
    "check, caught": "def check(candidate):\n    assert candidate(1, 2) == 3\n"
    "try: check(candidate)\nexcept Exception: print('FAILED')",
    "own tests": "def test_f(): assert candidate(1, 2) == 3\ntest_f()",
    "own assertion": "def assert_equal(a, b): assert a == b\nassert_equal(candidate(1, 2), 3)",
    "registry": "tests = []\ndef test(t): tests.append(t)\n@test\ndef a():\n"
    "    assert candidate(1, 2) == 3\nfor t in tests: t()",
    "suite": "class Suite:\n    def test_a(self): assert candidate(1, 2) == 3\n"
    "for n in dir(Suite):\n    if n.startswith('test'): getattr(Suite(), n)()",
    "try, else": "try: v = candidate(1, 2)\nexcept Exception as e: assert False, e\n"
    "else: assert v == 3",
    "context manager": "import contextlib\n@contextlib.contextmanager\ndef case():\n"
    "    try: yield\n    except AssertionError as e: raise AssertionError('case') from e\n"
    "with case(): assert candidate(1, 2) == 3",
    "decorator": "def twice(t):\n    def both(): t(); t()\n    return both\n@twice\n"
    "def t(): assert candidate(1, 2) == 3\nt()",
    "counted failures": _CASES + "failed = 0\nfor a, w in cases:\n"
    "    try: assert candidate(*a) == w\n    except Exception: failed += 1\nassert not failed",
    "round trip": "assert g(g(candidate(1, 2))) == 3",
    "mock": "from unittest import mock\nm = mock.Mock(side_effect=candidate)\n"
    "assert m(1, 2) == 3\nm.assert_called_once_with(1, 2)",
    # Ends by an exit.
    "exit 0": "import sys\nassert candidate(1, 2) == 3\nsys.exit(0)",
    "exit by a flag": "import sys\nsys.exit(candidate(1, 2) != 3)",
    "exit with a message": "import sys\nif candidate(1, 2) != 3: sys.exit('wrong')",
    "exit()": "if candidate(1, 2) != 3: exit(1)\nexit()",
    "quit()": "if candidate(1, 2) != 3: quit('no')\nquit()",
    "raise SystemExit": "if candidate(1, 2) != 3: raise SystemExit(2)\nraise SystemExit",
    "exit of a main": "import sys\ndef main(): return int(candidate(1, 2) != 3)\n"
    "if __name__ == '__main__': sys.exit(main())",
    "exit in the check": "def check(candidate):\n    assert candidate(1, 2) == 3\n    exit(0)",
    "exit before the check": "def check(candidate):\n    assert candidate(1, 2) == 3\nexit(0)",
    "exit if all is well": "import sys\ntry:\n    assert candidate(1, 2) == 3\nexcept Exception:\n"
    "    sys.exit(1)\nsys.exit(0)",
    # unittest and doctest: in plain Python a result that nobody looks at is no failure.
    "unittest.main()": _UNIT + "unittest.main()",
    "unittest.main(exit=False)": _UNIT + "unittest.main(argv=['x'], exit=False)",
    "unittest, a runner": _UNIT + "unittest.TextTestRunner().run(suite)",
    "unittest, a result": _UNIT + "suite.run(unittest.TestResult())",
    "unittest, debug": _UNIT + "suite.debug()",
    "unittest, looked at": _UNIT + "assert unittest.TextTestRunner().run(suite).wasSuccessful()",
    "unittest, a deaf result": _UNIT
    + _DEAF
    + "unittest.TextTestRunner(resultclass=Deaf).run(suite)",
    "unittest, a method": "import unittest\nunittest.TestCase().assertEqual(candidate(1, 2), 3)",
    "unittest, a function": "import unittest\ndef t(): assert candidate(1, 2) == 3\n"
    "unittest.TextTestRunner().run(unittest.FunctionTestCase(t))",
    "unittest, of a class": "import unittest\nclass T(unittest.TestCase):\n    @classmethod\n"
    "    def setUpClass(cls): assert candidate(1, 2) == 3\n    def test_a(self): pass\n"
    "unittest.main(exit=False)",
    "unittest, asynchronous": "import unittest\nclass T(unittest.IsolatedAsyncioTestCase):\n"
    "    async def test_a(self): self.assertEqual(candidate(1, 2), 3)\nunittest.main(exit=False)",
    "unittest, by importlib": "import importlib\nu = importlib.import_module('unittest')\n"
    "class T(u.TestCase):\n    def test_a(self): self.assertEqual(candidate(1, 2), 3)\n"
    "u.main(exit=False)",
    "unittest, expected": "import unittest\nclass T(unittest.TestCase):\n"
    "    @unittest.expectedFailure\n    def test_a(self): assert candidate(1, 2) == 4\n"
    "    @unittest.skip('')\n    def test_b(self): assert False\n"
    "    def test_c(self): assert candidate(1, 2) == 3\nunittest.main()",
    "doctest": _DOC + "doctest.testmod()",
    "doctest, a function": _DOC + "doctest.run_docstring_examples(h, globals())",
    # Threads. In plain Python one that dies of an assertion is no failure.
    "thread pool": "from concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor(8) as pool:\n"
    "    assert list(pool.map(candidate, range(200), range(200))) == list(range(0, 400, 2))",
    "thread pool, left open": "from concurrent.futures import ThreadPoolExecutor\n"
    "pool = ThreadPoolExecutor(4)\nasked = [pool.submit(candidate, i, 1) for i in range(50)]\n"
    "assert [one.result() for one in asked] == list(range(1, 51))",
    "threads": "import threading\nout = {}\ndef w(i): out[i] = candidate(i, i)\n"
    "ts = [threading.Thread(target=w, args=(i,)) for i in range(20)]\n"
    + _STARTED
    + "assert out == {i: 2 * i for i in range(20)}",
    "threads that assert": "import threading\ndef w(i): assert candidate(i, 1) == i + 1\n"
    "ts = [threading.Thread(target=w, args=(i,)) for i in range(5)]\n" + _STARTED,
    "a thread that nobody joins": "import threading, time\ndef w():\n    time.sleep(0.02)\n"
    "    assert candidate(1, 2) == 3\nthreading.Thread(target=w).start()",
    "asyncio": "import asyncio\nasync def main():\n    loop = asyncio.get_running_loop()\n"
    "    asked = [loop.run_in_executor(None, candidate, i, 1) for i in range(9)]\n"
    "    assert await asyncio.gather(*asked) == list(range(1, 10))\nasyncio.run(main())",
    "atexit": "import atexit\n@atexit.register\ndef last(): assert candidate(1, 2) == 3",
}


def run(sandbox: Sandbox, program: str, *scripts: str, name: str = "f") -> list[Outcome]:
    [outcomes] = sandbox.run([Job(program, scripts, ROOMY, TestKind.SCRIPT, name)])
    return list(outcomes)


def test_a_right_program_passes_each_idiom(sandbox: Sandbox) -> None:
    for name, outcome in zip(IDIOMS, run(sandbox, RIGHT, *IDIOMS.values()), strict=True):
        assert outcome.verdict is Verdict.ACCEPTED, (name, outcome)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_program_passes_none(sandbox: Sandbox, wrong: str) -> None:
    outcomes = run(sandbox, WRONG[wrong], *IDIOMS.values())
    for name, outcome in zip(IDIOMS, outcomes, strict=True):
        assert outcome.verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR), (name, outcome)


@pytest.mark.parametrize(
    ("ending", "detail"),
    [
        ("import sys\nsys.exit(3)", "line 2: AssertionError: exit status 3"),
        ("exit('bad value')", "line 1: AssertionError: exit: bad value"),
        ("exit('')", "exit"),
        ("exit(True)", "exit status 1"),
        ("exit(256)", "exit status 256"),
        ("def check(candidate): quit(1)", "exit status 1"),
        (_FAILING + "unittest.main()", "__main__.T.test_a: AssertionError: 3 != 4"),
        (_FAILING + "suite.run(unittest.TestResult())", "line 4: "),
        (
            "import unittest\nclass T(unittest.TestCase):\n    @unittest.expectedFailure\n"
            "    def test_a(self): assert candidate(1, 2) == 3\nunittest.main(exit=False)",
            "should have failed",
        ),
        ("import threading\ndef w(): assert 0\nthreading.Thread(target=w).start()", "line 2: "),
        ("import _thread, time\ndef w(): assert 0, 'w'\n_thread.start_new_thread(w, ())\n"
         "time.sleep(0.1)", "AssertionError: w"),
        ("class A:\n    def __del__(self): assert False, 'del'\na = A()\ndel a", "del"),
    ],
)  # fmt: skip
def test_the_detail_of_a_wrong_answer(sandbox: Sandbox, ending: str, detail: str) -> None:
    [outcome] = run(sandbox, RIGHT, ending)
    assert outcome.verdict is Verdict.WRONG_ANSWER, outcome
    assert detail in outcome.detail


def test_an_exception_that_ends_a_thread_counts_and_its_exit_does_not(sandbox: Sandbox) -> None:
    started = "import sys, threading\nf(1, 2)\nthreading.Thread(target=lambda: {}).start()"
    dies, leaves = run(sandbox, RIGHT, started.format("1 / 0"), started.format("sys.exit(1)"))
    assert dies.verdict is Verdict.RUNTIME_ERROR
    assert "ZeroDivisionError" in dies.detail
    assert leaves.verdict is Verdict.ACCEPTED


def test_os_exit_is_no_pass(sandbox: Sandbox) -> None:
    [outcome] = run(sandbox, RIGHT, "import os\nassert candidate(1, 2) == 3\nos._exit(0)")
    assert outcome.verdict is Verdict.RUNTIME_ERROR


TESTS = ["check", "test", "test_f", "f_test", "tests", "run_tests", "runTests", "main", "run"]
TESTS += ["verify", "verify_f", "validate", "assert_equal", "assertEqual", "expect", "TestF"]


@pytest.mark.parametrize("name", TESTS)
def test_a_test_that_the_script_lacks_is_not_the_programs(sandbox: Sandbox, name: str) -> None:
    program = f"def {name}(*a): return True\ndef f(a, b): return a + b"
    for outcome in run(sandbox, program, f"assert {name}(candidate)", f"assert {name}(1)"):
        assert outcome.verdict is Verdict.RUNTIME_ERROR, outcome
        assert f"NameError: name '{name}' is not defined" in outcome.detail


@pytest.mark.parametrize(
    "given", ["candidate", "f", "lambda: 1", "print", "[candidate]", "x=object()", "{1: f}", "Own"]
)
def test_another_function_of_the_program_takes_plain_values_only(
    sandbox: Sandbox, given: str
) -> None:
    program = "def try_out(*a, **b): return True\ndef f(a, b): return a + b"
    [outcome] = run(sandbox, program, f"class Own: pass\nassert try_out({given})")
    assert outcome.verdict is Verdict.RUNTIME_ERROR, outcome
    assert "TypeError: try_out() of the program takes plain values only" in outcome.detail
    for plain in ("'{\"object\":'", "['\\\\\"object\":']", "{'object': 1}"):
        [outcome] = run(sandbox, program, f"assert try_out({plain})")
        assert outcome.verdict is Verdict.ACCEPTED, outcome


def test_an_entry_point_may_be_called_like_a_test(sandbox: Sandbox) -> None:
    for name in ("check", "test_duplicate", "main"):
        program = f"def {name}(x): return x > 2"
        held = f"assert {name}(3) and not {name}(1)\nassert candidate(3)"
        own = "def check(candidate):\n    assert candidate(3) and not candidate(1)"
        for outcome in run(sandbox, program, held, own, name=name):
            assert outcome.verdict is Verdict.ACCEPTED, (name, outcome)
        [outcome] = run(sandbox, f"def {name}(x): return True", own, name=name)
        assert outcome.verdict is Verdict.WRONG_ANSWER


def test_round_trips_use_the_programs_other_function(sandbox: Sandbox) -> None:
    program = "def encode(s): return s[::-1] + '!'\ndef decode(s): return s[:-1][::-1]"
    held = "for s in ('', 'abc', '{\"object\":'): assert decode(encode(s)) == s"
    for name in ("encode", "decode"):
        [outcome] = run(sandbox, program, held, name=name)
        assert outcome.verdict is Verdict.ACCEPTED, outcome


def test_a_check_that_was_called_is_not_called_again(sandbox: Sandbox) -> None:
    program = "calls = 0\ndef f():\n    global calls\n    calls += 1\n    return calls"
    check = "def check(candidate):\n    assert candidate() == 1\n"
    [once, caught] = run(sandbox, program, check + "check(f)", check + check.replace("1", "2"))
    assert once.verdict is Verdict.ACCEPTED, once
    assert caught.verdict is Verdict.WRONG_ANSWER
    # One that raised counts as not called, whoever caught it.
    hidden = check.replace("1", "0") + "try: check(f)\nexcept AssertionError: pass"
    assert run(sandbox, program, hidden)[0].verdict is Verdict.WRONG_ANSWER


def test_stop_iteration_is_a_runtime_error_with_a_cause(sandbox: Sandbox) -> None:
    program = "def f(x): raise {}(3)"
    source = (
        "try: f(1)\nexcept {kind}: assert False\nexcept RuntimeError as e:\n"
        "    assert type(e.__cause__) is {kind} and e.__cause__.args == (3,)\n"
        "    assert str(e) == 'the program raised {kind}: 3', e\nelse: assert False"
    )
    for kind in ("StopIteration", "StopAsyncIteration"):
        [outcome] = run(sandbox, program.format(kind), source.format(kind=kind))
        assert outcome.verdict is Verdict.ACCEPTED, outcome


def test_no_exception_is_swallowed_by_a_construct_of_pythons(sandbox: Sandbox) -> None:
    program = "import builtins\ndef f(name): raise getattr(builtins, name)('x')"
    source = """
import builtins, functools, itertools, operator
def swallows(use):
    try: use()
    except BaseException: return False
    return True
class Held:
    def __init__(self, name): self.name = name
    def __contains__(self, x): return candidate(self.name)
    def __bool__(self): return candidate(self.name)
    def __eq__(self, other): return candidate(self.name)
    def __lt__(self, other): return candidate(self.name)
    def __hash__(self): return 1
    def __iter__(self): return map(candidate, [self.name])
    def __call__(self): return candidate(self.name)
uses = [
    lambda n: list(map(candidate, [n])), lambda n: all(map(candidate, [n])),
    lambda n: list(filter(candidate, [n])), lambda n: list(iter(lambda: candidate(n), 0)),
    lambda n: next(map(candidate, [n]), None), lambda n: sorted([n], key=candidate),
    lambda n: min([n, n], key=candidate), lambda n: 1 in map(candidate, [n]),
    lambda n: list(itertools.takewhile(candidate, [n])), lambda n: [*map(candidate, [n])],
    lambda n: list(itertools.groupby([n], candidate)),
    lambda n: dict(zip(map(candidate, [n]), [1])),
    lambda n: list(itertools.accumulate([n, n], lambda a, b: candidate(n))),
    lambda n: functools.reduce(lambda a, b: candidate(n), [1, 2]),
    lambda n: 1 in Held(n), lambda n: not Held(n), lambda n: [1].index(Held(n)),
    lambda n: 1 in [Held(n)], lambda n: {1: 1}.get(Held(n)), lambda n: Held(n) in {1},
    lambda n: sorted([Held(n), Held(n)]), lambda n: list(Held(n)), lambda n: set(Held(n)),
    lambda n: hasattr(candidate(n), 'x'), lambda n: getattr(candidate(n), 'x', None),
    lambda n: {}.get(candidate(n)), lambda n: {}.setdefault(1, candidate(n)),
    lambda n: operator.length_hint(map(candidate, [n])) or list(map(candidate, [n])),
    lambda n: ''.join(map(candidate, [n])), lambda n: list(enumerate(map(candidate, [n]))),
    lambda n: list(itertools.chain.from_iterable(map(candidate, [n]))),
    lambda n: isinstance(candidate(n), int), lambda n: functools.lru_cache(candidate)(n),
]
names = [n for n, v in vars(builtins).items() if isinstance(v, type) and issubclass(v, Exception)]
names.remove('MemoryError')  # a verdict of its own
bad = [(n, i) for n in names for i, use in enumerate(uses) if swallows(lambda: use(n))]
assert len(names) > 50 and not bad, bad
"""
    [outcome] = run(sandbox, program, source)
    assert outcome.verdict is Verdict.ACCEPTED, outcome


def test_a_missing_package_is_named(sandbox: Sandbox) -> None:
    program = "def f(x):\n    import numpy.linalg"
    told = "try: f(1)\nexcept ModuleNotFoundError as e: assert e.name == 'numpy', e.name"
    held, plain, own = run(sandbox, program, told, "f(1)", "import numpy as np")
    assert held.verdict is Verdict.ACCEPTED, held
    for outcome in (plain, own):
        assert outcome.verdict is Verdict.RUNTIME_ERROR
        assert "ModuleNotFoundError: No module named 'numpy'" in outcome.detail


@pytest.mark.parametrize(
    ("program", "suite", "verdict"),
    [
        # An exit or an interrupt is no `Exception`, as in plain Python.
        ("import sys\ndef f(n): sys.exit(0)", "try: f(1)\nexcept Exception: pass", "runtime_error"),
        ("def f(n): raise KeyboardInterrupt", "try: f(1)\nexcept Exception: pass", "runtime_error"),
        ("def f(n): raise ValueError", "try: f(1)\nexcept Exception: pass", "accepted"),
        # A check that only prepares itself is run.
        ("def f(n): return 0", "async def check(c): assert c(2) == 4", "wrong_answer"),
        ("def f(n): return 2 * n", "async def check(c): assert c(2) == 4", "accepted"),
        ("def f(n): return 0", "def check(c):\n    yield\n    assert c(2) == 4", "wrong_answer"),
        ("def f(n): return 2 * n", "def check(c):\n    yield\n    assert c(2) == 4", "accepted"),
        # One that answers is heard.
        ("def f(n): return 0", "def check(c): return c(2) == 4", "wrong_answer"),
        ("def f(n): return 2 * n", "def check(c): return c(2) == 4", "accepted"),
        ("def f(n): return 2 * n", "def check(c): assert c(2) == 4", "accepted"),
        # What the script holds to its end has a last word.
        (
            "def f(n): return 0",
            "class A:\n    def __del__(self): assert candidate(2) == 4\na = A()",
            "wrong_answer",
        ),
    ],
)
def test_hidden_failures_of_a_suite_count(
    sandbox: Sandbox, program: str, suite: str, verdict: str
) -> None:
    [[outcome]] = sandbox.run([Job(program, (suite,), Limits(), TestKind.SCRIPT, "f")])
    assert outcome.verdict == verdict, outcome.detail


_EXPECTS = (
    "import pytest\ndef test_a():\n    with pytest.raises(Exception): f(-1)",
    "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
    "        self.assertRaises(Exception, f, -1)",
    "try: f(-1)\nexcept BaseException: pass\nelse: assert False",
)


@pytest.mark.parametrize("suite", _EXPECTS)
def test_a_program_that_cannot_be_called_raises_nothing_that_is_expected(
    sandbox: Sandbox, suite: str
) -> None:
    programs = ("raise ValueError(-1)", "def g(x): raise ValueError", "f = 3", "exit()", "f(-1)")
    right = "def f(x):\n    raise ValueError(x)"
    jobs = [Job(p, (suite,), ROOMY, TestKind.SCRIPT, "f") for p in (*programs, right)]
    *others, last = [outcome.verdict for [outcome] in sandbox.run(jobs)]
    assert Verdict.ACCEPTED not in others
    assert last is Verdict.ACCEPTED


_SKIPS = (
    "import pytest\ndef test_a():\n    if f(1) is None: pytest.skip('not implemented')",
    "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
    "        if f(1) is None: self.skipTest('not implemented')",
    "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
    "        if f(1) is None: self.skipTest('not implemented')\nunittest.main(exit=False)",
)


@pytest.mark.parametrize("suite", _SKIPS)
def test_a_program_earns_no_pass_by_making_a_test_skip_itself(sandbox: Sandbox, suite: str) -> None:
    jobs = [Job(p, (suite,), ROOMY, TestKind.SCRIPT, "f") for p in
            ("def f(x): pass", "def f(x): return x")]  # fmt: skip
    [wrong], [right] = sandbox.run(jobs)
    assert wrong.verdict is Verdict.WRONG_ANSWER
    assert "left itself out after it had called the program" in wrong.detail
    assert right.verdict is Verdict.ACCEPTED


def test_a_tests_return_value_counts_where_the_script_only_prints_it(sandbox: Sandbox) -> None:
    suite = "def test():\n    return all(f(x) == x for x in (1, 2))\nprint(test())"
    jobs = [Job(p, (suite,), ROOMY, TestKind.SCRIPT, "f") for p in
            ("def f(x): pass", "def f(x): return x")]  # fmt: skip
    [wrong], [right] = sandbox.run(jobs)
    assert (wrong.verdict, right.verdict) == (Verdict.WRONG_ANSWER, Verdict.ACCEPTED)
