"""Groups for tests: responses written by hand, graded in a sandbox or told outright."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparring.grading.checker_leniency import NO_PAIRS, CheckerLeniency
from sparring.grading.grade import grade
from sparring.grading.group import GroupResult, ReadGroup, read_group
from sparring.prompts.rules import ParsedProgram, ParsedTest, ReadingRules
from sparring.sandbox import Limits, Runs, Sandbox
from sparring.schema import (
    Outcome,
    ParseFailure,
    Response,
    Role,
    StopReason,
    Task,
    Test,
    TestRefusal,
    Verdict,
)

VERDICTS = {
    "+": Verdict.ACCEPTED,
    "-": Verdict.WRONG_ANSWER,
    "!": Verdict.RUNTIME_ERROR,
    "?": Verdict.INFRA,
    "x": Verdict.SANDBOX_VIOLATION,
    ".": Verdict.FINISHED,
}
"""One letter for each verdict."""


def response(role: Role, text: str, index: int = 0) -> Response:
    return Response("t", role, index, (1,), (2, 3), (0.0, 0.0), StopReason.END_TOKEN, text)


def program(source: str) -> str:
    return f"```python\n{source}\n```"


def a_test(given: str, expected: str) -> str:
    return f"**Test Input:**\n```\n{given}\n```\n**Test Output:**\n```\n{expected}\n```"


def played(
    sandbox: Sandbox, task: Task, programs: Sequence[str], tests: Sequence[str]
) -> GroupResult:
    """The group of these responses, run for real."""
    coder = [response(Role.CODER, text, i) for i, text in enumerate(programs)]
    tester = [response(Role.TESTER, text, i) for i, text in enumerate(tests)]
    return graded(sandbox, task, coder, tester)


def read(task: Task, coder: Sequence[Response], tester: Sequence[Response] = ()) -> ReadGroup:
    """These responses, read by the usual rules."""
    return read_group(task, coder, tester, {role: ReadingRules() for role in Role})


def graded(
    runner: Runs, task: Task, coder: Sequence[Response], tester: Sequence[Response] = ()
) -> GroupResult:
    """These responses, read and graded."""
    return grade(runner, read(task, coder, tester), Limits())


def told(
    runs: Sequence[str],
    hidden: Sequence[str] = (),
    tests: Sequence[str | None] = (),
    *,
    truth: Sequence[str] | None = None,
    examples: Sequence[str] = (),
    valid: str = "",
    right: str | None = None,
    reference: str = "",
    reference_G: str = "",
    leniency: CheckerLeniency = NO_PAIRS,
) -> GroupResult:
    """A group as it is told, a letter of `VERDICTS` for each run.

    ``runs``: per program, on ground-truth then, after a space, on generated tests; ``hidden``
    on hidden ones. ``tests``:
    the generated inputs, None for one that could not be read. ``truth``: the ground-truth inputs.
    ``valid`` and ``right``: + or - per generated test; ``reference``: _ for an unread one.
    """
    runs = [row.replace(" ", "") for row in runs]
    count = len(runs[0]) - len(tests)
    inputs = truth or [f"{i} 0 0 0" for i in range(count)]
    more = len(hidden[0]) if hidden else 0
    rows = [[Outcome(VERDICTS[v]) for v in row] for row in runs]
    said = [Outcome(VERDICTS[v]) if v != "_" else None for v in reference] or [None] * len(tests)
    refused: list[TestRefusal | None] = []
    for k, test in enumerate(tests):
        stuck = said[k] is not None and said[k].verdict not in (Verdict.FINISHED, Verdict.INFRA)
        forbidden = bool(valid) and valid[k] == "-"
        reason = TestRefusal.UNFINISHED if stuck else None
        refused.append(
            (TestRefusal.FORBIDDEN if forbidden else reason) if test is not None else None
        )
    return GroupResult(
        task=Task(
            "t",
            "Add.",
            tuple(Test(i, "0") for i in inputs),
            examples=tuple(Test(i, "0") for i in examples),
            hidden=tuple(Test(f"w{i} 0 0 0", "0") for i in range(more)),
        ),
        coder=[response(Role.CODER, "") for _ in runs],
        tester=[response(Role.TESTER, "") for _ in tests],
        programs=[ParsedProgram("pass") for _ in runs],
        tests=[
            ParsedTest(Test(t, "0")) if t is not None else ParsedTest(None, ParseFailure.TRUNCATED)
            for t in tests
        ],
        outcomes_PT=rows,
        refused_U=refused,
        right_U=None if right is None else np.array([r == "+" for r in right], dtype=bool),
        reference_U=said,
        hidden_PH=[[Outcome(VERDICTS[v]) for v in row] for row in hidden] or [[] for _ in runs],
        reference_G=[Outcome(VERDICTS[v]) for v in reference_G],
        leniency=leniency,
    )
