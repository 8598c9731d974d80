"""Symbols of the verdicts. Each verdict has a character of its own, so no reader needs colours."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from sparring.schema import Verdict

_LOOK: dict[Verdict, tuple[str, str, str]] = {
    Verdict.ACCEPTED: ("✓", "bold cyan", "passed"),
    Verdict.WRONG_ANSWER: ("✗", "bright_red", "wrong answer"),
    Verdict.RUNTIME_ERROR: ("e", "bright_red", "error"),
    Verdict.TIME_LIMIT: ("t", "bright_red", "time limit"),
    Verdict.IDLE_LIMIT: ("i", "bright_red", "idle limit"),
    Verdict.MEMORY_LIMIT: ("m", "bright_red", "memory limit"),
    Verdict.OUTPUT_LIMIT: ("o", "bright_red", "output limit"),
    Verdict.SANDBOX_VIOLATION: ("s", "bold bright_red", "tried what the sandbox forbids"),
    Verdict.FINISHED: ("f", "", "finished, not compared"),
    Verdict.INVALID: ("–", "dim", "nothing to run"),
    Verdict.NOT_RUN: ("?", "dim", "not run (counts as failed)"),
    Verdict.INFRA: ("·", "yellow", "masked: our own failure"),
}


def symbol(verdict: Verdict) -> Text:
    """Return the symbol of a verdict, as a cell of the matrix."""
    sign, style, _ = _LOOK[verdict]
    return Text(sign, style)


def word(verdict: Verdict) -> Text:
    """Return the symbol and the name of a verdict."""
    sign, style, _ = _LOOK[verdict]
    return Text(f"{sign} {verdict.value.replace('_', ' ')}", style)


def legend(shown: Iterable[Verdict], counted: bool = True) -> Text:
    """Return the meanings of the symbols that occur. ``counted``: what was not run counts as
    failed, as in training; not so in a session, whose budget did not hold it."""
    occurring = set(shown)
    parts = [
        f"{sign} {meaning if counted or v is not Verdict.NOT_RUN else 'not run'}"
        for v, (sign, _, meaning) in _LOOK.items()
        if v in occurring
    ]
    return Text("  ".join(parts), "dim")


def mark(value: bool | None) -> Text:
    """Return ✓ for true, ✗ for false, ? for unknown."""
    if value is None:
        return Text("?", "dim")
    return Text("✓", "bold cyan") if value else Text("✗", "bright_red")
