"""Operations of an update, counted by torch itself; peaks by the names that drivers give."""

from __future__ import annotations

import pytest
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.peaks import dense_peak
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import LearningSettings, LogprobBackend, OldLogprobs
from sparring.learner.update import Learner
from sparring.learner.work import work_of
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings, Precision
from sparring.policy.shape import shape_of
from sparring.schema import Role
from tests.learner.one_step import ONE_STEP

CONFIG = LlamaConfig(
    vocab_size=50,
    hidden_size=16,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    attn_implementation="eager",
)
PLAIN = ONE_STEP.changed(kl_coef=0)


def group(prompt: int, *responses: int) -> SampleGroup:
    samples = tuple(Sample((3,) * n, (-1.0,) * n, 1.0) for n in responses)
    return SampleGroup(Role.CODER, (2,) * prompt, 1.0, samples)


@pytest.mark.parametrize("rank", [0, 4])
def test_products_are_as_many_as_torch_counts(rank: int) -> None:
    """One response, so that nothing is padded; attention computes both halves of its square."""
    model = prepare_model(LlamaForCausalLM(CONFIG), ModelSettings(lora_rank=rank), 0)
    shape = shape_of(CONFIG.to_dict(), "here")
    one = group(5, 12)
    with FlopCounterMode(display=False) as counter:
        response_logprobs(model, [one], LogprobBackend.PADDED).logprob.sum().backward()
    adapter = shape.adapter(rank, ["all-linear"]) if rank else 0
    found = work_of([one], PLAIN, Precision.FLOAT32, shape, adapter).flops
    assert found is not None
    length, passes = 5 + 12 - 1, 3  # forward, and twice on the way back
    other_half = 4 * 2 * shape.query * passes * length * (length - 1) / 2
    counted = counter.get_total_flops()
    thrown_away = counted - found - other_half
    # LoRA's first matrices have nothing before them that learns, in the first layer; and logits of
    # one position may be computed for nothing.
    first = 2 * length * 4 * 16 * 3 + 2 * length * 16 * (16 + 8 + 8) if rank else 0
    assert thrown_away + first in (0, 2 * 50 * 16)


def test_a_prompt_counts_once_and_what_the_method_asks_for_counts() -> None:
    shape = shape_of(CONFIG.to_dict(), "here")

    def flops(groups: list[SampleGroup], settings: LearningSettings = PLAIN) -> float:
        found = work_of(groups, settings, Precision.FLOAT32, shape).flops
        assert found is not None
        return found

    together, apart = [group(30, 5, 5)], [group(30, 5), group(30, 5)]
    assert flops(together) < flops(apart)
    plain = flops(together)
    assert flops(together, ONE_STEP.changed(ppo_epochs=2, kl_coef=0)) == 2 * plain
    with_reference = ONE_STEP.changed(kl_coef=0.01)
    assert flops(together, with_reference) == pytest.approx(plain * 4 / 3)
    assert work_of(together, PLAIN, Precision.FLOAT32, None).flops is None
    assert work_of(together, ONE_STEP.changed(ppo_epochs=3), Precision.FLOAT32, None).tokens == 30


@pytest.mark.parametrize("how", [OldLogprobs.RECOMPUTED, OldLogprobs.PER_STEP])
@pytest.mark.parametrize("num_minibatches", [1, 2])
def test_passes_for_old_log_probs_count_where_they_are_made(
    how: OldLogprobs, num_minibatches: int
) -> None:
    """As torch counts them: in a first optimiser step they are the pass that learns."""
    shape = shape_of(CONFIG.to_dict(), "here")
    groups = [group(5, 12), group(5, 12)]
    settings = ONE_STEP.changed(
        kl_coef=0, num_minibatches=num_minibatches, backend=LogprobBackend.PADDED
    )
    counted, found = [], []
    for each in (settings, settings.changed(old_logprobs=how)):
        learner = Learner(LlamaForCausalLM(CONFIG).eval(), each)
        with FlopCounterMode(display=False) as counter:
            learner.update(groups)
        counted.append(counter.get_total_flops())
        flops = work_of(groups, each, Precision.FLOAT32, shape).flops
        assert flops is not None
        found.append(flops)
    more = 1 / 6 if num_minibatches == 2 and how is OldLogprobs.RECOMPUTED else 0
    assert counted[1] == pytest.approx(counted[0] * (1 + more))
    assert found[1] == pytest.approx(found[0] * (1 + more))


def test_peaks_go_by_the_names_of_drivers() -> None:
    found = {
        "NVIDIA H100 80GB HBM3": 989.5,
        "NVIDIA H100 PCIe": 756.5,
        "NVIDIA H200": 989.5,
        "NVIDIA A100-SXM4-80GB": 312,
        "NVIDIA GeForce RTX 4090": 165.2,
        "NVIDIA L40S": 362.05,
        "NVIDIA L4": 121,
        "NVIDIA A10G": 70,
    }
    for name, tera in found.items():
        assert dense_peak(name) == tera * 1e12
    for name in ("NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 4090 D", "Tesla T4"):
        assert dense_peak(name) is None
