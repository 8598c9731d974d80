"""Does a server make progress? It counts its tokens at /metrics, in Prometheus' text format.

A request may wait for hours where many are asked for, and the server is well
as long as tokens come. It hangs when an engine that has something to do makes
none, or when requests are not answered although no engine has anything to do.
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
class Engine:
    """What one engine has done: ``tokens`` read and made since it began, and how many requests it
    has now."""

    tokens: float
    requests: float


def engines(text: str) -> dict[str, Engine]:
    """The engines in vLLM's metrics, by name; empty where the metrics have no tokens."""
    found: dict[str, dict[str, float]] = {}
    for name, labels, value in _SAMPLE.findall(text):
        match = _ENGINE.search(labels)
        of = found.setdefault(match[1] if match else "", {})
        of[name] = of.get(name, 0.0) + float(value)
    return {
        engine: Engine(
            of["generation_tokens_total"] + of.get("prompt_tokens_total", 0.0),
            of.get("num_requests_running", 0.0) + of.get("num_requests_waiting", 0.0),
        )
        for engine, of in found.items()
        if "generation_tokens_total" in of
    }


class Progress:
    """Since when each engine of a server has made no token, as far as it has been looked at."""

    def __init__(self, seconds: float, now: float) -> None:
        """``seconds`` without a token are a hang. ``now`` and later times are in seconds."""
        self.seconds = seconds
        self._since = now
        self._moved: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def forget(self, now: float) -> None:
        """Nothing is asked of the server at present, or it is another process."""
        self._since = now
        self._moved.clear()
        self._last.clear()

    def stalled(self, seen: Mapping[str, Engine], now: float) -> bool:
        """Whether the server hangs, with responses asked for. ``seen``: its engines as they are
        now; empty when it did not say."""
        working = any(e.requests for e in seen.values())
        for name, engine in seen.items():
            idle = working and not engine.requests
            if idle or engine.tokens != self._last.get(name):
                self._moved[name] = now
            self._last[name] = engine.tokens
        since = min(self._moved.values(), default=self._since)
        return now - since >= self.seconds
