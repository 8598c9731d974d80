"""What several commands need: options that are read alike, and files that are written alike."""

from __future__ import annotations

import re
from pathlib import Path

from sparring.errors import ConfigError


def step_range(steps: str | None) -> range | None:
    """The steps that ``--steps A-B`` names; None where it is not given. Raises `ConfigError`."""
    if steps is None:
        return None
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", steps, re.ASCII)
    if found and (first := int(found[1])) <= (last := int(found[2] or found[1])):
        return range(first, last + 1)
    raise ConfigError(f"--steps {steps}: give the first and the last step, such as 61-70")


def write_text(option: str, path: Path, text: str) -> None:
    """Write a file that ``option`` names. Raises `ConfigError`."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{option} {path}: cannot be written: {error.strerror}") from None
