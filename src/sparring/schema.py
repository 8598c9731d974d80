"""The words of the project as types: what every package receives and hands on.

No logic, no I/O, no torch: a room may import this module and nothing from
another package. Arrays that travel beside these types name their axes with a
suffix: ``_P`` program, ``_T`` test (all), ``_G`` ground-truth test, ``_H`` one
held back from the reward, ``_U`` generated unit test, ``_L`` token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """The side a response plays for."""

    CODER = "coder"
    TESTER = "tester"


class StopReason(StrEnum):
    """Why sampling of one response ended."""

    END_TOKEN = "end_token"
    """The model produced an end token; that token is the last of the response and is trained on."""
    STOP_STRING = "stop_string"
    """A stop string appeared; it is cut from the text and is not trained on."""
    LENGTH = "length"
    """The role's token limit was reached: a truncated response."""


class ParseFailure(StrEnum):
    """Why a response holds no program or no test. Each refusal has its own name."""

    TRUNCATED = "truncated"
    """The response hit the token limit before its answer was complete."""
    UNFINISHED_REASONING = "unfinished_reasoning"
    """Reasoning that began and did not end, though the response was not cut off: no answer."""
    NO_CODE_BLOCK = "no_code_block"
    """A response without a block of code, where one is asked for."""
    UNCLOSED_BLOCK = "unclosed_block"
    """The last block was opened and never closed."""
    EMPTY_BLOCK = "empty_block"
    """The block is there and holds nothing but white space."""
    NO_TEST_INPUT = "no_test_input"
    """A tester's response without a test input block."""
    NO_TEST_OUTPUT = "no_test_output"
    """A test input without the expected output after it."""
    NESTED_HEADER = "nested_header"
    """A header or a fence inside a block: it is not clear what the test is."""
    SYNTAX_ERROR = "syntax_error"
    """The block is not valid Python: the program could never run."""
    NO_FUNCTION = "no_function"
    """No block defines the function that the task asks for."""
    NO_ASSERTION = "no_assertion"
    """A test of a function, in a block without an assertion."""
    SEVERAL_TESTS = "several_tests"
    """More than one test, where the only one counts (`prompts.read_tests`)."""
    NOT_A_CALL = "not_a_call"
    """The assertion is none about one call with constant arguments, or stands beside other code."""
    LOOSE_TOLERANCE = "loose_tolerance"
    """The assertion allows a tolerance so wide that it would be right about almost anything."""


class TestRefusal(StrEnum):
    """Why a test that could be read is none for its task. Each refusal has its own name."""

    __test__ = False

    FORBIDDEN = "forbidden"
    """The task's validator says that the statement does not allow the input."""
    UNFINISHED = "unfinished"
    """The reference solution does not finish on it: nobody can say what the output should be."""


class Verdict(StrEnum):
    """How one program fared on one input. A closed list."""

    FINISHED = "finished"
    """From the run: ended by itself with status 0. Says nothing yet: only a checker accepts."""
    ACCEPTED = "accepted"
    """From the checker: the output is an accepted one."""
    WRONG_ANSWER = "wrong_answer"
    """From the checker: the output is not an accepted one."""
    RUNTIME_ERROR = "runtime_error"
    """The program raised, exited with another status than 0 or died of a signal of its own."""
    TIME_LIMIT = "time_limit"
    """More CPU time than allowed."""
    IDLE_LIMIT = "idle_limit"
    """Waited (slept, blocked) for too long without using the CPU."""
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    SANDBOX_VIOLATION = "sandbox_violation"
    """Tried something the sandbox forbids, such as starting a process."""
    INVALID = "invalid"
    """There was nothing to run: the response could not be parsed."""
    NOT_RUN = "not_run"
    """Skipped by policy. Scored as failed, shown as not run, never cached."""
    INFRA = "infra"
    """Our own failure: no label. Masked everywhere, never a zero."""


class Kind(StrEnum):
    """What a run is. The program is Python source in each case."""

    STDIN = "stdin"
    """``python program.py < input``; the outcome's output is what it printed."""
    CALL = "call"
    """A function of the program is called. The input is `values.encode((args, kwargs))`, the
    output the encoded value. The program is imported, not run as ``__main__``; what it prints
    is discarded."""
    SCRIPT = "script"
    """The input is a test script in a process of its own, which finds the function under its
    name and as ``candidate``, calls it through a pipe, and decides by its assertions: ACCEPTED,
    or WRONG_ANSWER with the failed assertion as the detail."""


@dataclass(frozen=True, slots=True)
class Test:
    """What a program is run on, and what must come of it.

    By ``kind``: standard input and what must be printed; the encoded arguments of a call and its
    encoded value; a test script, which decides itself and has no ``output``. ``checker`` is the
    test's own, where it is not the task's (an assertion with a tolerance).
    """

    __test__ = False  # pytest must not take this for a test class

    input: str
    output: str
    kind: Kind = Kind.STDIN
    checker: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A problem to be solved, with the tests that decide whether it is.

    ``tests`` are the ground-truth tests that decide rewards; ``withheld`` are
    others that programs are run on, and no reward knows of
    (``tasks.withhold``). A model is shown neither; ``examples`` are public.
    ``time_limit`` is CPU seconds for one run, ``memory_limit`` MiB.
    ``solutions`` are reference programs, right by definition; ``validator`` is
    a program that reads a test input and prints ``valid`` if, and only if, the
    statement allows that input. With an ``entry_point`` a program is a module that defines this
    function (or ``Class.method``), and its tests are calls and scripts; without one it is run as
    a script on standard input.
    ``checker_program`` decides where ``checker`` is ``program``
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
    """Where the task came from (file and row, or the composition of a generated task)."""
    withheld: tuple[Test, ...] = ()
    entry_point: str | None = None
    preamble: str | None = None
    """Name of what the data set's own judge puts before every program (`tasks.preambles`)."""
    head: str = ""
    """Python source of the statement's own, which programs may use without repeating it: imports,
    helpers and constants before the function that is asked for."""

    @property
    def ground_truth(self) -> tuple[Test, ...]:
        """Every ground-truth test: the rewarded ones, then the withheld ones."""
        return (*self.tests, *self.withheld)


@dataclass(frozen=True, slots=True)
class Response:
    """What a model produced for one prompt, as sampled.

    ``token_ids`` are the ids that were sampled, never a re-tokenised text;
    ``logprobs`` [L] are natural logarithms under the distribution that was
    sampled (logits divided by the role's temperature), in float32. ``weights``
    is the training step that made the weights it was sampled from, 0 the start;
    None where the sampler has those of the trainer itself.
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
    """The result of one run: one program on one input.

    ``output`` is standard output decoded as UTF-8 with ``surrogateescape``,
    so that no byte is lost. ``cpu_seconds`` is read from the process's CPU
    clock, ``memory_mib`` is growth of its memory since the start of the run.
    ``detail`` is for people (last line of a traceback, the signal, the limit);
    nothing decides by it.
    """

    verdict: Verdict
    output: str = ""
    cpu_seconds: float = 0.0
    memory_mib: float = 0.0
    detail: str = field(default="", compare=False)
