"""Dry run's checks of a model: size, prompts, responses and rewards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup
from sparring.schema import Role, StopReason
from sparring.training.notes import embedded_prompts
from sparring.training.planning.check import Check
from sparring.training.planning.speech import end_tokens, reasoning, unended, unfinished
from sparring.training.pseudo_labels.frozen_tester import FrozenTester
from sparring.training.rollouts.context import RolloutContext
from sparring.training.state.trainer import Trainer


def model_check(trainer: Trainer) -> Check:
    """Return the line on the model's size, with a warning if its prompts may not suit it."""
    model = trainer.model
    every = sum(p.numel() for p in model.parameters())
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    more = "" if trainer.tokenizer.chat_template else "; no chat template: the plain form is used"
    if note := embedded_prompts(trainer.recipe, trainer.tokenizer):
        more += f"; {note}"
    return Check(
        "model",
        f"{every:,} parameters, {learning:,} learn, on {model.device}, "
        f"{trainer.recipe.model.precision}{more}",
        bool(more),
    )


def prompt_checks(context: RolloutContext, trainer: Trainer) -> Iterator[Check]:
    """Yield lines on prompts' lengths, end tokens and reasoning."""
    for role in Role:
        lengths = sorted(
            len(p.token_ids) for p in context.prompts.of_step(1, context.prompts.tasks, role)
        )
        limit = context.recipe.prompts.max_tokens
        yield Check(
            f"{role} prompts",
            f"{lengths[0]} to {lengths[-1]} tokens, median {lengths[len(lengths) // 2]}, "
            f"limit {limit}",
        )
    p, tokenizer, ends = context.recipe.prompts, trainer.tokenizer, context.policies.end_ids
    for check in (
        end_tokens(tokenizer, ends, p.template_options, "model.end_tokens"),
        reasoning(
            tokenizer, ends, p, {r: context.prompts.reading[r].reasoning.opened for r in Role}
        ),
    ):
        if check is not None:
            yield check


def response_checks(
    context: RolloutContext, trainer: Trainer, results: Sequence[GroupResult], seconds: float
) -> Iterator[Check]:
    """Yield lines on responses: the rate of sampling, their lengths, and the share cut off.
    ``seconds`` is the time of sampling."""
    every = [r for j in results for r in (*j.coder, *j.tester, *j.initial_policy_programs)]
    tokens = sum(len(r.token_ids) for r in every)
    yield Check("sampling", f"{len(every)} responses, {tokens / seconds:,.0f} tokens/s")
    for role in Role:
        rs = [r for j in results for r in (j.coder if role is Role.CODER else j.tester)]
        cut = sum(r.stop is StopReason.LENGTH for r in rs) / len(rs)
        why = unended(trainer.tokenizer, context.policies.end_ids, context.recipe.prompts, rs)
        why += unfinished(context.prompts.reading[role].reasoning, rs)
        yield Check(
            f"{role} responses",
            f"{sum(len(r.token_ids) for r in rs) / len(rs):.0f} tokens on average, "
            f"{cut:.0%} cut off by sampling.{role}_max_tokens{''.join(f'; {w}' for w in why)}",
            cut > 0.5 or bool(why),
        )


def reward_check(scored: Sequence[ScoredGroup]) -> Check:
    """Return the line on programs and tests that could be read, their mean rewards, and the groups
    without a learning signal."""
    groups = [s.group for s in scored]
    programs = [p for j in groups for p in j.programs]
    tests = [p for j in groups for p in j.tests]
    parsed = sum(p.source is not None for p in programs), sum(p.test is not None for p in tests)
    failures = [str(p.failure) for p in programs if p.failure]
    failures += [str(p.failure) for p in tests if p.failure]
    common = f"; most often {max(set(failures), key=failures.count)}" if failures else ""
    coder = np.concatenate([s.earned.coder_rewards.value for s in scored])
    tester = np.concatenate([s.earned.tester_rewards.value for s in scored])
    means = [
        f"{name} {np.nanmean(r):.3g} on average" if np.isfinite(r).any() else f"{name} none"
        for name, r in (("programs", coder), ("tests", tester))
    ]
    dropped = [a.dropped for s in scored for a in (s.earned.coder, s.earned.tester) if a.dropped]
    return Check(
        "parsing and reward",
        f"{parsed[0]} of {len(programs)} programs and {parsed[1]} of {len(tests)} tests could be "
        f"read{common}; rewards: {', '.join(means)}; {len(dropped)} of {2 * len(scored)} groups "
        f"have no learning signal{f' ({dropped[0]})' if dropped else ''}",
        not all(parsed),
    )


def frozen_tester_check(frozen_tester: FrozenTester, results: Sequence[GroupResult]) -> Check:
    """Return the line on the frozen tester: prompts' lengths, tests that could be read, end tokens
    and reasoning."""
    lengths = frozen_tester.lengths()
    tests = [p for j in results if j.pseudo_labels for p in j.pseudo_labels.tests]
    read = sum(p.test is not None for p in tests)
    plain = (
        ""
        if frozen_tester.tokenizer.chat_template
        else "; no chat template: the plain form is used"
    )
    s, prompts = frozen_tester.recipe.pseudo_labels, frozen_tester.recipe.prompts
    ends, opened = frozen_tester.end_ids, frozen_tester.reading.reasoning.opened
    checks = [
        c
        for c in (
            end_tokens(
                frozen_tester.tokenizer, ends, s.template_options, "pseudo_labels.end_tokens"
            ),
            reasoning(frozen_tester.tokenizer, ends, prompts, {Role.TESTER: opened}),
        )
        if c is not None
    ]
    more = "".join(f"; {c.name}: {c.text}" for c in checks)
    return Check(
        "frozen tester",
        f"prompts of {lengths[0]} to {lengths[-1]} tokens; {read} of {len(tests)} tests "
        f"could be read{plain}{more}",
        read < len(tests) / 2 or bool(plain) or any(c.warning for c in checks),
    )
