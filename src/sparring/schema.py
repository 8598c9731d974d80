"""Types that all packages share: tasks, tests, responses, outcomes and their verdicts.

This module has no logic and no I/O, and needs no torch; every package may import it. An array that
belongs to these types names its axes with a suffix: ``_P`` program, ``_T`` test (all), ``_G``
ground-truth test, ``_H`` hidden ground-truth test, which no reward sees, ``_U`` generated unit
test, ``_L`` token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """Role that a response is sampled for."""

    CODER = "coder"
    TESTER = "tester"


class StopReason(StrEnum):
    """Reason why the sampling of a response ended."""

    END_TOKEN = "end_token"
    """The model produced an end token. It is the response's last token and is trained on."""
    STOP_STRING = "stop_string"
    """A stop string appeared. It is cut from the text and is not trained on."""
    LENGTH = "length"
    """The role's token limit was reached: a truncated response."""


class ParseFailure(StrEnum):
    """Reason why a response holds no program or no test. Each refusal has its own name."""

    TRUNCATED = "truncated"
    """The response hit the token limit before its answer was complete."""
    UNFINISHED_REASONING = "unfinished_reasoning"
    """The reasoning began and did not end, though the response was not cut off: no answer."""
    NO_CODE_BLOCK = "no_code_block"
    """The response has no block of code, though the prompt asks for a block."""
    UNCLOSED_BLOCK = "unclosed_block"
    """The last block was opened and never closed."""
    EMPTY_BLOCK = "empty_block"
    """The block holds nothing but white space."""
    NO_TEST_INPUT = "no_test_input"
    """The tester's response has no test input block."""
    NO_TEST_OUTPUT = "no_test_output"
    """A test input has no expected output after it."""
    NESTED_HEADER = "nested_header"
    """A block holds a header or a fence, so that the test is ambiguous."""
    SYNTAX_ERROR = "syntax_error"
    """The block is not valid Python: the program could never run."""
    NO_FUNCTION = "no_function"
    """No block defines the function that the task asks for."""
    NO_ASSERTION = "no_assertion"
    """The response to a function task has a block, but no assertion."""
    SEVERAL_TESTS = "several_tests"
    """The response has more than one test, where exactly one counts (`prompts.read_tests`)."""
    NOT_A_CALL = "not_a_call"
    """The assertion is not about one call with constant arguments, or stands beside other code."""
    LOOSE_TOLERANCE = "loose_tolerance"
    """The assertion allows a tolerance so wide that it would be right about almost anything."""


class TestRefusal(StrEnum):
    """Reason why a readable test is refused for its task. Each refusal has its own name."""

    __test__ = False

    FORBIDDEN = "forbidden"
    """By the task's validator, the statement does not allow the input."""
    UNFINISHED = "unfinished"
    """The reference solution does not finish on the input, so that no right output is known."""


class Verdict(StrEnum):
    """Result of one execution: one program on one input. The list is closed."""

    FINISHED = "finished"
    """From the sandbox: the program ended by itself with status 0. A checker has yet to decide."""
    ACCEPTED = "accepted"
    """From the checker: the output is accepted."""
    WRONG_ANSWER = "wrong_answer"
    """From the checker: the output is not accepted."""
    RUNTIME_ERROR = "runtime_error"
    """The program raised, exited with a status other than 0 or died of a signal of its own."""
    TIME_LIMIT = "time_limit"
    """The program used more CPU time than allowed."""
    IDLE_LIMIT = "idle_limit"
    """The program waited (slept, blocked) for too long without using the CPU."""
    MEMORY_LIMIT = "memory_limit"
    """The program's memory grew beyond its limit."""
    OUTPUT_LIMIT = "output_limit"
    """The program wrote more than its output may have."""
    SANDBOX_VIOLATION = "sandbox_violation"
    """The program tried something that the sandbox forbids, such as starting a process."""
    INVALID = "invalid"
    """Nothing was executed: the response could not be parsed."""
    NOT_RUN = "not_run"
    """The execution was skipped by policy. Scored as failed, shown as not run, never cached."""
    INFRA = "infra"
    """Infrastructure failure: no label. Masked everywhere, never scored as 0."""


class TestKind(StrEnum):
    """Kind of a test, which decides how a program is executed. The program is Python source in each
    case."""

    __test__ = False  # pytest must not take this for a test class
    STDIN = "stdin"
    """The program is executed as ``python program.py < input``. Its output is the printed text."""
    CALL = "call"
    """A function of the program is called. The input is `values.encode((args, kwargs))`, the output
    is the encoded value. The program is imported, not executed as ``__main__``; printed text is
    discarded."""
    SCRIPT = "script"
    """The input is a test script in a process of its own. The script finds the function under its
    name and as ``candidate``, calls it through a pipe, and decides by its assertions: ACCEPTED, or
    WRONG_ANSWER with the failed assertion as the detail."""


@dataclass(frozen=True, slots=True)
class Test:
    """Input that a program is executed on, and the output expected of the program.

    ``input`` and ``output`` are, by ``kind``: standard input and the text to be printed; the
    encoded arguments of a call and its encoded value; a test script, which decides itself, and
    nothing. ``checker`` is the test's own checker (of an assertion with a tolerance); None: the
    task's.
    """

    __test__ = False  # pytest must not take this for a test class

    input: str
    output: str
    kind: TestKind = TestKind.STDIN
    checker: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Problem to be solved, with the tests that decide if a program solves it.

    ``tests``: the ground-truth tests that decide rewards. ``hidden``: hidden tests, which
    programs are executed on and no reward knows (``tasks.hidden_tests``). A model sees neither.
    ``examples``: the public tests.

    ``time_limit`` is in CPU seconds and ``memory_limit`` in MiB, for one execution.

    ``solutions``: reference programs, right by definition. ``validator``: a program that reads a
    test input and prints ``valid`` if, and only if, the statement allows that input.

    ``entry_point``: with one, a program is a module that defines this function (or
    ``Class.method``), and tests are calls and scripts. Without one, a program is executed as a
    script on standard input. ``checker_program`` decides where ``checker`` is ``program``
    (``grading.comparison``).
    """

    id: str
    statement: str
    tests: tuple[Test, ...]
    examples: tuple[Test, ...] = ()
    time_limit: float = 1.0
    memory_limit: int = 256
    checker: str = "tokens"
    checker_program: str | None = None
    solutions: tuple[str, ...] = ()
    validator: str | None = None
    difficulty: str | None = None
    source: str | None = None
    """Origin of the task (file and row, or the composition of a generated task)."""
    hidden: tuple[Test, ...] = ()
    entry_point: str | None = None
    preamble: str | None = None
    """Name of the source that the data set's own judge puts before every program
    (`tasks.preambles`)."""
    head: str = ""
    """Python source from the statement, which programs may use without repeating the source:
    imports, helpers and constants before the function that is asked for."""

    @property
    def ground_truth(self) -> tuple[Test, ...]:
        """Every ground-truth test: the rewarded ones, then the hidden ones."""
        return (*self.tests, *self.hidden)


def without_ground_truth(task: Task, tests: tuple[Test, ...] = ()) -> Task:
    """Return the task as one sees it who does not know the truth: no ground-truth tests, no
    solutions, no validator. ``tests`` stand in the place of the ground truth.

    The fields that are copied are named one by one, so that a field added to `Task` later is not
    copied by accident.
    """
    return Task(
        id=task.id,
        statement=task.statement,
        tests=tests,
        examples=task.examples,
        time_limit=task.time_limit,
        memory_limit=task.memory_limit,
        checker=task.checker,
        checker_program=task.checker_program,
        difficulty=task.difficulty,
        source=task.source,
        entry_point=task.entry_point,
        preamble=task.preamble,
        head=task.head,
    )


@dataclass(frozen=True, slots=True)
class Response:
    """Response of a model to one prompt, as sampled.

    ``token_ids`` [L] are the ids that were sampled, never a re-tokenised text. ``logprobs`` [L] are
    natural logarithms under the distribution that was sampled (logits divided by the role's
    temperature), in float32. ``weights`` is the training step that made the weights which the
    response was sampled from, 0 for the initial weights; None where the sampler uses the trainer's
    own weights.
    """

    task_id: str
    role: Role
    index: int
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    stop: StopReason
    text: str
    weights: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one execution: one program on one input.

    ``output`` is standard output decoded as UTF-8 with ``surrogateescape``, so that no byte is
    lost. ``cpu_seconds`` is read from the process's CPU clock. ``memory_mib`` is the growth of the
    process's memory since the start of the execution. ``detail`` is for people (the last line of a
    traceback, the signal, the limit); no decision depends on it.
    """

    verdict: Verdict
    output: str = ""
    cpu_seconds: float = 0.0
    memory_mib: float = 0.0
    detail: str = field(default="", compare=False)
