"""Outcomes in memory by content: an execution that was made once is not made again.

The memo is bounded by the bytes of its entries; the least recently used go first. Verdicts that say
nothing about the program (not run, a failure of the sandbox) are never kept.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

from sparring.sandbox.caller.keys import NEVER_KEPT, Key
from sparring.schema import Outcome

if TYPE_CHECKING:
    from sparring.sandbox.caller.store import Store

_ENTRY_BYTES = 400  # rough cost of an entry beside its texts


class Memo:
    """Bounded map from execution to outcome. Not safe for threads: its owner locks."""

    def __init__(self, max_bytes: int, store: Store | None = None) -> None:
        """Keep up to `max_bytes`; with a `store`, also read outcomes there and write them there."""
        self._max_bytes = max_bytes
        self._store = store
        self._bytes = 0
        self._outcomes: OrderedDict[Key, Outcome] = OrderedDict()

    def get(self, key: Key) -> Outcome | None:
        """Return the outcome of an earlier execution; None if no such outcome is kept."""
        outcome = self._outcomes.get(key)
        if outcome is not None:
            self._outcomes.move_to_end(key)
        elif self._store is not None:
            outcome = self._store.get(key)
        return outcome

    def put(self, key: Key, outcome: Outcome) -> None:
        """Keep an outcome, unless its verdict is one of `NEVER_KEPT`."""
        if self._store is not None:
            self._store.put(key, outcome)
        if outcome.verdict in NEVER_KEPT or self._max_bytes <= 0 or key in self._outcomes:
            return
        self._outcomes[key] = outcome
        self._bytes += _size(outcome)
        while self._bytes > self._max_bytes:
            _, old = self._outcomes.popitem(last=False)
            self._bytes -= _size(old)

    def __len__(self) -> int:
        return len(self._outcomes)


def _size(outcome: Outcome) -> int:
    # A text with one wide character takes up to four bytes for each of its characters.
    return sys.getsizeof(outcome.output) + sys.getsizeof(outcome.detail) + _ENTRY_BYTES
