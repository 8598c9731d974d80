"""Evaluation of one model in both roles on held-out tasks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sparring.evaluation.evaluator import Evaluation, evaluate
from sparring.grading.group import read_group
from sparring.metrics.metrics import summarise
from sparring.policy.base import Prompt, Sampler, SamplingParams, sampling_seed
from sparring.prompts.rules import ParsedProgram, ReadingRules
from sparring.runs.bar import quiet
from sparring.runs.forecast import RunSchedule
from sparring.runs.progress import RunProgress
from sparring.runs.timeline import Phase, Timeline
from sparring.sandbox import Limits, PrefetchingRunner, Runs
from sparring.schema import Response, Role, Task


@dataclass(frozen=True, slots=True)
class HeldOutEvaluation(Evaluation):
    """Evaluation with its duration in seconds and its number of sampled tokens."""

    seconds: float
    tokens: int

    def programs(self) -> list[list[ParsedProgram]]:
        """Return the programs of each task, which serve later evaluations as the fixed pool."""
        return [list(r.programs) for r in self.results]


@dataclass(frozen=True, slots=True)
class HeldOutPlan:
    """Plan of the evaluations of a run: rendered prompts of every task and role, counts, limits.

    A run uses one plan, with the same seeds, before, during and after training, so that its
    evaluations can be paired by task.
    """

    tasks: Sequence[Task]
    prompt_ids: dict[tuple[str, Role], tuple[int, ...]]
    programs: int
    tests: int
    temperature: float
    max_tokens: dict[Role, int]
    limits: Limits
    reading: Mapping[Role, ReadingRules]
    seed: int = 0

    def prompts(self, role: Role, temperature: float) -> list[Prompt]:
        """Return one prompt of ``role`` per task, in the tasks' order, each with its own seed."""
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
    progress: RunProgress | None = None,
) -> HeldOutEvaluation:
    """Sample, grade and measure.

    Without a ``pool`` the model's own programs are the pool. The first evaluation of a run has no
    pool; later evaluations take the programs of the first. ``temperature`` replaces the plan's.
    ``timeline`` records the seconds of each phase. ``progress`` counts responses, in the phase that
    it shows, and then graded tasks.
    """
    start = time.monotonic()
    clock = timeline or Timeline()
    temperature = plan.temperature if temperature is None else temperature
    progress = progress or RunProgress(RunSchedule(1), console=quiet())

    def arrived(number: int, response: Response) -> None:
        progress.advance()

    with clock.during(Phase.SAMPLING, "coder"):
        coder = sampler.sample(plan.prompts(Role.CODER, temperature), plan.programs, arrived)
    with clock.during(Phase.SAMPLING, "tester"):
        tester = sampler.sample(plan.prompts(Role.TESTER, temperature), plan.tests, arrived)
    progress.phase("evaluating, running programs", len(plan.tasks), "tasks")
    pools: Sequence[list[ParsedProgram] | None] = pool or [None] * len(plan.tasks)
    groups = (
        read_group(task, programs, tests, plan.reading, further)
        for task, programs, tests, further in zip(plan.tasks, coder, tester, pools, strict=True)
    )
    figures = partial(summarise, n=plan.programs, m=plan.tests)
    measured = evaluate(
        groups,
        PrefetchingRunner(sandbox, clock.running),
        plan.limits,
        figures,
        done=progress.advance,
        timeline=clock,
    )
    tokens = sum(len(r.token_ids) for group in (*coder, *tester) for r in group)
    return HeldOutEvaluation(
        measured.results, measured.facts, measured.summary, time.monotonic() - start, tokens
    )
