"""Rows of EvalPlus's own files: HumanEval+ and MBPP+ with raw inputs (``base_input``,
``plus_input``) and no expected values.

What is expected is what the canonical solution gives, so it is run on every input, in the sandbox.
Inputs on which it gives no plain value are left out and counted. The rules are those of
``evalplus.eval`` 0.3.1: exact, or within ``atol`` where the row has one; from the first expected
value on that is a float, or floats alone, within 1e-6. Its special tasks are special here
(`evalplus_oracles`). MBPP+'s JSON has lists where its functions take tuples, sets and complex
numbers; which ones is known by task (`evalplus_inputs`).

Not carried: ``contract`` (what inputs are allowed, as assertions for the function's body) and
``assertion``; a time limit for each input by itself: the task's is the longest of them, one second
at least, four times what the canonical solution takes.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from sparring import values
from sparring.schema import Kind, Outcome, Task, Test, Verdict
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.formats.base import Format, Source, entry_point, json_column, missing
from sparring.tasks.formats.evalplus_inputs import mbpp_arguments
from sparring.tasks.formats.evalplus_oracles import Oracle, oracle_of
from sparring.tasks.rows.calls import call_test
from sparring.tasks.rows.fields import read_id
from sparring.tasks.rows.heads import head_of
from sparring.tasks.rows.row import Row
from sparring.tasks.suites.suite import parsed
from sparring.text import in_line

COLUMNS = (
    "task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input", "atol",
)  # fmt: skip
FLOATS = 1e-6
"""The tolerance that an expected float brings with it."""
SECONDS, TIMES = 1.0, 4.0
"""A run has so many CPU seconds at least, and so many times those of the canonical solution."""
MEMORY_MIB = 1024


def read_evalplus(row: Row, source: Source) -> Task | None:
    """The task of a row, its expected values from runs of the canonical solution."""
    missing(row, "prompt", "entry_point", "canonical_solution", "base_input")
    prompt, body = row.text("prompt") or "", row.text("canonical_solution") or ""
    task_id = read_id(row, source.name)
    atol = _tolerance(row)
    inputs = [_inputs(row, name, task_id) for name in ("base_input", "plus_input")]
    if row.faults:
        return None
    entry = entry_point(row, "entry_point", row.text("entry_point") or "")
    solution = prompt + body
    program = parsed(solution)
    if program is None:
        row.fault("canonical_solution", "is not Python after prompt")
    if not any(inputs) and not row.faults:
        row.fault("base_input", "has no test; a task without ground-truth tests has no reward")
    if source.reference is None and not row.faults:
        row.fault(
            "base_input",
            "has no expected outputs: they are what the canonical solution gives; "
            "`sparring tasks load` runs it",
        )
    if entry is None or program is None or source.reference is None or row.faults:
        return None
    oracle = oracle_of(task_id, entry)
    tests: list[Test] = []
    slowest, failed = 0.0, None
    for part in inputs:
        calls = [call_test(arguments, {}, None).input for arguments in part]
        outcomes = source.reference(solution, entry, calls)
        tests += _tests(part, calls, outcomes, oracle, atol)
        for one in outcomes:
            if one.verdict is Verdict.FINISHED:
                slowest = max(slowest, one.cpu_seconds)
            else:
                failed = failed or one
    if without := sum(map(len, inputs)) - len(tests):
        source.left_out["the canonical solution gives no value that equals itself"] += without
    if not tests:
        why = (failed.detail or failed.verdict) if failed else "objects of its own"
        row.fault("canonical_solution", in_line(f"gives no value on any input: {why}", 200))
        return None
    return Task(
        id=task_id,
        statement=_statement(prompt, entry),
        tests=tuple(tests),
        time_limit=round(max(SECONDS, TIMES * slowest), 2),
        memory_limit=MEMORY_MIB,
        checker="value",
        solutions=(solution,),
        source=source.where,
        entry_point=entry,
        head=head_of(prompt, entry),
    )


FORMAT = Format("EvalPlus", COLUMNS, read_evalplus)


def _tolerance(row: Row) -> float:
    value = row.data.get("atol")
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e300:
        row.fault("atol", "must be a number from 0")
        return 0.0
    return float(value)


def _inputs(row: Row, name: str, task_id: str) -> list[list[Any]]:
    """The lists of arguments of a column."""
    held = json_column(row, name)
    if held is None or held == {}:  # some rows of MBPP+ have no more than their base inputs
        return []
    if not isinstance(held, (list, tuple)) or not all(isinstance(i, (list, tuple)) for i in held):
        row.fault(name, "must be a list of lists of arguments")
        return []
    try:
        found = [list(mbpp_arguments(task_id, list(one))) for one in held]
        for one in found:
            call_test(one, {}, None)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        row.fault(name, in_line(f"holds arguments that {task_id} cannot have: {error}", 160))
        return []
    return found


def _tests(
    inputs: Sequence[Sequence[Any]],
    calls: Sequence[str],
    outcomes: Sequence[Outcome],
    oracle: Oracle | None,
    atol: float,
) -> list[Test]:
    """The tests of base or plus inputs. A tolerance, once there, stays for those that follow."""
    found = []
    for arguments, call, outcome in zip(inputs, calls, outcomes, strict=True):
        if outcome.verdict is not Verdict.FINISHED:
            continue
        if atol == 0 and _floats(values.read(outcome.output)):
            atol = FLOATS
        test = oracle(arguments, call, outcome.output, atol) if oracle else None
        if test is None:
            rule = f"evalplus(abs={atol!r})" if atol else None
            test = Test(call, outcome.output, Kind.CALL, rule)
            if not accepts(rule or "value", outcome.output, outcome.output):
                continue  # NaN, an iterator, an object: equal to nothing
        found.append(test)
    return found


def _floats(value: object) -> bool:
    """Whether a value is a float, or a list or tuple of nothing but floats, not empty."""
    if isinstance(value, float):
        return True
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(item, float) for item in value)
    )


def _statement(prompt: str, entry: str) -> str:
    """The prompt; where it is a docstring alone, as in MBPP+, what that says, and the name."""
    tree = parsed(prompt)
    if tree is not None and len(tree.body) == 1 and (text := ast.get_docstring(tree)):
        return f"{text.strip()}\n\nThe function: `{entry}`"
    return prompt
