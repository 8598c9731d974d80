"""Schedule of a recipe's run: what the forecast of its end is computed from."""

from __future__ import annotations

from sparring.config.recipe import Recipe
from sparring.runs.forecast import RunSchedule


def run_schedule(recipe: Recipe, *, replayed: bool = False) -> RunSchedule:
    """Return the schedule of a run of ``recipe``; a ``replayed`` run makes no evaluations."""
    training, sampling, evaluation = recipe.training, recipe.sampling, recipe.evaluation
    programs = sampling.programs + recipe.initial_policy_programs
    most = programs * sampling.coder_max_tokens + sampling.tests * sampling.tester_max_tokens
    evaluated = recipe.tasks.held_out_count * (evaluation.programs + evaluation.tests)
    return RunSchedule(
        steps=training.steps,
        token_budget=training.token_budget,
        checkpoint_every=training.checkpoint_every,
        evaluation_every=None if replayed else evaluation.every,
        initial_evaluations=1 + len(evaluation.initial_temperatures),
        step_responses=training.tasks_per_step * (programs + sampling.tests),
        step_tokens=training.tasks_per_step * most,
        evaluation_responses=evaluated,
    )
