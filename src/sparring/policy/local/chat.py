"""A local checkpoint as a `ChatModel`: sampled by `policy.local` with its own chat template.

The model is loaded at the first request. So an evaluation loads no model if all its responses are
on record. Responses to one prompt that are requested together share the prompt's computation. If
one of several recorded responses is missing, it is sampled alone. Apart from rounding, this gives
the same response as sampling it with the others.

Texts are cut at stop strings after sampling; tokens behind a stop string are sampled and thrown
away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.chat.base import (
    AttemptMeter,
    ChatParams,
    ChatReply,
    ChatRequest,
    OnReply,
    StopAsking,
)
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
    """`ChatModel` that samples in this process. ``place`` is the model's directory or hub id,
    ``rows`` the number of responses sampled in one batch. Texts keep the reasoning ``marks``."""

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
    _meter: AttemptMeter | None = field(default=None, init=False)
    _over: StopAsking = field(default=lambda: False, init=False)

    def bounded(self, meter: AttemptMeter, over: StopAsking) -> LocalModel:
        """Keep the bounds of a session from now on; see `BoundedModel.bounded`."""
        self._meter, self._over = meter, over
        return self

    def answer(self, requests: Sequence[ChatRequest], on_reply: OnReply, stop: StopAsking) -> None:
        """Sample a reply to each request; see `ChatModel.answer`. ``stop`` takes effect between two
        batches."""
        for batch in batches(requests, self.rows):
            if stop():
                return
            if self._meter and not all(self._meter.attempt(r) for s in batch for r in s):
                return
            self._sample(batch, on_reply)

    def close(self) -> None:
        """Free the model."""
        self.loaded = None

    def _sample(self, series: Sequence[Sequence[ChatRequest]], on_reply: OnReply) -> None:
        """Sample one batch that `batches` has made. Each series in it holds requests for one
        prompt; all series have the same length and first index."""
        if self.loaded is None:
            self.loaded = self.load()
        params = series[0][0].params
        sampler = LocalSampler(
            self.loaded.model,
            self.loaded.tokenizer,
            max_batch_size=max(self.rows, len(series[0])),
            cut=None if (cut := Cut(params.top_p, params.top_k)).nothing else cut,
            marks=self.marks,
        )
        ids = self.loaded.prompt_ids([s[0].message for s in series], [s[0].task_id for s in series])
        prompts = [
            Prompt(
                first.task_id,
                first.role,
                tokens,
                first.seed,
                SamplingParams(params.temperature, params.max_tokens),
            )
            for (first, *_), tokens in zip(series, ids, strict=True)
        ]
        first_index = series[0][0].index

        def arrived(number: int, response: Response) -> None:
            request = series[number][response.index - first_index]
            on_reply(request, reply_of(response, params))

        sampler.sample(prompts, len(series[0]), arrived, first_index, self._over)


def batches(requests: Sequence[ChatRequest], rows: int) -> Iterator[list[list[ChatRequest]]]:
    """Yield batches of requests to sample together.

    A batch is a list of series. A series holds requests for one prompt with consecutive indices.
    All series of a batch have the same first index, length and parameters. A batch has at most
    ``rows`` requests, or a single series.

    Batches of different kinds take turns, in proportion to their numbers. So programs and tests of
    the first tasks are there early: an evaluation that is stopped has complete tasks, and the rate
    so far says how long the rest will take, although programs are longer than tests.
    """
    series: list[list[ChatRequest]] = []
    for request in requests:
        last = series[-1][-1] if series else None
        if last is not None and len(series[-1]) < rows and _follows(request, last):
            series[-1].append(request)
        else:
            series.append([request])
    ordered = sorted(series, key=_kind)  # stable: tasks stay in order
    turns: list[tuple[float, list[list[ChatRequest]]]] = []
    for _, group in groupby(ordered, key=_kind):
        alike = list(group)
        size = max(1, rows // len(alike[0]))
        starts = range(0, len(alike), size)
        for number, start in enumerate(starts):
            turns.append(((number + 0.5) / len(starts), alike[start : start + size]))
    for _, batch in sorted(turns, key=lambda turn: turn[0]):
        yield batch


def _follows(request: ChatRequest, last: ChatRequest) -> bool:
    """Return whether ``request`` has the prompt of ``last`` and the next index."""
    same = (request.seed, request.message, request.params) == (last.seed, last.message, last.params)
    return same and request.index == last.index + 1


def _kind(series: Sequence[ChatRequest]) -> tuple[int, int, str, str]:
    """Return a key that is equal for series that may share a batch."""
    first = series[0]
    return len(series), first.index, first.role, repr(first.params)


def reply_of(response: Response, params: ChatParams) -> ChatReply:
    """Return a sampled response as a reply, cut before the first stop string."""
    text, stop = response.text, response.stop
    places = [at for s in params.stop if (at := text.find(s)) >= 0]
    if places:
        text, stop = text[: min(places)], StopReason.STOP_STRING
    return ChatReply(text, stop, len(response.prompt_ids), len(response.token_ids))
