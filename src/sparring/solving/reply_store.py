"""Interface of a store of responses, as a session needs it."""

from __future__ import annotations

from typing import Protocol

from sparring.evaluation.response_store import StoredResponse


class ReplyStore(Protocol):
    """Store of responses by key, such as `ResponseStore`."""

    def __len__(self) -> int:
        """Return the number of responses."""
        ...

    def __contains__(self, key: str) -> bool:
        """Return whether there is a response with this key."""
        ...

    def get(self, key: str) -> StoredResponse | None:
        """Return the response with this key, or None."""
        ...

    def put(self, entry: StoredResponse) -> None:
        """Keep a response."""
        ...
