"""LoRA adapters served beside the whole weights: each player's, each step's, and after failures."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from sparring.errors import RunError
from sparring.microworld import NANO_DIR
from sparring.policy.vllm.lora import served_rank, why_merged
from sparring.policy.vllm.requests import Probe, SamplingRequest, Weights
from sparring.policy.vllm.sampler import VllmSampler
from sparring.policy.vllm.settings import ServerSettings
from sparring.schema import Response
from tests.nano import nano
from tests.policy.fake_vllm import FakeVllm, Fault, fake_environment
from tests.policy.full_model import scored
from tests.policy.test_vllm import asked, flat, prompts, settings, weights, words

__all__ = ["settings"]  # the fixture
PLAYERS = ("start", "coder", "tester")


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm(NANO_DIR) as server:
        server.lora_rank = 8
        yield server


def adapted(seed: int, rank: int = 4, targets: Any = "all-linear") -> Any:
    """The nano model under an adapter that does something."""
    config = LoraConfig(r=rank, lora_alpha=8, target_modules=targets)
    model = get_peft_model(copy.deepcopy(nano()[0]), config)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.copy_(0.1 * torch.randn(p.shape, generator=draw))
    return model


def adapter(player: str, step: int, model: Any) -> Weights:
    def score(probes: Sequence[Probe]) -> list[list[float]]:
        return [scored(model, *probe) for probe in probes]

    def save(path: Path) -> None:
        model.save_pretrained(path)

    return Weights(player, step, 100_000, save, score, adapter=True)


def sampler_of(settings: ServerSettings, *fakes: FakeVllm, **changes: Any) -> VllmSampler:
    urls = tuple(f.url for f in fakes)
    given = settings.changed(urls=urls, lora_rank=4, loras=2, **changes)
    return VllmSampler(given, words(), Path(settings.weights_dir) / "log")


def start() -> Weights:
    return replace(weights(nano()[0], 0), player="start")


def everyone() -> list[SamplingRequest]:
    return [
        SamplingRequest(p, 2 + i, player) for i, player in enumerate(PLAYERS) for p in prompts()
    ]


def check(groups: Sequence[Sequence[Response]], models: dict[str, Any], step: int) -> None:
    """Each response has the log-probs and the step of its player's weights."""
    for request, group in zip(everyone(), groups, strict=True):
        assert [r.index for r in group] == list(range(request.n))
        for r in group:
            assert r.weights == (0 if request.player == "start" else step)
            ours = scored(models[request.player], r.prompt_ids, r.token_ids, 1.0)
            assert r.logprobs == pytest.approx(ours, abs=1e-4)


def test_players_of_one_call_have_their_own_adapters_and_old_ones_go(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings, fake)
    for step in (1, 2):
        models = {"start": nano()[0], "coder": adapted(step), "tester": adapted(10 + step)}
        adapters = [adapter(p, step, models[p]) for p in PLAYERS[1:]]
        sampler.use(start(), adapters)
        check(sampler.sample(everyone()), models, step)
        assert {n.rpartition(":")[2] for n in fake.adapter_paths} == {
            f"coder-{step}",
            f"tester-{step}",
        }
    names = [Path(p).name for p in fake.loads]
    assert names == ["start-0", "coder-1", "tester-1", "coder-2", "tester-2"]
    assert [loading.weights for loading in sampler.loadings] == names
    assert max(loading.gap for loading in sampler.loadings) < 1e-4
    [room] = Path(settings.weights_dir).iterdir()
    assert {p.name for p in room.iterdir() if p.is_dir()} == {"start-0", "coder-2", "tester-2"}
    sampler.close()


def test_a_restarted_server_gets_every_adapter_again(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings, fake, concurrency=2)
    models = {"start": nano()[0], "coder": adapted(1), "tester": adapted(2)}
    sampler.use(start(), [adapter(p, 1, models[p]) for p in PLAYERS[1:]])
    whole = sampler.sample(everyone())
    fake.after, fake.faults = 5, [Fault.RESTART]
    assert sampler.sample(everyone()) == whole
    assert len(fake.loads) == 6
    sampler.close()


def test_the_trainer_is_asked_about_weights_once(fake: FakeVllm, settings: ServerSettings) -> None:
    """What comes again is compared with what was said then: the trainer has others by now."""
    sampler = sampler_of(settings, fake)
    times: list[int] = []
    model = adapted(1)
    first = adapter("coder", 1, model)

    def score(probes: Sequence[Probe]) -> Sequence[Sequence[float]]:
        times.append(len(probes))
        assert first.score is not None
        return first.score(probes)

    sampler.use(start(), [replace(first, score=score)])
    sampler.ready()
    assert times == [4]
    fake.restarted()
    sampler.ready()
    assert times == [4]
    assert [loading.weights for loading in sampler.loadings] == ["start-0", "coder-1"] * 2
    fake.restarted()
    path = next(p for p in fake.loads if p.endswith("coder-1"))
    adapted(5).save_pretrained(path)
    with pytest.raises(RunError, match=r"^step 1: the log-probs .*\(coder-1\)"):
        sampler.ready()
    sampler.close()


def test_on_a_cpu_adapters_and_whole_weights_are_not_asked_at_the_same_time(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    fake.device = "cpu"
    sampler = sampler_of(settings, fake)
    models = {"start": nano()[0], "coder": adapted(1), "tester": adapted(2)}
    sampler.use(start(), [adapter(p, 1, models[p]) for p in PLAYERS[1:]])
    sampler.ready()
    fake.order.clear()
    check(sampler.sample(everyone()), models, 1)
    whole = [name == "some-model" for name, _ in fake.order]
    assert whole == sorted(whole)
    sampler.close()


def test_a_server_without_lora_is_one_clear_line(fake: FakeVllm, settings: ServerSettings) -> None:
    fake.lora_updating = False
    sampler = sampler_of(settings, fake)
    sampler.use(start(), [adapter("coder", 1, adapted(1))])
    with pytest.raises(RunError, match=r"load_lora_adapter; start it with --enable-lora"):
        sampler.ready()
    fake.lora_updating, fake.lora_rank = True, 0
    with pytest.raises(RunError, match=r"cannot load .*LoRA is not enabled. Use --enable-lora"):
        sampler.ready()
    fake.lora_rank = 2
    with pytest.raises(RunError, match="LoRA rank 4 is greater than max_lora_rank 2"):
        sampler.ready()
    sampler.close()


def test_our_own_server_is_started_for_adapters(settings: ServerSettings, tmp_path: Path) -> None:
    fake_environment(Path(settings.environment))
    given = settings.changed(lora_rank=4, loras=2)
    sampler = VllmSampler(given, words(), tmp_path / "vllm.log")
    models = {"start": nano()[0], "coder": adapted(1), "tester": adapted(2)}
    sampler.use(start(), [adapter(p, 1, models[p]) for p in PLAYERS[1:]])
    check(sampler.sample(everyone()), models, 1)
    sampler.close()


def test_weights_without_a_score_are_compared_with_nothing(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings, fake)
    sampler.use(replace(start(), score=None))
    assert len(flat(sampler.sample([SamplingRequest(p, 1, "start") for p in prompts()]))) == 3
    assert sampler.loadings == []
    sampler.use(start())
    sampler.ready()
    assert len(sampler.loadings) == 1
    sampler.close()


def test_weights_written_before_stay_until_they_play(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    sampler = sampler_of(settings, fake)
    sampler.use(weights(nano()[0], 3))
    written = sampler.write(weights(nano()[0], 4))
    asked(sampler, prompts(), 1)
    assert written.exists()
    sampler.use(weights(nano()[0], 4))
    asked(sampler, prompts(), 1)
    assert [Path(p).name for p in fake.loads] == ["both-3", "both-4"]
    assert not written.with_name("both-3").exists()
    sampler.close()


def test_weights_for_later_stay_while_newer_ones_play(
    fake: FakeVllm, settings: ServerSettings
) -> None:
    """A run with asynchronous rollouts is evaluated with its newest weights first."""
    sampler = sampler_of(settings, fake)
    older, newer = weights(nano()[0], 3), weights(nano()[0], 4)
    written = sampler.write(older, later=True)
    sampler.use(newer)
    asked(sampler, prompts(), 1)
    assert written.exists()
    sampler.use(replace(older, save=lambda _: pytest.fail("it is there")))
    asked(sampler, prompts(), 1)
    sampler.use(newer)
    asked(sampler, prompts(), 1)
    assert not written.exists()
    sampler.close()


def test_what_is_in_use_is_checked(fake: FakeVllm, settings: ServerSettings) -> None:
    sampler = sampler_of(settings, fake)
    sampler.use(start())
    with pytest.raises(ValueError, match=r"no weights are in use for \['coder'\]"):
        sampler.sample(everyone()[:4])
    three = [adapter(p, 1, adapted(1)) for p in ("a", "b", "c")]
    with pytest.raises(ValueError, match="3 adapters are too many: the servers hold 2"):
        sampler.use(start(), three)
    with pytest.raises(ValueError, match="full weights must come first"):
        sampler.use(three[0])
    sampler.close()


@pytest.mark.parametrize(
    ("rank", "adapts", "vocabulary", "why"),
    [
        (32, ["model.layers.0.self_attn.q_proj", "gate_proj"], 152_064, None),
        (513, ["q_proj"], 1000, "rank 513 is beyond 512"),
        (8, ["lm_head", "model.embed_tokens"], 1000, "adapts embed_tokens and lm_head"),
        (8, ["q_proj"], 262_144, "vocabulary of 262,144"),
    ],
)
def test_what_vllm_cannot_adapt_has_a_reason(
    rank: int, adapts: list[str], vocabulary: int, why: str | None
) -> None:
    reason = why_merged(rank, adapts, vocabulary)
    assert reason is None if why is None else why in (reason or "")


def test_a_server_is_started_for_the_next_larger_rank() -> None:
    assert [served_rank(r) for r in (1, 2, 8, 9, 257, 512)] == [1, 8, 8, 16, 320, 512]
