"""Other languages than Python: refused by name where a problem asks for one, not where it only
mentions one."""

from __future__ import annotations

import re
from pathlib import Path

from sparring.errors import DataError
from sparring.prompts.blocks import PYTHON, blocks, language
from sparring.solving.problems.language_forms import (
    ABOUT,
    ASKS,
    CODE,
    FENCES,
    LATE,
    MOVES,
    NAME,
    SHORT,
    SUFFIXES,
)

_LONGEST = 200_000


def check_suffix(path: Path) -> None:
    """Raise `DataError` for a file of another language than Python."""
    if name := SUFFIXES.get(path.suffix.lower()):
        raise DataError(_refusal(f"{path}: is a file of {name}", name))


def check_language(text: str, place: str, *, has_head: bool) -> str | None:
    """Raise `DataError` if a text asks for another language than Python. Return the name of a
    language that it only mentions, None without one. ``has_head``: the text has the head of a
    Python function, which asks for Python as well."""
    text = text[:_LONGEST]
    asked = _asked_for(text)
    others = [name for name in asked if not name.startswith("Python")]
    if others and (len(asked) == len(others)) and not (has_head and MOVES.search(text) is None):
        raise DataError(_refusal(f"{place}: asks for {others[0]}", others[0]))
    if not asked and not has_head and (name := _by_code(text)):
        raise DataError(_refusal(f"{place}: asks for {name}, by its code", name))
    names = (match["lang"] for match in re.finditer(NAME, text))
    return next((n for n in names if n not in SHORT and not n.startswith("Python")), None)


def _asked_for(text: str) -> list[str]:
    """Return the languages that sentences ask for, in the order of the forms."""
    names = [match["lang"] for form in ASKS for match in form.finditer(text)]
    for match in LATE.finditer(text):
        if not ABOUT.match(match["before"]) and match["lang"] not in SHORT:
            names.append(match["lang"])
    return [re.sub(r"[\s\d.]+\Z", "", name) for name in names]


def _by_code(text: str) -> str | None:
    """Return the language of a text's code, by fences or by the code's own lines."""
    marks = [language(block.info) for block in blocks(text.split("\n"))]
    if any(mark in PYTHON for mark in marks):
        return None
    fenced = [FENCES[mark] for mark in marks if mark in FENCES]
    return fenced[-1] if fenced else next((n for n, form in CODE if form.search(text)), None)


def _refusal(problem: str, name: str) -> str:
    return f"{problem}; Sparring writes and runs Python: say so in the problem, or leave {name} out"
