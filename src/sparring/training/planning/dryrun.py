"""Dry run: checks of a recipe before a run spends money.

    sparring train [RECIPE] --dry-run

A dry run loads everything that a run would load, and makes a step of two tasks by
the code of a run: rollouts, rewards, an update. Its estimates of time and space are
the figures of this step, scaled up. A dry run makes no run directory and discards
the updated weights.
"""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup, rollout_record
from sparring.learner.stats import RoleStats
from sparring.policy.settings import Adapters
from sparring.rewards.advantages import Advantages
from sparring.runs.directory import RunDir
from sparring.runs.timeline import Phase, PhaseAccount
from sparring.sandbox import PrefetchingRunner
from sparring.schema import Role
from sparring.training.labelled import labelled_groups
from sparring.training.monitoring.tracking import check_trackers
from sparring.training.planning.check import Check
from sparring.training.planning.data_checks import package_checks, task_checks
from sparring.training.planning.duration import (
    StepCost,
    duration_check,
    sampling_seconds,
    steps_made,
)
from sparring.training.planning.model_checks import (
    frozen_tester_check,
    model_check,
    prompt_checks,
    response_checks,
    reward_check,
)
from sparring.training.pseudo_labels.by_servers import generate_pseudo_labels
from sparring.training.rollouts.batch import RolloutBatch
from sparring.training.rollouts.context import RolloutContext, trial_context
from sparring.training.scoring import scorer_of
from sparring.training.state.trainer import Trainer

_TASKS = 2


def dry_run(recipe: Recipe, place: Path) -> Iterator[Check]:
    """Yield the checks of a recipe, each as soon as it is done. ``place`` is the run directory that
    a run would write. Raises the errors that would end the run."""
    RunDir.check_new(place)
    check_trackers(recipe)
    scorer, trainer = scorer_of(recipe), Trainer(recipe)
    # Sample tests even where no program is correct: their prompts and answers are checked too.
    sampling = recipe.sampling.model_copy(update={"skip_unlabelled": False})
    with trial_context(recipe.model_copy(update={"sampling": sampling}), trainer) as context:
        yield from task_checks(context)
        yield model_check(trainer)
        yield from prompt_checks(context, trainer)
        yield Check("isolation", f"{context.sandbox.level}, {recipe.sandbox.fork}")
        yield from package_checks(context)
        results, account = _rollouts(context)
        sampled = account.phases()[Phase.SAMPLING]
        ran = account.seconds - sampled
        of_step = sampling_seconds(context, account, len(results))
        yield from response_checks(context, trainer, results, sampled)
        if context.pseudo_labels:
            yield frozen_tester_check(context.pseudo_labels.frozen_tester, results)
        scored = [scorer.score(result, 1, i) for i, result in enumerate(results)]
        yield reward_check(scored)
        context.policies.rest()  # as in a step: frees a shared GPU for the update
        start = time.monotonic()
        stats = _update(trainer, scored)
        passed = sum(s.groups for s in stats.values())
        learned = (time.monotonic() - start) / passed * 2
        norm = max(s.grad_norm for s in stats.values())
        yield Check(
            "update",
            f"{passed} groups forward and backward, {learned:.1f} s for each two; gradient norm "
            f"{norm:.3g}",
        )
        gap = np.nanmax([s.logprob_gap for s in stats.values()])
        yield Check(
            "log-probs",
            f"mean difference between sampler and trainer: {gap:.2g}",
            bool(gap > recipe.gap_alarm),
        )
        written = sum(len(json.dumps(rollout_record(1, s), default=str)) for s in scored)
        tokens = sum(
            len(r.token_ids)
            for j in results
            for r in (*j.coder, *j.tester, *j.initial_policy_programs)
        )
        attempts = 1 + recipe.sampling.extra_attempts
        tasks = attempts * recipe.training.tasks_per_step
        step = StepCost(
            sampling=of_step * attempts,
            running=ran / len(results) * tasks,
            learning=learned * recipe.learning.ppo_epochs * tasks,
            tokens=tokens / len(results) * tasks,
            bounded=context.policies.served is not None,
        )
        yield duration_check(recipe, step)
        of_steps = tasks * steps_made(recipe, step)
        yield from _space(recipe, trainer, place, written / len(results) * of_steps)


def _rollouts(context: RolloutContext) -> tuple[list[GroupResult], PhaseAccount]:
    """Return the groups of two tasks, and the seconds of each phase."""
    tasks, timeline = context.order.batch(1, {})[:_TASKS], context.timeline
    if labels := context.pseudo_labels:  # first, as in a run: both servers may use the same GPUs
        generate_pseudo_labels(labels, tasks, context.progress, timeline, None, lambda: False)
        labels.responses(tasks)
    context.policies.ready()
    timeline.cut()
    results = RolloutBatch(
        context, PrefetchingRunner(context.sandbox, timeline.running), 1, 0, tasks
    ).results()
    return results, timeline.cut()


def _update(trainer: Trainer, scored: Sequence[ScoredGroup]) -> Mapping[Role, RoleStats]:
    """Make an update with invented advantages, so that every group has a gradient, and return its
    statistics. The groups are repeated until they fill micro-batches as a whole step would."""
    groups = labelled_groups(
        trainer,
        [
            replace(
                s,
                earned=replace(
                    s.earned,
                    coder=_made_up(len(s.group.coder)),
                    tester=_made_up(len(s.group.tester)),
                ),
            )
            for s in scored
        ],
    )
    learning, tasks = trainer.recipe.learning, trainer.recipe.training.tasks_per_step
    size = sum(len(g.prompt_ids) + g.tokens for g in groups)
    full = -(-2 * learning.tokens_per_micro_batch // max(size, 1))
    stats = trainer.learn(1, groups * max(1, min(full, tasks // len(scored))))
    if any(s.refused for s in stats.values()):
        raise RunError(
            "the gradient of two tasks is not finite, or its norm exceeds learning.skip_grad_norm: "
            "the model may be damaged; check its files, or raise learning.skip_grad_norm"
        )
    return stats


def _made_up(count: int) -> Advantages:
    return Advantages(
        np.array([(-1.0) ** i for i in range(count)]), np.ones(count, dtype=bool), None
    )


def _space(recipe: Recipe, trainer: Trainer, place: Path, records: float) -> Iterator[Check]:
    """Yield the checks of disk and memory. ``records`` is the number of bytes of all steps' records
    before compression."""
    t = recipe.training
    weights = sum(p.numel() * p.element_size() for p in trainer.model.parameters())
    learning = sum(4 * p.numel() for p in trainer.model.parameters() if p.requires_grad)
    plain = weights * (2 if recipe.model.adapters is Adapters.PER_ROLE else 1)
    checkpoint = plain + 2 * learning
    kept = checkpoint * (t.keep_checkpoints + 1)
    rollouts = records / 3  # gzip leaves a third, as measured
    existing = next(p for p in (place.absolute(), *place.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if kept + rollouts > free:
        raise RunError(
            f"{place}: the run needs about {(kept + rollouts) / 2**30:.1f} GiB, "
            f"{free / 2**30:.1f} GiB are free; make room or lower training.keep_checkpoints"
        )
    yield Check(
        "disk",
        f"{(kept + rollouts) / 2**30:.2f} GiB of {free / 2**30:.0f} GiB free "
        f"({checkpoint / 2**30:.2f} GiB per checkpoint)",
    )
    if trainer.model.device.type == "cuda":
        used = torch.cuda.max_memory_allocated() / 2**30
        where = "on the GPU"
    else:
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        where = "of this process"
    yield Check(
        "memory",
        f"{used:.1f} GiB at most {where}, AdamW's {2 * learning / 2**30:.2f} GiB included",
    )
