"""Outcomes by content: what has been run once need not be run again.

Bounded by bytes of output and by number, least recently used out first. A verdict that says
nothing about the program (not run, our own failure) is never kept.
"""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

from sparring.sandbox.types import Limits
from sparring.schema import Kind, Outcome, Verdict

if TYPE_CHECKING:
    from sparring.sandbox.store import Store

NEVER_KEPT = (Verdict.NOT_RUN, Verdict.INFRA)
_ENTRY_BYTES = 400  # what an entry costs beside its output, roughly

Key = bytes


def program_key(
    program: bytes,
    limits: Limits,
    kind: Kind,
    entry_point: str,
    preamble: str = "",
    packages: str = "",
    *,
    alone: bool = False,
) -> bytes:
    """The content of a program under its limits, and how it is run.

    What was found in company of other inputs is no answer to who asks for a run alone.
    """
    how = f"{limits!r} {kind.value}{'/alone' if alone else ''} {entry_point}"
    if preamble:  # without one the key is what it was before there were any
        before = preamble.encode("utf-8", "surrogatepass")
        how += f" {hashlib.sha256(before).hexdigest()}"
    if packages:
        how += f" with {packages}"
    digest = hashlib.sha256(how.encode())
    digest.update(b"\0" + program)
    return digest.digest()


def run_key(program: bytes, data: bytes) -> Key:
    """The content of a run: `program` is a `program_key`, `data` the input."""
    return hashlib.sha256(program + data).digest()


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
