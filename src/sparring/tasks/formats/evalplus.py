"""Rows of EvalPlus's own files: HumanEval+ and MBPP+ with raw inputs and no expected values.

- The expected value of an input (``base_input``, ``plus_input``) is the value of the canonical
  solution, which is executed on every input in the sandbox. Inputs without a plain value are
  left out and counted.
- Values are compared by the rules of ``evalplus.eval`` 0.3.1: exactly, or within ``atol`` if the
  row has one. From the first expected value that is a float, or holds floats alone, the tolerance
  is 1e-6.
- EvalPlus's special tasks have oracles of their own (`evalplus_oracles`).
- MBPP+'s JSON has lists for the tuples, sets and complex numbers that its functions take;
  `evalplus_inputs` converts them, task by task.
- A task has one time limit: four times the canonical solution's longest execution, and at least
  one second. EvalPlus limits each input by itself.
- Left out: ``contract`` (assertions on allowed inputs, for the function's body) and ``assertion``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from sparring import values
from sparring.schema import Outcome, Task, Test, TestKind, Verdict
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.formats.base import Format, RowSource, entry_point, json_column, missing
from sparring.tasks.formats.evalplus_inputs import mbpp_arguments
from sparring.tasks.formats.evalplus_oracles import Oracle, oracle_of
from sparring.tasks.rows.calls import call_test
from sparring.tasks.rows.fields import read_id
from sparring.tasks.rows.heads import head_of
from sparring.tasks.rows.row import TaskRow
from sparring.tasks.suites.suite import parsed
from sparring.text import in_line

COLUMNS = (
    "task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input", "atol",
)  # fmt: skip
FLOATS = 1e-6
"""Tolerance of expected values that are floats."""
SECONDS, TIMES = 1.0, 4.0
"""Least CPU seconds of an execution, and the factor on the canonical solution's CPU seconds."""
MEMORY_MIB = 1024


def read_evalplus(row: TaskRow, source: RowSource) -> Task | None:
    """Return the task of a row, or None with faults noted in ``row``.

    Executions of the canonical solution by ``source.reference`` give the expected values.
    """
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
            "has no expected outputs: only executing the canonical solution gives them; "
            "convert the file with `sparring tasks load`",
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
        for outcome in outcomes:
            if outcome.verdict is Verdict.FINISHED:
                slowest = max(slowest, outcome.cpu_seconds)
            else:
                failed = failed or outcome
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


def _tolerance(row: TaskRow) -> float:
    value = row.data.get("atol")
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e300:
        row.fault("atol", "must be a number that is at least 0")
        return 0.0
    return float(value)


def _inputs(row: TaskRow, name: str, task_id: str) -> list[list[Any]]:
    """Return the lists of arguments of a column."""
    cell = json_column(row, name)
    if cell is None or cell == {}:  # some rows of MBPP+ have base inputs alone
        return []
    if not isinstance(cell, (list, tuple)) or not all(isinstance(i, (list, tuple)) for i in cell):
        row.fault(name, "must be a list of lists of arguments")
        return []
    try:
        arguments = [list(mbpp_arguments(task_id, list(argument_list))) for argument_list in cell]
        for argument_list in arguments:
            call_test(argument_list, {}, None)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        row.fault(name, in_line(f"holds arguments that {task_id} cannot take: {error}", 160))
        return []
    return arguments


def _tests(
    inputs: Sequence[Sequence[Any]],
    calls: Sequence[str],
    outcomes: Sequence[Outcome],
    oracle: Oracle | None,
    atol: float,
) -> list[Test]:
    """Return the tests of base or plus inputs.

    As in EvalPlus, the tolerance of the first float also holds for all later tests.
    """
    tests = []
    for arguments, call, outcome in zip(inputs, calls, outcomes, strict=True):
        if outcome.verdict is not Verdict.FINISHED:
            continue
        if atol == 0 and _floats(values.read(outcome.output)):
            atol = FLOATS
        test = oracle(arguments, call, outcome.output, atol) if oracle else None
        if test is None:
            rule = f"evalplus(abs={atol!r})" if atol else None
            test = Test(call, outcome.output, TestKind.CALL, rule)
            if not accepts(rule or "value", outcome.output, outcome.output):
                continue  # NaN, an iterator or an object, which equals nothing
        tests.append(test)
    return tests


def _floats(value: object) -> bool:
    """Return True if a value is a float, or a list or tuple of one or more floats alone."""
    if isinstance(value, float):
        return True
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(item, float) for item in value)
    )


def _statement(prompt: str, entry: str) -> str:
    """Return the prompt; for a docstring alone, as in MBPP+, its text and the function's name."""
    tree = parsed(prompt)
    if tree is not None and len(tree.body) == 1 and (text := ast.get_docstring(tree)):
        return f"{text.strip()}\n\nThe function: `{entry}`"
    return prompt
