"""What the columns of a row were probably meant to be: for messages, never for reading.

A row whose fields are not ours is answered with the columns that there are and the ``--map`` that
would read them, as far as names and shapes tell.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from sparring.tasks.rows import one_line, read_json

_QUESTIONS = (
    "problem", "prompt", "description", "statement", "problem_statement", "problem_description",
    "question_content", "instruction", "task", "query", "content", "text", "body", "q",
)  # fmt: skip
_NAMES = ("function_name", "fn_name", "func_name", "entry", "method_name", "name_of_function")
_INPUTS = ("test_input", "input", "inputs", "in", "stdin", "test_inputs", "i", "x")
_OUTPUTS = ("test_output", "output", "outputs", "out", "stdout", "expected_output", "answer",
            "test_outputs", "expected", "o", "y")  # fmt: skip
_SHOWN = ("public", "example", "sample", "visible")
"""In the name of a column of tests that are shown: the last to be ground truth."""
_MOST = 12
"""Columns that are listed."""


def meant(row: Mapping[str, Any]) -> str:
    """The columns there are, and which were probably meant, as the end of a message."""
    names = [one_line(str(name), 40) for name in row]
    if not names:
        return "the row is empty"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    there = f"there are {', '.join(names[:_MOST])}{more}"
    found = guess(row)
    if not found:
        return there
    pairs = ",".join(f"{field}={path}" for field, path in found.items())
    first = next(iter(found.values())).partition(":")[0]
    return f"{there}; did you mean {first}? --map {pairs} (of `sparring tasks load`)"


def guess(row: Mapping[str, Any]) -> dict[str, str]:
    """Paths for the fields that a task needs, where a column looks like one and has another name;
    empty where the row says nothing."""
    texts = [str(name) for name, cell in row.items() if isinstance(cell, str) and _path(name)]
    close = difflib.get_close_matches("question", texts, n=1)
    names = ("question", *close, *_QUESTIONS)
    question = next((name for name in names if name in texts), None)
    found = {"question": question} if question not in (None, "question") else {}
    ours, theirs = (
        next((n for n in names if isinstance(row.get(n), (list, tuple))), None)
        for names in (_INPUTS, _OUTPUTS)
    )
    if ours and theirs:
        pair = {"test_input": ours, "test_output": theirs}
        return found | {field: name for field, name in pair.items() if field != name}
    ways = [
        (any(word in name for word in _SHOWN), empty, way)
        for name, cell in row.items()
        if name != question and _path(name)
        for way, empty in _tests(name, cell)
    ]
    return found | (min(ways, key=lambda one: one[:2])[2] if ways else {})


def _tests(name: str, cell: Any) -> Iterator[tuple[dict[str, str], bool]]:
    """The fields that a column of tests gives, by its shape, and whether it holds none."""
    if isinstance(cell, str):
        if "assert" in cell and ("test" in name or "check" in name):
            yield {"tests": name}, False
        elif cell.lstrip()[:1] in ("[", "{"):
            try:
                held = read_json(cell)
            except ValueError:
                return
            for way, empty in _tests(name, held) if not isinstance(held, str) else ():
                yield ({"tests": f"{name}:json"} if "tests" in way else way), empty
    elif isinstance(cell, Mapping):
        if any(isinstance(value, (list, tuple)) for value in cell.values()):
            yield from _pair(cell, name)
    elif isinstance(cell, (list, tuple)) and cell:
        first = cell[0]
        if isinstance(first, str) and first.lstrip().startswith("assert"):
            yield {"tests": name}, False
        elif isinstance(first, Mapping):
            yield from _pair(first, f"{name}.*")


def _pair(held: Mapping[str, Any], path: str) -> Iterator[tuple[dict[str, str], bool]]:
    """Inputs and outputs inside of a column, as calls where a function's name stands there."""
    ours, theirs = (next((n for n in names if n in held), None) for names in (_INPUTS, _OUTPUTS))
    if ours is None or theirs is None:
        return
    wrapped = _listed(held[theirs])
    function = next((n for n in _NAMES if held.get(n)), None)
    if function is not None:
        form = ":unwrap" if wrapped else ""
        way = {"entry_point": f"{path}.{function}", "args": f"{path}.{ours}"}
        yield way | {"expected": f"{path}.{theirs}{form}"}, not held[ours]
        return
    forms = [":lines" if _listed(held[n]) else "" for n in (ours, theirs)]
    way = {"test_input": f"{path}.{ours}{forms[0]}", "test_output": f"{path}.{theirs}{forms[1]}"}
    yield way, not held[ours]


def _listed(cell: Any) -> bool:
    """Whether a cell is a list of lists."""
    return isinstance(cell, (list, tuple)) and bool(cell) and isinstance(cell[0], (list, tuple))


def _path(name: object) -> bool:
    """Whether a name can stand in ``--map``."""
    return isinstance(name, str) and name.isprintable() and not set(name) & set(",=: .")
