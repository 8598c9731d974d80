"""Calls as standard input: what is written can be read back, or was refused by name."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring import values
from sparring.schema import Task, Test, TestKind
from sparring.tasks.cleaning.filters import Reason
from sparring.tasks.stdio.convert import converted, to_stdio, write
from sparring.tasks.stdio.slots import ConversionRefusal, ConversionRefused, slots
from sparring.tasks.stdio.text import read_back
from sparring.tasks.suites.asserts import parse_asserts
from sparring.tasks.suites.called import CallTest


def call(*arguments: Any, value: Any = 0, **named: Any) -> Test:
    encoded = values.encode((list(arguments), named))
    return Test(encoded, values.encode(value), TestKind.CALL)


def task(*tests: Test, checker: str = "value", solution: str | None = None) -> Task:
    return Task(
        "t",
        "Do it.",
        tests,
        checker=checker,
        entry_point="f",
        solutions=(solution,) if solution else (),
    )


def test_the_paper_s_own_example() -> None:
    [test] = parse_asserts('assert work("a", [1, 2, 3]) == 2', ["work"])
    assert isinstance(test, CallTest)
    program_task = converted(task(Test(test.input, test.output, TestKind.CALL)))
    assert program_task.tests == (Test("a\n1 2 3\n", "2\n"),)
    assert program_task.entry_point is None
    assert program_task.checker == "tokens"


def test_a_list_of_lists_is_a_line_per_row() -> None:
    program_task = converted(task(call([[1, 2], [3, 4]], True, value=[[1], [2]])))
    assert program_task.tests == (Test("1 2\n3 4\nTrue\n", "1\n2\n"),)
    assert program_task.checker == "lines"  # or 1 2 on one line would be as good


def test_empty_lists_are_written_with_lengths_in_every_test_of_the_task() -> None:
    program_task = converted(task(call([]), call([1, 2])))
    assert [t.input for t in program_task.tests] == ["0\n\n", "2\n1 2\n"]
    assert "a line with their number" in program_task.statement
    rows = converted(task(call([[1], []]), call([])))
    assert [t.input for t in rows.tests] == ["2\n1\n\n", "0\n"]


def test_texts_with_spaces_in_a_list_stand_on_lines_of_their_own() -> None:
    program_task = converted(task(call(["a b", ""], 7)))
    assert program_task.tests[0].input == "2\na b\n\n7\n"
    assert "each on a line of its own" in program_task.statement
    for white in ("a\tb", "\xa0"):  # `str.split` splits at these as well
        assert converted(task(call([white, "c"]))).tests[0].input == f"2\n{white}\nc\n"


def test_two_lists_of_lists_and_deeper_ones_have_lengths() -> None:
    program_task = converted(task(call([[1]], [[2, 3], [4]])))
    assert program_task.tests[0].input == "1\n1\n2\n2 3\n4\n"
    deep = converted(task(call([[[1, 2], [3]], [[4]]])))
    assert deep.tests[0].input == "2\n2\n1 2\n3\n1\n4\n"


REFUSED: dict[ConversionRefusal, Task] = {
    ConversionRefusal.NOT_A_CALL: task(Test("assert f(1)", "", TestKind.SCRIPT)),
    ConversionRefusal.NAMED_ARGUMENTS: task(call(1, n=2)),
    ConversionRefusal.DIFFERENT_ARITY: task(call(1), call(1, 2)),
    ConversionRefusal.MIXED_TYPES: task(call(1), call("1")),
    ConversionRefusal.UNEVEN_DEPTH: task(call([1, [2]])),
    ConversionRefusal.TOO_DEEP: task(call([[[[[1]]]]])),
    ConversionRefusal.UNKNOWN_ITEMS: task(call([])),
    ConversionRefusal.NONE: task(call(None)),
    ConversionRefusal.MAPPING: task(call({"a": 1})),
    ConversionRefusal.OTHER_TYPE: task(call({1, 2})),
    ConversionRefusal.LARGE_INTEGER: task(call([0.5, 2**60])),
    ConversionRefusal.TEXT_WITH_LINE_BREAK: task(call("a\u2028b")),
    ConversionRefusal.NOT_TEXT: task(call("\ud800")),
    ConversionRefusal.BLANK_ANSWER: task(call(1, value="")),
    ConversionRefusal.CHECKER: task(call(1, value=[[0.5]])),
}


@pytest.mark.parametrize("refusal", ConversionRefusal)
def test_what_cannot_be_carried_is_refused_by_its_name(refusal: ConversionRefusal) -> None:
    with pytest.raises(ConversionRefused) as caught:
        converted(REFUSED[refusal])
    assert caught.value.refusal is refusal
    [], [removed] = to_stdio([REFUSED[refusal]])
    assert removed.reason is Reason.NOT_STDIN
    assert removed.detail.startswith(refusal)


def test_lists_and_tuples_in_one_place_are_two_types() -> None:
    with pytest.raises(ConversionRefused, match="list, tuple"):
        slots([[(1, 2)], [[1, 2]]])
    [slot] = slots([[[(1, 2)]], [[(3, 4)]]])
    assert slot.shape == "lt"


def test_tolerances_become_those_of_printed_numbers() -> None:
    assert converted(task(call(1, value=0.5))).checker == "float"
    tolerant = converted(task(call(1, value=0.5), checker="value(abs=0.01)"))
    assert tolerant.checker == "float(abs=0.01, rel=0.0)"
    with pytest.raises(ConversionRefused, match="truth"):
        converted(task(call(1, value=5), checker="truth"))
    assert converted(task(call(1, value=True), checker="truth")).checker == "tokens"


def test_a_task_on_standard_input_stays_as_it_is() -> None:
    plain = Task("p", "Do it.", (Test("1\n", "2\n"),))
    assert to_stdio([plain]) == ([plain], [])


def test_a_reference_function_becomes_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    # It gives names of its own to what the added lines would otherwise use.
    source = "def sum(a): return 1\ndef f(rows, t):\n    return [len(r) + t for r in rows]\nstr = 3"
    program_task = converted(task(call([[1], [2, 3]], 1, value=[2, 3]), solution=source))
    ran = run(program_task.solutions[0], program_task.tests[0].input)
    assert ran == program_task.tests[0].output == "2 3\n"


def run(source: str, given: str) -> str:
    import subprocess
    import sys

    process = subprocess.run(
        [sys.executable, "-c", source], input=given, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


texts = st.text(max_size=5) | st.sampled_from(["", " ", "a b", "True", "1", "\t", "\x1f", "é"])
scalars = st.one_of(
    st.just(st.integers()), st.just(st.floats()), st.just(st.booleans()), st.just(texts),
    st.just(st.integers(-9, 9) | st.floats(allow_nan=False)),
)  # fmt: skip


@st.composite
def columns(draw: st.DrawFn) -> st.SearchStrategy[Any]:
    """A strategy for the values of one argument: mostly of one type, as a function's are."""
    found = draw(scalars)
    for _ in range(draw(st.integers(0, 4))):
        as_tuple = draw(st.booleans())
        found = st.lists(found, max_size=3)
        if as_tuple:
            found = found.map(tuple)
    return draw(st.sampled_from([found, found, found, found | st.integers() | st.none()]))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_is_written_can_be_read_back_given_the_types(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(columns(), max_size=4))
    calls = data.draw(st.lists(st.tuples(*kinds).map(list), min_size=1, max_size=4))
    try:
        layout = slots(calls)
    except ConversionRefused:
        return
    forms = [(str(s.scalar), s.shape, s.counted, s.apart) for s in layout]
    for arguments in calls:
        text = write(layout, arguments)
        assert same(read_back(forms, text), arguments), (forms, text)


def same(a: Any, b: Any) -> bool:
    """Equal, types of containers and NaN included."""
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
