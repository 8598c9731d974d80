"""Which verdicts a run can end with, by its kind: what else comes back is not believed.

Whether an output is right is decided by whoever holds the expected one. Only a test script decides
by itself, and it always decides if it ends; a run of another kind that comes back as accepted was
not accepted by anybody. Nobody here gives such an answer. It would mean that something between a
program and the caller (a worker, a node, a store) says what it cannot know, so it is a failure of
our own and no label.
"""

from __future__ import annotations

from dataclasses import replace

from sparring.schema import Kind, Outcome, Verdict

DECISIONS = (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)


def credible(kind: Kind, verdict: Verdict) -> bool:
    """Whether a run of this kind can have ended so."""
    if verdict in DECISIONS:
        return kind is Kind.SCRIPT
    if verdict is Verdict.FINISHED:
        return kind is not Kind.SCRIPT
    return verdict is not Verdict.INVALID


def believed(kind: Kind, outcome: Outcome) -> Outcome:
    """The outcome, or INFRA in place of one that a run of this kind cannot have."""
    if credible(kind, outcome.verdict):
        return outcome
    said = f"a {kind.value} run came back as {outcome.verdict.value}, which no such run can decide"
    return replace(outcome, verdict=Verdict.INFRA, output="", detail=said)
