"""Expected lengths of a prompt's responses, so that the longest are requested first.

The expected length is the mean over the earlier responses of the same role to the same task.
Without such responses, it is the mean over all responses of the role. Without any response of the
role, it is the limit. Short responses then fill up the end of a step, where a single long response
would leave the servers idle.
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
    """Mean lengths of responses in tokens, by role and by task."""

    def __init__(self) -> None:
        self._tasks: defaultdict[tuple[Role, str], _Mean] = defaultdict(_Mean)
        self._roles: defaultdict[Role, _Mean] = defaultdict(_Mean)

    def seen(self, response: Response) -> None:
        """Include one more response in the means."""
        length = len(response.token_ids)
        self._tasks[response.role, response.task_id].add(length)
        self._roles[response.role].add(length)

    def of(self, prompt: Prompt) -> float:
        """Return the expected length of a response to ``prompt`` in tokens, at most its limit."""
        limit = prompt.params.max_tokens
        for mean in (self._tasks.get((prompt.role, prompt.task_id)), self._roles.get(prompt.role)):
            if mean is not None:
                return min(limit, mean.total / mean.count)
        return limit
