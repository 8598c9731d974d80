"""The reference: its log-probs once per update, its weights on the device only for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch

from sparring.learner import passes, update
from sparring.learner.logprobs.compute import ResponseLogprobs, response_logprobs
from sparring.learner.reference import FixedLogprobs, frozen_copy, visiting
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import OldLogprobs, UpdateMode
from sparring.learner.update import Learner
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings
from tests.learner.one_step import ONE_STEP
from tests.learner.test_update import groups
from tests.nano import tiny_model

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.mark.parametrize("mode", UpdateMode)
@pytest.mark.parametrize("old", [OldLogprobs.ROLLOUT, OldLogprobs.PER_STEP])
def test_the_reference_sees_each_response_once_however_often_it_is_learned_from(
    mode: UpdateMode, old: OldLogprobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ONE_STEP.changed(
        mode=mode, old_logprobs=old, ppo_epochs=3, num_minibatches=2, kl_coef=0.1
    )
    learner = Learner(tiny_model(), settings)
    seen = counted(monkeypatch, learner)
    learner.update(groups())
    assert seen["reference"] == sum(len(g.samples) for g in groups())
    assert seen["model"] >= 3 * seen["reference"]


def test_without_a_kl_there_is_no_reference_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Learner(tiny_model(), ONE_STEP.changed(ppo_epochs=2, kl_coef=0.0))
    seen = counted(monkeypatch, learner)
    learner.update(groups())
    assert seen["reference"] == 0


def counted(monkeypatch: pytest.MonkeyPatch, learner: Learner) -> dict[str, int]:
    """Responses that went through the reference and through the model."""
    seen = {"reference": 0, "model": 0}

    def counting(model: Any, batch: list[SampleGroup], *rest: Any) -> ResponseLogprobs:
        name = "model" if model is learner.model else "reference"
        seen[name] += sum(len(g.samples) for g in batch)
        return response_logprobs(model, batch, *rest)

    monkeypatch.setattr(passes, "response_logprobs", counting)
    return seen


@pytest.mark.parametrize("lora_rank", [0, 4])
def test_asked_once_the_reference_says_what_it_would_say_each_time(
    lora_rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ONE_STEP.changed(learning_rate=1e-2, ppo_epochs=3, num_minibatches=2, kl_coef=0.3)

    def weights() -> list[torch.Tensor]:
        model = prepare_model(tiny_model(), ModelSettings(lora_rank=lora_rank), 0)
        learner = Learner(model, settings)
        for _ in range(2):
            learner.update(groups())
        return [p.detach().clone() for p in model.parameters()]

    once = weights()

    def asking(learner: Learner) -> Any:
        class Asked:
            """Asks the reference whenever its log-probs are wanted."""

            def __getitem__(self, batch: list[SampleGroup]) -> torch.Tensor:
                return learner.passes.of_reference([batch])[0]

            def clear(self) -> None:
                pass

            def __setitem__(self, batch: list[SampleGroup], logprobs: torch.Tensor) -> None:
                pass

        return Asked()

    init = Learner.__init__

    def without_memory(self: Learner, *args: Any) -> None:
        init(self, *args)
        self.passes.fixed = asking(self)

    monkeypatch.setattr(Learner, "__init__", without_memory)
    assert all(torch.equal(a, b) for a, b in zip(once, weights(), strict=True))


def test_what_is_fixed_is_found_by_what_was_sampled() -> None:
    fixed, [one, other, third] = FixedLogprobs(), groups()
    fixed[[one, other]] = torch.ones(3)
    assert [one, other] in fixed
    assert torch.equal(fixed[[one, other]], torch.ones(3))
    turned = replace(one, samples=one.samples[::-1])
    warmer = replace(one, temperature=2.0)
    for different in ([other, one], [one], [one, other, third], [turned, other], [warmer, other]):
        assert different not in fixed
    fixed.clear()
    assert [one, other] not in fixed


def test_an_offloaded_reference_is_on_the_device_while_it_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moves: list[str] = []
    settings = ONE_STEP.changed(ppo_epochs=2, kl_coef=0.1)

    @contextmanager
    def told(model: Any, device: torch.device) -> Iterator[Any]:
        moves.append(f"to {device}")
        yield model
        moves.append("back")

    def copied(model: Any) -> Any:
        copy = frozen_copy(model)
        to = copy.to
        copy.to = lambda device: (moves.append(f"kept on {device}"), to(device))[1]
        return copy

    monkeypatch.setattr(passes, "visiting", told)
    monkeypatch.setattr(update, "frozen_copy", copied)
    learner = Learner(tiny_model(), settings, ModelSettings(offload_reference=True))
    assert moves == ["kept on cpu"]
    learner.update(groups())
    assert moves[1:] == ["to cpu", "back"]  # one visit for the whole update


def test_a_visit_ends_also_when_it_fails() -> None:
    model = tiny_model()
    moves: list[torch.device] = []

    def to(device: torch.device) -> Any:
        moves.append(device)
        return model

    model.to = to  # type: ignore[assignment]
    with pytest.raises(KeyError), visiting(model, META):
        raise KeyError
    assert moves == [META, CPU]
    with visiting(model, CPU):
        pass
    assert len(moves) == 2
