"""Sampling with `transformers` in this process, from the trainer's own weights.

Each prompt is computed once, its keys and values are repeated for n
responses, and finished responses leave the batch. Nothing is synchronised:
the model object is the trainer's.

`model.generate` is not used: it takes defaults (top-k among them) from the
checkpoint's generation config, gives no log-probs of the distribution it
sampled without keeping all scores, and ties a response's random numbers to
its place in the batch. Here each response has its own stream of uniform
numbers, drawn from its prompt's seed and its index, and a token is found by
inverting the cumulative distribution, so a response does not depend on what
else is sampled beside it (up to rounding in the matrix products).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import DynamicCache

from sparring.errors import ModelError
from sparring.sampling.base import Arrived, Prompt, unheeded
from sparring.sampling.cache import from_prompt, keep_rows
from sparring.schema import Response, StopReason

COMPACT_BELOW = 0.8
"""Finished rows are dropped when fewer than this share of the rows is still going."""


@dataclass(slots=True)
class _Rows:
    """State of the rows that are still in the batch. All tensors are [rows]."""

    index: torch.Tensor
    last: torch.Tensor
    position: torch.Tensor
    temperature: torch.Tensor
    limit: torch.Tensor
    going: torch.Tensor

    def keep(self, rows: torch.Tensor) -> _Rows:
        return _Rows(
            self.index[rows],
            self.last[rows],
            self.position[rows],
            self.temperature[rows],
            self.limit[rows],
            self.going[rows],
        )


class LocalSampler:
    """A `Sampler` over a `transformers` model and its tokenizer."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        max_rows: int = 512,
        autocast: torch.dtype | None = None,
    ) -> None:
        """``max_rows`` responses are sampled at once; more are split over several batches.
        ``autocast`` is the type of the matrix products, if not that of the weights.

        Raises `ModelError` if the model has no end token.
        """
        self.model = model
        self.tokenizer = tokenizer
        self.max_rows = max_rows
        self.autocast = autocast
        self.end_ids = end_token_ids(model, tokenizer)

    def sample(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """See `Sampler.sample`. Prompts of similar length and limit share a batch."""
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        order = sorted(
            range(len(prompts)),
            key=lambda i: (prompts[i].params.max_tokens, len(prompts[i].token_ids)),
        )
        per_batch = max(1, self.max_rows // n)
        found: list[list[Response]] = [[] for _ in prompts]
        was_training = self.model.training
        self.model.eval()
        try:
            for start in range(0, len(order), per_batch):
                chosen = order[start : start + per_batch]
                with torch.autocast(
                    self.model.device.type, dtype=self.autocast, enabled=self.autocast is not None
                ):
                    batch = self._batch([prompts[i] for i in chosen], n)
                for i, responses in zip(chosen, batch, strict=True):
                    found[i] = responses
                    for response in responses:
                        arrived(i, response)
        finally:
            self.model.train(was_training)
        return found

    @torch.no_grad()
    def _batch(self, prompts: Sequence[Prompt], n: int) -> list[list[Response]]:
        device = self.model.device
        count = len(prompts) * n
        width = max(len(p.token_ids) for p in prompts)
        room = max(p.params.max_tokens for p in prompts)
        self._check_room(prompts)
        uniform = torch.from_numpy(_uniforms(prompts, n, room)).to(device)

        ids, mask = _left_pad(prompts, width, device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        # Not by the model's configuration: layers with a sliding window would keep only that, and
        # what grows from here needs every position; their masks see to the window.
        prompt_cache = DynamicCache()
        logits = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=prompt_cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]

        repeat = torch.arange(len(prompts), device=device).repeat_interleave(n)
        cache = from_prompt(prompt_cache, repeat, room)
        logits = logits[repeat]
        mask = torch.cat([mask[repeat], mask.new_ones((count, room))], dim=1)
        rows = _Rows(
            index=torch.arange(count, device=device),
            last=torch.zeros(count, dtype=torch.long, device=device),
            position=positions[repeat, -1],
            temperature=_per_row([p.params.temperature for p in prompts], n, device),
            limit=_per_row([p.params.max_tokens for p in prompts], n, device),
            going=torch.ones(count, dtype=torch.bool, device=device),
        )
        tokens = torch.zeros((count, room), dtype=torch.long, device=device)
        logprobs = torch.zeros((count, room), device=device)
        lengths = torch.zeros(count, dtype=torch.long, device=device)
        ended = torch.zeros(count, dtype=torch.bool, device=device)
        ends = torch.tensor(self.end_ids, device=device)

        for step in range(room):
            chosen, logprob = _choose(logits, rows.temperature, uniform[rows.index, step])
            live = rows.index[rows.going]
            tokens[live, step] = chosen[rows.going]
            logprobs[live, step] = logprob[rows.going]
            lengths[live] += 1
            at_end = torch.isin(chosen, ends)
            ended[rows.index[rows.going & at_end]] = True
            rows.going = rows.going & ~at_end & (step + 1 < rows.limit)
            rows.last = chosen
            left = int(rows.going.sum())
            if left == 0:
                break
            if left < COMPACT_BELOW * len(rows.going):
                kept = rows.going.nonzero()[:, 0]
                rows = rows.keep(kept)
                mask = mask[kept]
                keep_rows(cache, kept)
            rows.position = rows.position + 1
            logits = self.model(
                input_ids=rows.last[:, None],
                attention_mask=mask[:, : width + step + 1],
                position_ids=rows.position[:, None],
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
        return self._responses(prompts, n, tokens.cpu(), logprobs.cpu(), lengths.tolist(), ended)

    def _check_room(self, prompts: Sequence[Prompt]) -> None:
        limit = getattr(self.model.config, "max_position_embeddings", None)
        for p in prompts:
            if limit is not None and len(p.token_ids) + p.params.max_tokens > limit:
                raise ModelError(
                    f"task {p.task_id}: a prompt of {len(p.token_ids)} tokens and a response of up "
                    f"to {p.params.max_tokens} exceed the model's {limit} positions; "
                    f"lower sampling.{p.role}_max_tokens or drop the task"
                )

    def _responses(
        self,
        prompts: Sequence[Prompt],
        n: int,
        tokens: torch.Tensor,
        logprobs: torch.Tensor,
        lengths: list[int],
        ended: torch.Tensor,
    ) -> list[list[Response]]:
        ids = [tokens[row, :length].tolist() for row, length in enumerate(lengths)]
        texts = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        stops = [StopReason.END_TOKEN if e else StopReason.LENGTH for e in ended.tolist()]
        found: list[list[Response]] = []
        for i, p in enumerate(prompts):
            rows = range(i * n, (i + 1) * n)
            found.append(
                [
                    Response(
                        task_id=p.task_id,
                        role=p.role,
                        index=row - i * n,
                        prompt_ids=p.token_ids,
                        token_ids=tuple(ids[row]),
                        logprobs=tuple(logprobs[row, : lengths[row]].tolist()),
                        stop=stops[row],
                        text=texts[row],
                    )
                    for row in rows
                ]
            )
        return found


def end_token_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every id that ends a response: the tokenizer's and those of the generation config."""
    ids = {tokenizer.eos_token_id}
    config = getattr(model, "generation_config", None)
    more = getattr(config, "eos_token_id", None)
    ids.update(more if isinstance(more, list) else [more])
    ids.discard(None)
    if not ids:
        raise ModelError(
            "the tokenizer has no end token, so no response would ever end; "
            "set eos_token in its tokenizer_config.json"
        )
    return sorted(ids)


def _choose(
    logits: torch.Tensor, temperature: torch.Tensor, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens [rows] drawn by inverting the cumulative distribution, and their log-probs.

    Summed in float64: with a vocabulary of 150,000, a float32 sum is off by
    more than the probability of a rare token.
    """
    greedy = temperature == 0
    scaled = logits.float() / torch.where(greedy, 1.0, temperature)[:, None]
    logprobs = torch.log_softmax(scaled, dim=-1)
    cumulative = logprobs.double().exp().cumsum(-1)
    target = (uniform * cumulative[:, -1])[:, None]
    drawn = torch.searchsorted(cumulative, target, right=True)[:, 0]
    drawn = drawn.clamp(max=logits.shape[-1] - 1)
    chosen = torch.where(greedy, logits.argmax(-1), drawn)
    return chosen, logprobs.gather(1, chosen[:, None])[:, 0]


def _uniforms(prompts: Sequence[Prompt], n: int, room: int) -> np.ndarray:
    """Uniform numbers in [0, 1) [prompts × n, room], a stream of its own for each response."""
    return np.stack(
        [
            np.random.Generator(np.random.Philox(key=[p.seed, index])).random(room)
            for p in prompts
            for index in range(n)
        ]
    )


def _left_pad(
    prompts: Sequence[Prompt], width: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Input ids and attention mask [prompts, width], padded on the left.

    The padding id is 0: it is masked, so any id of the vocabulary will do.
    """
    ids = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, p in enumerate(prompts):
        ids[row, width - len(p.token_ids) :] = torch.tensor(p.token_ids)
        mask[row, width - len(p.token_ids) :] = 1
    return ids.to(device), mask.to(device)


def _per_row(values: list[float] | list[int], n: int, device: torch.device) -> torch.Tensor:
    return torch.tensor(values, device=device).repeat_interleave(n)
