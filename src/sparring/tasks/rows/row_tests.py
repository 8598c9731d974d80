"""Read the tests of a row: inputs and outputs, and the kind of each test of a function task.

Calls are checked here, so that an input that is not an encoded call (`sparring.values`) is a fault
of the file and not a failure in the sandbox. Scripts are not parsed.
"""

from __future__ import annotations

from sparring import values
from sparring.schema import Test, TestKind
from sparring.tasks.checkers.checker import CheckerRule, parse_checker
from sparring.tasks.rows.row import TaskRow


def read_tests(row: TaskRow, prefix: str, usual: TestKind, limit: int | None) -> tuple[Test, ...]:
    """Return the tests of the columns ``test_…`` or ``example_…``; faults are noted in ``row``."""
    inputs, outputs = f"{prefix}_input", f"{prefix}_output"
    texts, expected = row.texts(inputs), row.texts(outputs)
    if len(texts) != len(expected) and not any(n in (inputs, outputs) for n, _ in row.faults):
        row.fault(outputs, f"has {len(expected)} entries, {inputs} has {len(texts)}")
        return ()
    kinds = _test_kinds(row, f"{prefix}_kind", usual, len(texts))
    rules = _rules(row, f"{prefix}_checker", kinds)
    tests = tuple(
        Test(input_, output, kind, rule)
        for input_, output, kind, rule in zip(texts, expected, kinds, rules, strict=False)
    )
    for i, test in enumerate(tests):
        if test.kind is TestKind.CALL and (fault := _call_fault(test)):
            row.fault(inputs if fault[0] else outputs, f"item {i} {fault[1]}")
            break
        if test.kind is TestKind.SCRIPT and (test.output or not test.input.strip()):
            row.fault(inputs, f"item {i} is a script, which needs a source and has no output")
            break
    return tests[:limit]


def _test_kinds(row: TaskRow, name: str, usual: TestKind, count: int) -> list[TestKind]:
    listed = row.texts(name)
    if not listed:
        return [usual] * count
    allowed = (TestKind.STDIN,) if usual is TestKind.STDIN else (TestKind.CALL, TestKind.SCRIPT)
    if len(listed) != count:
        row.fault(name, f"has {len(listed)} entries for {count} tests")
    elif bad := [k for k in listed if k not in allowed]:
        row.fault(name, f"{bad[0][:40]!r} is not a kind; the kinds are {', '.join(allowed)}")
    else:
        return [TestKind(k) for k in listed]
    return [usual] * count


def _rules(row: TaskRow, name: str, kinds: list[TestKind]) -> list[str | None]:
    """Return each test's own rule; None where the task's rule compares."""
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
            kind is TestKind.SCRIPT
            or parsed.rule is CheckerRule.PROGRAM
            or parsed.of_calls != (kind is TestKind.CALL)
        ):
            row.fault(name, f"item {i}: {rule!r} is not a rule for a test of kind {kind}")
            return none
    return list(value)


def _call_fault(test: Test) -> tuple[bool, str] | None:
    """Return the fault of an encoded call, after True if its input has the fault; None if valid."""
    try:
        call = values.decode(test.input)
    except values.NotPlain as error:
        return True, f"is not an encoded call ({str(error)[:80]})"
    pair = isinstance(call, (list, tuple)) and len(call) == 2
    if not (pair and isinstance(call[0], (list, tuple)) and isinstance(call[1], dict)):
        return True, "is not an encoded call: give positional and named arguments, ([…], {…})"
    if not all(isinstance(name, str) for name in call[1]):
        return True, "is not an encoded call: the name of a named argument must be a string"
    try:
        values.decode(test.output)
    except values.NotPlain as error:
        return False, f"is not an encoded value ({str(error)[:80]})"
    return None
