"""Forms of a cell: the word after the colon of ``--map FIELD=COLUMN:FORM``."""

from __future__ import annotations

import ast
from enum import StrEnum
from typing import Any

from sparring.tasks.rows.files import read_json
from sparring.tasks.rows.limits import UNITS, limit


class CellForm(StrEnum):
    """Form of a cell: how its content is written."""

    PLAIN = "plain"
    """Taken as it stands: a text is a text, a list a list. A limit may name its own unit."""
    JSON = "json"
    """A text that holds JSON."""
    PYTHON = "python"
    """A text that holds a Python literal."""
    NUMBER = "number"
    """A text that holds a number, as in CSV."""
    ONE = "one"
    """A single item, for a field that is a list of items."""
    LINES = "lines"
    """A list with a list of lines for each test, as in APPS; the lines are joined."""
    UNWRAP = "unwrap"
    """A list that holds each item in a list of its own, as in APPS: ``[[4]]`` for ``[4]``."""
    SECONDS = "seconds"
    MS = "ms"
    NANOS = "nanos"
    """Unit of a bare number that is a time limit."""
    BYTES = "bytes"
    KB = "kb"
    MB = "mb"
    """Unit of a bare number that is a memory limit."""


def fits(form: CellForm, field: str) -> bool:
    """Return True if a field can have this form: a unit needs a limit of time or of memory."""
    fields = [name for name, units in UNITS.items() if form in units]
    return not fields or field in fields


def formed(field: str, cell: Any, form: CellForm) -> Any:
    """Return the content of a cell in this form; None for an empty cell.

    Raises `ValueError` with a predicate as its text ("is not a number").
    """
    if form in (CellForm.LINES, CellForm.UNWRAP):
        items = read_json(cell) if isinstance(cell, str) else cell
        if items is None:
            return None
        if not isinstance(items, (list, tuple)):
            raise ValueError(f"is not a list, which the form {form} needs")
        return list(map(_joined_lines if form is CellForm.LINES else _only_item, items))
    if field in UNITS and form not in (CellForm.JSON, CellForm.PYTHON, CellForm.NUMBER):
        return limit(field, cell, None if form in (CellForm.PLAIN, CellForm.ONE) else form)
    if cell is None or form is CellForm.PLAIN:
        return cell
    if form is CellForm.ONE:
        return [cell]
    if not isinstance(cell, str):
        raise ValueError(f"is not a text, which the form {form} needs")
    if form is CellForm.JSON:
        return read_json(cell)
    if form is CellForm.NUMBER:
        try:
            return float(cell)
        except ValueError:
            raise ValueError("is not a number") from None
    try:
        return ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, TypeError):
        raise ValueError("is not a Python literal") from None


def _joined_lines(item: Any) -> Any:
    """Return the text of a list of lines; a text is returned as it is."""
    if isinstance(item, str):
        return item
    if not isinstance(item, (list, tuple)):
        raise ValueError("has an item that is neither a list of lines nor a text")
    for line in item:
        if isinstance(line, bool) or not isinstance(line, (str, int)):
            raise ValueError("has a line that is neither a text nor a whole number")
    return "\n".join(str(line) for line in item) + "\n"


def _only_item(item: Any) -> Any:
    if not isinstance(item, (list, tuple)) or len(item) != 1:
        raise ValueError("has an item that is not a list of one")
    return item[0]
