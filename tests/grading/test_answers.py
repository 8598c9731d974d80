"""Inputs and answers that are the same, however they are written; how many values an input has."""

from __future__ import annotations

import collections
import json
import math

import pytest

from sparring import values
from sparring.grading.answers import answer, plain_input, plain_output, plain_value, size
from sparring.schema import Outcome, Test, TestKind, Verdict

SAME: list[tuple[object, object]] = [
    ({1, 2, 30}, {30, 2, 1}),
    ({"a": 1, "b": [2]}, {"b": [2.0], "a": True}),
    (1, 1.0),
    ([1.0, (True,)], [1, (1,)]),
    ({"a": 1}, collections.Counter("a")),
    (frozenset({(1, 2)}), {(1.0, 2)}),
    ("a  b", "a  b"),
]
OTHER: list[tuple[object, object]] = [
    ([1, 2], (1, 2)),
    ([1, 2], [2, 1]),
    ("1", 1),
    (1.5, 1),
    ("a  b", "a b"),
    (0, None),
    ({1}, [1]),
    (2**53 + 1, float(2**53)),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_values_are_one_answer(one: object, other: object) -> None:
    assert plain_value(values.encode(one)) == plain_value(values.encode(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_unequal_values_are_two(one: object, other: object) -> None:
    assert plain_value(values.encode(one)) != plain_value(values.encode(other))


@pytest.mark.parametrize(
    "text",
    ["", "[", "NaN", '{"float": "x"}', '{"set": 1}', '{"dict": [[1]]}', "[" * 5000, "9" * 5000],
)
def test_what_a_program_wrote_itself_is_taken_as_it_comes(text: str) -> None:
    assert isinstance(plain_value(text), str)
    assert (
        math.isnan(size(Test(text, "", TestKind.CALL))) or size(Test(text, "", TestKind.CALL)) >= 0
    )


def test_white_space_counts_in_a_call_and_not_in_print() -> None:
    assert plain_input(Test("1  2\n\n3\n", "")) == plain_input(Test("1 2\n3", ""))
    strings = [Test(values.encode(([s], {})), "1", TestKind.CALL) for s in ("a  b", "a b")]
    assert plain_input(strings[0]) != plain_input(strings[1])
    assert plain_output(Test("", "a  b\n")) == ("a", "b")
    assert plain_output(strings[0]) == ("1",)


def test_a_scripts_answer_is_its_verdict() -> None:
    script = Test("check", "", TestKind.SCRIPT)
    assert answer(script, Outcome(Verdict.ACCEPTED)) == answer(script, Outcome(Verdict.ACCEPTED))
    assert answer(script, Outcome(Verdict.ACCEPTED)) != answer(
        script, Outcome(Verdict.WRONG_ANSWER)
    )


SIZES: list[tuple[float, tuple[list[object], dict[str, object]]]] = [
    (3, ([1, -2.5, None], {})),
    (4, ([[1, 2], "two words"], {})),
    (2, (["", True], {})),
    (0, ([[], ()], {})),
    (3, ([{"a": 1, "b": [2, 3]}], {})),
    (2, ([{4}], {"name": 2**80})),
    (1, ([range(5)], {})),
]


@pytest.mark.parametrize(("expected", "arguments"), SIZES)
def test_the_size_of_a_call_is_the_values_in_its_arguments(
    expected: float, arguments: tuple[list[object], dict[str, object]]
) -> None:
    assert size(Test(values.encode(arguments), "", TestKind.CALL)) == expected


def test_the_size_of_other_inputs() -> None:
    assert size(Test("3 5\n-2\n", "")) == 3
    assert math.isnan(size(Test("check", "", TestKind.SCRIPT)))


def test_sets_in_sets_cost_no_more_than_their_text() -> None:
    deep = "1"
    for _ in range(150):
        deep = '{"set":[' + deep + "]}"
    assert len(plain_value(deep)) < 200
    other = deep.replace("1", "2")
    assert plain_value(deep) != plain_value(other)
    wide = {"set": [{"tuple": [k, "x" * 50]} for k in range(3)]}
    turned = {"set": wide["set"][::-1]}
    assert plain_value(json.dumps(wide)) == plain_value(json.dumps(turned))
