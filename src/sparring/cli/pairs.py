"""An option with two values that may be repeated, ``--example IN OUT``, which typer lacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from sparring.errors import ConfigError

EXAMPLE = "--example"


class PairsCommand(TyperCommand):
    """Command whose ``--example`` has two values. They reach the command as one text of JSON."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the two values of each ``--example``, then parse the arguments."""
        return super().parse_args(ctx, _joined(args))


def pairs_of(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs that the option's texts hold."""
    pairs = [json.loads(text) for text in texts]
    return [(first, second) for first, second in pairs]


def _joined(args: Sequence[str]) -> list[str]:
    """Return arguments in which the two values behind each ``--example`` are one."""
    joined: list[str] = []
    at = 0
    while at < len(args):
        word = args[at]
        if word == "--":
            return [*joined, *args[at:]]
        at += 1
        if word != EXAMPLE and not word.startswith(f"{EXAMPLE}="):
            joined.append(word)
            continue
        values = [word.partition("=")[2]] if "=" in word else []
        needed = 2 - len(values)
        values += args[at : at + needed]
        at += needed
        if len(values) < 2:
            raise ConfigError(f"{EXAMPLE}: needs two values, an input and its output")
        joined += [EXAMPLE, json.dumps(values)]
    return joined
