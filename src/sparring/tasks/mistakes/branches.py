"""Trace the branches of a program: the program itself notes each outcome while it runs.

- `instrumented` rewrites a program so that every branch notes its outcomes: both results of a
  condition (``if``, ``while``, ``… if … else``, conditions of comprehensions, operands of ``and``
  and ``or``), a loop entered or skipped, handlers of exceptions, cases of a ``match``.
- Branches with one possible outcome are left out (``while True``, a loop over ``range(3)``, the
  guard of ``__main__``). So all outcomes of a right program can occur, except those that its own
  logic excludes.
- The notes must not be part of the compared output. A program on standard input writes them
  between two marks as its last action, whether it returned, exited or raised; `split` cuts them
  out.
- A function is called through another, `ENTRY_POINT`, whose value holds the function's value (or
  the fact that it raised) and the notes.
- An execution that was killed leaves no notes.
- Nothing here defends against the program, because it is a reference solution.
- Not covered: test scripts, which see only the values of a program, and code in ``exec``.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.tasks.mistakes.ast_sites import is_main_guard

ENTRY_POINT = "_sparring_called"
"""Name of the function to call instead of the program's own function."""
_MARK = "\x02sparring branches "
_END = "\x03"


@dataclass(frozen=True, slots=True)
class InstrumentedProgram:
    """An instrumented program; ``outcomes`` has the line and description of each branch outcome."""

    source: str
    outcomes: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class TracedExecution:
    """A traced execution: the program's own output, and the indices of the outcomes it took.

    ``taken`` is None if the execution left no notes. ``raised`` is set only for functions.
    """

    output: str
    taken: frozenset[int] | None
    raised: bool = False


def instrumented(source: str, entry_point: str | None = None) -> InstrumentedProgram | None:
    """Return the instrumented program; None if it cannot be parsed or rewritten."""
    try:
        tree = ast.parse(source)
        rewriter = _Rewriter()
        tree = rewriter.visit(tree)
        text = ast.unparse(ast.fix_missing_locations(_assembled(tree, rewriter, entry_point)))
        compile(text, "program.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return InstrumentedProgram(text, tuple(rewriter.outcomes))


def split(output: str) -> TracedExecution:
    """Split the output of an instrumented program on standard input into output and notes."""
    start = output.rfind(_MARK)
    end = output.find(_END, start)
    if start < 0 or end < 0:
        return TracedExecution(output, None)
    notes = output[start + len(_MARK) : end]
    return TracedExecution(output[:start] + output[end + len(_END) :], _taken_outcomes(notes))


def split_call(value: str) -> TracedExecution:
    """Split the encoded value of `ENTRY_POINT` into the function's encoded value and the notes."""
    try:
        raised, own, notes = json.loads(value)["tuple"]
        taken = _taken_outcomes(notes["iterator"][0])
    except (ValueError, TypeError, LookupError, RecursionError):
        return TracedExecution(value, None)
    return TracedExecution(json.dumps(own, separators=(",", ":")), taken, bool(raised))


def _taken_outcomes(notes: str) -> frozenset[int]:
    return frozenset(i for i, note in enumerate(notes) if note == "1")


_PRELUDE = """
_sparring_notes = bytearray(b"0" * COUNT)

def _sparring_truth(number, value):
    truth = True if value else False
    _sparring_notes[number + (not truth)] = 49
    return truth

def _sparring_operand(number, value):
    _sparring_notes[number + (not value)] = 49
    return value

def _sparring_loop(number, items):
    entered = False
    for item in items:
        if not entered:
            entered = True
            _sparring_notes[number] = 49
        yield item
    if not entered:
        _sparring_notes[number + 1] = 49
"""
# The program's buffered output may come after the notes; `split` puts both parts together.
_LAST_ACT = """
def _sparring_last_act(write=__import__("os").write):
    write(1, MARK + bytes(_sparring_notes) + END)

__import__("atexit").register(_sparring_last_act)
"""
# The notes are a generator, read after the value has been encoded: encoding a value that is itself
# a generator runs more of the program.
_CALLED = """
def _sparring_called(*arguments, **named):
    raised, value = False, None
    try:
        value = TARGET(*arguments, **named)
    except Exception:
        raised = True
    return raised, value, (_sparring_notes.decode() for _ in "1")
"""


def _assembled(tree: ast.Module, rewriter: _Rewriter, entry_point: str | None) -> ast.Module:
    """Return prelude, program and coda as one module, after docstring and ``__future__``."""
    head = 0
    for head, node in enumerate([*tree.body, None]):
        docstring = (
            head == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (docstring or future):
            break
    prelude = _PRELUDE.replace("COUNT", str(len(rewriter.outcomes)))
    coda = ""
    if entry_point is None:
        prelude += _LAST_ACT.replace("MARK", repr(_MARK.encode())).replace(
            "END", repr(_END.encode())
        )
    else:
        name, _, method = entry_point.partition(".")
        coda = _CALLED.replace("TARGET", f"{name}().{method}" if method else name)
    body = [*tree.body[:head], *ast.parse(prelude).body, *tree.body[head:], *ast.parse(coda).body]
    return ast.Module(body, [])


class _Rewriter(ast.NodeTransformer):
    """Adds a note to every branch, and lists the outcomes of all branches."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[int, str]] = []

    def _add_outcomes(self, line: int, *what: str) -> int:
        """Add outcomes; return the index of the first."""
        first = len(self.outcomes)
        self.outcomes += [(line, text) for text in what]
        return first

    def _with_note(self, function: str, value: ast.expr, *what: str) -> ast.expr:
        """Return ``value`` wrapped in a call of one of the prelude's functions."""
        number = self._add_outcomes(value.lineno, *what)
        noted = ast.Call(ast.Name(function, ast.Load()), [ast.Constant(number), value], [])
        return ast.copy_location(noted, value)

    def _condition(self, test: ast.expr, text: str | None) -> ast.expr:
        """Return the noted condition; ``text`` is its source before the rewriting inside it."""
        if text is None:
            return test
        return self._with_note("_sparring_truth", test, f"{text} true", f"{text} false")

    def visit_If(self, node: ast.If) -> ast.AST:
        return self._with_test(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        return self._with_test(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return self._with_test(node)

    def _with_test(self, node: ast.If | ast.While | ast.IfExp) -> ast.AST:
        text = _condition_text(node.test)
        self.generic_visit(node)
        node.test = self._condition(node.test, text)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        texts = [_condition_text(test) for test in node.ifs]
        self.generic_visit(node)
        node.ifs = [self._condition(t, text) for t, text in zip(node.ifs, texts, strict=True)]
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        texts = [_text(value) for value in node.values]
        self.generic_visit(node)
        node.values[:-1] = [
            self._with_note(
                "_sparring_operand",
                v,
                f"{text} true in {_WORD[type(node.op)]}",
                f"{text} false in {_WORD[type(node.op)]}",
            )
            for v, text in zip(node.values[:-1], texts, strict=False)
        ]
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        text, never_empty = _text(node.iter), _never_empty(node.iter)
        self.generic_visit(node)
        if not never_empty:
            what = (f"loop over {text} entered", f"loop over {text} passed by")
            node.iter = self._with_note("_sparring_loop", node.iter, *what)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, self._note(self._add_outcomes(node.lineno, "exception handled"), node))
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        self.generic_visit(node)
        for case in node.cases:
            number = self._add_outcomes(case.pattern.lineno, f"case {_text(case.pattern)}")
            case.body.insert(0, self._note(number, case.body[0]))
        if not _catches_all(node.cases):
            number = self._add_outcomes(node.lineno, "no case")
            node.cases.append(ast.match_case(ast.MatchAs(), None, [self._note(number, node)]))
        return node

    def _note(self, number: int, where: ast.AST) -> ast.stmt:
        [statement] = ast.parse(f"_sparring_notes[{number}] = 49").body
        return ast.copy_location(statement, where)


_WORD = {ast.And: "and", ast.Or: "or"}


def _catches_all(cases: Sequence[ast.match_case]) -> bool:
    last = cases[-1]
    return last.guard is None and isinstance(last.pattern, ast.MatchAs) and not last.pattern.pattern


def _never_empty(items: ast.expr) -> bool:
    if isinstance(items, (ast.List, ast.Tuple, ast.Set)):
        return any(not isinstance(item, ast.Starred) for item in items.elts)
    if isinstance(items, ast.Constant):
        return isinstance(items.value, (str, bytes)) and bool(items.value)
    if not (isinstance(items, ast.Call) and isinstance(items.func, ast.Name)):
        return False
    constants = [a.value for a in items.args if isinstance(a, ast.Constant)]
    numbers = [n for n in constants if isinstance(n, int)]
    if items.func.id != "range" or not numbers or len(numbers) != len(items.args):
        return False
    return bool(len(numbers) < 4 and 0 not in numbers[2:] and range(*numbers))


def _condition_text(test: ast.expr) -> str | None:
    """Return the source of a condition; None for a condition with one possible outcome."""
    return None if isinstance(test, ast.Constant) or is_main_guard(test) else _text(test)


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:59] + "…"
