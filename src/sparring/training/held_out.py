"""Evaluations on held-out tasks before, during and after training.

Each evaluation writes its responses with their verdicts, then its figures by task, each to a
separate file. So a resumed run repeats no evaluation, and later evaluations are paired with the
first by task. The initial model's programs are the fixed pool of all evaluations. evaluations.jsonl
is rebuilt from the figures. `sparring.evaluation.held_out` makes a single evaluation.
"""

from __future__ import annotations

from sparring.errors import RunError, well_formed
from sparring.evaluation.held_out import HeldOutEvaluation, HeldOutPlan, evaluate_held_out
from sparring.evaluation.held_out_records import (
    Evaluated,
    evaluated_from,
    evaluation_record,
    values_record,
)
from sparring.evaluation.rollouts import held_out_rollout
from sparring.grading.entries import pool_from, pool_records
from sparring.prompts.rules import ParsedProgram
from sparring.runs.reader import step_file
from sparring.runs.timeline import Phase
from sparring.schema import Role
from sparring.training.prompting.rendering import max_tokens
from sparring.training.rollouts.context import RolloutContext

_POOL = "pool.jsonl.gz"


def held_out_plan(context: RolloutContext) -> HeldOutPlan:
    """Return the plan of all evaluations of a run: tasks, prompts, sampling, limits and seed."""
    recipe, prompts = context.recipe, context.prompts
    e = recipe.evaluation
    return HeldOutPlan(
        tasks=prompts.held_out,
        prompt_ids=prompts.held_out_ids,
        programs=e.programs,
        tests=e.tests,
        temperature=e.temperature,
        max_tokens={role: max_tokens(recipe, role) for role in Role},
        limits=context.limits,
        reading=prompts.reading,
        seed=recipe.tasks.held_out_seed,
    )


def _values(step: int) -> str:
    """Return the name of the file with an evaluation's figures by task."""
    return f"evaluations/step-{step:05d}.json"


class HeldOut:
    """Evaluations of a run."""

    def __init__(self, context: RolloutContext, step: int) -> None:
        """Evaluate the initial model, unless that evaluation is on record. The programs of this
        evaluation are the fixed pool.

        ``step`` is the step of the current weights. Raises `RunError` if ``step`` is not 0 and the
        evaluation of the initial model is missing.
        """
        self.context = context
        self.run = run = context.run
        self.progress = context.progress
        self.plan = held_out_plan(context)
        self.pool: list[list[ParsedProgram]] | None = None
        if step:
            for name in (_values(0), _POOL):
                if not run.has(name):
                    raise RunError(
                        f"{run.path}: {name} is missing: it records the initial model and cannot "
                        f"be made at step {step}; put a copy back, or start a new run"
                    )
        if step or run.has(_values(0)):
            records = run.read_packed(_POOL)
            self.pool = pool_from(records)
            if [r["task"] for r in records] != [t.id for t in self.plan.tasks]:
                raise RunError(
                    f"{run.path}: {_POOL} is not of these held-out tasks: the tasks or the file "
                    "have changed since the run began; restore them, or start a new run"
                )
        self.first = self._evaluate(0, None)
        self._rewrite()
        self._other_temperatures(step)

    def evaluate(self, step: int) -> Evaluated:
        """Return the evaluation after ``step``, from the record or made now."""
        return self._evaluate(step, self.first)

    def _evaluate(self, step: int, first: Evaluated | None) -> Evaluated:
        name = _values(step)
        if self.run.has(name):
            return self._recorded(step)
        self._show_phase("evaluating" if step else "evaluating the initial model")
        evaluation = self._run()
        with self.context.timeline.during(Phase.JOURNALLING):
            if self.pool is None:
                self.pool = evaluation.programs()
                self.run.write_packed(_POOL, pool_records(evaluation.results))
            records = (held_out_rollout(step, result) for result in evaluation.results)
            self.run.write_packed(step_file("evaluations", step), records)
            now = Evaluated(step, evaluation.summary, evaluation.tokens)
            self.run.write_json(name, values_record(now))  # last: the evaluation is complete
            if first is not None:
                self._rewrite()
        self._account(step, evaluation)
        e = evaluation.summary.estimates
        bon = next(v for k, v in e.items() if k.startswith("bon_"))
        self.progress.note(
            f"step {step}: held-out programs {e['pass@1'].mean:.1%}, "
            f"tests {e['unit_test_accuracy'].mean:.1%}, Best-of-N {bon.mean:.1%} "
            f"({evaluation.seconds:.0f} s)"
        )
        return now

    def _rewrite(self) -> None:
        """Rebuild evaluations.jsonl from the figures of all evaluations."""
        every = [self._recorded(step) for step in self.run.steps("evaluations", ".json")]
        records = [evaluation_record(e, self.first) for e in every]
        self.run.replace_lines("evaluations.jsonl", records)

    def _recorded(self, step: int) -> Evaluated:
        name = _values(step)
        with well_formed(f"{self.run.path}: {name}"):
            return evaluated_from(self.run.read_json(name))

    def _other_temperatures(self, step: int) -> None:
        records = self.run.jsonl("start.jsonl")
        with well_formed(f"{self.run.path}: start.jsonl"):
            done = {r["temperature"] for r in records}
        for temperature in self.context.recipe.evaluation.initial_temperatures:
            if temperature in done:
                continue
            if step:
                raise RunError(
                    f"{self.run.path}: start.jsonl lacks temperature {temperature:g}: it records "
                    f"the initial model and cannot be made at step {step}; remove that "
                    "temperature from evaluation.initial_temperatures, or start a new run"
                )
            self._show_phase(f"evaluating the initial model at temperature {temperature:g}")
            evaluation = self._run(temperature)
            now = Evaluated(0, evaluation.summary, evaluation.tokens)
            records.append({"temperature": temperature, **evaluation_record(now, self.first)})
            self.run.replace_lines("start.jsonl", records)
            self._account(0, evaluation)

    def _show_phase(self, what: str) -> None:
        plan = self.plan
        asked = f"{len(plan.tasks):,} tasks × ({plan.programs} + {plan.tests}) responses"
        self.progress.long_phase(f"{what}: {asked}")

    def _run(self, temperature: float | None = None) -> HeldOutEvaluation:
        context, timeline = self.context, self.context.timeline
        return evaluate_held_out(
            self.plan, context.policies, context.sandbox, self.pool, temperature, timeline
        )

    def _account(self, step: int, evaluation: HeldOutEvaluation) -> None:
        """Record the seconds of an evaluation: the total, and the seconds of each phase."""
        account = self.context.timeline.cut()
        self.run.append("timing.jsonl", {"evaluation": step, "seconds": evaluation.seconds})
        self.run.append("timeline.jsonl", {"evaluation": step, **account.record()})
