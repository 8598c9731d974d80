"""How long a prompt's responses are likely to be, so that the longest can be asked for first.

The rule: the mean length of the responses to the same task by the same role that have come so far;
without any, of all responses by that role; without these too, the limit. What is short fills up
the end, where a long response alone would keep a server from being used.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sparring.policy.base import Prompt
from sparring.schema import Response, Role


@dataclass(slots=True)
class _Mean:
    count: int = 0
    total: int = 0

    def add(self, length: int) -> None:
        self.count += 1
        self.total += length


class ExpectedLengths:
    """Mean lengths in tokens, by role and by task."""

    def __init__(self) -> None:
        self._tasks: defaultdict[tuple[Role, str], _Mean] = defaultdict(_Mean)
        self._roles: defaultdict[Role, _Mean] = defaultdict(_Mean)

    def seen(self, response: Response) -> None:
        """One more response."""
        length = len(response.token_ids)
        self._tasks[response.role, response.task_id].add(length)
        self._roles[response.role].add(length)

    def of(self, prompt: Prompt) -> float:
        """The expected length of a response to ``prompt``, at most its limit."""
        limit = prompt.params.max_tokens
        for mean in (self._tasks.get((prompt.role, prompt.task_id)), self._roles.get(prompt.role)):
            if mean is not None:
                return min(limit, mean.total / mean.count)
        return limit
