"""Assertions among names: what is read is what running the code would compare."""

from __future__ import annotations

import ast
import contextlib
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring import values
from sparring.tasks.suites.asserts import NotACall
from sparring.tasks.suites.called import CallTest
from sparring.tasks.suites.scopes import assertions


def read(source: str, function: str = "f") -> list[str]:
    return [
        f"{values.show_call('f', r.input)} == {values.show(r.output)}"
        if isinstance(r, CallTest)
        else r.reason
        for r in (found.read for found in assertions(ast.parse(source), function))
    ]


class Recorded:
    """What the function returns in `run`: it tells what it is compared with, and at which line."""

    def __init__(self, log: dict[int, tuple[Any, Any]], given: tuple[Any, Any]) -> None:
        self.log, self.given = log, given

    def __eq__(self, other: object) -> bool:
        self.log[sys._getframe(1).f_lineno] = (self.given, other)
        return True

    def __bool__(self) -> bool:
        self.log[sys._getframe(1).f_lineno] = (self.given, True)
        return True


def run(source: str) -> dict[int, tuple[Any, Any]]:
    """Each assertion's line, and the call and the value that are compared there for real."""
    log: dict[int, tuple[Any, Any]] = {}

    def f(*given: Any, **named: Any) -> Recorded:
        return Recorded(log, (list(given), named))

    solution = type("Solution", (), {"f": staticmethod(f)})
    with contextlib.suppress(AssertionError, AttributeError, NameError, TypeError, ValueError):
        exec(compile(source, "m.py", "exec"), {"f": f, "candidate": f, "Solution": solution})
    return log


NAMES = st.sampled_from("abcd")
ATOMS = st.one_of(
    st.integers(0, 9).map(str),
    st.sampled_from(["'x'", "[1, 2]", "(1,)", "None", "True", "[]"]),
    NAMES,
    st.tuples(NAMES, NAMES).map(lambda n: f"[{n[0]}, {n[1]}]"),
    st.tuples(NAMES, st.integers(0, 3)).map(lambda n: f"{n[0]} + {n[1]}"),
)
CALLS = st.one_of(
    ATOMS.map(lambda a: f"f({a})"),
    st.tuples(ATOMS, ATOMS).map(lambda a: f"f({a[0]}, k={a[1]})"),
    ATOMS.map(lambda a: f"candidate({a})"),
    ATOMS.map(lambda a: f"Solution().f({a})"),
)
LINES = st.one_of(
    st.tuples(NAMES, st.one_of(ATOMS, CALLS)).map(lambda p: f"{p[0]} = {p[1]}"),
    st.tuples(NAMES, NAMES, ATOMS, CALLS).map(lambda p: f"{p[0]}, {p[1]} = {p[2]}, {p[3]}"),
    st.tuples(NAMES, NAMES, ATOMS).map(lambda p: f"{p[0]} = {p[1]} = {p[2]}"),
    st.tuples(NAMES, NAMES).map(lambda p: f"{p[0]}, {p[1]} = {p[1]}, {p[0]}"),
    st.tuples(CALLS, ATOMS).map(lambda p: f"assert {p[0]} == {p[1]}"),
    st.tuples(NAMES, ATOMS).map(lambda p: f"assert {p[0]} == {p[1]}"),
    st.tuples(ATOMS, CALLS).map(lambda p: f"assert {p[0]} == {p[1]}"),
    NAMES.map(lambda n: f"assert {n}"),
    st.tuples(NAMES, ATOMS).map(lambda p: f"if {p[0]}: {p[0]} = {p[1]}"),
    NAMES.map(lambda n: f"for {n} in (1, 2): pass"),
    st.just("import math as a"),
)
RARE = st.one_of(
    LINES,
    st.sampled_from(["a += 1", "b.append(3)", "c[0] = 4", "del d", "global a", "f = abs", "s = f"]),
)
FUNCTION = st.lists(LINES, min_size=1, max_size=5).map(
    lambda body: "def test():\n" + "".join(f"    {line}\n" for line in body) + "test()"
)
MODULES = st.lists(st.one_of(LINES, LINES, FUNCTION, RARE), max_size=9).map("\n".join)


@given(MODULES)
@settings(max_examples=100)
def test_what_is_read_is_what_is_compared(source: str) -> None:
    try:
        tree = ast.parse(source)
        compile(source, "m.py", "exec")
    except SyntaxError:
        return
    happened = run(source)
    for found in assertions(tree, "f"):
        if isinstance(found.read, CallTest) and found.node.lineno in happened:
            given, value = happened[found.node.lineno]
            assert found.read.input == values.encode(given), source
            assert found.read.output == values.encode(value), source


def test_that_the_comparison_above_sees_wrong_readings() -> None:
    assert run("a = 1\nassert f(a, k=2) == [a]") == {2: (([1], {"k": 2}), [1])}
    assert run("def t():\n  r = f(1)\n  assert 3 == r\nt()") == {3: (([1], {}), 3)}
    assert read("a = 1\nassert f(a, k=2) == [a]") == ["f(1, k=2) == [1]"]
    assert read("def t():\n  r = f(1)\n  assert 3 == r\nt()") == ["f(1) == 3"]


def test_names_are_followed_from_line_to_line() -> None:
    source = """
a, b = 1, [2]
assert f(a) == b
a, b = b, a
assert f(a) == b
c = f(a)
a = 5
assert c == a
def test():
    assert f(b) == 1
    b = 3
def other():
    b = 4
    assert f(b) == 1
    for b in (1, 2):
        pass
    assert f(b) == 1
"""
    assert read(source) == [
        "f(1) == [2]",
        "f([2]) == 1",
        "not one plain call of the function",  # an earlier call had the list
        "not a constant: b",
        "f(4) == 1",
        "not a constant: b",
    ]


def test_each_assertion_has_its_place() -> None:
    source = """
assert f(1) == 1
if f(1):
    assert f(2) == 2
elif f(2):
    assert f(3) == 3
else:
    assert f(4) == 4
with pytest.raises(ValueError):
    assert f(5) == 5
class T:
    def test(self):
        self.assertEqual(f(6), 6)
        try:
            self.assertEqual(f(7), 7)
        except ValueError:
            self.assertEqual(f(8), 8)
        finally:
            assert f(9) == 9
np.testing.assert_allclose(f(10), 10)
"""
    all_assertions = assertions(ast.parse(source), "f")
    assert [f.node.lineno for f in all_assertions] == [2, 4, 6, 8, 9, 13, 15, 17, 19, 20]
    good = [isinstance(f.read, CallTest) for f in all_assertions]
    assert good == [True, False, False, False, False, True, False, False, False, False]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x = [1]\nx.append(2)", "x.append(2)"),
        ("import os\nos.environ['A'] = 'b'", "os.environ['A']"),
        ("import random\nrandom.seed(1)", "random.seed(1)"),
        ("def f(x):\n    return x", "beside another f"),
        ("abs = g\nx = abs(1)", "abs(1)"),
        ("remove = 1\nx = [1]\nx.f(1)", "x.f(1)"),
    ],
)
def test_what_may_change_an_assertion_is_named(line: str, reason: str) -> None:
    [message] = read(f"{line}\nassert f(1) == 2")
    assert reason in message


def test_a_function_called_as_a_list_s_method_does_not_excuse_the_method() -> None:
    [message] = read("x = [1]\nx.append(2)\nassert append(x) == 2", "append")
    assert "x.append(2)" in message


@pytest.mark.parametrize(
    "source",
    [
        # 2 ** 60 parts by doubling, and a hash that goes through all of them
        "\n".join(["a = (1, 1)", *["a = (a, a)"] * 60, "assert f({a: 1}) == 1"]),
        "\n".join(["a = 'x' * 99999", *["a = a + a"] * 60, "assert f(a) == 1"]),
        "\n".join(["a = [1]", *["a = [a, a]"] * 60, "assert f(a) == a"]),
        "assert f({((1,) * 100000,) * 100000}) == 1",
        "assert f({((1,) * 100000,) * 100000: 1}) == 1",
        "assert f(set([((1,) * 100000,) * 100000])) == 1",
        "assert f(dict([(((1,) * 100000,) * 100000, 1)])) == 1",
        "a = 9 ** 9\nb = a ** a\nassert f(b) == 1",
    ],
)
def test_a_small_text_does_not_become_a_huge_value(source: str) -> None:
    [assertion] = assertions(ast.parse(source), "f")
    assert isinstance(assertion.read, NotACall)


def test_deep_and_long_code_is_no_traceback() -> None:
    chain = "if x: pass\n" + "elif x: assert f(2) == 2\n" * 300
    assert len(assertions(ast.parse(chain), "f")) == 300
    dotted = "a" + ".b" * 400
    assert len(read(f"{dotted} = 1\nx = {dotted}\nassert f({dotted}) == 1")) == 1
    nested = "x = " + "(" * 90 + "1," + ")" * 90
    assert read(f"{nested}\nassert f(1) == 2") == ["f(1) == 2"]
    wide = "\n".join(f"x{i} = {i}" for i in range(2000))
    assert read(f"{wide}\nassert f(x7) == x8") == ["f(7) == 8"]


@given(st.text(max_size=60) | st.text("assert f(1)=[]\n:x ,self.", max_size=60))
def test_any_code_is_read_without_an_error(text: str) -> None:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    assertions(tree, "f")
