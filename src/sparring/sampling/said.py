"""What a server says where it refuses, for an error of one line."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2


def said(answer: httpx2.Response) -> str:
    """The server's own words, in one short line: the message of its error where the body is made
    as OpenAI's or FastAPI's are, else the body."""
    text: object = answer.text
    try:
        found = answer.json()
        error = found.get("error", found.get("detail", found))
        text = error.get("message", error) if isinstance(error, Mapping) else error
    except (ValueError, RecursionError, AttributeError):
        pass
    return " ".join(str(text).split())[:300] or answer.reason_phrase or "nothing else"
