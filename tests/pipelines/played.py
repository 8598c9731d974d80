"""Bouts for tests: responses written by hand, judged in a sandbox or told outright."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparring.grading.bout import Judged, judge
from sparring.grading.foreign import NO_PAIRS, Foreign
from sparring.matrix import from_verdicts
from sparring.prompts.parse import ParsedProgram, ParsedTest
from sparring.sandbox import Limits, Sandbox
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


def played(sandbox: Sandbox, task: Task, programs: Sequence[str], tests: Sequence[str]) -> Judged:
    """The bout of these responses, run for real."""
    coder = [response(Role.CODER, text, i) for i, text in enumerate(programs)]
    tester = [response(Role.TESTER, text, i) for i, text in enumerate(tests)]
    [found] = judge(sandbox, [task], [coder], [tester], Limits())
    return found


def told(
    runs: Sequence[str],
    withheld: Sequence[str] = (),
    tests: Sequence[str | None] = (),
    *,
    truth: Sequence[str] | None = None,
    examples: Sequence[str] = (),
    valid: str = "",
    right: str | None = None,
    reference: str = "",
    reference_G: str = "",
    foreign: Foreign = NO_PAIRS,
) -> Judged:
    """A bout as it is told, a letter of `VERDICTS` for each run.

    ``runs``: per program, on ground-truth then, after a space, on generated tests; ``withheld``
    on withheld ones. ``tests``:
    the generated inputs, None for one that could not be read. ``truth``: the ground-truth inputs.
    ``valid`` and ``right``: + or - per generated test; ``reference``: _ for an unread one.
    """
    runs = [row.replace(" ", "") for row in runs]
    count = len(runs[0]) - len(tests)
    inputs = truth or [f"{i} 0 0 0" for i in range(count)]
    more = len(withheld[0]) if withheld else 0
    parsed_U = np.array([t is not None for t in tests], dtype=bool)
    rows = [[Outcome(VERDICTS[v]) for v in row] for row in runs]
    said = [Outcome(VERDICTS[v]) if v != "_" else None for v in reference] or [None] * len(tests)
    refused: list[TestRefusal | None] = []
    for k, parsed in enumerate(parsed_U):
        stuck = said[k] is not None and said[k].verdict not in (Verdict.FINISHED, Verdict.INFRA)
        forbidden = bool(valid) and valid[k] == "-"
        reason = TestRefusal.UNFINISHED if stuck else None
        refused.append((TestRefusal.FORBIDDEN if forbidden else reason) if parsed else None)
    return Judged(
        task=Task(
            "t",
            "Add.",
            tuple(Test(i, "0") for i in inputs),
            examples=tuple(Test(i, "0") for i in examples),
            withheld=tuple(Test(f"w{i} 0 0 0", "0") for i in range(more)),
        ),
        coder=[response(Role.CODER, "") for _ in runs],
        tester=[response(Role.TESTER, "") for _ in tests],
        programs=[ParsedProgram("pass") for _ in runs],
        tests=[
            ParsedTest(Test(t, "0")) if t is not None else ParsedTest(None, ParseFailure.TRUNCATED)
            for t in tests
        ],
        outcomes_PT=rows,
        matrix=from_verdicts([[o.verdict for o in row] for row in rows], count),
        pool=None,
        parsed_U=parsed_U,
        valid_U=parsed_U & np.array([r is None for r in refused], dtype=bool),
        refused_U=refused,
        right_U=np.array([r == "+" for r in right or "-" * len(tests)], dtype=bool),
        reference_U=said,
        size_U=np.array([len(t.split()) if t is not None else np.nan for t in tests]),
        has_reference=right is not None,
        withheld_PH=[[Outcome(VERDICTS[v]) for v in row] for row in withheld] or [[] for _ in runs],
        reference_G=[Outcome(VERDICTS[v]) for v in reference_G],
        foreign=foreign,
    )
