"""Duplicates, looser checkers, and what is left of a task."""

from __future__ import annotations

import pytest

from sparring import values
from sparring.schema import Task, Test, TestKind
from sparring.tasks.checkers.lenient import allows_several_answers, lenient_checker
from sparring.tasks.cleaning.cleaned import CleaningPolicy, clean_task
from sparring.tasks.cleaning.findings import Finding, TaskFault, short
from sparring.tasks.cleaning.repeats import Pair, duplicate_tasks, same_input, same_inputs


@pytest.mark.parametrize(
    ("checker", "actual", "expected", "found"),
    [
        ("exact", "1 2\n", "1  2", "tokens"),
        ("tokens", "0.3333333333\n", "0.33333333\n", "float"),
        ("tokens", "b\na\n", "a\nb\n", "unordered"),
        ("tokens", "2 1 3\n", "1 2 3\n", None),
        ("tokens", "YES\n", "Yes\n", None),
    ],
)
def test_the_same_answer_in_another_form(
    checker: str, actual: str, expected: str, found: str | None
) -> None:
    result = lenient_checker(checker, actual, expected, TestKind.STDIN)
    assert result is not None
    assert result.checker == found


@pytest.mark.parametrize(
    ("actual", "expected"), [("3\n", "4\n"), ("", "1\n"), ("1 1 2\n", "1 2 2\n"), ("10\n", "1 0\n")]
)
def test_another_answer_is_none(actual: str, expected: str) -> None:
    assert lenient_checker("tokens", actual, expected, TestKind.STDIN) is None


def test_values_of_calls_have_other_forms_too() -> None:
    def found(actual: object, expected: object, checker: str = "value") -> str | None:
        result = lenient_checker(
            checker, values.encode(actual), values.encode(expected), TestKind.CALL
        )
        return result and (result.checker or result.how)

    assert found(1.0, 1, "typed") == "value"
    assert found(0.1 + 0.2, 0.3) == "value(abs=1e-6, rel=1e-6)"
    assert found([2, [1]], [[1], 2]) == "the same values in another order"
    assert found([1, 1, 2], [1, 2, 2]) is None
    assert found((1, 2), [1, 3]) is None


@pytest.mark.parametrize(
    ("statement", "is_open"),
    [
        ("If there are several answers, print any of them.", True),
        ("You may return the result in any order.", True),
        ("Print any valid permutation.", True),
        ("Print the sum of any numbers given.", False),
        ("How many answers are right?", False),
        ("If there are multiple solutions, output any.", True),
        ("More than one correct answer may exist.", True),
        ("Any of them will do.", True),
        ("The mode of a list, any of the most frequent.", True),
        ("You can print the words in any order.", True),
        ("Count those not divisible by any of the primes.", False),
        ("Print YES if there is any valid arrangement, else NO.", False),
        ("The numbers are given in any order.", False),
        ("Is there any such pair?", False),
    ],
)
def test_statements_that_leave_the_answer_open(statement: str, is_open: bool) -> None:
    assert allows_several_answers(statement) is is_open


def test_inputs_that_occur_twice() -> None:
    tests = (Test("1 \n", "a"), Test("2", "b"), Test("1", "c"), Test("1\n2", "d"), Test("1\n", "a"))
    assert same_inputs(tests) == [Pair(2, 0), Pair(4, 0)]
    assert same_inputs((Test("1", "a"), Test("1 ", "b"), Test("1 ", "b"))) == [
        Pair(1, 0), Pair(2, 1),
    ]  # fmt: skip
    call, script = Test("1", "1", TestKind.CALL), Test("1", "", TestKind.SCRIPT)
    assert same_inputs((call, script, Test("1", "1", TestKind.CALL, "truth"))) == [Pair(2, 0)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1\r\n2\r\n", "1\n2\n", True),
        ("1\n", "1", True),
        ("", "\n", True),
        ("1 \n", "1\n", False),
        ("1\n\n\n", "1\n", False),
    ],
)
def test_inputs_that_no_program_is_asked_to_tell_apart(one: str, other: str, same: bool) -> None:
    assert same_input(Test(one, ""), Test(other, "")) is same


def test_tasks_that_occur_twice() -> None:
    tests = (Test("1", "1"), Test("2", "4"), Test("3", "9"))
    one, same = Task("a", "Square it.", tests), Task("b", "square\n it.", tests[:1])
    reworded = Task("c", "Multiply by itself.", tests[::-1])
    other = Task("d", "Square it.", tests[:1], entry_point="f")
    constant = [Task(n, n, tuple(Test(i, "yes") for i in "123")) for n in "ef"]
    few = [Task(n, n, tests[:2]) for n in "gh"]
    letters = [Task(n, f"Count {n}.", (Test(f"{n}{n}", "2"), Test("i", "0"))) for n in "Ii"]
    blanks = [
        Task(n, f"Count {n}.", tuple(Test("a" + i * end, str(i)) for i in range(3)))
        for n, end in (("spaces", " "), ("lines", "\n"))
    ]
    tasks = [one, same, reworded, other, *constant, *few, *letters, *blanks]
    found = [(f.task, f.seen) for f in duplicate_tasks(tasks)]
    assert found == [("b", "the statement equals that of a"), ("c", "every test equals that of a")]


TASK = Task("t", "…", (Test("1", "1"), Test("2", "2")), (Test("3", "3"),), solutions=("a", "b"))


def finding(fault: TaskFault, **where: object) -> Finding:
    return Finding("t", fault, "", "", **where)  # type: ignore[arg-type]


def test_what_is_left_without_the_bad_parts() -> None:
    found = [
        finding(TaskFault.WRONG_OUTPUT, test=1),
        finding(TaskFault.WRONG_OUTPUT, test=0, example=True),
        finding(TaskFault.SOLUTION_FAILS, solution=0),
        finding(TaskFault.SLOW, test=0),
        finding(TaskFault.WEAK),
    ]
    cleaned = clean_task(TASK, found, CleaningPolicy.DROP_TESTS, 1, confirmed=True)
    assert cleaned.task is not None
    assert (cleaned.task.tests, cleaned.task.examples) == ((TASK.tests[0],), ())
    assert cleaned.task.solutions == ("b",)
    assert len(cleaned.dropped) == 3
    too_few = clean_task(TASK, found, CleaningPolicy.DROP_TESTS, 2, confirmed=True)
    assert too_few.task is None
    assert too_few.dropped[-1] == "t: 1 tests remain, fewer than 2"
    assert clean_task(TASK, found, CleaningPolicy.DROP_TASKS, 1, confirmed=True).task is None
    assert clean_task(TASK, found[3:], CleaningPolicy.DROP_TASKS, 1, confirmed=True).task == TASK


def test_a_task_goes_for_a_fault_of_its_own_or_without_a_witness() -> None:
    again = [finding(TaskFault.DUPLICATE_TASK)]
    assert clean_task(TASK, again, CleaningPolicy.DROP_TESTS, 1, confirmed=True).task is None
    cleaned = clean_task(TASK, [], CleaningPolicy.DROP_TESTS, 1, confirmed=False)
    assert (cleaned.task, cleaned.dropped) == (None, ("t: no solution passes a test",))


def test_long_text_is_shown_short_and_on_one_line() -> None:
    assert short("a\nb\x1b") == r"a\nb\x1b"
    assert short("x" * 100) == "x" * 60 + "… (100 characters)"
