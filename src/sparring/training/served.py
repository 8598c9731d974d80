"""The trainer's weights, played by vLLM servers: which weights, of what step, on which server.

A server holds one set of weights at a time. Where players differ (opponents
and a frozen role have the start weights, each role may have an adapter), it
is given those of whoever is asked next: correct always, at the price of a
synchronisation for each change. With ``vllm.start_urls`` the start weights
stay on servers of their own. Adapters are merged before they travel.

A supervising tester is another model and samples in this process.
"""

from __future__ import annotations

import copy
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from transformers import PreTrainedModel

from sparring.learning.adapters import has_role_adapters
from sparring.learning.export import export_weights, weights_size
from sparring.learning.settings import Frozen, Precision
from sparring.recipe import Engine, Recipe
from sparring.sampling.base import Arrived, Prompt, unheeded
from sparring.sampling.detokenize import Detokenizer
from sparring.sampling.vllm.environment import default_environment, recorded_version
from sparring.sampling.vllm.sampler import VllmSampler, Weights, Words
from sparring.sampling.vllm.settings import Dtype, VllmSettings
from sparring.schema import Response, Role
from sparring.training.trainer import Trainer

_START, _BOTH = "start", "both"
_TORCH = {
    Dtype.FLOAT32: torch.float32,
    Dtype.BFLOAT16: torch.bfloat16,
    Dtype.FLOAT16: torch.float16,
}


class Served:
    """Samplers for the players of a run. Close it: servers of our own end with it."""

    def __init__(
        self, recipe: Recipe, trainer: Trainer, end_ids: Sequence[int], log: Path | None = None
    ) -> None:
        """A server of our own writes to ``log``. Raises `RunError`."""
        self.trainer = trainer
        self._scoring = threading.Lock()
        """Servers are compared at once, all with one model, whose adapter goes on and off."""
        self.settings = vllm_settings(recipe, trainer)
        tokenizer = trainer.tokenizer
        words = Words(
            encode=lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
            decode=lambda ids: str(tokenizer.decode(list(ids))),
            text=Detokenizer(tokenizer, end_ids, recipe.prompts.marks).text,
            count=len(tokenizer),
            end_ids=end_ids,
        )
        log = log or Path(tempfile.gettempdir()) / f"sparring-vllm-{os.getpid()}.log"
        apart = bool(recipe.vllm.start_urls)
        players = [*Role] if has_role_adapters(trainer.model) else [_BOTH]
        if not apart and (recipe.opponents or recipe.learning.frozen is not Frozen.NONE):
            players = [*players, _START]
        self._learned = VllmSampler(self.settings, words, log, players)
        self._start = self._learned
        if apart:
            others = replace(self.settings, urls=tuple(recipe.vllm.start_urls))
            self._start = VllmSampler(others, words, log)

    @classmethod
    def of(
        cls, recipe: Recipe, trainer: Trainer, end_ids: Sequence[int], log: Path | None
    ) -> Served | None:
        """The recipe's servers; None where this process samples."""
        if recipe.sampling.engine is Engine.LOCAL:
            return None
        return cls(recipe, trainer, end_ids, log)

    def played_by(self, trainer: Trainer) -> Served:
        """The same servers, given another trainer's weights."""
        other = copy.copy(self)
        other.trainer = trainer
        return other

    def sample(
        self, role: Role, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """Responses of the weights that play ``role``. See `Sampler.sample`."""
        return self._of(role).sample(prompts, n, arrived)

    def opponents(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """Responses of the start weights."""
        self._start.use(self._weights(_START, None))
        return self._start.sample(prompts, n, arrived)

    def ready(self, role: Role = Role.CODER) -> None:
        """Bring the weights that play ``role`` to the servers now, and not when they are asked:
        from here on the trainer may change its own."""
        self._of(role).ready()

    def rest(self) -> None:
        """Free the GPUs until the next response is asked for, if they are shared."""
        self._learned.rest()

    def close(self) -> None:
        self._learned.close()
        if self._start is not self._learned:
            self._start.close()

    def about(self) -> dict[str, object]:
        """What the results depend on."""
        own = [] if self.settings.urls else [recorded_version(self.settings.environment)]
        return {
            "urls": list(self.settings.urls) or "own",
            "versions": self._learned.versions or own,
            "dtype": str(self.settings.dtype),
        }

    @property
    def gap(self) -> float | None:
        """Mean distance of log-probs, as measured after the latest synchronisation."""
        return self._learned.gap

    def _of(self, role: Role) -> VllmSampler:
        """The sampler that plays ``role``, with the role's weights to come."""
        if not self.trainer.learns(role):
            self._start.use(self._weights(_START, role))
            return self._start
        model = self.trainer.model
        player = role.value if has_role_adapters(model) else _BOTH
        # Before the first step there is nothing but the start.
        self._learned.use(self._weights(player if self.trainer.step else _START, role))
        return self._learned

    def _weights(self, player: str, role: Role | None) -> Weights:
        """``role`` is one that has these weights, None for the start's."""
        dtype = _TORCH[self.settings.dtype]

        def save(path: Path) -> None:
            with self._playing(player, role) as model:
                adapters = [player] if player in list(Role) else None
                merged = player != _START
                export_weights(model, self.trainer.tokenizer, path, dtype, adapters, merged)

        def score(prompt: Sequence[int], tokens: Sequence[int], heat: float) -> list[float]:
            with self._scoring, self._playing(player, role) as model:
                return _scored(model, prompt, tokens, heat)

        step = 0 if player == _START else self.trainer.step
        return Weights(player, step, weights_size(self.trainer.model, dtype), save, score)

    @contextmanager
    def _playing(self, player: str, role: Role | None) -> Iterator[PreTrainedModel]:
        if player == _START or role is None:
            with self.trainer.at_start() as model:
                yield model
        else:
            with self.trainer.playing(role) as model:
                yield model


def vllm_settings(recipe: Recipe, trainer: Trainer) -> VllmSettings:
    """The recipe's [vllm] as the sampler takes it, with what it leaves open."""
    v, s = recipe.vllm, recipe.sampling
    usual = Dtype.FLOAT32 if recipe.model.precision is Precision.FLOAT32 else Dtype.BFLOAT16
    dtype = v.dtype or usual
    exact = dtype is Dtype.FLOAT32 and recipe.model.precision is Precision.FLOAT32
    longest = recipe.prompts.max_tokens + max(s.coder_max_tokens, s.tester_max_tokens)
    positions = getattr(trainer.model.config, "max_position_embeddings", None) or longest
    return VllmSettings(
        environment=Path(v.environment).expanduser() if v.environment else default_environment(),
        urls=tuple(v.urls),
        dtype=dtype,
        arguments=tuple(v.arguments),
        variables=v.variables,
        memory=v.memory,
        cpu_cache=v.cpu_cache,
        tensor_parallel=v.tensor_parallel,
        data_parallel=v.data_parallel,
        max_model_len=v.max_model_len or min(longest, positions),
        weights_dir=Path(v.weights_dir),
        max_gap=v.max_gap or (1e-3 if exact else 0.05),
        concurrency=v.concurrency,
        start_seconds=v.start_seconds,
        request_seconds=v.request_seconds,
        patience=v.patience,
        share_gpu=v.share_gpu,
    )


@torch.no_grad()
def _scored(
    model: PreTrainedModel, prompt: Sequence[int], tokens: Sequence[int], heat: float
) -> list[float]:
    """Log-probs of ``tokens`` after ``prompt``, at a temperature."""
    ids = torch.tensor([[*prompt, *tokens]], device=model.device)
    logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1]
    logprobs = torch.log_softmax(logits.float() / heat, dim=-1)
    found: list[float] = logprobs.gather(1, ids[0, len(prompt) :, None])[:, 0].tolist()
    return found
