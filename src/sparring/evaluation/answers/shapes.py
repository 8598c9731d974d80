"""Formats of rows of answers: recognised by their fields, read as answers.

| format | fields |
|---|---|
| EvalPlus | ``task_id`` with ``solution`` or ``completion``: a sample per row |
| LiveCodeBench | ``question_id`` with ``code_list`` or ``output_list``: a task per row |
| CodeT | ``code_samples`` or ``test_samples`` with ``task_id`` or ``prompt``; or, as in CodeT's |
| | release, ``samples`` with ``prompt``: tests where the prompt ends in ``assert`` |
| Sparring | ``text`` with ``role`` and ``task`` or ``task_id``: a response per row |
| Sparring's rollouts | ``programs``, ``tests`` and ``task`` with its ``id``: a graded task per |
| | row, of an evaluation, of a run's evaluation on held-out tasks, or of a step |

Where a row has both a program and the text that the program was taken from, the program counts, as
in the harness that wrote the row. A row of two formats, or of none, is an error that names its
fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sparring.errors import DataError
from sparring.evaluation.answers.items import AnswerForm, AnswerShape, Item
from sparring.schema import Role, StopReason

KNOWN = (
    "EvalPlus (task_id and solution or completion), LiveCodeBench (question_id and code_list or "
    "output_list), CodeT (code_samples or test_samples, with task_id or prompt), Sparring (task, "
    "role and text), Sparring's rollouts (task, programs and tests)"
)
_LONGEST_ID = 10**40
_HALF = "half a character (a lone surrogate), which is no valid UTF-8, is replaced by ?"
_BOTH = "has {} and {}: {} counts"


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """Answers of a row.

    ``task`` is an id, or a prompt with ``by_prompt``. ``place`` is the number of a response within
    its task and role; None means the order of the file.
    """

    task: str
    items: list[Item]
    by_prompt: bool = False
    place: int | None = None
    model: str | None = None
    note: str | None = None


def shape_of(row: Any, where: str) -> AnswerShape:
    """Return the format of a row. Raises `DataError`."""
    if not isinstance(row, Mapping):
        kind = "a list" if isinstance(row, list) else type(row).__name__
        raise DataError(f"{where}: is {kind}, which names no task; known formats are {KNOWN}")
    fields = {name for name, value in row.items() if value is not None}
    named, prompted = "task_id" in fields, "prompt" in fields
    fits = {
        AnswerShape.EVALPLUS: named and bool(fields & {"solution", "completion"}),
        AnswerShape.LIVECODEBENCH: "question_id" in fields
        and bool(fields & {"code_list", "output_list"}),
        AnswerShape.CODET: ((named or prompted) and bool(fields & {"code_samples", "test_samples"}))
        or (prompted and "samples" in fields),
        AnswerShape.OURS: {"role", "text"} <= fields and bool(fields & {"task", "task_id"}),
        AnswerShape.ROLLOUTS: {"programs", "tests"} <= fields
        and isinstance(row.get("task"), Mapping),
    }
    shapes = [shape for shape, fit in fits.items() if fit]
    if len(shapes) == 1:
        return shapes[0]
    names = ", ".join(sorted(map(str, row))) or "none"
    why = f"has fields of {' and '.join(shapes)}" if shapes else "has no known format"
    raise DataError(f"{where}: {why}; known formats are {KNOWN}; its fields are {names[:300]}")


def row_of(row: Mapping[str, Any], shape: AnswerShape, where: str) -> AnswerRow:
    """Return the answers of a row of this ``shape``.

    JSON can hold half a character (a lone surrogate) and UTF-8 cannot: it is replaced, and a note
    says so. Raises `DataError`.
    """
    answers = _row_of(row, shape, where)
    items = [replace(i, text=i.text.encode("utf-8", "replace").decode()) for i in answers.items]
    if items == answers.items:
        return answers
    note = f"{answers.note}; {_HALF}" if answers.note else _HALF
    return replace(answers, items=items, note=note)


def _row_of(row: Mapping[str, Any], shape: AnswerShape, where: str) -> AnswerRow:
    if shape is AnswerShape.EVALPLUS:
        both = row.get("solution") is not None and row.get("completion") is not None
        name = "completion" if row.get("solution") is None else "solution"
        form = AnswerForm.COMPLETION if name == "completion" else AnswerForm.PROGRAM
        item = Item(Role.CODER, form, _text(row, name, where))
        note = _BOTH.format("completion", "solution", "solution") if both else None
        return AnswerRow(_id(row, "task_id", where), [item], note=note)
    if shape is AnswerShape.LIVECODEBENCH:
        both = row.get("code_list") is not None and row.get("output_list") is not None
        name = "output_list" if row.get("code_list") is None else "code_list"
        form = AnswerForm.RESPONSE if name == "output_list" else AnswerForm.PROGRAM
        items = [Item(Role.CODER, form, t) for t in _texts(row, name, where)]
        note = _BOTH.format("output_list", "code_list", "code_list") if both else None
        return AnswerRow(_id(row, "question_id", where), items, note=note)
    if shape is AnswerShape.CODET:
        return _codet(row, where)
    return _rollouts(row, where) if shape is AnswerShape.ROLLOUTS else _ours(row, where)


def _codet(row: Mapping[str, Any], where: str) -> AnswerRow:
    items = [
        Item(role, form, text)
        for name, role, form in (
            ("code_samples", Role.CODER, AnswerForm.CODET_PROGRAM),
            ("test_samples", Role.TESTER, AnswerForm.CODET_TESTS),
        )
        if row.get(name) is not None
        for text in _texts(row, name, where)
    ]
    if row.get("task_id") is not None and not row.get("samples"):
        return AnswerRow(_id(row, "task_id", where), items)
    prompt = _text(row, "prompt", where)
    if row.get("samples") is not None:
        tests = prompt.rstrip().endswith("assert")
        role, form = (
            (Role.TESTER, AnswerForm.CODET_TESTS)
            if tests
            else (Role.CODER, AnswerForm.CODET_PROGRAM)
        )
        items += [Item(role, form, t) for t in _texts(row, "samples", where)]
    return AnswerRow(prompt, items, by_prompt=True)


def _ours(row: Mapping[str, Any], where: str) -> AnswerRow:
    if row["role"] not in list(Role):
        raise DataError(f"{where}: role {row['role']!r}: must be one of {', '.join(Role)}")
    place = row.get("index")
    if place is not None and (isinstance(place, bool) or not isinstance(place, int)):
        raise DataError(f"{where}: index must be a whole number")
    item = _response(row, Role(row["role"]), where)
    name = "task_id" if row.get("task") is None else "task"
    model = row.get("model")
    return AnswerRow(
        _id(row, name, where), [item], place=place, model=None if model is None else f"{model}"
    )


def _rollouts(row: Mapping[str, Any], where: str) -> AnswerRow:
    items = []
    for role, name in ((Role.CODER, "programs"), (Role.TESTER, "tests")):
        if not isinstance(row[name], list) or not all(isinstance(r, Mapping) for r in row[name]):
            raise DataError(f"{where}: {name} must be a list of responses")
        items += [_response(r, role, f"{where}, {name}") for r in row[name]]
    return AnswerRow(_id({"id": None, **row["task"]}, "id", f"{where}, task"), items)


def _response(row: Mapping[str, Any], role: Role, where: str) -> Item:
    stop = row.get("stop", StopReason.END_TOKEN)
    if stop not in list(StopReason):
        raise DataError(f"{where}: stop {stop!r}: must be one of {', '.join(StopReason)}")
    return Item(role, AnswerForm.RESPONSE, _text(row, "text", where), StopReason(stop))


def _id(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row[name]
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise DataError(f"{where}: {name} must be a text")
    if isinstance(value, int) and abs(value) >= _LONGEST_ID:
        raise DataError(f"{where}: {name} is a number of more than 40 digits; give a text")
    return str(value)


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    if not isinstance(row.get(name), str):
        raise DataError(f"{where}: {name} must be a text")
    return str(row[name])


def _texts(row: Mapping[str, Any], name: str, where: str) -> Sequence[str]:
    texts = row[name]
    if not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
        raise DataError(f"{where}: {name} must be a list of texts")
    return texts
