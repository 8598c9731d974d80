"""What a server says went wrong, in its own words."""

from __future__ import annotations

import json
from collections.abc import Mapping


def said(content: bytes, reason: str, secret: str | None = None) -> str:
    """One short line: the message of the error where the body is made as OpenAI's or FastAPI's
    are, else the body, else the ``reason`` of the status. Some servers quote the ``secret`` that
    they were sent: it is left out."""
    text: object = content.decode("utf-8", "replace")
    try:
        found = json.loads(content)
        error = found.get("error", found.get("detail", found))
        text = error.get("message", error) if isinstance(error, Mapping) else error
    except (ValueError, RecursionError, AttributeError):
        pass
    words = str(text)
    if secret:
        words = words.replace(secret, "[the key]")
    return " ".join(words.split())[:300] or reason or "nothing else"
