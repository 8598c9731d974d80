"""Messages of the pipelines to models, beside the roles' own prompts (`prompts.templates`).

Each message is short enough for a small model: the problem, what was seen, one thing to do, the
form of the answer. Each has a form for function tasks and one for tasks on standard input. Readers
of the answers: `session.read_program` and `read_test`, `inputs`, `specifications`, `judgements`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring import values
from sparring.prompts.templates import called_as
from sparring.schema import Outcome, Task, Test, TestKind, Verdict

KEEP = "KEEP"
"""Word with which a model leaves a program or a test as it is."""
_SHOWN_CHARACTERS = 600
"""Characters of an input or output that a message shows."""


@dataclass(frozen=True, slots=True)
class SeenFailure:
    """A test that a program fails, and the outcome."""

    test: Test
    outcome: Outcome


def reasoned_program(task: Task, public: Sequence[Test]) -> str:
    """Return the request for a program after reasoning about the public tests."""
    shown = "\n".join(show_test(task, test) for test in public)
    examples = f"\nExamples:\n{shown}\n" if shown else ""
    why = "First say in a sentence for each example why its result is right. " if shown else ""
    return (
        f"{_problem(task)}\n{examples}\n{why}Say in two sentences how to solve the problem. Then "
        f"{_give(task)}"
    )


def repair_program(
    task: Task, source: str, failures: Sequence[SeenFailure], may_keep: bool = False
) -> str:
    """Return the request to repair a program that fails tests.

    With ``may_keep`` the model may find that the test is wrong, and answer `KEEP`.
    """
    seen = "\n".join(f"{show_test(task, f.test)}\n{show_outcome(f)}" for f in failures)
    keep = f"If the test is wrong, answer {KEEP}. Otherwise correct" if may_keep else "Correct"
    return (
        f"{_problem(task)}\n\nThis {_what(task)} fails a test:\n{_code(source)}\n{seen}\n\n{keep} "
        f"the {_what(task)}: {_give(task)}"
    )


def review_test(task: Task, failure: SeenFailure, source: str | None) -> str:
    """Return the request to decide about a test that a program fails: keep it, or correct it.

    ``source``: the program, where the model shall see it; None shows its result alone.
    """
    return (
        f"{_problem(task)}\n\nIs this test right?\n{show_test(task, failure.test)}\n"
        f"{_shown_program(task, source)}{show_outcome(failure)}\n\nIf the test is right, answer "
        f"{KEEP}. If it is wrong, write the right one:\n{_test_form(task)}"
    )


def rewrite_test(task: Task, why: str, source: str | None) -> str:
    """Return the request to write a test anew whose first form could not be read because of
    ``why``."""
    return (
        f"{_problem(task)}\n{_shown_program(task, source)}\nA test had a wrong form ({why}). Write "
        f"one test in this form, and nothing else:\n{_test_form(task)}"
    )


def check_program(task: Task, source: str) -> str:
    """Return the request for a test of a program that the message shows."""
    return (
        f"{_problem(task)}\n\n{_shown_program(task, source)}\nWrite one test, with the result that "
        f"the problem asks for, that would show a mistake. Nothing else:\n{_test_form(task)}"
    )


def distinguishing_input(task: Task, first: str, second: str) -> str:
    """Return the request for an input on which two programs differ."""
    return (
        f"{_problem(task)}\n\n{_pair(first, second)}\n\nGive one input that the problem allows and "
        f"on which the two differ. Nothing else:\n{_input_form(task)}"
    )


def judge_outputs(
    task: Task,
    programs: tuple[str, str],
    seen: Sequence[tuple[Test, Outcome, Outcome]],
) -> str:
    """Return the request to decide which of two programs gives the right results.

    ``seen``: inputs, with the outcome of the first and of the second program.
    """
    lines = []
    for test, first, second in seen:
        lines.append(f"Input: {_shown_input(task, test)}")
        lines += [f"A gives: {_result(test, first)}", f"B gives: {_result(test, second)}"]
    shown = "\n".join(lines)
    return (
        f"{_problem(task)}\n\n{_pair(*programs)}\n\n{shown}\n\nWork out the right result. End with "
        "one line: A or B, whichever is right, or TIE if you cannot tell."
    )


def specification(task: Task) -> str:
    """Return the request for a specification: a precondition and a postcondition as functions."""
    if task.entry_point is None:
        first, second = "`precondition(text)`", "`postcondition(output, text)`"
        about = "the standard input `text`", "the text `output` is right for it"
    else:
        first, second = "`precondition(…)`", "`postcondition(result, …)`"
        about = (
            f"the arguments of `{called_as(task.entry_point)}`",
            "`result` is right for the same arguments",
        )
    return (
        f"{_problem(task)}\n\nDo not solve it. Write two functions in one ```python block: "
        f"{first}, True if the problem allows {about[0]}, and {second}, True if {about[1]}."
    )


def show_test(task: Task, test: Test) -> str:
    """Return a test as a message shows it: an assertion, or an input and its output."""
    if test.kind is TestKind.SCRIPT:
        return f"```python\n{_cut(test.input.strip())}\n```"
    if test.kind is TestKind.CALL:
        return (
            f"```python\nassert {_shown_input(task, test)} == {_cut(values.show(test.output))}\n```"
        )
    return (
        f"Input:\n```\n{_cut(test.input.rstrip())}\n```\n"
        f"Output:\n```\n{_cut(test.output.rstrip())}\n```"
    )


def show_outcome(failure: SeenFailure) -> str:
    """Return one line on what the program does on the test."""
    return f"The program gives: {_result(failure.test, failure.outcome)}"


def _result(test: Test, outcome: Outcome) -> str:
    match outcome.verdict:
        case Verdict.TIME_LIMIT | Verdict.IDLE_LIMIT:
            return "it does not finish"
        case Verdict.FINISHED | Verdict.ACCEPTED | Verdict.WRONG_ANSWER:
            if test.kind is TestKind.SCRIPT:
                return _cut(outcome.detail) or "the assertion fails"
            shown = values.show(outcome.output) if test.kind is TestKind.CALL else outcome.output
            return _cut(shown.rstrip()) or "nothing"
        case _:
            return f"{outcome.verdict.replace('_', ' ')} {_cut(outcome.detail)}".rstrip()


def _shown_input(task: Task, test: Test) -> str:
    if test.kind is TestKind.CALL:
        return _cut(values.show_call(called_as(task.entry_point or ""), test.input))
    return _cut(test.input.rstrip())


def _pair(first: str, second: str) -> str:
    return f"A:\n{_code(first)}\n\nB:\n{_code(second)}"


def _shown_program(task: Task, source: str | None) -> str:
    return "" if source is None else f"A {_what(task)} for it:\n{_code(source)}\n"


def _code(source: str) -> str:
    return f"```python\n{source.strip()}\n```"


def _problem(task: Task) -> str:
    return task.statement.strip()


def _give(task: Task) -> str:
    whole = (
        "program"
        if task.entry_point is None
        else f"function `{called_as(task.entry_point)}` with its imports"
    )
    return f"give the whole {whole} in one ```python block."


def _what(task: Task) -> str:
    return "program" if task.entry_point is None else "function"


def _test_form(task: Task) -> str:
    if task.entry_point is None:
        return "**Test Input:**\n```\n…\n```\n**Test Output:**\n```\n…\n```"
    return f"```python\nassert {called_as(task.entry_point)}(…) == …\n```"


def _input_form(task: Task) -> str:
    if task.entry_point is None:
        return "**Test Input:**\n```\n…\n```"
    return f"```python\n{called_as(task.entry_point)}(…)\n```"


def _cut(text: str) -> str:
    """Return a text, or its beginning and a mark where it is long."""
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return text[:_SHOWN_CHARACTERS] + "…"
