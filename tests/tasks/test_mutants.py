"""Mistakes made in a right program."""

from __future__ import annotations

import ast

import pytest

from sparring.tasks.mistakes.mutants import Operator, mutants

PROGRAM = '''
import sys
def f(a: int, b=2):
    """7 is in a docstring"""
    r = 0
    for i in range(a, b):
        if i % 3 == 0 and i < 10:
            continue
        r += max(i, a) if i > 3 else -i
    return sorted([r, a], reverse=True)
while True:
    x = input()
    if x <= "a": break
if __name__ == "__main__":
    print(f(int(x), len(x)), "3", x[1:])
'''


def test_every_operator_makes_mutants_that_compile_and_differ() -> None:
    all_mutants = mutants(PROGRAM, 1000, 0)
    assert {m.operator for m in all_mutants} == set(Operator)
    sources = [m.source for m in all_mutants]
    assert len(set(sources)) == len(sources)
    assert ast.unparse(ast.parse(PROGRAM)) not in sources
    for source in sources:
        compile(source, "mutant.py", "exec")


@pytest.mark.parametrize(
    ("program", "operator", "expected"),
    [
        ("print(a < b)", Operator.BOUNDARY, {"print(a <= b)"}),
        ("print(a < b)", Operator.COMPARISON, {"print(a > b)"}),
        ("print(a in b)", Operator.COMPARISON, {"print(a not in b)"}),
        ("print(a - b)", Operator.ARITHMETIC, {"print(a + b)"}),
        ("x += a", Operator.ARITHMETIC, {"x -= a"}),
        ("print(-a)", Operator.ARITHMETIC, {"print(a)"}),
        ("print(5)", Operator.CONSTANT, {"print(6)", "print(4)"}),
        ("print(range(n))", Operator.RANGE, {"print(range(n + 1))", "print(range(n - 1))"}),
        ("f(range(a, b, 2))", Operator.RANGE, {"f(range(a, b + 1, 2))", "f(range(a, b - 1, 2))"}),
        ("print(v[a:b])", Operator.RANGE, {"print(v[:b])", "print(v[a:])"}),
        ("print(a and b)", Operator.BOOLEAN, {"print(a or b)"}),
        ("print(a if c else b)", Operator.CONDITION, {"print(a if not c else b)"}),
        ("print(min(v))", Operator.CALL, {"print(max(v))"}),
        ("print(sorted(v))", Operator.CALL, {"print(sorted(v, reverse=True))"}),
        ("print(gcd(a, b))", Operator.CALL, {"print(gcd(b, a))"}),
        ("def f(): return x", Operator.RETURN, {f"def f():\n    return {v}" for v in (None, 0)}),
        ("for x in v:\n    break", Operator.JUMP, {"for x in v:\n    continue"}),
        ("x = 1", Operator.STATEMENT, {"pass"}),
    ],
)  # fmt: skip
def test_what_an_operator_does(program: str, operator: Operator, expected: set[str]) -> None:
    made = {m.source for m in mutants(program, 1000, 0) if m.operator is operator}
    assert made == expected


def test_few_are_spread_over_operators_and_lines_and_repeatable() -> None:
    few = mutants(PROGRAM, 11, 0)
    assert sorted(m.operator for m in few) == sorted(Operator)
    assert few == mutants(PROGRAM, 11, 0)
    assert few != mutants(PROGRAM, 11, 1)
    many = "\n".join(f"print(a{i} + b{i} + c{i})" for i in range(8))
    arithmetic = [m for m in mutants(many, 1000, 0) if m.operator is Operator.ARITHMETIC]
    assert len({m.line for m in arithmetic[:8]}) == 8


def test_what_decides_nothing_is_left_alone() -> None:
    all_mutants = mutants(PROGRAM, 1000, 0)
    assert not any("__name__" in m.description or "docstring" in m.description for m in all_mutants)
    assert all("b=3" in m.source or "b=1" in m.source for m in all_mutants if m.line == 3)
    assert mutants("x: 'a < b' = y", 10, 0) == []


@pytest.mark.parametrize(
    "program", ["def f(:", "x = '\0'", "(" * 5000 + ")" * 5000, "", "import os"]
)
def test_a_program_that_cannot_be_changed_has_none(program: str) -> None:
    assert mutants(program, 10, 0) == []
