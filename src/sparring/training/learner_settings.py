"""Where a recipe's model lies."""

from __future__ import annotations

from sparring.microworld import NANO_DIR
from sparring.policy.settings import NANO


def model_place(name: str) -> str:
    """A model's directory or hub id; the name ``nano`` is the one in the package."""
    return str(NANO_DIR) if name == NANO else name
