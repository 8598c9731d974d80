"""Training's evaluations on held-out tasks: before, during and after, once each.

Each is kept by task in a file of its own, written before anything else of it,
so that a run that was cut off repeats none and later ones pair with the first.
The start model's programs are the fixed pool of all of them. evaluations.jsonl
is made anew from these files. How one is made: `sparring.evaluation.held_out`.
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
from sparring.grading.entries import pool_from, pool_records
from sparring.prompts.rules import ParsedProgram
from sparring.runs.timeline import Phase
from sparring.schema import Role
from sparring.training.prompting.rendering import max_tokens
from sparring.training.rollouts.context import RolloutContext

_POOL = "pool.jsonl.gz"


def held_out_plan(context: RolloutContext) -> HeldOutPlan:
    """How the model is evaluated: the same before, during and after a run."""
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
    """The file of an evaluation's figures by task."""
    return f"evaluations/step-{step:05d}.json"


class HeldOut:
    """The evaluations of a run."""

    def __init__(self, context: RolloutContext, step: int) -> None:
        """Evaluate the start model, if that is not on record. Its programs are the fixed pool.

        ``step`` is where the model stands: past the start, the evaluation must be there.
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
                        f"{run.path}: {name} is missing; it is of the start model, and the model "
                        f"is at step {step}: put a copy back, or begin a new run"
                    )
        if step or run.has(_values(0)):
            records = run.read_packed(_POOL)
            self.pool = pool_from(records)
            if [r["task"] for r in records] != [t.id for t in self.plan.tasks]:
                raise RunError(
                    f"{run.path}: {_POOL} is not of these held-out tasks; they have changed since "
                    "the run began, or the file has: put back what it was, or begin a new run"
                )
        self.first = self._evaluate(0, None)
        self._rewrite()
        self._other_temperatures(step)

    def evaluate(self, step: int) -> Evaluated:
        """The evaluation after ``step``, made now unless it is on record."""
        return self._evaluate(step, self.first)

    def _evaluate(self, step: int, first: Evaluated | None) -> Evaluated:
        name = _values(step)
        if self.run.has(name):
            return self._recorded(step)
        self._tell("evaluating" if step else "evaluating the start model")
        found = self._made()
        with self.context.timeline.during(Phase.JOURNALLING):
            if self.pool is None:
                self.pool = found.programs()
                self.run.write_packed(_POOL, pool_records(found.results))
            now = Evaluated(step, found.summary, found.tokens)
            self.run.write_json(name, values_record(now))
            if first is not None:
                self._rewrite()
        self._account(step, found)
        e = found.summary.estimates
        bon = next(v for k, v in e.items() if k.startswith("bon_"))
        self.progress.note(
            f"step {step}: held-out programs {e['one_shot'].mean:.1%}, "
            f"tests {e['unit_test_accuracy'].mean:.1%}, Best-of-N {bon.mean:.1%} "
            f"({found.seconds:.0f} s)"
        )
        return now

    def _rewrite(self) -> None:
        """evaluations.jsonl from the figures of all evaluations."""
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
        for heat in self.context.recipe.evaluation.start_temperatures:
            if heat in done:
                continue
            if step:
                raise RunError(
                    f"{self.run.path}: start.jsonl lacks temperature {heat:g}; it is of the start "
                    f"model, and the model is at step {step}: take that temperature out of "
                    "evaluation.start_temperatures, or begin a new run"
                )
            self._tell(f"evaluating the start model at temperature {heat:g}")
            found = self._made(heat)
            now = Evaluated(0, found.summary, found.tokens)
            records.append({"temperature": heat, **evaluation_record(now, self.first)})
            self.run.replace_lines("start.jsonl", records)
            self._account(0, found)

    def _tell(self, what: str) -> None:
        plan = self.plan
        asked = f"{len(plan.tasks):,} tasks × ({plan.programs} + {plan.tests}) responses"
        self.progress.long_phase(f"{what}: {asked}")

    def _made(self, heat: float | None = None) -> HeldOutEvaluation:
        context, timeline = self.context, self.context.timeline
        return evaluate_held_out(
            self.plan, context.policies, context.sandbox, self.pool, heat, timeline
        )

    def _account(self, step: int, found: HeldOutEvaluation) -> None:
        """How long an evaluation took, and where the time went."""
        account = self.context.timeline.cut()
        self.run.append("timing.jsonl", {"evaluation": step, "seconds": found.seconds})
        self.run.append("timeline.jsonl", {"evaluation": step, **account.record()})
