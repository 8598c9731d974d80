"""How a cell of a column is written: the word after the colon of ``--map FIELD=COLUMN:FORM``."""

from __future__ import annotations

import ast
from enum import StrEnum
from typing import Any

from sparring.tasks.rows.files import read_json
from sparring.tasks.rows.limits import UNITS, limit


class Form(StrEnum):
    """The forms there are."""

    PLAIN = "plain"
    """As it is: a text is a text, a list a list. A limit that says its unit is read by it."""
    JSON = "json"
    """A text that holds JSON."""
    PYTHON = "python"
    """A text that holds a Python literal."""
    NUMBER = "number"
    """A text that holds a number, as in CSV."""
    ONE = "one"
    """One item where the field is a list of them."""
    LINES = "lines"
    """A list with a list of lines for each test, as in APPS: the lines are joined."""
    UNWRAP = "unwrap"
    """A list with each item in a list of its own, as in APPS: ``[[4]]`` for ``[4]``."""
    SECONDS = "seconds"
    MS = "ms"
    NANOS = "nanos"
    """A limit of time: what a bare number counts."""
    BYTES = "bytes"
    KB = "kb"
    MB = "mb"
    """A limit of memory: what a bare number counts."""


def fits(form: Form, field: str) -> bool:
    """Whether a field can be written so: units are for limits, and each has its own."""
    of = [name for name, units in UNITS.items() if form in units]
    return not of or field in of


def formed(field: str, cell: Any, form: Form) -> Any:
    """What a cell holds. Raises `ValueError` with what is wrong, for a text after "it"."""
    if form in (Form.LINES, Form.UNWRAP):
        items = read_json(cell) if isinstance(cell, str) else cell
        if items is None:
            return None
        if not isinstance(items, (list, tuple)):
            raise ValueError(f"is no list, as {form} needs")
        return list(map(_joined if form is Form.LINES else _only, items))
    if field in UNITS and form not in (Form.JSON, Form.PYTHON, Form.NUMBER):
        return limit(field, cell, None if form in (Form.PLAIN, Form.ONE) else form)
    if cell is None or form is Form.PLAIN:
        return cell
    if form is Form.ONE:
        return [cell]
    if not isinstance(cell, str):
        raise ValueError(f"holds no text to be read as {form}")
    if form is Form.JSON:
        return read_json(cell)
    if form is Form.NUMBER:
        try:
            return float(cell)
        except ValueError:
            raise ValueError("is no number") from None
    try:
        return ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, TypeError):
        raise ValueError("is no Python literal") from None


def _joined(item: Any) -> Any:
    """The text of a list of lines; a text is one already."""
    if isinstance(item, str):
        return item
    if not isinstance(item, (list, tuple)):
        raise ValueError("an item is neither a list of lines nor a text")
    for line in item:
        if isinstance(line, bool) or not isinstance(line, (str, int)):
            raise ValueError("a line is neither a text nor a whole number")
    return "\n".join(str(line) for line in item) + "\n"


def _only(item: Any) -> Any:
    if not isinstance(item, (list, tuple)) or len(item) != 1:
        raise ValueError("an item is no list of one")
    return item[0]
