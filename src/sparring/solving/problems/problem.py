"""Read a problem: a text, a head or a task, with what the user adds, as a task without ground
truth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparring.errors import DataError
from sparring.schema import Task, Test, TestKind, without_ground_truth
from sparring.solving.problems.heads import heads_of
from sparring.solving.problems.languages import check_language
from sparring.solving.problems.places import ProblemText, find_problem
from sparring.solving.problems.requested import requested_function
from sparring.solving.problems.signatures import FunctionSignature
from sparring.solving.problems.statement_examples import (
    StatementExamples,
    statement_examples,
    tests_of,
)
from sparring.solving.problems.user_examples import called_function, user_examples
from sparring.solving.problems.user_tests import function_of_tests, user_tests
from sparring.tasks.rows.heads import head_of
from sparring.text import in_line

SECONDS = 3.0
"""CPU seconds of an execution, where the text has no time limit: HumanEval's limit."""
MEMORY_MIB = 256
_SHOWN = 4
_TIME_LIMIT = re.compile(
    r"\btime\s+limit(?:\s+per\s+test)?\s*[:=]?\s*(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|secs?|seconds?)\b",
    re.IGNORECASE,
)
_MEMORY_LIMIT = re.compile(
    r"\bmemory\s+limit(?:\s+per\s+test)?\s*[:=]?\s*(\d+)\s*(megabytes?|mi?b|gi?b)\b", re.IGNORECASE
)
_PRECISION = re.compile(
    r"(?:absolute|relative|error|precision|tolerance)[^\n]{0,120}?"
    r"(?:10\s*(?:\^|\*\*)?\s*\{?\s*[-−–]\s*\{?(?P<power>\d{1,2})|1e-(?P<short>\d{1,2}))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ProblemOptions:
    """What the user adds to a problem.

    ``task``: the id of a task of a task file. ``entry_point``: the function to write, where the
    text does not say it. ``whole_program``: the problem asks for a program on standard input,
    whatever functions it speaks of. ``examples``: pairs of input and output. ``tests``: a file of
    binding tests.
    """

    task: str | None = None
    entry_point: str | None = None
    whole_program: bool = False
    examples: Sequence[tuple[str, str]] = ()
    tests: Path | None = None


@dataclass(frozen=True, slots=True)
class ReadProblem:
    """Problem as a task: ``examples`` are public, ``tests`` are the user's binding ones, and there
    is no ground truth. ``notes`` say how it was read, a line each."""

    task: Task
    notes: tuple[str, ...] = ()


def read_problem(problem: str | Path | Task, options: ProblemOptions | None = None) -> ReadProblem:
    """Return a problem as a task, with notes for the user. Raises `DataError`."""
    options = options or ProblemOptions()
    if options.whole_program and options.entry_point is not None:
        raise DataError("--whole-program: --entry-point names a function; leave one of them out")
    found = problem if isinstance(problem, Task) else find_problem(problem, options.task)
    if isinstance(found, Task):
        return _of_task(found, options)
    return _of_text(found, options)


def _of_task(task: Task, options: ProblemOptions) -> ReadProblem:
    """Return a task of a task file, whose own public examples stay."""
    if options.entry_point is not None or options.whole_program:
        raise DataError(
            f"{task.id}: a task says itself what it asks for; leave --entry-point and "
            "--whole-program out"
        )
    task = without_ground_truth(task)
    signature = None
    if task.entry_point is not None:
        heads = heads_of(task.statement)
        same = [s for s in heads.unfinished if s.entry_point == task.entry_point] if heads else []
        signature = same[0] if same else FunctionSignature(task.entry_point)
    return _with_examples(task, signature, options, has_own=bool(task.examples))


def _of_text(problem: ProblemText, options: ProblemOptions) -> ReadProblem:
    signature = None if options.whole_program else _signature(problem, options)
    has_head = signature is not None and bool(signature.code)
    mentioned = check_language(problem.text, problem.place, has_head=has_head)
    task = Task(
        id=problem.name,
        statement=problem.text.strip("\n"),
        tests=(),
        time_limit=_seconds(problem.text),
        memory_limit=_mebibytes(problem.text),
        checker=_checker(problem.text, signature),
        source=problem.place,
        entry_point=signature.entry_point if signature else None,
        preamble="leetcode" if signature and "." in signature.entry_point else None,
        head=head_of(signature.code, signature.entry_point) if signature and has_head else "",
    )
    read = _with_examples(task, signature, options, has_own=False)
    notes = [f"asks for {_asked(signature)}", *read.notes]
    if mentioned:
        notes.append(f"the text mentions {mentioned}; the program will be Python")
    return replace(read, notes=tuple(notes))


def _signature(problem: ProblemText, options: ProblemOptions) -> FunctionSignature | None:
    """Return the function to write: the text says it, or the user's examples or tests call it."""
    try:
        said = requested_function(
            problem.text, is_python=problem.is_python, wanted=options.entry_point
        )
    except DataError as error:
        raise DataError(f"{problem.place}: {error}") from None
    if said is not None:
        return said
    called = called_function(options.examples) if options.examples else None
    if called is None and options.tests is not None:
        called = function_of_tests(options.tests)
    return FunctionSignature(called) if called else None


def _with_examples(
    task: Task, signature: FunctionSignature | None, options: ProblemOptions, *, has_own: bool
) -> ReadProblem:
    """Return the task with its examples and binding tests: the user's first, then the statement's,
    except for inputs that the user gives another output for."""
    of_user = user_examples(options.examples, signature)
    if has_own:
        found, more = None, task.examples
        notes = [f"{counted(len(more), 'public example')} in the task file"]
    else:
        found = statement_examples(task.statement, signature)
        more, notes = tests_of(found), _notes(found)
    own = {_key(test) for test in of_user}
    examples = (*of_user, *(test for test in more if _key(test) not in own))
    tests = user_tests(options.tests, signature) if options.tests is not None else ()
    if of_user:
        notes.append(f"{len(of_user)} given by --example")
    if tests:
        notes.append(f"{counted(len(tests), 'binding test')} in {options.tests}")
    whole = replace(task, examples=examples, tests=tests)
    _check_text(whole)
    return ReadProblem(whole, tuple(notes))


def _check_text(task: Task) -> None:
    """Raise `DataError` for half a surrogate pair, which no request and no program can be given.
    Bytes of the command line that are not UTF-8 become such."""
    kinds = (("an example", task.examples), ("a binding test", task.tests))
    texts = [("the statement", task.statement)]
    texts += [(what, text) for what, tests in kinds for t in tests for text in (t.input, t.output)]
    for what, text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"{task.id}: {what} is not UTF-8 text: {in_line(text, 60)}; convert it first"
            ) from None


def _key(test: Test) -> tuple[str, str]:
    text = test.input if test.kind is TestKind.CALL else " ".join(test.input.split())
    return test.kind, text


def _notes(found: StatementExamples) -> list[str]:
    """Return what a user has to know of the examples in a text."""
    read = len(found.read)
    lines = ", ".join(str(one.line) for one in found.read[:8])
    more = ", …" if read > 8 else ""
    notes = [
        f"{counted(read, 'example')} read in the text (line{'s' * (read > 1)} {lines}{more})"
        if read
        else "no example read in the text; --example IN OUT gives one"
    ]
    notes += [
        f"line {one.line}: not read ({one.refusal}): {one.shown}" for one in found.refused[:_SHOWN]
    ]
    if len(found.refused) > _SHOWN:
        notes.append(f"{len(found.refused) - _SHOWN} more examples not read")
    return notes


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 example``, ``2 examples``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _asked(signature: FunctionSignature | None) -> str:
    if signature is None:
        return "a whole program on standard input"
    return f"the function {signature.entry_point}"


def _checker(text: str, signature: FunctionSignature | None) -> str:
    """Return the rule that compares outputs: with the tolerance that the text states, if any."""
    match = _PRECISION.search(text)
    power = min(int(match["power"] or match["short"]), 12) if match else None
    if signature is None:
        return "tokens" if power is None else f"float(abs=1e-{power}, rel=1e-{power})"
    return "value" if power is None else f"value(abs=1e-{power}, rel=1e-{power})"


def _seconds(text: str) -> float:
    match = _TIME_LIMIT.search(text)
    if match is None:
        return SECONDS
    seconds = float(match[1]) / (1000 if match[2].lower().startswith("m") else 1)
    return seconds if 0.1 <= seconds <= 60 else SECONDS


def _mebibytes(text: str) -> int:
    match = _MEMORY_LIMIT.search(text)
    if match is None:
        return MEMORY_MIB
    amount = int(match[1][:6]) * (1024 if match[2].lower().startswith("g") else 1)
    return amount if 16 <= amount <= 4096 else MEMORY_MIB
