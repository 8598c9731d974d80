"""docs/data.md tells every field of a task file, and its examples are such fields."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sparring import values
from sparring.tasks.rows.fields import OPTIONAL, REQUIRED, read_row

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
OF_FUNCTIONS = ("entry_point", "test_kind", "example_kind", "test_checker", "example_checker")


def documented_fields() -> dict[str, Any]:
    """The fields of the table with their examples."""
    table = PAGE.partition("## The fields of a task file")[2].partition("## ")[0]
    found = {}
    for line in table.splitlines():
        cells = line.strip("|").split(" | ")
        if len(cells) == 4 and "`" in cells[0]:
            names, examples = (re.findall(r"`([^`]+)`", cells[i]) for i in (0, 3))
            found |= dict(zip(names, map(json.loads, examples), strict=True))
    return found


def test_every_field_is_told() -> None:
    assert set(documented_fields()) == {*REQUIRED, *OPTIONAL}


def test_the_examples_are_a_task() -> None:
    fields = documented_fields()
    row = {k: v for k, v in fields.items() if k not in (*OF_FUNCTIONS, "checker_program", "tests")}
    task, faults = read_row(row, "x", "here", None)
    assert faults == []
    assert task is not None
    assert task.id == "double"
    decided = {**row, "checker": "program", "checker_program": fields["checker_program"]}
    assert read_row(decided, "x", "here", None)[1] == []


def test_the_examples_of_a_function_task_are_one() -> None:
    [call] = re.findall(r"is `(\{.tuple.*?\]\})` \(", PAGE)
    assert call == values.encode(((1, [2]), {}))
    fields = documented_fields()
    row = {k: fields[k] for k in ("question", *OF_FUNCTIONS)}
    one = {"test_input": [call], "test_output": ["3"], "example_input": [call]}
    task, faults = read_row({**row, **one, "example_output": ["3"]}, "x", "here", None)
    assert faults == []
    assert task is not None
    assert task.entry_point == "double"


def test_the_tasks_by_hand_are_tasks() -> None:
    part = PAGE.partition("### A task by hand")[2].partition("## ")[0]
    rows = [json.loads(line) for line in part.splitlines() if line.startswith("{")]
    assert len(rows) == 2
    for row in rows:
        task, faults = read_row(row, "x", "here", None)
        assert faults == []
        assert task is not None
    fields = documented_fields()
    written = {"question": fields["question"], "tests": fields["tests"]}
    task, faults = read_row(written, "x", "here", None)
    assert faults == []
    assert task is not None
    assert task.entry_point == "double"
