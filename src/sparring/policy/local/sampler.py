"""Sampling with `transformers` in this process, from the trainer's own weights.

Nothing is synchronised: the model object is the trainer's. Prompts are put
together into batches, decoded (`decode`), and their responses told of as
they end.

`model.generate` is not used: it takes defaults (top-k among them) from the
checkpoint's generation config, gives no log-probs of the distribution it
sampled without keeping all scores, ties a response's random numbers to its
place in the batch, and computes a prompt n times and rows that have ended
until the last one ends (`benchmarks/sampling.py`). Here a response does not
depend on what else is sampled beside it, up to rounding in the matrix
products.
"""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from sparring.errors import ModelError
from sparring.policy.base import Arrived, Prompt, unheeded
from sparring.policy.local.cut import Cut
from sparring.policy.local.decode import Ended, decode
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
        max_rows: int = _USUAL.max_rows,
        cut: Cut | None = None,
        marks: Marks = (),
    ) -> None:
        """``max_rows`` responses are sampled at once; more are split over several batches.
        The model computes in the type that it has. A ``cut`` is for evaluation; responses that are
        trained on must come from the whole distribution. The texts of responses keep the ``marks``
        of reasoning.

        Raises `ModelError` if the model has no end token.
        """
        self.model = model
        self.max_rows = max_rows
        self.cut = cut
        self.end_ids = end_token_ids(model, tokenizer)
        self._detokenizer = Detokenizer(tokenizer, self.end_ids, marks)

    def sample(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded, first: int = 0
    ) -> list[list[Response]]:
        """See `Sampler.sample`. Prompts of similar length and limit share a batch. Responses are
        numbered from ``first``: a response is the same whether those before it are sampled or not.

        ``arrived`` is called between two tokens of the others, within `torch.no_grad` and with the
        model in evaluation mode: it should hand on, not compute.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        self._check_room(prompts)
        found: dict[tuple[int, int], Response] = {}
        was_training = self.model.training
        if any(m.training for m in self.model.modules()):
            self.model.eval()
        try:
            for chosen in self._batches(prompts, n):

                def tell(ended: list[Ended], chosen: Sequence[int] = chosen) -> None:
                    for number, r in self._responses(prompts, chosen, n, ended, first):
                        found[number, r.index] = r
                        arrived(number, r)

                some = [prompts[i] for i in chosen]
                decode(self.model, some, n, self.end_ids, tell, self.cut, first)
        finally:
            if was_training:
                self.model.train()
        return [[found[i, first + k] for k in range(n)] for i in range(len(prompts))]

    def _batches(self, prompts: Sequence[Prompt], n: int) -> list[list[int]]:
        """The numbers of the prompts that are sampled together, shortest prompts first."""
        order = sorted(
            range(len(prompts)),
            key=lambda i: (prompts[i].params.max_tokens, len(prompts[i].token_ids)),
        )
        size = max(1, self.max_rows // n)
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
        ended: Sequence[Ended],
        first: int,
    ) -> list[tuple[int, Response]]:
        """Responses and the numbers of their prompts."""
        texts = self._detokenizer.texts([e.token_ids for e in ended])
        found = []
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
            found.append((chosen[place], response))
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
