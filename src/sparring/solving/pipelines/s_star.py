"""S*: self-debugging on public tests, then matches between clusters on distinguishing inputs.

Source: S*, arXiv 2502.14382; parameters as in the appendix C.3 of arXiv 2506.03136.

1. n programs. Up to four rounds: each program that fails a public test sees the first one that it
   fails and its own result, and the model answers with a new program, which takes its place.
2. Programs that pass all public tests compete. If no program does, the first of those that pass the
   most is chosen.
3. m generated tests give inputs; their expected outputs are not used. Programs with equal outputs
   on all inputs form a cluster. Programs without any output form none.
4. For each pair of clusters the model writes an input on which their first programs differ, after
   seeing both. Both run on it. If their outputs are equal or the answer cannot be read, an input on
   which they are known to differ takes its place.
5. The model sees both programs and their outputs and says which is right, twice, with the order
   swapped. Two equal decisions are a point for the cluster; anything else is none.
6. The cluster with most points wins; of equal ones the larger, then the one with the first program.
   Its first program is chosen.

Parameters: n = 8 and 4 rounds (arXiv 2506.03136, C.3); 16 and 3 in the source's code. `CLUSTERS`
bounds the clusters that meet, the largest first: 4 clusters play 6 matches of at most 3 requests.

Not taken over: the source clusters and plays input by input, O(inputs × pairs) requests; here a
pair of clusters plays once. Its plain comparison without outputs where all points are 0 is replaced
by the size of the cluster.

Degenerate cases: without public tests there is nothing to debug on, and all programs compete;
without any input all programs are one cluster, and the first one is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from sparring.grading.answers import given_answer
from sparring.schema import Outcome, Role, Test
from sparring.selection.consensus import NONE, Answers
from sparring.solving import messages
from sparring.solving.candidates import ProgramCandidate
from sparring.solving.input_reader import read_input
from sparring.solving.inputs import input_only, inputs_of
from sparring.solving.judgements import Judgement, read_judgement
from sparring.solving.observed import passed
from sparring.solving.pipelines.rounds import (
    PipelineResult,
    ask_all,
    decided,
    first_failure,
    most_passed,
    no_program,
    public_tests,
    readable,
    tests_of,
)
from sparring.solving.session import Session

ROUNDS = 4
CLUSTERS = 4

Cluster = list[int]
"""Places of programs with equal outputs, in order."""


def s_star(session: Session) -> PipelineResult:
    """Solve the session's task; see the module's docstring."""
    session.sample(programs=session.sizes.n)
    programs = readable(session.programs)
    if not programs:
        return no_program(session)
    public = public_tests(session)
    for _ in range(ROUNDS):
        if not debug_round(session, programs, public):
            break
    competing = most_passed(session, programs, public)
    [row] = session.run(competing[:1], public)
    if not all(map(passed, row)):
        return decided(session, competing, programs, "most public tests passed")
    session.sample(tests=session.sizes.m)
    inputs = inputs_of(tests_of(session.tests))
    answers_PI = session.evidence(competing, inputs).answers_PI
    clusters = clusters_of(answers_PI)[:CLUSTERS]
    points = _matches(session, competing, clusters, inputs, answers_PI)
    order = sorted(
        range(len(clusters)), key=lambda c: (-points[c], -len(clusters[c]), clusters[c][0])
    )
    first = [competing[p] for c in order for p in clusters[c]]
    rule = "matches between clusters of outputs"
    return decided(session, first or competing, programs, rule, session.tests)


def debug_round(session: Session, programs: list[ProgramCandidate], public: Sequence[Test]) -> bool:
    """Replace, in place, each program that fails a public test by the model's next version. Return
    False once nothing is left to debug."""
    if not public or session.over:
        return False
    rows = session.run(programs, public)
    found = [first_failure(public, row) for row in rows]
    asked = [(p, f[1]) for p, f in enumerate(found) if f is not None]
    replies = ask_all(
        session,
        Role.CODER,
        [messages.repair_program(session.task, programs[p].source or "", [f]) for p, f in asked],
    )
    for (p, _), reply in zip(asked, replies, strict=True):
        if reply is not None:
            debugged = session.read_program(reply, "debugged", programs[p].number)
            if debugged.source is not None:
                programs[p] = debugged
    return bool(asked)


def clusters_of(answers_PI: Answers) -> list[Cluster]:
    """Return the clusters of programs with equal answers to all inputs, the largest first.

    A program without any answer is in no cluster. Without inputs all programs are one cluster.
    """
    if not answers_PI.shape[1]:
        return [list(range(len(answers_PI)))] if len(answers_PI) else []
    members: dict[tuple[int, ...], Cluster] = {}
    for p, row in enumerate(answers_PI):
        if (row != NONE).any():
            members.setdefault(tuple(row.tolist()), []).append(p)
    return sorted(members.values(), key=lambda cluster: (-len(cluster), cluster[0]))


def _matches(
    session: Session,
    programs: Sequence[ProgramCandidate],
    clusters: Sequence[Cluster],
    inputs: Sequence[Test],
    answers_PI: Answers,
) -> list[int]:
    """Play each pair of clusters; return the points of each cluster."""
    points = [0] * len(clusters)
    pairs = list(combinations(range(len(clusters)), 2))
    sources = [programs[cluster[0]].source or "" for cluster in clusters]
    asked = ask_all(
        session,
        Role.TESTER,
        [messages.distinguishing_input(session.task, sources[a], sources[b]) for a, b in pairs],
    )
    matches: list[tuple[int, int, Test, Outcome, Outcome]] = []
    for (a, b), reply in zip(pairs, asked, strict=True):
        known = [
            inputs[i]
            for i in range(len(inputs))
            if answers_PI[clusters[a][0], i] != answers_PI[clusters[b][0], i]
        ]
        if reply is not None:
            text = session.answer_text(Role.TESTER, reply)
            new = read_input(session.task, text, reply.stop).test
            known = [*([new] if new is not None else []), *known]
        pair = [programs[clusters[a][0]], programs[clusters[b][0]]]
        for test in known[:2]:
            [[first], [second]] = session.run(pair, [input_only(test.input, test.kind)])
            if first is not None and second is not None and _differ(test, first, second):
                matches.append((a, b, test, first, second))
                break
    decisions = ask_all(
        session,
        Role.TESTER,
        [
            messages.judge_outputs(session.task, pair, [(test, *outcomes)])
            for a, b, test, first, second in matches
            for pair, outcomes in (
                ((sources[a], sources[b]), (first, second)),
                ((sources[b], sources[a]), (second, first)),
            )
        ],
    )
    texts = [session.answer_text(Role.TESTER, r) if r is not None else "" for r in decisions]
    for k, (a, b, *_) in enumerate(matches):
        straight, swapped = (read_judgement(text) for text in texts[2 * k : 2 * k + 2])
        winner = {Judgement.FIRST: a, Judgement.SECOND: b}.get(straight)
        if winner is not None and swapped.swapped is straight:
            points[winner] += 1
        session.note(
            "match",
            f"programs {programs[clusters[a][0]].number} and {programs[clusters[b][0]].number}",
            straight=str(straight),
            swapped=str(swapped.swapped),
        )
    return points


def _differ(test: Test, first: Outcome, second: Outcome) -> bool:
    """Return True if two programs give different answers to an input, or one of them gives none."""
    return given_answer(test, first) != given_answer(test, second)
