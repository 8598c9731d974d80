"""Guess the meaning of a row's columns: for messages, never for reading.

The message about a row with unknown fields lists the row's columns, and suggests a ``--map`` that
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
"""Words in the name of a column of public tests, which are the last choice for ground truth."""
_MOST = 12
"""Most columns that a message lists."""


def columns_hint(row: Mapping[str, Any]) -> str:
    """Return the end of a message: the row's columns, and a ``--map`` that may be meant."""
    names = [in_line(str(name), 40) for name in row]
    if not names:
        return "the row is empty"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    columns = f"the columns are {', '.join(names[:_MOST])}{more}"
    paths = guess_columns(row)
    if not paths:
        return columns
    pairs = ",".join(f"{field}={path}" for field, path in paths.items())
    first = next(iter(paths.values())).partition(":")[0]
    return f"{columns}; did you mean {first}? `sparring tasks load FILE --map {pairs} --out TASKS`"


def guess_columns(row: Mapping[str, Any]) -> dict[str, str]:
    """Return paths for the fields that a task needs, by names and shapes of columns.

    Fields whose column already has the field's name are left out. The dictionary is empty if no
    column looks like a field.
    """
    names = [name for name in row if _path(name)]
    paths: dict[str, str] = {}
    texts = [name for name in names if isinstance(row[name], str)]
    close = difflib.get_close_matches("question", texts, n=1, cutoff=0.8)
    question = _first_match(texts, ("question", *_QUESTIONS, *close))
    if question is not None:
        paths["question"] = question
    function = _first_match(texts, ("entry_point", *_FUNCTIONS))
    ours, theirs = (
        _first_match([n for n in names if isinstance(row[n], (list, tuple))], every)
        for every in (_INPUTS, _OUTPUTS)
    )
    if ours is not None and theirs is not None:
        paths |= _lists(function, (ours, row[ours]), (theirs, row[theirs]))
    else:
        ways = [
            (any(word in name.lower() for word in _SHOWN), empty, way)
            for name in names
            if name != question
            for way, empty in _tests(name, row[name], function)
        ]
        cells = [_first_match([n for n in texts if n != question], n) for n in (_INPUTS, _OUTPUTS)]
        if ways:
            paths |= min(ways, key=lambda one: one[:2])[2]
        elif cells[0] is not None and cells[1] is not None:  # as in CSV
            forms = ["json" if row[n].lstrip().startswith("[") else "one" for n in cells if n]
            paths |= {"test_input": f"{cells[0]}:{forms[0]}"}
            paths |= {"test_output": f"{cells[1]}:{forms[1]}"}
    return {field: path for field, path in paths.items() if field != path}


def _first_match(names: Sequence[str], candidates: Sequence[str]) -> str | None:
    """Return the first wanted name among ``names``, apart from capitals, signs and spaces."""
    plain = {_normalised(name): name for name in reversed(names)}
    return next(
        (plain[_normalised(name)] for name in candidates if _normalised(name) in plain), None
    )


def _normalised(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _tests(name: str, cell: Any, function: str | None) -> Iterator[tuple[dict[str, str], bool]]:
    """Yield the fields that a column of tests gives, by its shape, and True if it is empty.

    ``function`` is the column with the function's name, if the row has one.
    """
    if isinstance(cell, str):
        if "assert" in cell and ("test" in name or "check" in name):
            yield {"tests": name}, False
        elif cell.lstrip()[:1] in ("[", "{"):
            try:
                content = read_json(cell)
            except ValueError:
                return
            for way, empty in (
                _tests(name, content, function) if not isinstance(content, str) else ()
            ):
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
    columns: Mapping[str, Any], path: str, function: str | None
) -> Iterator[tuple[dict[str, str], bool]]:
    """Yield fields for a column that holds inputs and outputs inside."""
    names = [name for name in columns if _path(name)]
    ours, theirs = _first_match(names, _INPUTS), _first_match(names, _OUTPUTS)
    if ours is None or theirs is None:
        return
    inside = _first_match([name for name in names if columns[name]], _FUNCTIONS)
    if inside is not None and "*" not in path:
        function = f"{path}.{inside}"
    pairs = (f"{path}.{ours}", columns[ours]), (f"{path}.{theirs}", columns[theirs])
    yield _lists(function, *pairs), not columns[ours]


def _lists(function: str | None, ours: tuple[str, Any], theirs: tuple[str, Any]) -> dict[str, str]:
    """Return fields for two lists with their paths: calls if a function is named, else texts."""
    every = "*" in ours[0]  # the path takes single items, and forms of lists need the whole list
    if function is not None and not _is_list_of(ours[1], str):
        form = ":unwrap" if _is_list_of(theirs[1], (list, tuple)) and not every else ""
        return {"entry_point": function, "args": ours[0], "expected": f"{theirs[0]}{form}"}
    forms = [
        ":lines" if _is_list_of(one[1], (list, tuple)) and not every else ""
        for one in (ours, theirs)
    ]
    return {"test_input": f"{ours[0]}{forms[0]}", "test_output": f"{theirs[0]}{forms[1]}"}


def _is_list_of(cell: Any, kind: type | tuple[type, ...]) -> bool:
    """Return True if a cell is a list whose first item has this type."""
    return isinstance(cell, (list, tuple)) and bool(cell) and isinstance(cell[0], kind)


def _path(name: object) -> TypeGuard[str]:
    """Return True if a name can stand in ``--map``."""
    return isinstance(name, str) and name.isprintable() and not set(name) & set(",=: .")
