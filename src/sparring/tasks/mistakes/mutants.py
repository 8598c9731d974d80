"""Make mutants: copies of a right program with one small mistake, which good tests should catch.

- A mutant has one place changed as if by a slip: a comparison at its boundary, an index off by one,
  a negated condition, a missing statement.
- The share of mutants that tests catch measures how well the tests catch wrong programs
  (R. DeMillo, R. Lipton, F. Sayward, "Hints on test data selection", 1978).
- Some mutants compute the same as the program, and no method finds all of these. So 100% may be
  out of reach, and the mutants that no test catches are listed.
- Mutants are drawn with a seed, and spread over the operators first, over the lines second.
- Texts stay unchanged, because any test notices a changed word in the output.
- `audit.strength` runs the mutants.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sparring.tasks.mistakes.ast_sites import AstSite, ast_sites, is_main_guard


class Operator(StrEnum):
    """Kind of a mistake."""

    BOUNDARY = "boundary"
    """``<`` for ``<=``, and similar."""
    COMPARISON = "comparison"
    """The opposite comparison: ``==`` for ``!=``, ``<`` for ``>``."""
    ARITHMETIC = "arithmetic"
    """``+`` for ``-``, ``//`` for ``*``, …; a missing sign."""
    CONSTANT = "constant"
    """A whole number one too large or too small; true for false."""
    RANGE = "range"
    """A range that ends one early or late; a slice without one of its ends."""
    CONDITION = "condition"
    """A negated condition."""
    BOOLEAN = "boolean"
    """``and`` for ``or``."""
    STATEMENT = "statement"
    """A missing statement."""
    CALL = "call"
    """``min`` for ``max``, ``any`` for ``all``, a sort in the other order, swapped arguments."""
    RETURN = "return"
    """A function that returns a constant."""
    JUMP = "jump"
    """``break`` for ``continue``."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program with one mistake. ``line`` counts in the original program; ``source`` is whole."""

    operator: Operator
    description: str
    line: int
    source: str


_Made = Callable[[], ast.AST]
_Edit = tuple[Operator, str, _Made]

_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
_OTHER_CALL = {"min": "max", "max": "min", "any": "all", "all": "any"}
_WITH_CONDITION = (ast.If, ast.While, ast.IfExp)
_REMOVABLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Delete, ast.Raise)
_LARGEST = 10**6  # larger numbers are limits or moduli, where off by one is not a typical slip


def mutants(source: str, most: int, seed: int) -> list[Mutant]:
    """Return at most ``most`` different mutants that compile; equal seeds give equal mutants.

    The list is empty if the source does not compile, is nested too deeply, or has no place for a
    mistake.
    """
    try:
        tree = ast.parse(source)
        seen = {ast.unparse(tree)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    sites: dict[Operator, list[tuple[int, int, int]]] = {}
    for number, place in enumerate(ast_sites(tree)):
        for variant, (operator, _, _) in enumerate(_edits(place)):
            sites.setdefault(operator, []).append((_line(place), number, variant))
    rng = random.Random(seed)
    drawn: list[Mutant] = []
    for _, number, variant in _in_turn([_by_line(sites[o], rng) for o in Operator if o in sites]):
        if len(drawn) >= most:
            break
        mutant = _mutant(source, number, variant)
        if mutant is not None and mutant.source not in seen:
            seen.add(mutant.source)
            drawn.append(mutant)
    return drawn


def _by_line(sites: list[tuple[int, int, int]], rng: random.Random) -> list[tuple[int, int, int]]:
    """Return an operator's sites, with the first site of every line before any second site."""
    lines: dict[int, list[tuple[int, int, int]]] = {}
    for site in sites:
        lines.setdefault(site[0], []).append(site)
    groups = list(lines.values())
    rng.shuffle(groups)
    for group in groups:
        rng.shuffle(group)
    return list(_in_turn(groups))


def _in_turn(
    groups: list[list[tuple[int, int, int]]],
) -> Iterator[tuple[int, int, int]]:
    for turn in range(max(map(len, groups), default=0)):
        for group in groups:
            if turn < len(group):
                yield group[turn]


def _mutant(source: str, number: int, variant: int) -> Mutant | None:
    """Return the mutant of one site, made on a fresh tree; None if it does not compile."""
    tree = ast.parse(source)
    place = next(p for i, p in enumerate(ast_sites(tree)) if i == number)
    operator, description, make = list(_edits(place))[variant]
    line = _line(place)
    place.put(make())
    try:
        text = ast.unparse(ast.fix_missing_locations(tree))
        compile(text, "mutant.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return Mutant(operator, description, line, text)


def _line(place: AstSite) -> int:
    line: int = getattr(place.node, "lineno", getattr(place.parent, "lineno", 0))
    return line


def _edits(place: AstSite) -> Iterator[_Edit]:
    """Yield the possible mistakes at a place. Each edit makes its node when it is called."""
    node = place.node
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from _compare(node)
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in _ARITHMETIC:
        yield from _arithmetic(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        kind = Operator.ARITHMETIC if isinstance(node.op, ast.USub) else Operator.CONDITION
        yield kind, f"{_text(node)} → {_text(node.operand)}", lambda: node.operand
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _changed(Operator.BOOLEAN, node, ast.BoolOp(other, node.values))
    elif isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Slice):
        if node.lower is not None:
            yield _changed(Operator.RANGE, node, ast.Slice(None, node.upper, node.step))
        if node.upper is not None:
            yield _changed(Operator.RANGE, node, ast.Slice(node.lower, None, node.step))
    elif isinstance(node, ast.Return) and node.value is not None:
        for value in (None, 0):
            if not (isinstance(node.value, ast.Constant) and node.value.value == value):
                yield _changed(Operator.RETURN, node, ast.Return(ast.Constant(value)))
    elif isinstance(node, (ast.Break, ast.Continue)):
        jump = ast.Continue() if isinstance(node, ast.Break) else ast.Break()
        yield _changed(Operator.JUMP, node, jump)
    if place.field == "test" and isinstance(place.parent, _WITH_CONDITION):
        yield _changed(Operator.CONDITION, node, ast.UnaryOp(ast.Not(), _as_expr(node)))
    alone = isinstance(node, ast.If) and not node.orelse and not is_main_guard(node.test)
    if isinstance(node, _REMOVABLE) or alone:
        yield Operator.STATEMENT, f"without {_text(node)}", ast.Pass


def _compare(node: ast.Compare) -> Iterator[_Edit]:
    for operator, table in ((Operator.BOUNDARY, _BOUNDARY), (Operator.COMPARISON, _OPPOSITE)):
        other = table.get(type(node.ops[0]))
        if other is not None:
            yield _changed(operator, node, ast.Compare(node.left, [other()], node.comparators))


def _arithmetic(node: ast.BinOp | ast.AugAssign) -> Iterator[_Edit]:
    other = _ARITHMETIC[type(node.op)]()
    if isinstance(node, ast.AugAssign):
        yield _changed(Operator.ARITHMETIC, node, ast.AugAssign(node.target, other, node.value))
    elif not (isinstance(node.left, (ast.Constant, ast.JoinedStr)) and _is_text(node.left)):
        yield _changed(Operator.ARITHMETIC, node, ast.BinOp(node.left, other, node.right))


def _constant(node: ast.Constant) -> Iterator[_Edit]:
    if isinstance(node.value, bool):
        yield _changed(Operator.CONSTANT, node, ast.Constant(not node.value))
    elif isinstance(node.value, int) and abs(node.value) < _LARGEST:
        for step in (1, -1):
            yield _changed(Operator.CONSTANT, node, ast.Constant(node.value + step))


def _call(node: ast.Call) -> Iterator[_Edit]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name == "range" and 1 <= len(node.args) <= 3 and not node.keywords:
        end = 0 if len(node.args) == 1 else 1
        for step in (ast.Add(), ast.Sub()):
            arguments = list(node.args)
            arguments[end] = ast.BinOp(arguments[end], step, ast.Constant(1))
            yield _changed(Operator.RANGE, node, ast.Call(node.func, arguments, []))
    elif name in _OTHER_CALL:
        other = ast.Name(_OTHER_CALL[name], ast.Load())
        yield _changed(Operator.CALL, node, ast.Call(other, node.args, node.keywords))
    elif name == "sorted" or (isinstance(node.func, ast.Attribute) and node.func.attr == "sort"):
        yield _changed(Operator.CALL, node, ast.Call(node.func, node.args, _reversed(node)))
    elif (
        len(node.args) == 2
        and not node.keywords
        and name not in ("print", "isinstance")
        and ast.dump(node.args[0]) != ast.dump(node.args[1])
    ):
        yield _changed(Operator.CALL, node, ast.Call(node.func, node.args[::-1], []))


def _reversed(node: ast.Call) -> list[ast.keyword]:
    reverse = [k for k in node.keywords if k.arg == "reverse"]
    others = [k for k in node.keywords if k.arg != "reverse"]
    if reverse and isinstance(reverse[0].value, ast.Constant) and reverse[0].value.value:
        return others
    return [*others, ast.keyword("reverse", ast.Constant(True))]


def _changed(operator: Operator, old: ast.AST, new: ast.AST) -> _Edit:
    ast.copy_location(new, old)
    return operator, f"{_text(old)} → {_text(new)}", lambda: new


def _as_expr(node: ast.AST) -> ast.expr:
    assert isinstance(node, ast.expr)  # every condition is an expression
    return node


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
    )


def _text(node: ast.AST) -> str:
    """Return the source of a node as one short line."""
    text = ast.unparse(ast.fix_missing_locations(node)).split("\n")[0]
    return text if len(text) <= 60 else text[:59] + "…"
