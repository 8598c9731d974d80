"""Evaluating one model in both roles on tasks that it was not trained on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sparring.evaluation.evaluator import Evaluation, evaluate
from sparring.grading.group import read_group
from sparring.metrics.intervals import Estimate, Linear
from sparring.metrics.metrics import Summary, summarise
from sparring.metrics.named import difference_of
from sparring.metrics.shares import share_difference
from sparring.policy.base import Prompt, Sampler, SamplingParams, sampling_seed
from sparring.prompts.rules import ParsedProgram, Reading
from sparring.runs.timeline import Phase, Timeline
from sparring.sandbox import Limits, PrefetchingRunner, Runs
from sparring.schema import Role, Task


@dataclass(frozen=True, slots=True)
class HeldOutEvaluation(Evaluation):
    """One evaluation, how long it took and how many tokens were sampled."""

    seconds: float
    tokens: int

    def programs(self) -> list[list[ParsedProgram]]:
        """The programs per task, to serve as the fixed pool of later evaluations."""
        return [list(r.programs) for r in self.results]


@dataclass(frozen=True, slots=True)
class HeldOutPlan:
    """How to evaluate: the rendered prompts of every task and role, counts and limits.

    The same plan is used before, during and after a run, with the same seeds,
    so that evaluations are paired.
    """

    tasks: Sequence[Task]
    prompt_ids: dict[tuple[str, Role], tuple[int, ...]]
    programs: int
    tests: int
    temperature: float
    max_tokens: dict[Role, int]
    limits: Limits
    reading: Mapping[Role, Reading]
    seed: int = 0

    def prompts(self, role: Role, temperature: float) -> list[Prompt]:
        """What the sampler is asked of ``role``, one prompt per task in the tasks' order, each with
        its own seed."""
        params = SamplingParams(temperature, self.max_tokens[role])
        return [
            Prompt(
                t.id,
                role,
                self.prompt_ids[t.id, role],
                sampling_seed(self.seed, -1, t.id, role),
                params,
            )
            for t in self.tasks
        ]


def evaluate_held_out(
    plan: HeldOutPlan,
    sampler: Sampler,
    sandbox: Runs,
    pool: list[list[ParsedProgram]] | None = None,
    temperature: float | None = None,
    timeline: Timeline | None = None,
) -> HeldOutEvaluation:
    """Sample, grade and measure. Without a ``pool`` the model's own programs are the pool:
    that is what the first evaluation of a run does, and what later ones are given. Where the time
    goes shows in the ``timeline``."""
    start = time.monotonic()
    clock = timeline or Timeline()
    heat = plan.temperature if temperature is None else temperature
    with clock.during(Phase.SAMPLING, "coder"):
        coder = sampler.sample(plan.prompts(Role.CODER, heat), plan.programs)
    with clock.during(Phase.SAMPLING, "tester"):
        tester = sampler.sample(plan.prompts(Role.TESTER, heat), plan.tests)
    pools: Sequence[list[ParsedProgram] | None] = pool or [None] * len(plan.tasks)
    groups = (
        read_group(task, programs, tests, plan.reading, further)
        for task, programs, tests, further in zip(plan.tasks, coder, tester, pools, strict=True)
    )
    figures = partial(summarise, n=plan.programs, m=plan.tests)
    found = evaluate(
        groups, PrefetchingRunner(sandbox, clock.running), plan.limits, figures, timeline=clock
    )
    tokens = sum(len(r.token_ids) for group in (*coder, *tester) for r in group)
    return HeldOutEvaluation(
        found.results, found.facts, found.summary, time.monotonic() - start, tokens
    )


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What is kept of an evaluation: enough to pair it with later ones."""

    step: int
    summary: Summary
    tokens: int


def evaluation_record(now: Evaluated, first: Evaluated) -> dict[str, Any]:
    """One evaluation as JSON-able data, with paired differences to ``first``."""
    s, f = now.summary, first.summary
    bon = next(k for k in s.per_task if k.startswith("bon_"))
    return {
        "step": now.step,
        "metrics": {k: v.as_dict() for k, v in s.estimates.items()},
        "differences": paired_differences(f, s),
        "bon_minus_one_shot": share_difference(s.per_task["one_shot"], s.per_task[bon]).as_dict(),
        "sizes": {
            str(k): {"share": share, "accuracy": right} for k, (share, right) in s.sizes.items()
        },
        "tokens": now.tokens,
    }


def paired_differences(before: Summary, after: Summary) -> dict[str, Any]:
    """after − before of every figure that both have of as many tasks, paired by task, as JSON-able
    data."""
    found: dict[str, Any] = {}
    for name, values in after.per_task.items():
        earlier = before.per_task.get(name)
        if earlier is not None and len(earlier) == len(values):
            found[name] = share_difference(earlier, values).as_dict()
    for name, ratio in after.ratios.items():
        was = before.ratios.get(name)
        if was is not None and len(was.influence) == len(ratio.influence):
            found[name] = difference_of(name, was, ratio).as_dict()
    return found


def values_record(evaluated: Evaluated) -> dict[str, Any]:
    """All of an evaluation's figures, by task, as JSON-able data: `evaluated_from` reads it."""
    s = evaluated.summary
    return {
        "step": evaluated.step,
        "tokens": evaluated.tokens,
        "estimates": {k: v.as_dict() for k, v in s.estimates.items()},
        "per_task": {k: v.tolist() for k, v in s.per_task.items()},
        "ratios": {k: v.as_dict() for k, v in s.ratios.items()},
        "sizes": [[k, *v] for k, v in s.sizes.items()],
    }


def evaluated_from(record: Mapping[str, Any]) -> Evaluated:
    """What `values_record` wrote; null is an unknown number."""
    summary = Summary(
        estimates={k: Estimate.of(v) for k, v in record["estimates"].items()},
        per_task={k: np.array(v, dtype=float) for k, v in record["per_task"].items()},
        ratios={k: Linear.of(v) for k, v in record["ratios"].items()},
        sizes={int(k): (_number(share), _number(right)) for k, share, right in record["sizes"]},
    )
    return Evaluated(record["step"], summary, record["tokens"])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def summary_record(
    first: Evaluated, last: Evaluated, seconds: Mapping[str, float], tokens: int
) -> dict[str, Any]:
    """What a whole run achieved: before, after, differences, and what it took."""
    before, after = evaluation_record(first, first), evaluation_record(last, first)
    return {
        "before": before["metrics"],
        "after": after["metrics"],
        "differences": after["differences"],
        "bon_minus_one_shot": {
            "before": before["bon_minus_one_shot"],
            "after": after["bon_minus_one_shot"],
        },
        "sizes": {"before": before["sizes"], "after": after["sizes"]},
        "wall_seconds": seconds["wall"],
        "train_seconds": seconds["train"],
        "steps": last.step,
        "tokens": tokens,
    }
