"""Losses worked out by hand, and what every switch of the update changes."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.learner.loss import Tokens, kl_terms, token_loss, token_weights
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import (
    ImportanceLevel,
    KLEstimator,
    KLPlace,
    LearningSettings,
    LossAggMode,
    Objective,
    OldLogprobs,
    OptimizerState,
    Reference,
    UpdateMode,
)
from sparring.learner.update import Learner
from sparring.policy.settings import Precision
from sparring.schema import Role
from tests.learner.one_step import ONE_STEP
from tests.learner.test_update import gradients, groups
from tests.nano import tiny_model

NO_KL = ONE_STEP.changed(kl_coef=0.0)


def tokens(ratio: list[float], row: list[int], advantage: list[float]) -> Tokens:
    return Tokens(
        torch.tensor(ratio).log().requires_grad_(),
        torch.tensor(row),
        torch.zeros(len(ratio)),
        torch.tensor(advantage),
    )


def test_the_surrogate_by_hand() -> None:
    t = tokens([1.0, 1.5, 0.5, 1.5, 0.5], [0, 1, 1, 2, 2], [2.0, 1.0, 1.0, -1.0, -1.0])
    found = token_loss(t, NO_KL)
    torch.testing.assert_close(found.loss, torch.tensor([-2.0, -1.2, -0.5, 1.5, 0.8]))
    assert found.clipped.tolist() == [False, True, False, False, True]


def test_the_upper_clip_may_be_wider() -> None:
    t = tokens([1.25, 1.5, 0.7], [0, 0, 0], [1.0, 1.0, -1.0])
    found = token_loss(t, NO_KL.changed(clip_eps_high=0.28))
    torch.testing.assert_close(found.loss, torch.tensor([-1.25, -1.28, 0.8]))
    assert found.clipped.tolist() == [False, True, True]


def test_the_ratio_of_a_response_is_the_product_or_the_geometric_mean() -> None:
    t = tokens([1.1, 1.2, 0.9], [0, 0, 1], [1.0, 1.0, 1.0])
    product = token_loss(t, NO_KL.changed(importance_level=ImportanceLevel.SEQUENCE_PRODUCT))
    torch.testing.assert_close(product.ratio, torch.tensor([1.32, 1.32, 0.9]))
    assert product.clipped.tolist() == [True, True, False]
    mean = token_loss(t, NO_KL.changed(importance_level=ImportanceLevel.GSPO))
    torch.testing.assert_close(mean.ratio, torch.tensor([math.sqrt(1.32)] * 2 + [0.9]))


def test_at_ratio_one_the_sequence_loss_has_the_gradient_of_the_summed_log_probs() -> None:
    """∇ρ = Σ ∇ log π: with mean over the response the tokens share one such term."""
    t = tokens([1.0, 1.0, 1.0], [0, 0, 1], [2.0, 2.0, -1.0])
    loss = token_loss(t, NO_KL.changed(importance_level=ImportanceLevel.SEQUENCE_PRODUCT)).loss
    weight = token_weights(t.row, LossAggMode.SEQ_MEAN_TOKEN_MEAN, 3, 2)
    (loss * weight).sum().backward()
    assert t.logprob.grad is not None
    torch.testing.assert_close(t.logprob.grad, torch.tensor([-1.0, -1.0, 0.5]))


def test_averages_by_hand() -> None:
    row = torch.tensor([0, 0, 0, 1])
    assert token_weights(row, LossAggMode.TOKEN_MEAN, 4, 2).tolist() == [0.25] * 4
    assert token_weights(row, LossAggMode.SEQ_MEAN_TOKEN_SUM, 4, 2).tolist() == [0.5] * 4
    expected = torch.tensor([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    torch.testing.assert_close(token_weights(row, LossAggMode.SEQ_MEAN_TOKEN_MEAN, 4, 2), expected)


def test_likelihood_is_the_log_probs_of_what_was_good() -> None:
    t = tokens([1.7, 0.2], [0, 1], [1.0, 1.0])
    found = token_loss(t, NO_KL.changed(objective=Objective.LIKELIHOOD))
    torch.testing.assert_close(found.loss, -torch.tensor([1.7, 0.2]).log())


def test_kl_estimators_are_zero_at_the_reference_and_positive_elsewhere() -> None:
    logprob, reference = torch.tensor([-1.0, -2.0]), torch.tensor([-1.0, -1.5])
    k3 = kl_terms(logprob, reference, KLEstimator.K3)
    torch.testing.assert_close(k3, torch.tensor([0.0, math.exp(0.5) - 0.5 - 1]))
    k2 = kl_terms(logprob, reference, KLEstimator.K2)
    torch.testing.assert_close(k2, torch.tensor([0.0, 0.125]))
    t = replace(tokens([1.0, 1.0], [0, 0], [0.0, 0.0]), logprob=logprob, old=logprob)
    found = token_loss(replace(t, reference=reference), ONE_STEP.changed(kl_coef=0.5))
    torch.testing.assert_close(found.loss, 0.5 * found.kl)


def test_k3_is_unbiased_under_the_policy() -> None:
    """Over a distribution of four tokens, exactly."""
    p, q = torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([0.4, 0.3, 0.2, 0.1])
    mean = (p * kl_terms(p.log(), q.log(), KLEstimator.K3)).sum()
    torch.testing.assert_close(mean, (p * (p / q).log()).sum())


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=8), st.floats(0.1, 10))
def test_a_bounded_k3_is_k3_up_to_its_bound_and_never_pulls_harder(
    deltas: list[float], bound: float
) -> None:
    """Its value and gradient by δ against the formula; beyond the bound the pull stays, at the
    strength that it has there."""
    logprob = torch.tensor(deltas, dtype=torch.float64).neg().requires_grad_()
    zero = torch.zeros(len(deltas), dtype=torch.float64)
    found = kl_terms(logprob, zero, KLEstimator.K3, bound)
    [gradient] = torch.autograd.grad(found.sum(), logprob)
    for x, kl, slope in zip(deltas, found.tolist(), gradient.tolist(), strict=True):
        if x <= bound:
            assert kl == pytest.approx(math.exp(x) - x - 1, rel=1e-12, abs=1e-12)
        else:  # the tangent: the value at the bound and its slope times what is beyond
            at, rise = math.exp(bound) - bound - 1, math.exp(bound) - 1
            assert kl == pytest.approx(at + rise * (x - bound))
        assert slope == pytest.approx(1 - math.exp(min(x, bound)))


def test_one_improbable_token_does_not_drown_the_others() -> None:
    """A token at −14 where the reference has −0.7, among 99 that are a little off."""
    reference = torch.full((100,), -0.7)
    logprob = (reference - 0.1).clone()
    logprob[0] = -14.0
    length = {}
    for bound in (None, 3.0):
        own = logprob.clone().requires_grad_()
        kl_terms(own, reference, KLEstimator.K3, bound).sum().backward()
        assert own.grad is not None
        length[bound] = float(own.grad[0].abs() / own.grad[1:].norm())
    assert length[None] > 100_000
    assert length[3.0] < 20


every_loss = st.builds(
    lambda **fields: ONE_STEP.model_copy(update=fields),  # what a recipe refuses as well
    ratio=st.sampled_from(ImportanceLevel),
    average=st.sampled_from(LossAggMode),
    kl=st.sampled_from([0.0, 0.1]),
    kl_bound=st.sampled_from([None, 0.5]),
    kl_estimator=st.sampled_from(KLEstimator),
    kl_place=st.sampled_from(KLPlace),
    objective=st.sampled_from(Objective),
)


@settings(max_examples=15, deadline=None)
@given(st.integers(6, 120), every_loss)
def test_no_split_changes_the_gradient_of_any_loss(budget: int, loss: LearningSettings) -> None:
    def gradient(size: int) -> torch.Tensor:
        still = {"tokens_per_micro_batch": size, "max_grad_norm": 1e9, "learning_rate": 1e-9}
        learner = Learner(tiny_model(), loss.model_copy(update=still))
        moved(learner.reference)
        learner.update(groups())
        return gradients(learner.model)

    torch.testing.assert_close(gradient(budget), gradient(100_000), atol=5e-5, rtol=1e-3)


def moved(model: torch.nn.Module | None) -> None:
    """Make a reference differ from the model, so that the KL is not 0."""
    if model is not None:
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(1.05)


def weights_after(updates: int = 1, **settings_of: object) -> torch.Tensor:
    learner = Learner(tiny_model(), ONE_STEP.changed(learning_rate=1e-3, **settings_of))
    for _ in range(updates):
        learner.update(groups())
    return torch.cat([p.detach().flatten() for p in learner.model.parameters()])


def test_the_trainers_own_old_log_probs_repair_a_sampler_that_is_off() -> None:
    off = [
        replace(
            g,
            samples=tuple(
                replace(s, sampled_logprobs=tuple(x - 0.1 for x in s.sampled_logprobs))
                for s in g.samples
            ),
        )
        for g in groups()
    ]

    def after(how: OldLogprobs, batch: list[SampleGroup], cap: float | None = None) -> torch.Tensor:
        loss = ONE_STEP.changed(kl_coef=0.0, tis_cap=cap)
        learner = Learner(
            tiny_model(),
            loss.changed(learning_rate=1e-3, max_grad_norm=1e9, old_logprobs=how),
        )
        stats = learner.update(batch)
        assert stats[Role.CODER].logprob_gap == pytest.approx(0.1 if batch is off else 0, abs=1e-5)
        return gradients(learner.model)

    right = after(OldLogprobs.ROLLOUT, groups())
    torch.testing.assert_close(after(OldLogprobs.RECOMPUTED, off), right, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(after(OldLogprobs.ROLLOUT, off), right, atol=1e-4)
    # the sampler was e^0.1 too low everywhere: weights e^0.1, or 1.05 where they are cut
    weighed = after(OldLogprobs.RECOMPUTED, off, 2.0)
    torch.testing.assert_close(weighed, right * math.exp(0.1), atol=1e-5, rtol=1e-4)
    capped = after(OldLogprobs.RECOMPUTED, off, 1.05)
    torch.testing.assert_close(capped, right * 1.05, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("how", "known"), [(OldLogprobs.RECOMPUTED, True), (OldLogprobs.ROLLOUT, False)]
)
def test_the_testers_gap_is_known_where_its_log_probs_were_computed_first(
    how: OldLogprobs, known: bool
) -> None:
    """Coders learn first, so that the pass that learns from testers comes too late."""
    settings = ONE_STEP.changed(
        learning_rate=5e-2,
        old_logprobs=how,
        mode=UpdateMode.SEPARATE,
        num_minibatches=2,
        ppo_epochs=2,
    )
    stats = Learner(tiny_model(), settings).update(groups())[Role.TESTER]
    tokens = sum(g.tokens for g in groups() if g.role is Role.TESTER)
    assert stats.gap_tokens == (tokens if known else 0)
    assert math.isnan(stats.logprob_gap) is not known
    assert not stats.logprob_gap > 1e-5


def test_old_log_probs_of_each_step_keep_the_ratio_at_one() -> None:
    def largest(how: OldLogprobs) -> float:
        learner = Learner(
            tiny_model(),
            ONE_STEP.changed(num_minibatches=2, ppo_epochs=2, learning_rate=3e-2, old_logprobs=how),
        )
        return learner.update(groups())[Role.CODER].largest_ratio

    assert largest(OldLogprobs.PER_STEP) == pytest.approx(1, abs=1e-5)
    assert largest(OldLogprobs.ROLLOUT) > 1.01
    assert largest(OldLogprobs.RECOMPUTED) > 1.01


def test_epochs_are_further_optimiser_steps_on_the_same_batch() -> None:
    learner = Learner(
        tiny_model(), ONE_STEP.changed(num_minibatches=2, ppo_epochs=3, learning_rate=1e-3)
    )
    stats = learner.update(groups(role=Role.CODER))
    assert stats[Role.CODER].optimizer_steps == 6
    assert stats[Role.CODER].tokens == 3 * sum(g.tokens for g in groups())


def test_the_optimiser_may_forget_between_steps() -> None:
    fresh = {"optimizer_state": OptimizerState.STEP}
    assert torch.equal(weights_after(1), weights_after(1, **fresh))
    assert not torch.equal(weights_after(2), weights_after(2, **fresh))


def test_a_forgetful_optimiser_keeps_its_step_size() -> None:
    learner = Learner(
        tiny_model(), ONE_STEP.changed(learning_rate=1e-3, optimizer_state=OptimizerState.STEP)
    )
    learner.set_learning_rate(0.0)
    before = copy.deepcopy(learner.model.state_dict())
    learner.update(groups())
    assert all(torch.equal(before[k], v) for k, v in learner.model.state_dict().items())


def test_bfloat16_masters_lose_what_does_not_fit() -> None:
    rounded = weights_after(1, master_weights=Precision.BFLOAT16)
    assert torch.equal(rounded, rounded.bfloat16().float())
    assert torch.equal(rounded, weights_after(1).bfloat16().float())


def test_a_reference_of_the_step_has_no_force_on_a_single_update() -> None:
    """As in the official code: the KL is to the policy itself."""
    own = ONE_STEP.changed(kl_coef=1.0, reference=Reference.STEP)

    def gradient(loss: LearningSettings) -> torch.Tensor:
        learner = Learner(tiny_model(), loss.changed(max_grad_norm=1e9))
        learner.update(groups())
        return gradients(learner.model)

    torch.testing.assert_close(gradient(own), gradient(NO_KL), atol=2e-5, rtol=1e-3)
    assert Learner(tiny_model(), own).reference is None


def test_kl_in_the_reward_moves_advantages_within_a_group() -> None:
    learner = Learner(tiny_model(), ONE_STEP.changed(kl_coef=0.5, kl_place=KLPlace.REWARD))
    assert learner.reference is not None
    moved(learner.reference)
    before = groups()
    after, by_role = learner.passes.penalised(before)
    changes = [
        [b.advantage - a.advantage for a, b in zip(g.samples, h.samples, strict=True)]
        for g, h in zip(before, after, strict=True)
    ]
    for change in changes:
        assert sum(change) == pytest.approx(0, abs=1e-4)
    assert max(abs(c) for change in changes for c in change) > 1e-3
    # the response that the reference finds least likely, against the policy, loses most
    g = before[2]
    cost = [
        0.5 * float(kl_terms(torch.tensor(s.sampled_logprobs), r, KLEstimator.K3).sum())
        for s, r in zip(g.samples, reference_logprobs(learner, g), strict=True)
    ]
    expected = [sum(cost) / len(cost) - c for c in cost]
    assert changes[2] == pytest.approx(expected, abs=1e-4)
    [tester] = [h for h in before if h.role is Role.TESTER]
    values = reference_logprobs(learner, tester)
    kl = [
        kl_terms(torch.tensor(s.sampled_logprobs), r, KLEstimator.K3)
        for s, r in zip(tester.samples, values, strict=True)
    ]
    assert by_role[Role.TESTER] == pytest.approx(float(torch.cat(kl).mean()), rel=1e-4)


@pytest.mark.parametrize(("epochs", "bound"), [(1, None), (2, None), (2, 0.05)])
def test_the_kl_in_the_reward_is_told_as_that_in_the_loss_is(
    epochs: int, bound: float | None
) -> None:
    """Of the policy that sampled, which the loss meets in the first optimiser step."""

    def told(place: KLPlace, epochs: int, bound: float | None = bound) -> float:
        loss = ONE_STEP.changed(kl_coef=0.5, kl_place=place, kl_bound=bound)
        learner = Learner(tiny_model(), loss.changed(ppo_epochs=epochs))
        assert learner.reference is not None
        moved(learner.reference)
        return learner.update(groups())[Role.TESTER].kl

    in_the_loss = told(KLPlace.LOSS, 1)
    assert told(KLPlace.REWARD, epochs) == pytest.approx(in_the_loss, rel=1e-3)
    assert in_the_loss > 1e-3
    if bound is not None:
        assert in_the_loss < 0.98 * told(KLPlace.LOSS, 1, None)


def reference_logprobs(learner: Learner, group: SampleGroup) -> list[torch.Tensor]:
    return learner.passes.of_reference([[replace(group, samples=(s,))] for s in group.samples])
