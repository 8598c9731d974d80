"""Record of a session's attempts at requests: a line before each is sent.

With the responses on record it tells what broken attempts have cost, so that a continued session,
also one that was killed, stays within the same budget. It also names requests that have failed, and
requests that were sent with a lower ``max_tokens`` because little of the budget was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.errors import well_formed
from sparring.policy.chat.base import ChatRequest, response_key
from sparring.runs.directory import RunDir
from sparring.schema import Role
from sparring.solving.budget import Costs
from sparring.solving.reply_store import ReplyStore

ATTEMPTS = "attempts.jsonl"

Identities = Mapping[Role, Mapping[str, Any]]
"""Everything that a model's responses depend on, by role (`ChatModel.identity`)."""


class Attempts:
    """Attempts of the session in a directory. Without a directory they are kept nowhere."""

    def __init__(self, identities: Identities, directory: RunDir | None = None) -> None:
        """Read the record. Raises `RunError` for a damaged one."""
        self._identities, self._directory = identities, directory
        self._where = f"{directory and directory.path}: {ATTEMPTS}"
        self._lines = directory.jsonl(ATTEMPTS) if directory is not None else []
        self.failed: set[str] = set()
        """Keys of the requests that have failed."""
        self.shortened: dict[str, str] = {}
        """Key of each request that was sent with a lower ``max_tokens``, by the key of the request
        that was wanted."""
        for line in self._lines:
            with well_formed(self._where):
                if "wanted" in line:
                    self.shortened[line["wanted"]] = line["key"]
                elif "why" in line:
                    self.failed.add(line["key"])

    def key(self, request: ChatRequest) -> str:
        """Return the key of a request's response."""
        return response_key(self._identities[request.role], request)

    def begin(self, request: ChatRequest, prompt: int, completion: int) -> None:
        """Record an attempt, with the bounds of its tokens."""
        self._append({"key": self.key(request), "prompt": prompt, "completion": completion})

    def refuse(self, request: ChatRequest, prompt: int, completion: int) -> None:
        """Record that the server has computed nothing in the last attempt, which had these
        bounds."""
        self._append(
            {
                "key": self.key(request),
                "refused": True,
                "prompt": -prompt,
                "completion": -completion,
            }
        )

    def shorten(self, wanted: ChatRequest, sent: ChatRequest) -> None:
        """Record that ``sent`` is asked for in place of ``wanted``."""
        self._append({"wanted": self.key(wanted), "key": self.key(sent)})

    def fail(self, request: ChatRequest, why: str) -> None:
        """Record that a request has failed, after all attempts."""
        self._append({"key": self.key(request), "why": why})

    def broken(self, store: ReplyStore) -> Costs:
        """Return what the recorded attempts without a response have cost, by their bounds."""
        costs, brought = Costs(), set[str]()
        for line in self._lines:
            with well_formed(self._where):
                if "prompt" not in line:
                    continue
                if not line.get("refused") and line["key"] in store and line["key"] not in brought:
                    brought.add(line["key"])  # this attempt's response has costs of its own
                    continue
                step = -1 if line.get("refused") else 1
                costs.requests += max(step, 0)
                costs.bounded += step
                costs.prompt_tokens += int(line["prompt"])
                costs.completion_tokens += int(line["completion"])
        return costs

    def _append(self, line: dict[str, Any]) -> None:
        if self._directory is not None:
            self._directory.append(ATTEMPTS, line)
