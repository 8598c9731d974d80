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
_ANSWER_PROGRAM = """\
Give the whole {what} in one code block that opens with ```python and closes with ```."""


@dataclass(frozen=True, slots=True)
class SeenFailure:
    """A test that a program fails, and the outcome."""

    test: Test
    outcome: Outcome


def reasoned_program(task: Task, public: Sequence[Test]) -> str:
    """Return the request for a program after reasoning about the public tests."""
    shown = "\n".join(show_test(task, test) for test in public)
    examples = f"\nExamples:\n{shown}\n" if shown else ""
    why = (
        "First say for each example, in one sentence, why its result is right. Then say in two "
        "sentences how to solve the problem."
        if shown
        else "First say in two sentences how to solve the problem."
    )
    return (
        f"{_task(task)}\n{examples}\n{why} After that, write the {_what(task)}. "
        f"{_ANSWER_PROGRAM.format(what=_what(task))}"
    )


def repair_program(
    task: Task, source: str, failures: Sequence[SeenFailure], may_keep: bool = False
) -> str:
    """Return the request to repair a program that fails tests.

    With ``may_keep`` the model may find that the test is wrong, and answer `KEEP`.
    """
    seen = "\n".join(f"{show_test(task, f.test)}\n{show_outcome(f)}" for f in failures)
    keep = (
        f"The test may be wrong. If it is wrong, answer with the single word {KEEP}. Otherwise "
        "correct the"
        if may_keep
        else "Correct the"
    )
    what = _what(task)
    return (
        f"{_task(task)}\n\nThis {what} fails a test:\n```python\n{source.strip()}\n```\n\n"
        f"{seen}\n\n{keep} {what}. {_ANSWER_PROGRAM.format(what=what)}"
    )


def review_test(task: Task, failure: SeenFailure, source: str | None) -> str:
    """Return the request to decide about a test that a program fails: keep it, or correct it.

    ``source``: the program, where the model shall see it; None shows its result alone.
    """
    program = f"\nA {_what(task)}:\n```python\n{source.strip()}\n```\n" if source else ""
    return (
        f"{_task(task)}\n{program}\nSomebody wrote this test:\n{show_test(task, failure.test)}\n\n"
        f"{show_outcome(failure)}\n\nWork out from the problem which result is right. If the test "
        f"is right, answer with the single word {KEEP}. If it is wrong, write the corrected test:\n"
        f"{_test_form(task)}"
    )


def rewrite_test(task: Task, why: str, source: str | None) -> str:
    """Return the request to write a test anew whose first form could not be read because of
    ``why``."""
    program = f"\nA {_what(task)}:\n```python\n{source.strip()}\n```\n" if source else ""
    return (
        f"{_task(task)}\n{program}\nA test for this problem was written in a wrong form ({why}). "
        f"Write one test in the right form, and nothing else:\n{_test_form(task)}"
    )


def check_program(task: Task, source: str) -> str:
    """Return the request for a test of a program that the message shows."""
    return (
        f"{_task(task)}\n\nThis {_what(task)} is meant to solve the problem:\n```python\n"
        f"{source.strip()}\n```\n\nWrite one test with the result that the problem asks for, on "
        f"which a subtle mistake would show. Write nothing else:\n{_test_form(task)}"
    )


def distinguishing_input(task: Task, first: str, second: str) -> str:
    """Return the request for an input on which two programs differ."""
    return (
        f"{_task(task)}\n\n{_pair(first, second)}\n\nThe two differ on some input that the problem "
        f"allows. Give one such input, and nothing else:\n{_input_form(task)}"
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
        f"{_task(task)}\n\n{_pair(*programs)}\n\n{shown}\n\nWork out the right result. Then end "
        "with one line: A if program A is right, B if program B is right, TIE if you cannot tell."
    )


def specification(task: Task) -> str:
    """Return the request for a specification: a precondition and a postcondition as functions."""
    if task.entry_point is None:
        return (
            f"{_task(task)}\n\nDo not solve the problem. Write two Python functions that check it:\n"
            "- `precondition(text)`: True if the problem allows the standard input `text`.\n"
            "- `postcondition(output, text)`: True if `output` is a right answer to `text`. Both "
            "are strings.\nGive both in one code block that opens with ```python and closes with "
            "```."
        )
    function = called_as(task.entry_point)
    return (
        f"{_task(task)}\n\nDo not solve the problem. Write two Python functions that check "
        f"`{function}`:\n- `precondition(...)`: takes the arguments of `{function}`; True if the "
        "problem allows them.\n- `postcondition(result, ...)`: takes a result and then the same "
        "arguments; True if the result is right for them.\nGive both in one code block that opens "
        "with ```python and closes with ```."
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
    """Return one sentence on what the program does on the test."""
    return f"The program's result: {_result(failure.test, failure.outcome)}"


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
    return (
        f"Program A:\n```python\n{first.strip()}\n```\n\n"
        f"Program B:\n```python\n{second.strip()}\n```"
    )


def _task(task: Task) -> str:
    asked = (
        "It reads standard input and prints the answer."
        if task.entry_point is None
        else f"It asks for the Python function `{called_as(task.entry_point)}`."
    )
    return f"A programming problem. {asked}\n\n{task.statement.strip()}"


def _what(task: Task) -> str:
    return "program" if task.entry_point is None else "function"


def _test_form(task: Task) -> str:
    if task.entry_point is None:
        return "**Test Input:**\n```\n(the input)\n```\n**Test Output:**\n```\n(the output)\n```"
    return f"```python\nassert {called_as(task.entry_point)}(…) == …\n```"


def _input_form(task: Task) -> str:
    if task.entry_point is None:
        return "**Test Input:**\n```\n(the input)\n```"
    return f"```python\n{called_as(task.entry_point)}(…)\n```"


def _cut(text: str) -> str:
    """Return a text, or its beginning and a mark where it is long."""
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return text[:_SHOWN_CHARACTERS] + "…"
