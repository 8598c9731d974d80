"""One response from a vLLM server: the body of its request, and the checks of its answer.

Each response is a request of its own with its own seed. So a response can be requested again alone,
arrives as soon as it is complete, and does not depend on the other requests. The server's prefix
cache computes a shared prompt once. Requests set every sampling parameter that a checkpoint's
generation config could change.
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
"""Environment variable with a server's API key; vLLM itself reads the same variable."""


@dataclass(frozen=True, slots=True)
class Completion:
    """Sampled response: token ids, end token included, and their log-probs under the distribution
    that was sampled."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    stop: StopReason


def asked(model: str, prompt: Prompt, seed: int, end_ids: Sequence[int]) -> dict[str, Any]:
    """Return the body of a request for one response of ``model``."""
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
    """Return the response in a server's answer. Raises `Unanswered` for an invalid answer, and
    `RunError` if the server refuses the request."""
    if reply.status == 404:  # a restarted server that has not loaded the adapter again yet
        raise Unanswered(f"HTTP 404: {reply.words()}")
    check_refusal(url, PATH, reply)
    return _completion(reply.json(), prompt, end_ids, url)


def check_refusal(url: str, path: str, reply: Reply) -> None:
    """Raise `Unanswered` for a failure that another attempt may cure, `RunError` for a refusal."""
    reply.check_again()
    if reply.status >= 400:
        raise RunError(f"{url}: the server refuses {path}: {reply.words()}")


def _completion(
    body: Mapping[str, Any], prompt: Prompt, end_ids: Sequence[int], url: str
) -> Completion:
    """Return the completion in an answer's body. Raises `Unanswered` for an invalid body."""
    try:
        [choice] = body["choices"]
        ids = tuple(int(t) for t in choice["token_ids"])
        logprobs = tuple(float(x) for x in choice["logprobs"]["token_logprobs"])
        reason, echoed = choice["finish_reason"], choice["prompt_token_ids"]
    except (KeyError, TypeError, ValueError) as error:
        kind = type(error).__name__
        raise Unanswered(f"the answer has an unexpected form ({kind}: {error})") from None
    if echoed is not None and tuple(echoed) != prompt.token_ids:
        raise RunError(f"{url}: the server changed the prompt's token ids")
    if not ids or len(ids) != len(logprobs) or len(ids) > prompt.params.max_tokens:
        raise Unanswered(f"the answer has {len(ids)} token ids and {len(logprobs)} log-probs")
    if any(math.isnan(x) or x > 1e-4 for x in logprobs):
        raise Unanswered("the answer has invalid log-probs")
    if reason == "stop" and ids[-1] in end_ids:
        return Completion(ids, logprobs, StopReason.END_TOKEN)
    if reason == "length":
        return Completion(ids, logprobs, StopReason.LENGTH)
    raise Unanswered(f"the response ended for the reason {reason!r}")
