"""The function that a problem asks for, as far as its text says."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "bool": (bool,),
    "str": (str,),
    "float": (int, float),
    "list": (list,),
    "tuple": (tuple,),
    "dict": (dict,),
    "set": (set, frozenset),
}
_ALIASES = {"List": "list", "Tuple": "tuple", "Dict": "dict", "Set": "set"}
_NODES = ("ListNode", "TreeNode", "Node")
"""Classes of a judge's own, whose objects are no plain values."""
_NODE_NAMES = re.compile(r"(?:root|head)[AB]?\d?\Z")
"""Parameters that LeetCode passes such objects by, also where a text leaves their types out."""


@dataclass(frozen=True, slots=True)
class FunctionSignature:
    """Function to be written. ``entry_point`` is its name, or ``Class.method``.

    ``arguments`` are its parameters, without ``self``; None if the text does not say them.
    ``returns`` is the annotation of the value, "" without one. ``code`` is the Python that the
    name was read from, "" where a sentence or a test says it.
    """

    entry_point: str
    arguments: ast.arguments | None = None
    returns: str = ""
    code: str = ""

    @property
    def name(self) -> str:
        """Name of the function itself."""
        return self.entry_point.rpartition(".")[2]

    @property
    def parameters(self) -> list[str] | None:
        """Names of the parameters that can be given by position; None if they are unknown."""
        if self.arguments is None:
            return None
        return [a.arg for a in (*self.arguments.posonlyargs, *self.arguments.args)]

    @property
    def uses_nodes(self) -> bool:
        """True if arguments or value are linked lists or trees of a judge's own classes."""
        texts = [self.returns, *(_annotation(a) for a in self._all)]
        return any(node in text for text in texts for node in _NODES)

    @property
    def _all(self) -> list[ast.arg]:
        a = self.arguments
        return [] if a is None else [*a.posonlyargs, *a.args, *a.kwonlyargs]

    def contradiction(
        self, arguments: Sequence[Any], keywords: Mapping[str, Any], value: Any
    ) -> str:
        """Return why this call and value cannot be meant, by the signature; "" if they can."""
        if self.uses_nodes:
            return "lists or trees of nodes, which are no plain values"
        if self.returns == "None" and value is not None:
            return "the function returns nothing"
        if not _fits(self.returns, value):
            return f"the value is no {self.returns}"
        a = self.arguments
        if a is None:
            return "" if not keywords else "named arguments of an unknown signature"
        names = self.parameters or []
        most = len(arguments) if a.vararg else len(names)
        if len(arguments) > most:
            return f"{len(arguments)} arguments for {len(names)} parameters"
        given = {*names[: len(arguments)], *keywords}
        needed = {*names[: len(names) - len(a.defaults)]}
        needed |= {k.arg for k, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is None}
        if missing := needed - given:
            return f"no argument for {', '.join(sorted(missing))}"
        known = {p.arg for p in self._all}
        if not a.kwarg and (unknown := {*keywords} - known):
            return f"no parameter {', '.join(sorted(unknown))}"
        by_name = dict(zip(names, arguments, strict=False)) | dict(keywords)
        for parameter in self._all:
            annotation = _annotation(parameter)
            if _is_node(parameter, by_name.get(parameter.arg)):
                return "lists or trees of nodes, which are no plain values"
            if parameter.arg in by_name and not _fits(annotation, by_name[parameter.arg]):
                return f"the argument {parameter.arg} is no {annotation}"
        return ""


def _annotation(parameter: ast.arg) -> str:
    return ast.unparse(parameter.annotation) if parameter.annotation else ""


def _is_node(parameter: ast.arg, value: Any) -> bool:
    """Return True if a list stands for a tree or a linked list, by the parameter's name."""
    untyped = parameter.annotation is None
    return untyped and isinstance(value, list) and bool(_NODE_NAMES.match(parameter.arg))


def _fits(annotation: str, value: Any) -> bool:
    """Return False if a value is surely not of an annotation's type."""
    name = annotation.partition("[")[0].strip("'\" ").rpartition(".")[2]
    types = _TYPES.get(_ALIASES.get(name, name))
    if types is None or "|" in annotation or value is None:
        return types is None or "|" in annotation
    return isinstance(value, types) and not (isinstance(value, bool) and bool not in types)
