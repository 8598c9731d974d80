"""The tests of a row: inputs and outputs, and of a function task what kind each is.

A call is checked here, so that what is no encoded call (`sparring.values`) shows when the file is
read and not when the sandbox meets it. Scripts are not looked into.
"""

from __future__ import annotations

from sparring import values
from sparring.schema import Kind, Test
from sparring.tasks.checkers.checker import Rule, parse_checker
from sparring.tasks.rows.row import Row


def read_tests(row: Row, prefix: str, usual: Kind, limit: int | None) -> tuple[Test, ...]:
    """The tests of ``test_…`` or ``example_…``, checked one by one."""
    inputs, outputs = f"{prefix}_input", f"{prefix}_output"
    given, expected = row.texts(inputs), row.texts(outputs)
    if len(given) != len(expected) and not any(n in (inputs, outputs) for n, _ in row.faults):
        row.fault(outputs, f"has {len(expected)} entries, {inputs} has {len(given)}")
        return ()
    kinds = _kinds(row, f"{prefix}_kind", usual, len(given))
    rules = _rules(row, f"{prefix}_checker", kinds)
    found = tuple(
        Test(a, b, k, r) for a, b, k, r in zip(given, expected, kinds, rules, strict=False)
    )
    for i, test in enumerate(found):
        if test.kind is Kind.CALL and (fault := _call_fault(test)):
            row.fault(inputs if fault[0] else outputs, f"item {i} {fault[1]}")
            break
        if test.kind is Kind.SCRIPT and (test.output or not test.input.strip()):
            row.fault(inputs, f"item {i} is a script: it must not be blank, nor have an output")
            break
    return found[:limit]


def _kinds(row: Row, name: str, usual: Kind, count: int) -> list[Kind]:
    listed = row.texts(name)
    if not listed:
        return [usual] * count
    allowed = (Kind.STDIN,) if usual is Kind.STDIN else (Kind.CALL, Kind.SCRIPT)
    if len(listed) != count:
        row.fault(name, f"has {len(listed)} entries for {count} tests")
    elif bad := [k for k in listed if k not in allowed]:
        row.fault(name, f"{bad[0][:40]!r} is none of {', '.join(allowed)}, of which there can be")
    else:
        return [Kind(k) for k in listed]
    return [usual] * count


def _rules(row: Row, name: str, kinds: list[Kind]) -> list[str | None]:
    """Each test's own rule; null where it is the task's."""
    none: list[str | None] = [None] * len(kinds)
    value = row.data.get(name)
    if value is None:
        return none
    if not isinstance(value, (list, tuple)) or len(value) != len(kinds):
        row.fault(name, f"must be a list of {len(kinds)} rules or nulls, one for each test")
        return none
    for i, (rule, kind) in enumerate(zip(value, kinds, strict=True)):
        if rule is None:
            continue
        if not isinstance(rule, str):
            row.fault(name, f"item {i} must be a string or null, not {type(rule).__name__}")
            return none
        try:
            parsed = parse_checker(rule)
        except ValueError as error:
            row.fault(name, f"item {i}: {error}")
            return none
        if (
            kind is Kind.SCRIPT
            or parsed.rule is Rule.PROGRAM
            or parsed.of_calls != (kind is Kind.CALL)
        ):
            row.fault(name, f"item {i}: {rule!r} is no rule for a test of kind {kind}")
            return none
    return list(value)


def _call_fault(test: Test) -> tuple[bool, str] | None:
    """What is wrong with an encoded call: whether it is in the input, and what."""
    try:
        held = values.decode(test.input)
    except values.NotPlain as error:
        return True, f"is no encoded call ({str(error)[:80]})"
    pair = isinstance(held, (list, tuple)) and len(held) == 2
    if not (pair and isinstance(held[0], (list, tuple)) and isinstance(held[1], dict)):
        return True, "is no encoded call: give positional and named arguments, ([…], {…})"
    if not all(isinstance(name, str) for name in held[1]):
        return True, "is no encoded call: a named argument has no name"
    try:
        values.decode(test.output)
    except values.NotPlain as error:
        return False, f"is no encoded value ({str(error)[:80]})"
    return None
