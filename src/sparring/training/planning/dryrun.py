"""Everything that can be checked before money is spent.

    sparring train [RECIPE] --dry-run

Loads what a run would load, plays two tasks from prompt to reward, takes a
forward and a backward pass on two groups, and measures what that cost. Its
estimates of time and space are those of this sample, scaled up; the weights
stay as they are and no run directory is made.
"""

from __future__ import annotations

import json
import math
import resource
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sparring.config.recipe import Recipe
from sparring.errors import DataError, RunError
from sparring.grading import columns
from sparring.grading.columns import Ask
from sparring.grading.comparison import Grader
from sparring.grading.grade import allowed, grade
from sparring.grading.limits import limits
from sparring.grading.record import Scored, rollout_record
from sparring.learner.samples import Group
from sparring.learner.stats import RoleStats
from sparring.policy.settings import Adapters
from sparring.runs.directory import RunDir
from sparring.sandbox.caller.packages import given
from sparring.schema import Response, Role, StopReason, Task, Verdict
from sparring.tasks.cleaning.imports import needs_lines, needs_of
from sparring.training.embedded import embedded_prompts
from sparring.training.planning.check import Check
from sparring.training.planning.frozen import read_groups, supervised, supervisor_check
from sparring.training.planning.speech import end_tokens, reasoning, unended, unfinished
from sparring.training.reward import scorer_of
from sparring.training.ring import Ring
from sparring.training.step import learned_from
from sparring.training.supervising import written_now
from sparring.training.tracking import check_trackers
from sparring.training.trainer import Trainer

_TASKS = 2
_REFERENCES = 32
"""Tasks whose reference solution is tried on their own tests."""


def dry_run(recipe: Recipe, place: Path) -> Iterator[Check]:
    """The checks, each as soon as it is known. ``place`` is where runs would be written.

    Raises the errors that the run would end with.
    """
    RunDir.check_new(place)
    check_trackers(recipe)
    scorer = scorer_of(recipe)
    trainer = Trainer(recipe)
    with Ring(recipe, trainer) as ring:
        yield from _tasks(ring)
        yield _model(trainer)
        yield from _prompts(ring)
        yield Check("isolation", f"{ring.sandbox.level}, {recipe.sandbox.fork}")
        yield from _packages(ring)
        tasks: list[Task] = ring.batch(1)[:_TASKS]
        by: list[list[Response]] = []
        if ring.supervisor:  # first, as in a run: its server and the other may want the same GPUs
            by = written_now(ring.supervisor, tasks)
        ring.sampler.ready()
        start = time.monotonic()
        coder, tester, others = _sample(ring, tasks)
        sampled = time.monotonic() - start
        yield from _responses(ring, coder, tester, others, sampled)
        start = time.monotonic()
        groups = read_groups(ring, tasks, coder, tester, others)
        judged = [grade(ring.sandbox, group, ring.limits) for group in groups]
        if ring.supervisor:
            judged = supervised(ring, ring.supervisor, by, groups, judged)
        ran = time.monotonic() - start
        if ring.supervisor:
            yield supervisor_check(ring.supervisor, judged)
        scored = [scorer.score(j, 1, i) for i, j in enumerate(judged)]
        yield _rewards(scored)
        ring.sampler.rest()  # as in a step: a GPU that is shared is free for what learns
        start = time.monotonic()
        stats = _learn(trainer, coder, tester, recipe.training.tasks_per_step)
        trained = sum(s.groups for s in stats.values())
        learned = (time.monotonic() - start) / trained * 2
        norm = max(s.grad_norm for s in stats.values())
        yield Check(
            "forward and backward",
            f"{trained} groups, {learned:.1f} s for each two; gradient norm {norm:.3g}",
        )
        gap = max(s.logprob_gap / s.gap_tokens for s in stats.values() if s.gap_tokens)
        yield Check(
            "log-probs",
            f"training is {gap:.2g} away from sampling, on average",
            gap > recipe.gap_alarm,
        )
        written = sum(len(json.dumps(rollout_record(1, s), default=str)) for s in scored)
        tokens = sum(len(r.token_ids) for g in (*coder, *tester, *others) for r in g)
        rounds = 1 + recipe.sampling.extra_rounds
        one = _OfOneTask(
            (sampled + ran) / len(tasks) + learned * recipe.learning.epochs,
            tokens / len(tasks),
            written / len(tasks),
        )
        yield from _cost(recipe, trainer, place, one, rounds * recipe.training.tasks_per_step)


@dataclass(frozen=True, slots=True)
class _OfOneTask:
    """What one task of a step costs, its responses of all players together."""

    seconds: float
    tokens: float
    record: float
    """Bytes, before compression."""


def _tasks(ring: Ring) -> Iterator[Check]:
    train, held_out = ring.tasks, ring.held_out
    shared = {t.statement for t in train} & {t.statement for t in held_out}
    yield Check(
        "tasks",
        f"{len(train):,} to train on, {len(held_out):,} held out"
        + (f"; {len(shared)} statements are in both" if shared else ""),
        bool(shared),
    )
    for told in ring.left_out:
        yield Check("tasks", told, warning=True)
    tried = [t for t in (*train, *held_out) if t.solutions][:_REFERENCES]
    asks = [Ask(t, t.solutions[0], t.ground_truth, limits(t, ring.limits)) for t in tried]
    runs = columns.run(ring.sandbox, asks)
    rows = columns.graded(Grader(ring.sandbox), list(zip(asks, runs, strict=True)))
    wrong = [
        t.id
        for t, row in zip(tried, rows, strict=True)
        if any(o.verdict is not Verdict.ACCEPTED for o in row)
    ]
    if tried and len(wrong) == len(tried):
        raise DataError(
            f"no reference solution passes its own tests (task {wrong[0]}): do solutions and "
            "tests belong together, and do the programs read standard input, or define the "
            "function that is asked for?"
        )
    if wrong:
        said = f"{len(wrong)} of {len(tried)} fail their own tests, such as {wrong[0]}"
    else:
        said = f"{len(tried)} tried, all pass their tests" if tried else "no task has one"
    yield Check("reference solutions", said, bool(wrong) or not tried)
    yield from _validators(ring)


def _packages(ring: Ring) -> Iterator[Check]:
    """What programs are given beside the standard library, and what tasks would need of it."""
    b = ring.recipe.sandbox
    packages = given(b.packages, b.packages_from)
    if packages.versions:
        yield Check("packages", packages.text())
    for line in needs_lines(needs_of([*ring.tasks, *ring.held_out], packages.modules)):
        yield Check("packages", line.replace("--packages", "sandbox.packages:"), warning=True)


def _validators(ring: Ring) -> Iterator[Check]:
    """A validator has to allow the task's own tests, or it would refuse every generated one."""
    tried = [t for t in (*ring.tasks, *ring.held_out) if t.validator][:_REFERENCES]
    asks = [Ask(t, t.validator or "", t.ground_truth, limits(t, ring.limits)) for t in tried]
    refusing = [
        t.id
        for t, outcomes in zip(tried, columns.run(ring.sandbox, asks), strict=True)
        if not all(map(allowed, outcomes))
    ]
    if tried and len(refusing) == len(tried):
        raise DataError(
            f"no validator allows its own task's tests (task {refusing[0]}): it must print valid"
        )
    if tried:
        found = f"{len(tried)} tried"
        if refusing:
            found += f"; {len(refusing)} refuse their own tests, such as {refusing[0]}"
        yield Check("validators", found, bool(refusing))


def _model(trainer: Trainer) -> Check:
    model = trainer.model
    every = sum(p.numel() for p in model.parameters())
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    more = "" if trainer.tokenizer.chat_template else "; no chat template: the plain form is used"
    if told := embedded_prompts(trainer.recipe, trainer.tokenizer):
        more += f"; {told}"
    return Check(
        "model",
        f"{every:,} parameters, {learning:,} learn, on {model.device}, "
        f"{trainer.recipe.model.precision}{more}",
        bool(more),
    )


def _prompts(ring: Ring) -> Iterator[Check]:
    for role in Role:
        lengths = sorted(len(p.token_ids) for p in ring.prompts(ring.tasks, role, 1))
        limit = ring.recipe.prompts.max_tokens
        yield Check(
            f"{role} prompts",
            f"{lengths[0]} to {lengths[-1]} tokens, median {lengths[len(lengths) // 2]}, "
            f"limit {limit}",
        )
    p, tokenizer, ends = ring.recipe.prompts, ring.trainer.tokenizer, ring.sampler.end_ids
    for told in (
        end_tokens(tokenizer, ends, p.template_options, "model.end_tokens"),
        reasoning(tokenizer, ends, p, {r: ring.reading[r].reasoning.opened for r in Role}),
    ):
        if told is not None:
            yield told


def _sample(
    ring: Ring, tasks: list[Task]
) -> tuple[list[list[Response]], list[list[Response]], list[list[Response]]]:
    """Responses of coder, tester and opponents."""
    s = ring.recipe.sampling
    coder = ring.sampler.sample(ring.prompts(tasks, Role.CODER, 1), s.programs)
    tester = ring.sampler.sample(ring.prompts(tasks, Role.TESTER, 1), s.tests)
    others: list[list[Response]] = [[] for _ in tasks]
    if asked := ring.recipe.opponents:
        others = ring.sampler.opponents(ring.opponents_prompts(tasks, 1), asked)
    return coder, tester, others


def _responses(
    ring: Ring,
    coder: list[list[Response]],
    tester: list[list[Response]],
    others: list[list[Response]],
    seconds: float,
) -> Iterator[Check]:
    every = [r for g in (*coder, *tester, *others) for r in g]
    tokens = sum(len(r.token_ids) for r in every)
    yield Check("sampling", f"{len(every)} responses, {tokens / seconds:,.0f} tokens/s")
    for role, groups in ((Role.CODER, coder), (Role.TESTER, tester)):
        rs = [r for g in groups for r in g]
        cut = sum(r.stop is StopReason.LENGTH for r in rs) / len(rs)
        why = unended(ring.trainer.tokenizer, ring.sampler.end_ids, ring.recipe.prompts, rs)
        why += unfinished(ring.reading[role].reasoning, rs)
        yield Check(
            f"{role} responses",
            f"{sum(len(r.token_ids) for r in rs) / len(rs):.0f} tokens on average, "
            f"{cut:.0%} cut off by sampling.{role}_max_tokens{''.join(f'; {w}' for w in why)}",
            cut > 0.5 or bool(why),
        )


def _rewards(scored: list[Scored]) -> Check:
    judged = [s.judged for s in scored]
    programs = [p for j in judged for p in j.programs]
    tests = [p for j in judged for p in j.tests]
    parsed = sum(p.source is not None for p in programs), sum(p.test is not None for p in tests)
    failures = [str(p.failure) for p in programs if p.failure]
    failures += [str(p.failure) for p in tests if p.failure]
    common = f"; most often {max(set(failures), key=failures.count)}" if failures else ""
    coder = np.concatenate([s.earned.coder_rewards.value for s in scored])
    tester = np.concatenate([s.earned.tester_rewards.value for s in scored])
    told = [
        f"{name} {np.nanmean(r):.3g} on average" if np.isfinite(r).any() else f"{name} none"
        for name, r in (("programs", coder), ("tests", tester))
    ]
    dropped = [a.dropped for s in scored for a in (s.earned.coder, s.earned.tester) if a.dropped]
    return Check(
        "parsing and reward",
        f"{parsed[0]} of {len(programs)} programs and {parsed[1]} of {len(tests)} tests could be "
        f"read{common}; rewards: {', '.join(told)}; {len(dropped)} of {2 * len(scored)} groups "
        f"teach nothing{f' ({dropped[0]})' if dropped else ''}",
        not all(parsed),
    )


def _learn(
    trainer: Trainer, coder: list[list[Response]], tester: list[list[Response]], tasks: int
) -> dict[Role, RoleStats]:
    """Forward and backward with made-up advantages, on the groups sampled, repeated until they
    fill a micro-batch as a step's would."""
    groups = [
        Group(
            role,
            rs[0].prompt_ids,
            trainer.temperature(role),
            tuple(learned_from(r, (-1.0) ** i, trainer.recipe) for i, r in enumerate(rs)),
        )
        for role, every in ((Role.CODER, coder), (Role.TESTER, tester))
        if trainer.learns(role)
        for rs in every
    ]
    size = sum(len(g.prompt_ids) + g.tokens for g in groups)
    full = -(-2 * trainer.recipe.learning.tokens_per_micro_batch // max(size, 1))
    stats = trainer.learner.gradient(groups * max(1, min(full, tasks // len(coder))))
    if not max(s.grad_norm for s in stats.values()) < float("inf"):
        raise RunError("the gradient of these groups is not finite: is the model damaged?")
    return stats


def _cost(
    recipe: Recipe, trainer: Trainer, place: Path, one: _OfOneTask, tasks: int
) -> Iterator[Check]:
    """``tasks``: of a step, at most."""
    t = recipe.training
    steps, ending = t.steps, ""
    if t.token_budget is not None:
        in_budget = math.ceil(t.token_budget / (one.tokens * t.tasks_per_step))
        if in_budget < steps:
            steps, ending = in_budget, ", which spend training.token_budget"
    step = one.seconds * tasks
    yield Check(
        "time, at most",
        f"{step:,.0f} s per step, {step * steps / 3600:.1f} h for {steps:,} steps{ending}, without "
        "evaluations (larger batches cost less per response)",
    )
    weights = sum(p.numel() * p.element_size() for p in trainer.model.parameters())
    learning = sum(4 * p.numel() for p in trainer.model.parameters() if p.requires_grad)
    plain = weights * (2 if recipe.model.adapters is Adapters.PER_ROLE else 1)
    checkpoint = plain + 2 * learning
    kept = checkpoint * (t.keep_checkpoints + 1)
    rollouts = one.record * tasks * steps / 3  # as measured: gzip leaves a third
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
        f"{used:.1f} GiB at most so far {where}; AdamW adds {2 * learning / 2**30:.2f} GiB",
    )
