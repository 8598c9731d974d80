"""Find the calls of one function in a text for people, such as a docstring.

- A *mention* gives no values: ``f()``, or ``f(a, b)`` with the names of the function's parameters.
- A call is *general* if its arguments are made of parameters: ``f(n - 1)``. Such a call defines.
- Every other call is an *example*: ``f(3)``, and also ``f(abc)`` where somebody forgot the quotes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sparring.tasks.rows.heads import parsed

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_QUOTED = re.compile(r"""'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\"""")
_NAME = re.compile(r"\b[A-Za-z_]\w*\b(?!\s*=[^=])")
"""A name that is not the left side of ``name=value``."""


@dataclass(frozen=True, slots=True)
class FunctionInText:
    """The function that a statement asks for: its name, and its parameters as far as known."""

    name: str
    parameters: frozenset[str]


@dataclass(frozen=True, slots=True)
class CallInText:
    """A call in a text: ``text[start:end]``, and what stands between its parentheses."""

    start: int
    end: int
    arguments: str


def calls(text: str, name: str) -> Iterator[CallInText]:
    """Yield the calls of a function in a text. A call without closing parenthesis ends its line."""
    for match in re.finditer(rf"(?<![\w]){re.escape(name)}\s*\(", text):
        if re.search(r"\bdef\s+$", text[: match.start()]):
            continue
        end = closed(text, match.end() - 1)
        if end is None:
            end = text.find("\n", match.end())
            end = len(text) if end < 0 else end
            yield CallInText(match.start(), end, text[match.end() : end])
        else:
            yield CallInText(match.start(), end, text[match.end() : end - 1])


def closed(text: str, start: int) -> int | None:
    """Return the place after the bracket that closes ``text[start]``; None if nothing closes it.

    Brackets between quotes do not count.
    """
    open_brackets: list[str] = []
    place = start
    while place < len(text):
        character = text[place]
        if quoted := _QUOTED.match(text, place):
            place = quoted.end()
            continue
        if character in _CLOSING:
            open_brackets.append(_CLOSING[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return place + 1
        place += 1
    return None


def is_mention(call: CallInText, function: FunctionInText) -> bool:
    """Return True if a call names the function without values."""
    names = parameters(call.arguments)
    if names is None:
        return False
    return not names or not function.parameters or bool(names & function.parameters)


def is_general(call: CallInText, function: FunctionInText) -> bool:
    """Return True if a parameter of the function stands among the call's arguments."""
    names = set(_NAME.findall(_QUOTED.sub("''", call.arguments)))
    return not names.isdisjoint(function.parameters)


def is_example(call: CallInText, function: FunctionInText) -> bool:
    """Return True if a call gives values."""
    return not is_mention(call, function) and not is_general(call, function)


def parameters(arguments: str) -> frozenset[str] | None:
    """Return the names of a list of parameters, or None if it is not one. ``self`` is none."""
    tree = parsed(f"def f({arguments}): pass")
    if tree is None or len(tree.body) != 1:
        return None
    [node] = tree.body
    return names_of(node.args) if isinstance(node, ast.FunctionDef) else None


def names_of(node: ast.arguments) -> frozenset[str]:
    """Return the names of a function's parameters, without ``self`` and ``cls``."""
    every = [*node.posonlyargs, *node.args, *node.kwonlyargs]
    every += [one for one in (node.vararg, node.kwarg) if one is not None]
    return frozenset(one.arg for one in every) - {"self", "cls"}
