"""Outcomes by content: what has been run once need not be run again.

Bounded by bytes of output and by number, least recently used out first. A verdict that says
nothing about the program (not run, our own failure) is never kept.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

from sparring.sandbox.caller.keys import NEVER_KEPT, Key
from sparring.schema import Outcome

if TYPE_CHECKING:
    from sparring.sandbox.caller.store import Store

_ENTRY_BYTES = 400  # what an entry costs beside its output, roughly


class Memo:
    """A bounded map from run to outcome. Not safe for threads: its owner locks."""

    def __init__(self, max_bytes: int, store: Store | None = None) -> None:
        """With a `store`, what is kept here is kept there, and found there as well."""
        self._max_bytes = max_bytes
        self._store = store
        self._bytes = 0
        self._outcomes: OrderedDict[Key, Outcome] = OrderedDict()

    def get(self, key: Key) -> Outcome | None:
        """The outcome of an earlier run, if it is still here."""
        outcome = self._outcomes.get(key)
        if outcome is not None:
            self._outcomes.move_to_end(key)
        elif self._store is not None:
            outcome = self._store.get(key)
        return outcome

    def put(self, key: Key, outcome: Outcome) -> None:
        """Keep an outcome, unless it is one that must be asked for again."""
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
