"""Evaluator: grades responses and computes figures with intervals.

Four uses share this module: `sparring eval`, a run's evaluations on held-out tasks, the grading of
answers made elsewhere, and trials of prompts. They differ in the source of the responses and in the
figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sparring.evaluation.figures import with_test_strength
from sparring.grading.facts import task_facts
from sparring.grading.grade import grade_each
from sparring.grading.group import GroupResult, ReadGroup
from sparring.metrics.facts import TaskFacts
from sparring.metrics.metrics import Summary
from sparring.runs.timeline import Phase, Timeline
from sparring.sandbox import Limits, Runs

Figures = Callable[[Sequence[TaskFacts]], Summary]
"""Function that computes the figures, with intervals, from the facts of each task."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Graded groups, the facts of each task, and the figures with intervals."""

    results: Sequence[GroupResult]
    facts: Sequence[TaskFacts]
    summary: Summary


def graded(
    groups: Iterable[ReadGroup],
    runner: Runs,
    limits: Limits,
    done: Callable[[int], None] = lambda count: None,
) -> list[GroupResult]:
    """Grade the groups in order; call ``done(1)`` after each."""
    results = []
    for group in grade_each(runner, groups, limits):
        results.append(group)
        done(1)
    return results


def evaluate(
    groups: Iterable[ReadGroup],
    runner: Runs,
    limits: Limits,
    figures: Figures,
    mutants: int = 0,
    done: Callable[[int], None] = lambda count: None,
    timeline: Timeline | None = None,
) -> Evaluation:
    """Grade the groups and compute the figures.

    A group without a fixed pool uses its own programs as the pool. ``mutants`` is the number of
    mutants of each reference solution that measure the tests; 0 measures nothing. ``timeline``
    records the seconds of each phase.
    """
    clock = timeline or Timeline()
    with clock.during(Phase.JUDGING):
        results = graded(groups, runner, limits, done)
    with clock.during(Phase.METRICS):
        facts = [
            f if f.pool else replace(f, pool=f.matrix, pool_agreement_P=f.agreement_P)
            for f in map(task_facts, results)
        ]
    if mutants:
        facts = with_test_strength(facts, results, runner, limits, mutants)
    with clock.during(Phase.METRICS):
        return Evaluation(results, facts, figures(facts))
