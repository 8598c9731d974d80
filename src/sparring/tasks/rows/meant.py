"""What the columns of a row were probably meant to be: for messages, never for reading.

A row whose fields are not ours is answered with the columns that there are and the ``--map`` that
would read them, as far as names and shapes tell.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from sparring.tasks.rows.files import read_json
from sparring.text import in_line

_QUESTIONS = (
    "problem", "prompt", "description", "statement", "problem_statement", "problem_description",
    "question_content", "instruction", "task", "query", "content", "text", "body", "q",
)  # fmt: skip
_FUNCTIONS = ("function_name", "fn_name", "func_name", "entry", "method_name", "function", "func")
_INPUTS = ("test_input", "input", "inputs", "in", "stdin", "test_inputs", "i", "x")
_OUTPUTS = ("test_output", "output", "outputs", "out", "stdout", "expected_output", "answer",
            "test_outputs", "expected", "o", "y")  # fmt: skip
_SHOWN = ("public", "example", "sample", "visible")
"""In the name of a column of tests that are shown: the last to be ground truth."""
_MOST = 12
"""Columns that are listed."""


def meant(row: Mapping[str, Any]) -> str:
    """The columns there are, and which were probably meant, as the end of a message."""
    names = [in_line(str(name), 40) for name in row]
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
    names = [name for name in row if _path(name)]
    found: dict[str, str] = {}
    texts = [name for name in names if isinstance(row[name], str)]
    close = difflib.get_close_matches("question", texts, n=1, cutoff=0.8)
    question = _first(texts, ("question", *_QUESTIONS, *close))
    if question is not None:
        found["question"] = question
    function = _first(texts, ("entry_point", *_FUNCTIONS))
    ours, theirs = (
        _first([n for n in names if isinstance(row[n], (list, tuple))], every)
        for every in (_INPUTS, _OUTPUTS)
    )
    if ours is not None and theirs is not None:
        found |= _lists(function, (ours, row[ours]), (theirs, row[theirs]))
    else:
        ways = [
            (any(word in name.lower() for word in _SHOWN), empty, way)
            for name in names
            if name != question
            for way, empty in _tests(name, row[name], function)
        ]
        cells = [_first([n for n in texts if n != question], n) for n in (_INPUTS, _OUTPUTS)]
        if ways:
            found |= min(ways, key=lambda one: one[:2])[2]
        elif cells[0] is not None and cells[1] is not None:  # as in CSV
            forms = ["json" if row[n].lstrip().startswith("[") else "one" for n in cells if n]
            found |= {"test_input": f"{cells[0]}:{forms[0]}"}
            found |= {"test_output": f"{cells[1]}:{forms[1]}"}
    return {field: path for field, path in found.items() if field != path}


def _first(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the wanted names that is there, capitals, signs and spaces aside."""
    plain = {_plain(name): name for name in reversed(names)}
    return next((plain[_plain(name)] for name in wanted if _plain(name) in plain), None)


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _tests(name: str, cell: Any, function: str | None) -> Iterator[tuple[dict[str, str], bool]]:
    """The fields that a column of tests gives, by its shape, and whether it holds none.
    ``function`` is the column with the function's name, if there is one."""
    if isinstance(cell, str):
        if "assert" in cell and ("test" in name or "check" in name):
            yield {"tests": name}, False
        elif cell.lstrip()[:1] in ("[", "{"):
            try:
                held = read_json(cell)
            except ValueError:
                return
            for way, empty in _tests(name, held, function) if not isinstance(held, str) else ():
                yield ({"tests": f"{name}:json"} if "tests" in way else way), empty
    elif isinstance(cell, Mapping):
        if any(isinstance(value, (list, tuple)) for value in cell.values()):
            yield from _pair(cell, name, function)
    elif isinstance(cell, (list, tuple)) and cell:
        first = cell[0]
        if isinstance(first, str) and first.lstrip().startswith("assert"):
            yield {"tests": name}, False
        elif isinstance(first, Mapping):
            every = {key: [value] for key, value in first.items()}
            yield from _pair(every, f"{name}.*", function)


def _pair(
    held: Mapping[str, Any], path: str, function: str | None
) -> Iterator[tuple[dict[str, str], bool]]:
    """Inputs and outputs inside of a column."""
    names = [name for name in held if _path(name)]
    ours, theirs = _first(names, _INPUTS), _first(names, _OUTPUTS)
    if ours is None or theirs is None:
        return
    inside = _first([name for name in names if held[name]], _FUNCTIONS)
    if inside is not None and "*" not in path:
        function = f"{path}.{inside}"
    pairs = (f"{path}.{ours}", held[ours]), (f"{path}.{theirs}", held[theirs])
    yield _lists(function, *pairs), not held[ours]


def _lists(function: str | None, ours: tuple[str, Any], theirs: tuple[str, Any]) -> dict[str, str]:
    """Fields for two lists, each with its path: calls where a function is named, else texts."""
    every = "*" in ours[0]  # each item is a path's own, which forms of lists do not reach
    if function is not None and not _of(ours[1], str):
        form = ":unwrap" if _of(theirs[1], (list, tuple)) and not every else ""
        return {"entry_point": function, "args": ours[0], "expected": f"{theirs[0]}{form}"}
    forms = [":lines" if _of(one[1], (list, tuple)) and not every else "" for one in (ours, theirs)]
    return {"test_input": f"{ours[0]}{forms[0]}", "test_output": f"{theirs[0]}{forms[1]}"}


def _of(cell: Any, kind: type | tuple[type, ...]) -> bool:
    """Whether a cell is a list that begins with one of this kind."""
    return isinstance(cell, (list, tuple)) and bool(cell) and isinstance(cell[0], kind)


def _path(name: object) -> TypeGuard[str]:
    """Whether a name can stand in ``--map``."""
    return isinstance(name, str) and name.isprintable() and not set(name) & set(",=: .")
