"""The evaluator: what a policy has answered, graded, counted and summed up, with intervals.

`sparring eval`, training's evaluations on held-out tasks, answers that were made elsewhere and
trials of prompts all come through here. They differ in who answers, and in the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sparring.evaluation.figures import strengthened
from sparring.grading.facts import task_facts
from sparring.grading.grade import grade_each
from sparring.grading.group import GroupResult, ReadGroup
from sparring.metrics.facts import TaskFacts
from sparring.metrics.metrics import Summary
from sparring.runs.timeline import Phase, Timeline
from sparring.sandbox import Limits, Runs

Figures = Callable[[Sequence[TaskFacts]], Summary]
"""Which figures: from what is known of each task, with intervals."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every group graded, what is known of each task, and the figures."""

    results: Sequence[GroupResult]
    facts: Sequence[TaskFacts]
    summary: Summary


def graded(
    groups: Iterable[ReadGroup],
    runner: Runs,
    limits: Limits,
    done: Callable[[int], None] = lambda count: None,
) -> list[GroupResult]:
    """The groups graded; ``done`` is told of each."""
    results = []
    for result in grade_each(runner, groups, limits):
        results.append(result)
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
    """Grade and measure. Where a group has no pool, its own programs are the pool. So many
    ``mutants`` of a reference solution measure the tests. Where the time goes shows in the
    ``timeline``."""
    clock = timeline or Timeline()
    with clock.during(Phase.JUDGING):
        results = graded(groups, runner, limits, done)
    with clock.during(Phase.METRICS):
        facts = [
            f if f.pool else replace(f, pool=f.matrix, pool_agreement_P=f.agreement_P)
            for f in map(task_facts, results)
        ]
    if mutants:
        facts = strengthened(facts, results, runner, limits, mutants)
    with clock.during(Phase.METRICS):
        return Evaluation(results, facts, figures(facts))
