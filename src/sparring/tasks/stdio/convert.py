"""Convert call tasks to programs on standard input, in CURE's layout, or refuse them by name.

- CURE writes each argument on its own line. A list is one line with spaces, a list of lists is one
  line per row, and texts have no quotes (arXiv 2506.03136, C.2). That layout loses the ends of
  lists, empty values and spaces in texts.
- Here the types of the arguments over all tests of a task decide the layout (`slots`). CURE's
  layout is used if it can be read back. Otherwise lengths stand before lists, and texts on lines
  of their own. A task that no such layout can carry is refused (`ConversionRefusal`).
- The statement describes the layout, and reference solutions get the lines that read it (`text`).
- Examples in the original statement stay unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

from sparring import values
from sparring.schema import Task, Test, TestKind
from sparring.tasks.checkers.checker import CheckerRule, parse_checker
from sparring.tasks.cleaning.filters import Reason, Removed
from sparring.tasks.stdio.slots import (
    ConversionRefusal,
    ConversionRefused,
    Scalar,
    Slot,
    slot_of,
    slots,
)
from sparring.tasks.stdio.text import lines_of

_NAMES = {
    Scalar.INT: ("an integer", "integers"),
    Scalar.FLOAT: ("a number", "numbers"),
    Scalar.BOOL: ("True or False", "values True or False"),
    Scalar.TEXT: ("a text, as it is, without quotes", "texts without quotes"),
}


def to_stdio(tasks: Sequence[Task]) -> tuple[list[Task], list[Removed]]:
    """Return the tasks on standard input, call tasks converted, and the refused call tasks."""
    kept, removed = [], []
    for task in tasks:
        try:
            kept.append(task if task.entry_point is None else converted(task))
        except ConversionRefused as error:
            removed.append(Removed(task.id, Reason.NOT_STDIN, str(error)))
    return kept, removed


def converted(task: Task) -> Task:
    """Return the task as a program on standard input, with its reference solutions converted.

    Raises `ConversionRefused` for a task that no layout can carry.
    """
    if task.entry_point is None:
        raise ConversionRefused(ConversionRefusal.NOT_A_CALL, "it is a program already")
    every = (*task.tests, *task.hidden, *task.examples)
    calls = [_call(test) for test in every]
    answers = [_decoded(test.output) for test in every]
    arguments_slots, answer = slots(calls), _answer(answers)
    checker = _checker(task, every, answer)
    converted_tests = iter(
        [
            Test(write(arguments_slots, arguments), write((answer,), (value,)))
            for arguments, value in zip(calls, answers, strict=True)
        ]
    )
    driver = _driver(task.entry_point, arguments_slots, answer)
    return replace(
        task,
        statement=f"{task.statement.rstrip()}\n\n{describe_layout(arguments_slots, answer)}",
        tests=tuple(next(converted_tests) for _ in task.tests),
        hidden=tuple(next(converted_tests) for _ in task.hidden),
        examples=tuple(next(converted_tests) for _ in task.examples),
        checker=checker,
        solutions=tuple(f"{s.rstrip()}\n\n\n{driver}" for s in task.solutions),
        entry_point=None,
    )


def write(slots: Sequence[Slot], arguments: Sequence[Any]) -> str:
    """Return the standard input for these arguments."""
    return "".join(
        lines_of(s.scalar, s.shape, s.counted, s.apart, value)
        for s, value in zip(slots, arguments, strict=True)
    )


def describe_layout(slots: Sequence[Slot], answer: Slot) -> str:
    """Return the text that describes the layout in a statement."""
    lines = ["Write a whole program, not a function: it reads standard input, prints the answer."]
    if not slots:
        lines.append("There is no input.")
    else:
        lines.append("The arguments are read in their order:")
    lines += [f"{i}. {_layout(slot)}" for i, slot in enumerate(slots, start=1)]
    lines.append(f"Print {_layout(answer)}")
    return "\n".join(lines)


def _layout(slot: Slot) -> str:
    singular, plural = _NAMES[slot.scalar]
    if slot.depth == 0:
        return f"{singular}, on a line."
    if slot.depth == 1:
        if slot.apart:
            return f"{plural}: a line with their number, then each on a line of its own."
        if slot.counted:
            return (
                f"{plural}: a line with their number, then a line with all of them, separated by "
                "spaces; the second line is blank if there are none."
            )
        return f"{plural}: one line, separated by spaces."
    row = (
        f"a line with the number of {plural} in it, then each on a line of its own"
        if slot.apart
        else f"a line of {plural}, separated by spaces, blank if there are none"
    )
    if not slot.counted:
        return f"rows of {plural}: a line for each row, separated by spaces."
    if slot.depth == 2:
        return f"rows of {plural}: a line with the number of rows, then for each row {row}."
    return (
        f"{plural} in lists, {slot.depth} deep: for each list of lists a line with its length, "
        f"then its items in order; for each innermost list {row}."
    )


def _call(test: Test) -> list[Any]:
    if test.kind is not TestKind.CALL:
        raise ConversionRefused(ConversionRefusal.NOT_A_CALL, f"it has a {test.kind} test")
    call = _decoded(test.input)
    if not (isinstance(call, tuple) and len(call) == 2):
        raise ConversionRefused(ConversionRefusal.OTHER_TYPE, "a test's input is not a call")
    arguments, keywords = call
    if not isinstance(arguments, (list, tuple)) or not isinstance(keywords, dict):
        raise ConversionRefused(ConversionRefusal.OTHER_TYPE, "a test's input is not a call")
    if keywords:
        raise ConversionRefused(ConversionRefusal.NAMED_ARGUMENTS, ", ".join(map(str, keywords)))
    return list(arguments)


def _decoded(text: str) -> Any:
    try:
        return values.decode(text)
    except values.NotPlain as error:
        raise ConversionRefused(ConversionRefusal.OTHER_TYPE, str(error)) from None


def _answer(answers: Sequence[Any]) -> Slot:
    slot = slot_of(answers, "the answer", exact=False)
    if slot.depth > 2 or slot.apart:
        slot = replace(slot, counted=True)
    if slot.scalar is Scalar.TEXT and any(t != t.strip() or not t for t in _texts(answers)):
        raise ConversionRefused(
            ConversionRefusal.BLANK_ANSWER, "a text of an answer is empty or has spaces at an end"
        )
    return slot


def _texts(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [value]


def _checker(task: Task, tests: Sequence[Test], answer: Slot) -> str:
    """Return the checker of printed text that is as strict as the tests' own rules.

    Raises `ConversionRefused` if there is no such checker.
    """
    rules = {parse_checker(t.checker or task.checker) for t in tests}
    # LiveCodeBench's rule is included, because an outermost tuple and an equal list are the same in
    # print.
    printed = (
        CheckerRule.VALUE,
        CheckerRule.TYPED,
        CheckerRule.TRUTH,
        CheckerRule.LIVECODEBENCH_VALUE,
    )
    if any(r.rule not in printed for r in rules):
        raise ConversionRefused(
            ConversionRefusal.CHECKER, "a rule that no checker of printed text has"
        )
    if any(r.rule is CheckerRule.TRUTH for r in rules) and (answer.scalar, answer.depth) != (
        Scalar.BOOL,
        0,
    ):
        raise ConversionRefused(
            ConversionRefusal.CHECKER, "truth, of what is neither True nor False"
        )
    in_lines = answer.depth > 1 or (
        answer.scalar is Scalar.TEXT and (answer.depth == 0 or answer.apart)
    )
    if answer.scalar is not Scalar.FLOAT:
        return str(CheckerRule.LINES if in_lines else CheckerRule.TOKENS)
    tolerances = {(r.absolute, r.relative) for r in rules}
    if len(tolerances) > 1 or in_lines:
        raise ConversionRefused(
            ConversionRefusal.CHECKER, "numbers with several tolerances, or in rows"
        )
    absolute, relative = tolerances.pop()
    # Numbers are printed in many ways, so that tests without a tolerance get the default one.
    tolerance = f"(abs={absolute!r}, rel={relative!r})" if absolute or relative else ""
    return f"{CheckerRule.FLOAT}{tolerance}"


def _driver(entry: str, slots: Sequence[Slot], answer: Slot) -> str:
    """Return the lines that turn a module with the function into a program."""
    reader = files("sparring.tasks.stdio").joinpath("text.py").read_text(encoding="utf-8")
    forms = [(str(s.scalar), s.shape, s.counted, s.apart) for s in slots]
    shown = (str(answer.scalar), answer.shape, answer.counted, answer.apart)
    owner, _, method = entry.rpartition(".")
    called = f"{owner}().{method}" if owner else method
    # A separate namespace, because a solution may redefine `sum` or `len`.
    return (
        "import builtins as _builtins\nimport sys as _sys\n\n"
        f"_lines = {{}}\n_builtins.exec(r'''{reader}''', _lines)\n"
        f'_arguments = _lines["read_back"]({forms!r}, _sys.stdin.read())\n'
        f'_sys.stdout.write(_lines["lines_of"](*{shown!r}, {called}(*_arguments)))\n'
    )
