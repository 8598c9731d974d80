"""Does a checker accept what answers another input? Then it accepts too much.

The expected output of one ground-truth test is offered as an answer to another whose own differs
beyond white space, or as a value. Scripts have no output, and a test that asks for no more than
truth is meant to accept many values: neither is asked here. A rule for printed text or values can
accept it only within its tolerance, a checker program by mistake, or because both answer both:
rarely, so the share over many tasks tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sparring.grading.answers import plain_output
from sparring.grading.comparison import Comparison, Grader, rule_of
from sparring.schema import Kind, Task, Test, Verdict
from sparring.tasks.checkers.checker import Rule, parse_checker

MOST_PAIRS = 8
"""Pairs tried per task; the same ones each time, so that a checker's verdicts are kept."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """``accepted`` of ``pairs`` foreign outputs were accepted; our own failures are in neither."""

    accepted: int = 0
    pairs: int = 0


NO_PAIRS = Foreign()


def foreign_comparisons(task: Task) -> list[Comparison]:
    """Up to `MOST_PAIRS` pairs of ground-truth tests, as comparisons of the one's input and
    expected output with the other's expected output."""
    different: dict[tuple[str, ...], Test] = {}
    for test in task.ground_truth:
        if (
            test.kind is not Kind.SCRIPT
            and parse_checker(rule_of(task, test)).rule is not Rule.TRUTH
        ):
            different.setdefault(plain_output(test), test)
    tests = list(different.values())[: MOST_PAIRS + 1]

    def pairs() -> Iterator[Comparison]:
        for distance in range(1, len(tests)):
            for k, own in enumerate(tests):
                other = tests[(k + distance) % len(tests)]
                yield Comparison.of(task, own, other.output)

    return list(islice(pairs(), MOST_PAIRS))


def foreign_outputs(task: Task, grader: Grader) -> Foreign:
    """How many the checker accepts. Comparisons by a program must have been prepared."""
    verdicts = [grader.verdict(one)[0] for one in foreign_comparisons(task)]
    return Foreign(
        accepted=verdicts.count(Verdict.ACCEPTED),
        pairs=sum(v is not Verdict.INFRA for v in verdicts),
    )
