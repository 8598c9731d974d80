"""Test of a checker's leniency: does it accept the answer to another input?

The expected output of one ground-truth test is offered as the answer to another test whose own
expected output differs, beyond white space or as a value. Two kinds of test are left out: scripts,
which have no output, and tests that ask for truth alone, which are meant to accept many values.

A rule for printed text or values can accept another test's output only within its tolerance. A
checker program can accept it by mistake, or because both outputs answer both inputs. All of these
cases are rare, so the share of accepted outputs over many tasks shows a checker that is too
lenient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sparring.grading.answers import plain_output
from sparring.grading.comparison import Grader, OutputComparison, rule_of
from sparring.schema import Task, Test, TestKind, Verdict
from sparring.tasks.checkers.checker import CheckerRule, parse_checker

MOST_PAIRS = 8
"""Number of pairs tried per task; always the same pairs, so that a checker's verdicts are kept."""


@dataclass(frozen=True, slots=True)
class CheckerLeniency:
    """Number of other tests' outputs that were ``accepted``, among the ``pairs`` that were tried.
    Infrastructure failures count in neither."""

    accepted: int = 0
    pairs: int = 0


NO_PAIRS = CheckerLeniency()


def leniency_comparisons(task: Task) -> list[OutputComparison]:
    """Return up to `MOST_PAIRS` comparisons: the input and expected output of one ground-truth test
    with the expected output of another."""
    different: dict[tuple[str, ...], Test] = {}
    for test in task.ground_truth:
        if (
            test.kind is not TestKind.SCRIPT
            and parse_checker(rule_of(task, test)).rule is not CheckerRule.TRUTH
        ):
            different.setdefault(plain_output(test), test)
    tests = list(different.values())[: MOST_PAIRS + 1]

    def pairs() -> Iterator[OutputComparison]:
        for distance in range(1, len(tests)):
            for k, own in enumerate(tests):
                other = tests[(k + distance) % len(tests)]
                yield OutputComparison.of(task, own, other.output)

    return list(islice(pairs(), MOST_PAIRS))


def checker_leniency(task: Task, grader: Grader) -> CheckerLeniency:
    """Return the number of other tests' outputs that the checker accepts. Comparisons by a program
    must have been prepared."""
    verdicts = [grader.verdict(one)[0] for one in leniency_comparisons(task)]
    return CheckerLeniency(
        accepted=verdicts.count(Verdict.ACCEPTED),
        pairs=sum(v is not Verdict.INFRA for v in verdicts),
    )
