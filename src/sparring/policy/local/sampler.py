"""Sampling with `transformers` in this process, from the trainer's own weights.

The model object is the trainer's, so no weights are synchronised. Prompts are grouped into batches
and decoded (`decode`), and responses are reported as they end.

`model.generate` is not used, for these reasons (`benchmarks/sampling.py`):

- It takes defaults, top-k among them, from the checkpoint's generation config.
- It returns log-probs of the sampled distribution only if all scores are kept.
- It ties a response's random numbers to its place in the batch. Here a response does not depend on
  the others in its batch, up to rounding in the matrix products.
- It computes a prompt n times, and computes ended rows until the last row ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from sparring.errors import ModelError
from sparring.policy.base import Arrived, Prompt, ignore_response
from sparring.policy.local.cut import Cut
from sparring.policy.local.decode import EndedResponse, decode
from sparring.policy.local.detokenize import Detokenizer, Marks
from sparring.policy.settings import SamplingSettings
from sparring.schema import Response, StopReason

_USUAL = SamplingSettings()


class LocalSampler:
    """A `Sampler` over a `transformers` model and its tokenizer."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        max_batch_size: int = _USUAL.max_batch_size,
        cut: Cut | None = None,
        marks: Marks = (),
    ) -> None:
        """``max_batch_size`` is the number of responses in a batch; more are split over several
        batches. ``cut`` truncates the distribution, for evaluation only: responses to train on must
        come from the full distribution. Texts of responses keep the reasoning marks ``marks``.
        Raises `ModelError` if the model has no end token.
        """
        self.model = model
        self.max_batch_size = max_batch_size
        self.cut = cut
        self.end_ids = end_token_ids(model, tokenizer)
        self._detokenizer = Detokenizer(tokenizer, self.end_ids, marks)

    def sample(
        self,
        prompts: Sequence[Prompt],
        n: int,
        arrived: Arrived = ignore_response,
        first: int = 0,
        stop: Callable[[], bool] = lambda: False,
    ) -> list[list[Response]]:
        """Return ``n`` responses to each prompt; see `Sampler.sample`.

        Prompts of similar length and limit share a batch. Responses have the indices from ``first``
        on; a response does not depend on whether the responses before it are sampled. ``arrived``
        is called between two forward passes of the batch, within `torch.no_grad` and with the model
        in evaluation mode, so it should pass responses on and compute nothing itself. ``stop`` is
        called before each token; once it returns true, only responses that have ended are returned.
        Raises `ModelError` for a prompt without room for its response.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        self._check_room(prompts)
        responses: dict[tuple[int, int], Response] = {}
        was_training = self.model.training
        if any(m.training for m in self.model.modules()):
            self.model.eval()
        try:
            for chosen in self._batches(prompts, n):

                def report(ended: list[EndedResponse], chosen: Sequence[int] = chosen) -> None:
                    for number, r in self._responses(prompts, chosen, n, ended, first):
                        responses[number, r.index] = r
                        arrived(number, r)

                batch = [prompts[i] for i in chosen]
                decode(self.model, batch, n, self.end_ids, report, self.cut, first, stop)
        finally:
            if was_training:
                self.model.train()
        return [
            [responses[i, first + k] for k in range(n) if (i, first + k) in responses]
            for i in range(len(prompts))
        ]

    def _batches(self, prompts: Sequence[Prompt], n: int) -> list[list[int]]:
        """Return batches of prompts by index, with the smallest limits and shortest prompts
        first."""
        order = sorted(
            range(len(prompts)),
            key=lambda i: (prompts[i].params.max_tokens, len(prompts[i].token_ids)),
        )
        size = max(1, self.max_batch_size // n)
        return [order[start : start + size] for start in range(0, len(order), size)]

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
        chosen: Sequence[int],
        n: int,
        ended: Sequence[EndedResponse],
        first: int,
    ) -> list[tuple[int, Response]]:
        """Build the ended responses, each with the index of its prompt."""
        texts = self._detokenizer.texts([e.token_ids for e in ended])
        responses = []
        for e, text in zip(ended, texts, strict=True):
            place, index = divmod(e.row, n)
            p = prompts[chosen[place]]
            response = Response(
                task_id=p.task_id,
                role=p.role,
                index=first + index,
                prompt_ids=p.token_ids,
                token_ids=e.token_ids,
                logprobs=e.logprobs,
                stop=StopReason.END_TOKEN if e.by_token else StopReason.LENGTH,
                text=text,
            )
            responses.append((chosen[place], response))
        return responses


def end_token_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return all ids of end tokens, from the tokenizer and from the generation config. Raises
    `ModelError` if there are none."""
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
