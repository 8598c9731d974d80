"""Passes over fixed buffers, captured and done again, give what growing ones give; and where a
capture fails, sampling goes on and says so."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from transformers import PreTrainedModel

from sparring.policy.local import capture as capturing
from sparring.policy.local import decode as decoding
from sparring.policy.local import forward
from sparring.policy.local.sampler import LocalSampler
from sparring.schema import Response
from tests.learner.families import FAMILIES, family
from tests.nano import TinyTokenizer, tiny_model
from tests.policy.recorded import record
from tests.policy.test_decode import assert_plain, prompts


def sampled(model: PreTrainedModel, lengths: tuple[int, ...], n: int) -> list[list[Response]]:
    return LocalSampler(model, TinyTokenizer()).sample(prompts(*lengths, tokens=20), n)  # type: ignore[arg-type]


def tokens(found: list[list[Response]]) -> list[list[tuple[int, ...]]]:
    return [[r.token_ids for r in group] for group in found]


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A CPU captures like a GPU: the number of captures, and small buckets of positions."""
    made = [0]

    def counted(run: Callable[[], None]) -> Callable[[], None]:
        made[0] += 1
        return record(run)

    monkeypatch.setattr(decoding, "capture_for", lambda model: counted)
    monkeypatch.setattr(decoding, "_check_every", lambda device: 3)
    monkeypatch.setattr(forward, "_POSITIONS", 8)
    return made


@pytest.mark.parametrize("lengths", [(14, 5, 12), (9, 9)])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_captured_pass_gives_the_tokens_of_a_growing_one(
    name: str, lengths: tuple[int, ...], captures: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = family(name)
    model.generation_config.eos_token_id = 1
    static = sampled(model, lengths, 6)
    assert captures[0] >= 3  # of more than one bucket
    assert len({len(r.token_ids) for group in static for r in group}) > 2
    monkeypatch.setattr(decoding, "capture_for", lambda model: None)
    assert tokens(static) == tokens(sampled(model, lengths, 6))
    assert_plain(model, prompts(*lengths, tokens=20), static)


def test_a_capture_that_fails_is_said_once_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_model()
    wanted = tokens(sampled(model, (14, 5, 12), 6))
    tried = [0]

    def failing(run: Callable[[], None]) -> Callable[[], None]:
        tried[0] += 1
        raise RuntimeError("CUDA error: operation not permitted\nmore lines")

    def capture_for(model: PreTrainedModel) -> capturing.Capture | None:
        return None if model in capturing._refused else failing

    monkeypatch.setattr(decoding, "capture_for", capture_for)
    with caplog.at_level(logging.WARNING, "sparring"):
        assert tokens(sampled(model, (14, 5, 12), 6)) == wanted
        assert tokens(sampled(model, (14, 5, 12), 6)) == wanted
    assert tried[0] == 1
    [record] = caplog.records
    assert "CUDA error: operation not permitted; " in record.getMessage()


def test_a_pass_that_looks_at_a_value_cannot_be_captured(
    captures: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The stand-in is as strict as a GPU: a mask that is left out where it is all true."""
    monkeypatch.setattr(forward.FixedLayer, "is_compileable", False)
    found = sampled(tiny_model(), (14, 5, 12), 6)
    assert "not permitted when stream is capturing" in caplog.text
    assert_plain(tiny_model(), prompts(14, 5, 12, tokens=20), found)


def test_a_bucket_computes_rows_that_nobody_reads_and_no_more(captures: list[int]) -> None:
    model, rows = tiny_model(), []
    hook = model.register_forward_pre_hook(
        lambda module, args, given: rows.append(given["input_ids"].shape[0]), with_kwargs=True
    )
    asked = [*prompts(9, tokens=4), *prompts(9, tokens=16)]
    LocalSampler(model, TinyTokenizer()).sample(asked, 10)  # type: ignore[arg-type]
    hook.remove()
    assert rows[0] == 2
    assert {20, 10} <= set(rows[1:]) <= {20, 10, 5, 3, 2, 1}


def test_without_cuda_or_where_kernels_depend_on_the_token_nothing_is_captured() -> None:
    assert capturing.capture_for(tiny_model()) is None
    model = tiny_model()
    model.to("meta")
    assert capturing.capture_for(model) is None
