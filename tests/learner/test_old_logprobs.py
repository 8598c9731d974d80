"""What a ratio is against: of the policy in the very micro-batches that are learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.gradients import Gradients
from sparring.learner.logprobs.compute import ResponseLogprobs
from sparring.learner.passes import Passes
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import (
    ImportanceLevel,
    LearningSettings,
    OldLogprobs,
    UpdateMode,
)
from sparring.learner.stats import RoleStats
from sparring.learner.update import Learner
from sparring.schema import Role
from tests.learner.one_step import IN_BFLOAT16, ONE_STEP
from tests.learner.test_update import groups
from tests.nano import tiny_model

BF16 = ONE_STEP.changed(
    old_logprobs=OldLogprobs.RECOMPUTED,
    learning_rate=1e-3,
    tokens_per_micro_batch=40,
    kl_coef=0.0,
    importance_level=ImportanceLevel.SEQUENCE_PRODUCT,
)


def batch() -> list[SampleGroup]:
    """Both roles, with enough groups for several micro-batches in each of two parts."""
    coder, tester = groups(role=Role.CODER), groups(role=Role.TESTER)
    return [*coder, *coder[::-1], *tester, *tester[::-1]]


class Rounding:
    """A model whose log-probs depend on what is computed beside them, as they do in bfloat16 on a
    GPU. It counts passes: with gradient, and without."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, size: float = 0.3) -> None:
        self.with_gradient, self.without = 0, 0
        real = Passes.logprobs

        def logprobs(passes: Passes, model: Any, batch: list[SampleGroup]) -> ResponseLogprobs:
            found = real(passes, model, batch)
            if found.logprob.requires_grad:
                self.with_gradient += 1
            else:
                self.without += 1
            beside = repr([(g.prompt_ids, [s.token_ids for s in g.samples]) for g in batch])
            seed = torch.Generator().manual_seed(int.from_bytes(beside.encode()[-900:]) % 2**40)
            noise = size * torch.randn(found.logprob.shape, generator=seed)
            return replace(found, logprob=found.logprob + noise)

        monkeypatch.setattr(Passes, "logprobs", logprobs)


def ratios(stats: dict[Role, RoleStats]) -> set[float]:
    found = {r for s in stats.values() if s.tokens for r in (s.smallest_ratio, s.largest_ratio)}
    assert found
    return found


def still(settings: LearningSettings, distributed: DistributedContext | None = None) -> Learner:
    """A learner in bfloat16 whose steps move nothing."""
    learner = Learner(tiny_model(), settings, IN_BFLOAT16, distributed)
    learner.set_learning_rate(0.0)
    return learner


@pytest.mark.parametrize("mode", list(UpdateMode))
@pytest.mark.parametrize("how", [OldLogprobs.RECOMPUTED, OldLogprobs.PER_STEP])
def test_in_bfloat16_the_ratio_of_weights_that_stand_still_is_exactly_one(
    mode: UpdateMode, how: OldLogprobs
) -> None:
    """In all optimiser steps: first and later parts, and epochs."""
    settings = BF16.changed(mode=mode, old_logprobs=how, num_minibatches=2, ppo_epochs=2)
    assert ratios(still(settings).update(batch())) == {1.0}
    sampled = settings.changed(old_logprobs=OldLogprobs.ROLLOUT)
    assert ratios(still(sampled).update(batch())) != {1.0}


@pytest.mark.parametrize("mode", list(UpdateMode))
@pytest.mark.parametrize("rank", [0, 1])
def test_old_log_probs_are_of_the_micro_batches_that_are_learned_from(
    mode: UpdateMode, rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each process: whoever computed them in others would see rounding as a ratio."""
    distributed = Alone(rank, 2)
    monkeypatch.setattr(Gradients, "_sum", lambda self: None)
    rounding = Rounding(monkeypatch)
    settings = BF16.changed(mode=mode, num_minibatches=2, ppo_epochs=2)
    learner = still(settings, distributed)
    assert ratios(learner.update(batch())) == {1.0}
    assert rounding.without == rounding.with_gradient / settings.ppo_epochs / 2  # of two parts, one
    assert not learner.passes.old._logprobs  # nothing is left for the next update


class Alone(DistributedContext):
    """One of several processes, whose others say nothing."""

    def _reduced(self, values: Any, how: Any) -> list[float]:
        return list(values)

    def _send(self, items: list[Any]) -> list[Any]:
        return items

    def gather(self, value: Any) -> list[Any]:
        return [value] * self.size


def test_with_one_optimiser_step_per_role_no_pass_is_made_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The paper's setting: ratios of both roles are 1 although the coder's step moves the weights,
    and with them all rounding."""
    rounding = Rounding(monkeypatch, 0.0)
    settings = BF16.changed(mode=UpdateMode.SEPARATE)
    stats = Learner(tiny_model(), settings, IN_BFLOAT16).update(batch())
    assert ratios(stats) == {1.0}
    assert rounding.without == 0
    assert all(s.gap_tokens == s.tokens for s in stats.values())
    assert all(s.first_clip_share == 0 for s in stats.values())
    # in float32 the ratio is to the policy that the step began with
    stats = Learner(tiny_model(), settings).update(batch())
    assert stats[Role.CODER].largest_ratio == 1
    assert stats[Role.TESTER].largest_ratio > 1.01


def test_the_distance_of_sampler_and_trainer_by_hand() -> None:
    """Log-probs of the sampler that are 0.1 too low, and 0.2 too high in one response."""
    [first, *_] = groups(role=Role.CODER)
    shift = (0.1, -0.2, 0.1)
    off = replace(
        first,
        samples=tuple(
            replace(s, sampled_logprobs=tuple(x - d for x in s.sampled_logprobs))
            for s, d in zip(first.samples, shift, strict=True)
        ),
    )
    lengths = [len(s.token_ids) for s in first.samples]
    sums = [d * n for d, n in zip(shift, lengths, strict=True)]
    for how, cap in ((OldLogprobs.ROLLOUT, None), (OldLogprobs.RECOMPUTED, 1.05)):
        loss = ONE_STEP.changed(
            kl_coef=0.0,
            importance_level=ImportanceLevel.SEQUENCE_PRODUCT,
            tis_cap=cap,
            clip_eps_low=0.15,
        )
        settings = loss.changed(old_logprobs=how)
        s = Learner(tiny_model(), settings).update([off])[Role.CODER]
        assert s.response_gap == pytest.approx(sum(map(abs, sums)) / 3, abs=1e-5)
        assert s.response_gap_max == pytest.approx(max(map(abs, sums)), abs=1e-5)
        weights = [
            min(torch.tensor(d).exp().item(), cap or 9)
            for d, n in zip(shift, lengths, strict=True)
            for _ in range(n)
        ]
        ess = sum(weights) ** 2 / len(weights) / sum(w * w for w in weights)
        assert s.weights_ess == pytest.approx(ess, abs=1e-5)
        # ratios e^0.5, e^-0.6, e^0.9 with advantages +, −, +: all beyond 0.15 where it is clipped
        assert s.first_clip_share == pytest.approx(1.0 if how is OldLogprobs.ROLLOUT else 0.0)


def test_a_share_of_tokens_where_ratios_are_of_tokens() -> None:
    [first, *_] = groups(role=Role.CODER)
    [one, *others] = first.samples
    low = replace(one, sampled_logprobs=(one.sampled_logprobs[0] - 1, *one.sampled_logprobs[1:]))
    off = replace(first, samples=(low, *others))
    s = Learner(tiny_model(), ONE_STEP.changed(ppo_epochs=2)).update([off])[Role.CODER]
    assert s.first_clip_share == pytest.approx(1 / first.tokens)
    assert s.first_units == first.tokens  # of the first step alone
