"""The update: exact log-probs, split-proof gradients, and weights that move only for a reason."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import LearningSettings, OldLogprobs, UpdateMode
from sparring.learner.update import Learner
from sparring.schema import Role
from tests.learner.one_step import ONE_STEP
from tests.nano import tiny_model

LENGTHS = ((5, 3, 9), (1, 4), (7, 7, 2, 6))


def groups(
    advantage: float | None = None, temperature: float = 0.8, role: Role | None = None
) -> list[SampleGroup]:
    """Three groups of random responses, with the old log-probs of the tiny model."""
    return list(_groups(advantage, temperature, role))


@functools.cache
def _groups(
    advantage: float | None, temperature: float, role: Role | None
) -> tuple[SampleGroup, ...]:
    generator = torch.Generator().manual_seed(3)
    found = []
    for i, lengths in enumerate(LENGTHS):
        prompt = tuple(torch.randint(2, 50, (2 + 3 * i,), generator=generator).tolist())
        samples = []
        for j, length in enumerate(lengths):
            ids = tuple(torch.randint(2, 50, (length,), generator=generator).tolist())
            a = (-1.0) ** j * (1 + 0.3 * i) if advantage is None else advantage
            samples.append(Sample(ids, (0.0,) * length, a))
        kind = role or (Role.CODER if i % 2 == 0 else Role.TESTER)
        found.append(SampleGroup(kind, prompt, temperature, tuple(samples)))
    return tuple(with_old(tiny_model(), g) for g in found)


def with_old(model: torch.nn.Module, group: SampleGroup) -> SampleGroup:
    samples = tuple(
        Sample(s.token_ids, tuple(plain(model, group, s).tolist()), s.advantage)
        for s in group.samples
    )
    return SampleGroup(group.role, group.prompt_ids, group.temperature, samples)


def plain(model: torch.nn.Module, group: SampleGroup, sample: Sample) -> torch.Tensor:
    ids = torch.tensor([[*group.prompt_ids, *sample.token_ids]])
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0].float() / group.temperature
    steps = torch.log_softmax(logits[len(group.prompt_ids) - 1 : -1], -1)
    return steps.gather(1, torch.tensor(sample.token_ids)[:, None])[:, 0]


def gradients(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_shared_prompts_give_the_log_probs_of_plain_rows() -> None:
    model = tiny_model()
    found = response_logprobs(model, groups())
    expected = torch.cat([plain(model, g, s) for g in groups() for s in g.samples])
    torch.testing.assert_close(found.logprob, expected, atol=1e-5, rtol=1e-5)
    assert found.row.tolist() == [
        row
        for row, length in enumerate(n for lengths in LENGTHS for n in lengths)
        for _ in range(length)
    ]


def test_shared_prompts_give_the_gradient_of_plain_rows() -> None:
    model = tiny_model()
    response_logprobs(model, groups()).logprob.sum().backward()
    shared = gradients(model)
    model.zero_grad()
    total = torch.zeros(())
    for g in groups():
        for s in g.samples:
            ids = torch.tensor([[*g.prompt_ids, *s.token_ids]])
            logits = model(input_ids=ids).logits[0].float() / g.temperature
            steps = torch.log_softmax(logits[len(g.prompt_ids) - 1 : -1], -1)
            total = total + steps.gather(1, torch.tensor(s.token_ids)[:, None]).sum()
    total.backward()
    torch.testing.assert_close(shared, gradients(model), atol=1e-4, rtol=1e-4)


def test_several_threads_give_the_same_gradient_every_time() -> None:
    """Large enough that the copies of a prompt's keys are added up by more than one thread."""
    generator = torch.Generator().manual_seed(1)

    def ids(length: int) -> tuple[int, ...]:
        return tuple(torch.randint(2, 50, (length,), generator=generator).tolist())

    samples = [Sample(ids(3 + i % 5), (0.0,) * (3 + i % 5), 1.0) for i in range(24)]
    both = [SampleGroup(Role.CODER, ids(60), 1.0, tuple(samples)) for _ in range(2)]
    model, found = tiny_model(), []
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        for _ in range(8):
            model.zero_grad()
            response_logprobs(model, both).logprob.sum().backward()
            found.append(gradients(model))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(found[0], other) for other in found)


def test_entropy_is_that_of_the_sampling_distribution() -> None:
    model = tiny_model()
    [group] = groups()[1:2]
    found = response_logprobs(model, [group])
    ids = torch.tensor([list(group.prompt_ids)])
    with torch.no_grad():
        p = torch.softmax(model(input_ids=ids).logits[0, -1] / group.temperature, -1)
    assert float(found.entropy[0]) == pytest.approx(float(-(p * p.log()).sum()), abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(6, 120))
def test_no_split_into_micro_batches_changes_the_gradient(budget: int) -> None:
    torch.testing.assert_close(split(budget), split(100_000), atol=2e-5, rtol=1e-4)


@functools.cache
def split(tokens: int) -> torch.Tensor:
    """The gradient where so many tokens go into a micro-batch."""
    learner = Learner(
        tiny_model(),
        ONE_STEP.changed(tokens_per_micro_batch=tokens, max_grad_norm=1e9, learning_rate=1e-9),
    )
    learner.update(groups())
    return gradients(learner.model)


def test_zero_advantages_leave_the_weights_bit_for_bit() -> None:
    learner = Learner(tiny_model(), ONE_STEP.changed(learning_rate=1e-2, kl_coef=0.0))
    before = copy.deepcopy(learner.model.state_dict())
    for _ in range(5):
        learner.update(groups(advantage=0.0))
    after = learner.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_an_update_makes_rewarded_responses_likelier() -> None:
    learner = Learner(tiny_model(), ONE_STEP.changed(learning_rate=1e-3))
    rewarded = [s.advantage > 0 for g in groups() for s in g.samples]
    before = _per_response(learner)
    learner.update(groups())
    change = _per_response(learner) - before
    assert change[torch.tensor(rewarded)].mean() > 0
    assert change[~torch.tensor(rewarded)].mean() < 0


def _per_response(learner: Learner) -> torch.Tensor:
    with torch.no_grad():
        found = response_logprobs(learner.model, groups())
    return torch.zeros(9).index_add(0, found.row, found.logprob)


def test_the_first_ratio_is_one_at_any_temperature() -> None:
    learner = Learner(tiny_model(), ONE_STEP.changed(learning_rate=1e-3))
    for s in learner.update(groups(temperature=0.8)).values():
        assert s.largest_ratio == pytest.approx(1, abs=1e-5)
        assert s.logprob_gap_max < 1e-5


def test_separate_updates_leave_the_testers_old_log_probs_alone() -> None:
    """After the coders' optimiser step the testers' ratio is no longer 1, and the clip is real."""
    both = [*groups(role=Role.CODER), *groups(role=Role.TESTER)]
    joint = Learner(tiny_model(), ONE_STEP.changed(learning_rate=5e-2)).update(both)
    assert joint[Role.TESTER].largest_ratio == pytest.approx(1, abs=1e-5)
    learner = Learner(tiny_model(), ONE_STEP.changed(learning_rate=5e-2, mode=UpdateMode.SEPARATE))
    separate = learner.update(both)
    assert separate[Role.CODER].largest_ratio == pytest.approx(1, abs=1e-5)
    assert separate[Role.TESTER].largest_ratio > 1.01
    assert separate[Role.TESTER].clip_share > 0


def test_the_optimiser_state_survives_a_round_trip() -> None:
    one = Learner(tiny_model(), ONE_STEP.changed(learning_rate=1e-2))
    one.update(groups())
    other = Learner(tiny_model(), ONE_STEP.changed(learning_rate=1e-2))
    other.model.load_state_dict(one.model.state_dict())
    other.load_state(copy.deepcopy(one.state()))
    one.update(groups())
    other.update(groups())
    a, b = one.model.state_dict(), other.model.state_dict()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_the_reference_never_moves() -> None:
    learner = Learner(tiny_model(), ONE_STEP.changed(learning_rate=1e-2))
    assert learner.reference is not None
    before = copy.deepcopy(learner.reference.state_dict())
    stats = [learner.update(groups()) for _ in range(2)]
    after = learner.reference.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert stats[0][Role.CODER].kl < 1e-6 < stats[1][Role.CODER].kl


def test_nothing_to_learn_changes_nothing() -> None:
    learner = Learner(tiny_model(), ONE_STEP.changed(learning_rate=1e-2))
    before = copy.deepcopy(learner.model.state_dict())
    learner.update([])
    assert all(torch.equal(before[k], v) for k, v in learner.model.state_dict().items())


def test_every_pass_is_told_when_it_begins_and_changes_nothing() -> None:
    """A micro-batch has one response: seven of the coder (3 and 4), two of the tester. The second
    minibatch, of four and two responses, gets its old log-probs before the first moves the
    weights."""
    settings = LearningSettings(
        num_minibatches=2, ppo_epochs=2, kl_bound=None, tokens_per_micro_batch=8,
        old_logprobs=OldLogprobs.RECOMPUTED,
    )  # fmt: skip
    told: list[tuple[str, int, int]] = []
    heard, unheard = (Learner(tiny_model(), settings) for _ in range(2))
    heard.update(groups(), lambda kind, number, total: told.append((kind.name, number, total)))
    unheard.update(groups())
    assert told == [
        *(("REFERENCE", k, 9) for k in range(1, 10)),
        *(("OLD", k, 6) for k in range(1, 7)),
        *(("UPDATE", k, 18) for k in range(1, 19)),
    ]
    pairs = zip(heard.model.parameters(), unheard.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
