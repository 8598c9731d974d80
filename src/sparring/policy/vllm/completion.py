"""One response: what a server is asked for it, and what of its answer is believed.

Each response is a request of its own, with its own seed: so it can be
repeated alone, arrives as soon as it is whole, and does not depend on what is
asked for beside it; the server computes a shared prompt once by its prefix
cache. All that a checkpoint's generation config could change is sent along.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.errors import RunError
from sparring.policy.base import Prompt
from sparring.policy.http import Reply, Unanswered
from sparring.schema import StopReason

PATH = "/v1/completions"
KEY = "VLLM_API_KEY"
"""Names the variable that holds a server's key, as vLLM itself reads it."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What was sampled: ids with the end token, log-probs of the distribution that was sampled."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    stop: StopReason


def asked(model: str, prompt: Prompt, seed: int, end_ids: Sequence[int]) -> dict[str, Any]:
    """The body of a request for one response of ``model``."""
    return {
        "model": model,
        "prompt": list(prompt.token_ids),
        "max_tokens": prompt.params.max_tokens,
        "temperature": prompt.params.temperature,
        "seed": seed,
        "top_p": 1.0,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "stop_token_ids": list(end_ids),
        "logprobs": 0,
        "return_token_ids": True,
    }


def read(url: str, reply: Reply, prompt: Prompt, end_ids: Sequence[int]) -> Completion:
    """The response in a server's answer. Raises `Unanswered` for one that is not sound, `RunError`
    where the server refuses the request."""
    if reply.status == 404:  # it was started again, and has not got the adapter back yet
        raise Unanswered(f"HTTP 404: {reply.words()}")
    check_refusal(url, PATH, reply)
    return _completion(reply.json(), prompt, end_ids, url)


def check_refusal(url: str, path: str, reply: Reply) -> None:
    """Raises `Unanswered` for a failure that may pass, `RunError` for a refusal."""
    reply.check_again()
    if reply.status >= 400:
        raise RunError(f"{url}: refuses {path}: {reply.words()}")


def _completion(
    found: Mapping[str, Any], prompt: Prompt, end_ids: Sequence[int], url: str
) -> Completion:
    """The completion in an answer. Raises `Unanswered` for one that is not sound."""
    try:
        [choice] = found["choices"]
        ids = tuple(int(t) for t in choice["token_ids"])
        logprobs = tuple(float(x) for x in choice["logprobs"]["token_logprobs"])
        why, given = choice["finish_reason"], choice["prompt_token_ids"]
    except (KeyError, TypeError, ValueError) as error:
        raise Unanswered(f"an answer of another form ({type(error).__name__}: {error})") from None
    if given is not None and tuple(given) != prompt.token_ids:
        raise RunError(f"{url}: changed the prompt's token ids")
    if not ids or len(ids) != len(logprobs) or len(ids) > prompt.params.max_tokens:
        raise Unanswered(f"{len(ids)} token ids with {len(logprobs)} log-probs")
    if any(math.isnan(x) or x > 1e-4 for x in logprobs):
        raise Unanswered("log-probs that are none")
    if why == "stop" and ids[-1] in end_ids:
        return Completion(ids, logprobs, StopReason.END_TOKEN)
    if why == "length":
        return Completion(ids, logprobs, StopReason.LENGTH)
    raise Unanswered(f"a response that ended by {why!r}")
