"""Evaluating one model in both roles on tasks that it was not trained on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sparring.pipelines.bout import Judged, judge
from sparring.prompts.parse import ParsedProgram
from sparring.sampling.base import Prompt, Sampler, SamplingParams, sampling_seed
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Role, Task
from sparring.scoring.intervals import linear_difference, paired_difference
from sparring.scoring.metrics import Summary, summarise


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found. ``judged`` has every response; ``tokens`` were sampled."""

    summary: Summary
    judged: list[Judged]
    seconds: float
    tokens: int

    def programs(self) -> list[list[ParsedProgram]]:
        """The programs per task, to serve as the fixed pool of later evaluations."""
        return [list(j.programs) for j in self.judged]


@dataclass(frozen=True, slots=True)
class Plan:
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
    seed: int = 0

    def prompts(self, role: Role, temperature: float) -> list[Prompt]:
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


def evaluate(
    plan: Plan,
    sampler: Sampler,
    sandbox: Sandbox,
    pool: list[list[ParsedProgram]] | None = None,
    temperature: float | None = None,
) -> Evaluation:
    """Sample, judge and measure. Without a ``pool`` the model's own programs are the pool:
    that is what the first evaluation of a run does, and what later ones are given."""
    start = time.monotonic()
    heat = plan.temperature if temperature is None else temperature
    coder = sampler.sample(plan.prompts(Role.CODER, heat), plan.programs)
    tester = sampler.sample(plan.prompts(Role.TESTER, heat), plan.tests)
    judged = judge(sandbox, plan.tasks, coder, tester, plan.limits, pool)
    facts = [j.facts() for j in judged]
    if pool is None:
        facts = [replace(f, pool=f.matrix) for f in facts]
    tokens = sum(len(r.token_ids) for group in (*coder, *tester) for r in group)
    return Evaluation(
        summarise(facts, plan.programs, plan.tests), judged, time.monotonic() - start, tokens
    )


def evaluation_record(step: int, found: Evaluation, first: Evaluation) -> dict[str, Any]:
    """One evaluation as JSON-able data, with paired differences to ``first``."""
    now, then = found.summary.per_task, first.summary.per_task
    ratios, earlier = found.summary.ratios, first.summary.ratios
    bon = next(k for k in now if k.startswith("bon_"))
    return {
        "step": step,
        "metrics": {k: v.as_dict() for k, v in found.summary.estimates.items()},
        "differences": {k: paired_difference(then[k], now[k]).as_dict() for k in now}
        | {k: linear_difference(earlier[k], ratios[k]).as_dict() for k in ratios},
        "bon_minus_one_shot": paired_difference(now["one_shot"], now[bon]).as_dict(),
        "sizes": {
            str(k): {"share": share, "accuracy": right}
            for k, (share, right) in found.summary.sizes.items()
        },
        "seconds": found.seconds,
        "tokens": found.tokens,
    }


def summary_record(
    first: Evaluation, last: Evaluation, counts: dict[str, Any], wall: float
) -> dict[str, Any]:
    """What a whole run achieved: before, after, differences, and what it took."""
    before, after = (
        evaluation_record(0, first, first),
        evaluation_record(counts["step"], last, first),
    )
    return {
        "before": before["metrics"],
        "after": after["metrics"],
        "differences": after["differences"],
        "bon_minus_one_shot": {
            "before": before["bon_minus_one_shot"],
            "after": after["bon_minus_one_shot"],
        },
        "sizes": {"before": before["sizes"], "after": after["sizes"]},
        "wall_seconds": wall,
        "train_seconds": counts["seconds"],
        "steps": counts["step"],
        "tokens": counts["tokens"],
    }
