"""Detection of a hanging server, by the token counts at its /metrics in Prometheus' text format.

Among many requests a single request may wait for hours. The server works as long as it makes
tokens. A server hangs if an engine with requests makes no token, or if requests stay unanswered
although no engine has a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SAMPLE = re.compile(
    r"^vllm:(generation_tokens_total|prompt_tokens_total|num_requests_running|num_requests_waiting)"
    r"\{([^}]*)\} (\S+)$",
    re.MULTILINE,
)
_ENGINE = re.compile(r'engine="([^"]*)"')


@dataclass(frozen=True, slots=True)
class EngineProgress:
    """State of one engine: ``tokens`` read and generated since its start, and the number of its
    current ``requests``."""

    tokens: float
    requests: float


def engines(text: str) -> dict[str, EngineProgress]:
    """Return the engines in the text of vLLM's metrics, by name; empty if the metrics count no
    tokens."""
    by_engine: dict[str, dict[str, float]] = {}
    for name, labels, value in _SAMPLE.findall(text):
        match = _ENGINE.search(labels)
        counts = by_engine.setdefault(match[1] if match else "", {})
        counts[name] = counts.get(name, 0.0) + float(value)
    return {
        engine: EngineProgress(
            counts["generation_tokens_total"] + counts.get("prompt_tokens_total", 0.0),
            counts.get("num_requests_running", 0.0) + counts.get("num_requests_waiting", 0.0),
        )
        for engine, counts in by_engine.items()
        if "generation_tokens_total" in counts
    }


class ServerProgress:
    """Times at which the engines of a server last made a token, by repeated observation."""

    def __init__(self, seconds: float, now: float) -> None:
        """A server hangs after ``seconds`` without a token. ``now`` and all times are in
        seconds."""
        self.seconds = seconds
        self._since = now
        self._moved: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def forget(self, now: float) -> None:
        """Begin again, because the server has no requests at present or is another process."""
        self._since = now
        self._moved.clear()
        self._last.clear()

    def stalled(self, observed: Mapping[str, EngineProgress], now: float) -> bool:
        """Return whether the server hangs while responses are pending. ``observed`` are its engines
        now; empty if the server gave no metrics."""
        working = any(e.requests for e in observed.values())
        for name, engine in observed.items():
            idle = working and not engine.requests  # an engine may rest while others work
            if idle or engine.tokens != self._last.get(name):
                self._moved[name] = now
            self._last[name] = engine.tokens
        since = min(self._moved.values(), default=self._since)
        return now - since >= self.seconds
