"""Top-k and top-p: what they keep, and that what is drawn is distributed so."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.chat.base import ChatParams, ChatReply, ChatRequest
from sparring.policy.local.chat import LoadedModel, LocalModel, batches
from sparring.policy.local.cut import Cut, cut_logits
from sparring.policy.local.draw import draw
from sparring.policy.local.sampler import LocalSampler
from sparring.schema import Role, StopReason
from tests.nano import TinyTokenizer, tiny_model

LOGITS = torch.log(torch.tensor([[0.05, 0.4, 0.3, 0.15, 0.1]]))


def kept(cut: Cut, temperature: float | None = None) -> list[int]:
    temperatures = None if temperature is None else torch.tensor([temperature])
    return torch.isfinite(cut_logits(LOGITS, temperatures, cut))[0].nonzero()[:, 0].tolist()


@pytest.mark.parametrize(
    ("cut", "left"),
    [
        (Cut(), [0, 1, 2, 3, 4]),
        (Cut(top_k=2), [1, 2]),
        (Cut(top_k=9), [0, 1, 2, 3, 4]),
        (Cut(top_p=0.39), [1]),
        (Cut(top_p=0.5), [1, 2]),
        (Cut(top_p=0.84), [1, 2, 3]),
        (Cut(top_p=0.86), [1, 2, 3, 4]),
        (Cut(top_p=1e-9), [1]),
        # after top-k the rest counts as the whole: 0.4/0.7 is above 0.55, 0.4 is not
        (Cut(top_p=0.55, top_k=2), [1]),
        (Cut(top_p=0.6, top_k=2), [1, 2]),
    ],
)
def test_what_is_kept(cut: Cut, left: list[int]) -> None:
    assert kept(cut) == left


def test_top_p_is_of_the_distribution_after_temperature() -> None:
    # at T = 0.25 the likeliest has 0.4^4 / Σ p^4 = 73.9%
    assert kept(Cut(top_p=0.7), 0.25) == [1]
    assert kept(Cut(top_p=0.76), 0.25) == [1, 2]
    assert kept(Cut(top_p=0.7), 100.0) == [1, 2, 3, 4]


def test_what_is_drawn_has_the_cut_distribution() -> None:
    count = 20_000
    uniform = torch.from_numpy(np.random.default_rng(3).random(count))
    temperatures = torch.full((count,), 0.8)
    cut = Cut(top_p=0.9, top_k=4)
    logits = cut_logits(LOGITS.expand(count, -1), temperatures, cut)
    tokens, logprobs = draw(logits, temperatures, uniform)
    weights = np.array([0.0, 0.4, 0.3, 0.15, 0.1]) ** (1 / 0.8)
    weights /= weights.sum()
    before = np.array([1.0, 0, weights[1], weights[1:3].sum(), weights[1:4].sum()])
    weights = np.where(before < 0.9, weights, 0)
    weights /= weights.sum()
    found = np.bincount(tokens.numpy(), minlength=5)
    assert set(tokens.tolist()) == set(np.flatnonzero(weights).tolist())
    expected = weights * count
    some = expected > 0
    chi2 = float((((found - expected) ** 2)[some] / expected[some]).sum())
    assert chi2 < 13.8  # 99.9% with 2 degrees of freedom
    assert logprobs[0].item() == pytest.approx(math.log(weights[tokens[0]]), abs=1e-5)


def _local(rows: int = 64) -> LocalModel:
    loaded = LoadedModel(tiny_model(), TinyTokenizer(), lambda m, t: [(3, 4, 5) for _ in m])
    return LocalModel("tiny", {}, lambda: loaded, rows)


def _answers(asks: list[ChatRequest], rows: int = 64) -> dict[int, str]:
    found: dict[int, str] = {}

    def on_reply(ask: ChatRequest, reply: object) -> None:
        assert isinstance(reply, ChatReply)
        found[ask.index] = reply.text

    _local(rows).answer(asks, on_reply, lambda: False)
    return found


def _asks(*index: int, **params: object) -> list[ChatRequest]:
    chat = ChatParams(**{"max_tokens": 8, **params})  # type: ignore[arg-type]
    return [ChatRequest("t", Role.CODER, i, "m", 5, chat) for i in index]


def test_temperature_zero_is_greedy_whatever_is_cut() -> None:
    model = tiny_model()
    ids = [3, 4, 5]
    for _ in range(8):
        with torch.no_grad():
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == 1:
            break
    greedy = " ".join(map(str, ids[3:]))
    for cut in ({}, {"top_p": 0.1}, {"top_k": 3, "top_p": 0.5}):
        assert set(_answers(_asks(0, 1, temperature=0, **cut)).values()) == {greedy}


def test_top_k_one_is_greedy_at_any_temperature() -> None:
    greedy = _answers(_asks(0, temperature=0))[0]
    assert set(_answers(_asks(0, 1, 2, temperature=1.5, top_k=1)).values()) == {greedy}
    assert len(set(_answers(_asks(0, 1, 2, temperature=1.5)).values())) > 1


def test_a_response_is_the_same_asked_for_alone_later_or_in_small_batches() -> None:
    together = _answers(_asks(*range(8), temperature=1.0, top_k=10))
    assert len(set(together.values())) > 4
    assert _answers(_asks(5, temperature=1.0, top_k=10)) == {5: together[5]}
    assert _answers(_asks(1, 2, 6, 7, temperature=1.0, top_k=10)) == {
        i: together[i] for i in (1, 2, 6, 7)
    }
    assert _answers(_asks(*range(8), temperature=1.0, top_k=10), rows=3) == together


def test_without_a_cut_it_is_what_training_samples() -> None:
    prompt = Prompt("t", Role.CODER, (3, 4, 5), 5, SamplingParams(1.0, 8))
    [responses] = LocalSampler(tiny_model(), TinyTokenizer()).sample([prompt], 4)  # type: ignore[arg-type]
    found = _answers(_asks(0, 1, 2, 3, temperature=1.0))
    assert [found[i] for i in range(4)] == [r.text for r in responses]


def test_stop_strings_cut_the_text() -> None:
    text = _answers(_asks(0, temperature=0))[0]
    middle = text.split()[2]
    found: list[object] = []
    _local().answer(
        _asks(0, temperature=0, stop=(middle,)), lambda a, reply: found.append(reply), lambda: False
    )
    [reply] = found
    assert isinstance(reply, ChatReply)
    assert reply.text == text[: text.index(middle)]
    assert reply.stop is StopReason.STOP_STRING


def test_a_wish_to_stop_is_heard_between_batches() -> None:
    found: list[ChatRequest] = []
    _local(rows=2).answer(
        _asks(0, 1, 2, 3), lambda a, reply: found.append(a), lambda: len(found) >= 2
    )
    assert sorted(a.index for a in found) == [0, 1]


def test_batches_keep_prompts_together_and_rows_few() -> None:
    asks = [
        ChatRequest(t, Role.CODER, i, t, seed, ChatParams())
        for seed, (t, missing) in enumerate({"a": (0, 1, 2, 3), "b": (0, 1, 3), "c": (2,)}.items())
        for i in missing
    ]
    found = list(batches(asks, 3))
    assert sorted(a.seed * 10 + a.index for b in found for run in b for a in run) == sorted(
        a.seed * 10 + a.index for a in asks
    )
    for batch in found:
        assert sum(map(len, batch)) <= 3
        assert len({(len(run), run[0].index) for run in batch}) == 1
        for run in batch:
            assert [a.index for a in run] == list(range(run[0].index, run[0].index + len(run)))


def test_batches_of_programs_and_tests_take_turns() -> None:
    """Six batches of programs and two of tests: an evaluation that is stopped has complete
    tasks."""
    asks = [
        ChatRequest(str(t), role, i, str(t), t, ChatParams())
        for t in range(12)
        for role, count in ((Role.CODER, 3), (Role.TESTER, 1))
        for i in range(count)
    ]
    found = list(batches(asks, 6))
    assert [b[0][0].role.value[0] for b in found] == [*"ctccctcc"]
    assert [run[0].task_id for b in found for run in b if run[0].role is Role.TESTER] == [
        str(t) for t in range(12)
    ]
