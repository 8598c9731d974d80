"""Assertions as language models write them, read as calls."""

from __future__ import annotations

import ast
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import values
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.suites.asserts import NotACall, parse_asserts
from sparring.tasks.suites.called import CallTest


def one(source: str) -> CallTest | NotACall:
    [parsed] = parse_asserts(source, ["f", "candidate"])
    return parsed


@pytest.mark.parametrize(
    ("source", "arguments", "named", "value"),
    [
        ("assert f(1, 'a') == [2]", [1, "a"], {}, [2]),
        ("assert f(-1) == -2.5, 'message'", [-1], {}, -2.5),
        ("assert 3 == f(x=[1, (2,)])", [], {"x": [1, (2,)]}, 3),
        ("assert candidate({1: {2}}) == None", [{1: {2}}], {}, None),
        ("assert (f([0] * 3) == 'ab' * 2)", [[0, 0, 0]], {}, "abab"),
        ("assert f(10 ** 9, 2 ** 40 - 1) == 1 << 5", [10**9, 2**40 - 1], {}, 32),
        (
            "assert f(float('inf'), set(), tuple([1])) == frozenset()",
            [float("inf"), set(), (1,)],
            {},
            frozenset(),
        ),
        ("assert f(list(range(3))) == True", [[0, 1, 2]], {}, True),
        ("def check(candidate):\n    assert candidate(b'x') == 1j", [b"x"], {}, 1j),
        (
            "assert f(dict(a=1), math.e) == dict([(1, 2)], b=3)",
            [{"a": 1}, math.e],
            {},
            {1: 2, "b": 3},
        ),
        ("assert (f(1) == 2) is True", [1], {}, 2),
    ],
)
def test_an_assertion_is_read_as_a_call(
    source: str, arguments: object, named: object, value: object
) -> None:
    found = one(source)
    assert isinstance(found, CallTest)
    assert values.decode(found.input) == (arguments, named)
    assert values.decode(found.output) == value
    assert found.checker == "value"


@pytest.mark.parametrize(
    ("source", "passing", "failing"),
    [
        ("assert abs(f(1) - 0.5) < 1e-3", 0.5004, 0.502),
        ("assert abs(3 - f(1)) <= 2", 4, 6),
        ("assert math.isclose(f(1), 100, rel_tol=1e-4)", 100.009, 100.02),
        ("assert f(1) == pytest.approx(2.0, abs=0.1)", 2.09, 2.2),
        ("assert f(1) == pytest.approx(1000000, abs=1e-3)", 1000000.0005, 1000000.5),
        ("assert f(1) == pytest.approx([1.0, 2.0])", [1.0, 2.0000001], [1.0, 2.1]),
        ("assert f(1) == pytest.approx(2.0, 0.1)", 2.19, 2.21),
        ("assert pytest.approx(2.0, None, 0.1) == f(1)", 2.09, 2.2),
        ("assert abs(f(1) - 5) < 1", 5.9, 6),
        ("assert abs(f(1) - 5) <= 1", 6, 7),
        ("assert f(1)", [0], ""),
        ("assert not f(1)", None, 7),
        ("assert f(1) is True", True, 1),
        ("assert f(1) is None", None, 0),
        ("assert f(1) == 1", 1.0, 2),
    ],
)
def test_how_it_compares_is_kept(source: str, passing: object, failing: object) -> None:
    found = one(source)
    assert isinstance(found, CallTest)
    assert accepts(found.checker, values.encode(passing), found.output)
    assert not accepts(found.checker, values.encode(failing), found.output)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("assert f(x) == 1", "not a constant"),
        ("assert math.isclose(f(1), 100, rel_tol=0.1)", "coarse"),
        ("assert math.isclose(f(1), [1])", "no number"),
        ("assert math.isclose(f(1), 1, rel_tol='x')", "no number"),
        ("assert math.isclose(f(1), 1, rel_tol=-1)", "negative"),
        ("assert abs(f(1) - 'a') < 1", "no number"),
        ("assert abs(f(1) - None) < 1", "no number"),
        ("assert abs(f(1) - 10**400) < 1", "OverflowError"),
        ("assert f(1) == pytest.approx(True)", "no number"),
        ("assert f(1) == pytest.approx(1, nan_ok=True)", "other options"),
        ("assert f(1) == pytest.approx(1, 0.1, rel=0.2)", "twice"),
        ("assert f(set(a=1)) == 1", "named arguments"),
        ("assert (f(1) == 2) is False", "not one plain call"),
        ("assert f(1) == pytest.approx([[0.3]])", "no number"),
        ("assert f(1) == pytest.approx(1, abs=float('inf'))", "not finite"),
        ("try:\n    f(1)\nexcept KeyError:\n    assert f(1) == 2", "inside a loop or a branch"),
        ("assert f(1) != 1", "other than =="),
        ("assert f(1) in [1, 2]", "other than =="),
        ("assert sorted(f(1)) == [1]", "not one plain call"),
        ("assert f(f(1)) == 1", "not a constant"),
        ("assert f(1) == f(2)", "not a constant"),
        ("assert 0 < f(1) < 3", "several"),
        ("assert g(1) == 1", "not one plain call"),
        ("assert f(*[1]) == 1", "not a constant"),
        ("assert f(**{'a': 1}) == 1", "dictionary"),
        ("assert f(9 ** 9 ** 9) == 1", "power"),
        ("assert f('a' * 10 ** 9) == 1", "repetition"),
        ("assert f([[0] * 999] * 999 ** 3) == 1", "repetition"),
        ("assert f(list(range(10 ** 9))) == 1", "range"),
        ("assert f(1 << 10 ** 9) == 1", "shift"),
        ("assert f(1 / 0) == 1", "ZeroDivisionError"),
        ("assert f({[]: 1}) == 1", "TypeError"),
        ("assert f(1) is 5", "`is`"),
        ("assert f('%1000000000d' % 1) == 1", "format"),
        ("for i in range(3):\n    assert f(i) == i", "loop"),
        ("if True:\n    assert f(1) == 1", "branch"),
        ("assert f(lambda: 1) == 1", "not a constant"),
        ("assert f(open('x')) == 1", "not a constant"),
        ("assert True", "not one plain call"),
    ],
)
def test_what_is_no_call_is_named(source: str, reason: str) -> None:
    found = one(source)
    assert isinstance(found, NotACall)
    assert reason in found.reason


def test_a_sample_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    parsed = parse_asserts("assert f(1) == 1\n# and\nassert f(2) == 2\nassert f([1, 2", ["f"])
    assert [type(x).__name__ for x in parsed] == ["CallTest", "CallTest", "NotACall"]
    assert parsed[-1] == NotACall("assert f([1, 2", "not Python, or cut off")


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    parse_asserts(text, ["f"])
    parse_asserts("assert f(" + text, ["f"])


@given(
    st.recursive(
        st.one_of(st.integers(), st.text(), st.booleans(), st.none(), st.floats(allow_nan=False)),
        lambda inner: st.one_of(st.lists(inner), st.lists(inner).map(tuple)),
        max_leaves=8,
    )
)
def test_whatever_repr_writes_is_read_back(value: object) -> None:
    source = f"assert f({value!r}) == {value!r}".replace("inf", "float('inf')")
    if "inf" in repr(value) and not isinstance(value, float):
        return
    found = one(source)
    assert isinstance(found, CallTest), found
    assert values.decode(found.output) == value


@pytest.mark.parametrize("value", ["+".join(["1"] * 9000), "0x" + "f" * 5000, "-" * 3000 + "1"])
def test_monstrous_constants_are_no_traceback(value: str) -> None:
    assert len(parse_asserts(f"assert f(1) == {value}", ["f"])) == 1


def test_a_text_that_is_wrong_at_every_end_is_read_in_few_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = 0
    parse = ast.parse

    def counted(source: str) -> ast.Module:
        nonlocal tries
        tries += 1
        return parse(source)

    monkeypatch.setattr(ast, "parse", counted)
    for line in ("@f\n", "\0\n", "\udc80\n"):
        parsed = parse_asserts("assert f(1) == 1\n" + line * 2000, ["f"])
        assert [type(x).__name__ for x in parsed] == ["CallTest", "NotACall"]
    assert tries < 300


def test_a_chain_of_branches_is_no_traceback() -> None:
    for length in (1200, 20_000):
        chain = "if x: pass\n" + "elif x: assert f(2) == 2\n" * length
        parsed = parse_asserts(chain, ["f"])
        assert not any(isinstance(x, CallTest) for x in parsed)


@pytest.mark.parametrize("part", ["'x' * 100000", "b'x' * 100000", "1 << 99999"])
def test_a_small_text_does_not_become_a_huge_value(part: str) -> None:
    [parsed] = parse_asserts(f"assert f([{part}] * 100000) == 1", ["f"])
    assert isinstance(parsed, NotACall)
    assert "parts" in parsed.reason
