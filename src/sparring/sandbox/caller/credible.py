"""Verdicts that an execution can end with, by its kind; any other verdict is not believed.

The holder of the expected output decides whether an output is right, and the sandbox never has the
expected output. Only a test script decides by itself, and it always decides if it ends. If an
execution of another kind is accepted, a worker, a node or a store therefore claims something that
it cannot know. Such an outcome is a failure of the sandbox (INFRA), never a label.
"""

from __future__ import annotations

from dataclasses import replace

from sparring.schema import Outcome, TestKind, Verdict

DECISIONS = (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)


def credible(kind: TestKind, verdict: Verdict) -> bool:
    """Return True if an execution of this kind can end with this verdict."""
    if verdict in DECISIONS:
        return kind is TestKind.SCRIPT
    if verdict is Verdict.FINISHED:
        return kind is not TestKind.SCRIPT
    return verdict is not Verdict.INVALID


def believed(kind: TestKind, outcome: Outcome) -> Outcome:
    """Return the outcome, or an INFRA outcome if no execution of this kind can end so."""
    if credible(kind, outcome.verdict):
        return outcome
    detail = (
        f"a {kind.value} execution returned the verdict {outcome.verdict.value}, which it cannot "
        "decide"
    )
    return replace(outcome, verdict=Verdict.INFRA, output="", detail=detail)
