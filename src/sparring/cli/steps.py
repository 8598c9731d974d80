"""``--steps A-B``: some of a run's recorded steps."""

from __future__ import annotations

import re

from sparring.errors import ConfigError


def steps_range(steps: str | None) -> range | None:
    """The numbers of the steps that are meant; None for those that nobody names. Raises
    `ConfigError`."""
    if steps is None:
        return None
    ends = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", steps, re.ASCII)
    if ends and (first := int(ends[1])) <= (last := int(ends[2] or ends[1])):
        return range(first, last + 1)
    raise ConfigError(f"--steps {steps}: give the first and the last step, such as 61-70")
