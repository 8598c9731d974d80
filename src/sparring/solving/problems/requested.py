"""Find the function that a problem asks for: by a head, by a sentence, or by assertions.

A head (`heads`) is certain. A sentence counts where it says "function" beside a name in
backticks, in quotes or before brackets. Assertions and sessions count where they call one function
that nothing else defines. Two different names of one kind are refused, never chosen between.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterator, Sequence

from sparring.errors import DataError
from sparring.grading.bare import passages
from sparring.solving.problems.doctests import session_source
from sparring.solving.problems.heads import PythonHeads, code_of, heads_of
from sparring.solving.problems.signatures import FunctionSignature
from sparring.tasks.rows.fields import entry_point_fault
from sparring.tasks.rows.tests_field import tested_functions
from sparring.tasks.suites.suite import parsed

_SIGNATURE = (
    r"(?:def\s+)?(?P<name>[A-Za-z_]\w*)\s*\((?P<args>[^()\n]{0,300}(?:\([^()\n]{0,50}\)"
    r"[^()\n]{0,100}){0,5})\)(?P<returns>\s*->[^`\n:]{1,60})?"
)
_ASKS = r"\b(?:functions?|methods?|[Ii]mplement|[Dd]efine|[Ww]rite|[Cc]omplete|[Cc]reate)\b"
_SENTENCES = tuple(
    re.compile(form)
    for form in (
        rf"{_ASKS}[^.\n`]{{0,40}}`{{1,2}}{_SIGNATURE}:?`",
        rf"\b(?:[Ff]unction|[Mm]ethod)s?(?:\s+signature)?\s*:?\s+[\"']?{_SIGNATURE}",
        r"\b(?:function|method)\s+(?:(?:that is\s+)?(?:called|named)|with the name)\s+"
        r"[`\"'*_]{0,2}(?P<name>[A-Za-z_]\w*)\b[`\"'*]{0,2}(?:\((?P<args>[^()\n]*)\))?",
        r"\b(?:function|method)\s+[`\"](?P<name>[A-Za-z_]\w*)[`\"]",
        r"\b[Cc]omplete\s+the\s+[`\"*_]{0,2}(?P<name>[A-Za-z_]\w*)[`\"*]{0,2}\s+function\b",
    )
)
_NO_NAMES = {"function", "method", "that", "which", "to", "main", "solution", "a", "the", "of"}


def requested_function(
    text: str, *, is_python: bool, wanted: str | None
) -> FunctionSignature | None:
    """Return the function that a text asks for; None if it asks for a whole program.

    ``is_python``: the text has to be Python, as in a file ``.py``. ``wanted`` is the name that the
    user gives. Raises `DataError` where the text is ambiguous or contradicts the user.
    """
    if wanted is not None and (fault := entry_point_fault(wanted)):
        raise DataError(f"--entry-point: {fault}")
    whole = heads_of(text)
    if whole is None and is_python:
        raise DataError("is not Python with the head of a function; end it behind the signature "
                        "or the docstring, or write the problem as a text")  # fmt: skip
    pieces = [whole] if whole else [h for code in code_of(text) if (h := heads_of(code))]
    unfinished = {s.entry_point: s for heads in pieces for s in heads.unfinished}
    if wanted is not None:
        return unfinished.get(wanted) or _unfinished_or_named(pieces, text, wanted)
    if len(unfinished) > 1:
        names = ", ".join(sorted(unfinished))
        raise DataError(f"has several functions without a body ({names}); name the one to write by "
                        "--entry-point")  # fmt: skip
    if unfinished:
        return next(iter(unfinished.values()))
    if whole is not None:
        raise DataError(f"every function has a body ({', '.join(whole.finished[:5])}); leave out "
                        "the body of the one to write")  # fmt: skip
    return _one(list(_in_sentences(text))) or _one(list(_in_assertions(text)))


def _unfinished_or_named(
    pieces: Sequence[PythonHeads], text: str, wanted: str
) -> FunctionSignature:
    finished = [name for heads in pieces for name in heads.finished]
    if wanted in finished:
        raise DataError(f"--entry-point {wanted}: has a body in the problem; leave the body out")
    said = [s for s in _in_sentences(text) if s.entry_point == wanted]
    return next((s for s in said if s.arguments), FunctionSignature(wanted))


def _one(signatures: Sequence[FunctionSignature]) -> FunctionSignature | None:
    """Return the one function that all signatures name, with parameters if one of them has some.

    Raises `DataError` for several functions.
    """
    names = list(dict.fromkeys(s.entry_point for s in signatures))
    if len(names) > 1:
        raise DataError(f"speaks of several functions ({', '.join(names[:5])}); name the one to "
                        "write by --entry-point")  # fmt: skip
    return next((s for s in signatures if s.arguments), signatures[0] if signatures else None)


def _in_sentences(text: str) -> Iterator[FunctionSignature]:
    """Yield the functions that sentences ask for."""
    for form in _SENTENCES:
        for match in form.finditer(text):
            groups = match.groupdict()
            name = groups["name"]
            if name in _NO_NAMES or keyword.iskeyword(name) or hasattr(builtins, name):
                continue
            returns = (groups.get("returns") or "").replace("->", "").strip()
            yield FunctionSignature(name, _parameters(groups.get("args")), returns)


def _parameters(text: str | None) -> ast.arguments | None:
    """Return the parameters of a signature's text; None if it holds none, as in ``f(2)``."""
    if not text:
        return None
    tree = parsed(f"def _({text}): ...\n")
    node = tree.body[0] if tree is not None and len(tree.body) == 1 else None
    return node.args if isinstance(node, ast.FunctionDef) else None


def _in_assertions(text: str) -> Iterator[FunctionSignature]:
    """Yield the functions that the assertions and the sessions of a text call."""
    trees = [tree for tree in passages(text) if any(isinstance(n, ast.Assert) for n in tree.body)]
    if session := parsed(session_source(text)):
        trees.append(session)
    for tree in trees:
        yield from map(FunctionSignature, tested_functions(tree, None))
