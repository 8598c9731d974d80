"""A local checkpoint as an `Author`: sampled by `policy.local` with the model's own chat template.

The model is loaded at the first request, so an evaluation whose responses are all on record loads
none. Responses to one prompt that are requested together share the prompt's computation. A single
response that is missing among recorded ones is sampled alone and is the same, up to rounding.

Texts are cut at stop strings after sampling; the tokens behind a stop string are sampled in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.chat.base import ChatParams, ChatReply, ChatRequest, Heard, StopAsking
from sparring.policy.local.cut import Cut
from sparring.policy.local.detokenize import Marks
from sparring.policy.local.sampler import LocalSampler
from sparring.schema import Response, StopReason


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Model, tokenizer, and the function that turns messages into token ids."""

    model: Any
    tokenizer: Any
    prompt_ids: Callable[[Sequence[str], Sequence[str]], Sequence[tuple[int, ...]]]
    """Function from messages and the ids of their tasks to prompts."""


@dataclass(slots=True)
class LocalModel:
    """`Author` that samples in this process. ``place`` is the model's directory or hub id, ``rows``
    the number of responses sampled in one batch. Texts keep the reasoning marks ``marks``."""

    place: str
    identity: Mapping[str, Any]
    load: Callable[[], LoadedModel]
    rows: int = 64
    loaded: LoadedModel | None = None
    tokenizer: Any = None
    end_ids: Sequence[int] = ()
    """Ids of the end tokens by tokenizer and files, before the model is loaded."""
    marks: Marks = ()
    remote: bool = field(default=False, init=False)

    def answer(self, asks: Sequence[ChatRequest], heard: Heard, stop: StopAsking) -> None:
        """Sample an answer to each request; see `Author.answer`. ``stop`` takes effect between two
        batches."""
        for batch in batches(asks, self.rows):
            if stop():
                return
            self._sample(batch, heard)

    def close(self) -> None:
        """Free the model."""
        self.loaded = None

    def _sample(self, runs: Sequence[Sequence[ChatRequest]], heard: Heard) -> None:
        """Sample a batch of `batches`: series of requests for one prompt each, of equal length and
        first index."""
        if self.loaded is None:
            self.loaded = self.load()
        params = runs[0][0].params
        sampler = LocalSampler(
            self.loaded.model,
            self.loaded.tokenizer,
            max_batch_size=max(self.rows, len(runs[0])),
            cut=None if (cut := Cut(params.top_p, params.top_k)).nothing else cut,
            marks=self.marks,
        )
        ids = self.loaded.prompt_ids([r[0].message for r in runs], [r[0].task_id for r in runs])
        prompts = [
            Prompt(
                run[0].task_id,
                run[0].role,
                tokens,
                run[0].seed,
                SamplingParams(params.temperature, params.max_tokens),
            )
            for run, tokens in zip(runs, ids, strict=True)
        ]
        first = runs[0][0].index

        def arrived(number: int, response: Response) -> None:
            heard(runs[number][response.index - first], reply_of(response, params))

        sampler.sample(prompts, len(runs[0]), arrived, first)


def batches(asks: Sequence[ChatRequest], rows: int) -> Iterator[list[list[ChatRequest]]]:
    """Yield batches of requests to sample together.

    A batch is a list of series. A series holds requests for one prompt with consecutive indices.
    All series of a batch have the same first index, length and parameters. A batch has at most
    ``rows`` requests, or a single series.
    """
    runs: list[list[ChatRequest]] = []
    for ask in asks:
        last = runs[-1][-1] if runs else None
        follows = last is not None and len(runs[-1]) < rows and _follows(ask, last)
        if follows:
            runs[-1].append(ask)
        else:
            runs.append([ask])
    alike = sorted(runs, key=_kind)  # stable: tasks stay in order
    for _, group in groupby(alike, key=_kind):
        series = list(group)
        size = max(1, rows // len(series[0]))
        for start in range(0, len(series), size):
            yield series[start : start + size]


def _follows(ask: ChatRequest, last: ChatRequest) -> bool:
    same = (ask.seed, ask.message, ask.params) == (last.seed, last.message, last.params)
    return same and ask.index == last.index + 1


def _kind(run: Sequence[ChatRequest]) -> tuple[int, int, str, str]:
    return len(run), run[0].index, run[0].role, repr(run[0].params)


def reply_of(response: Response, params: ChatParams) -> ChatReply:
    """Return a sampled response as an answer, cut before the first stop string."""
    text, stop = response.text, response.stop
    places = [at for s in params.stop if (at := text.find(s)) >= 0]
    if places:
        text, stop = text[: min(places)], StopReason.STOP_STRING
    return ChatReply(text, stop, len(response.prompt_ids), len(response.token_ids))
