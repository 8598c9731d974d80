"""Plain Python values as text, and the equality of two values.

A call test holds arguments and a value, which travel as text. The text is JSON. Lists, strings,
whole numbers, true, false and null stand for themselves. Everything else is an object with one key
that names its type: ``{"tuple": […]}``, ``{"float": "0.5"}``, ``{"set": […]}``. A value whose type
is not *exactly* plain (an instance of a program's own class, a subclass of `int` with an
``__eq__`` of its own) becomes ``{"object": "its type"}``, or ``{"falsy": …}`` if the value is
falsy, and equals nothing.

A program can write any text itself. Code that compares such a text therefore uses `read`, not
`decode`. `read` keeps sets and mappings as lists (`Held`), and `same` compares them without a hash
table of Python's, which a text can be made to fill slowly. `WorkBudget` bounds every cost that
grows faster than the length of the text.
"""

from sparring.values.comparing import same, same_in_any_order
from sparring.values.held import Held
from sparring.values.plain import MAX_DEPTH, MAX_NODES, NotPlain, Opaque
from sparring.values.reading import decode, read
from sparring.values.showing import show, show_call
from sparring.values.work import WorkBudget
from sparring.values.writing import encode

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "Held",
    "NotPlain",
    "Opaque",
    "WorkBudget",
    "decode",
    "encode",
    "read",
    "same",
    "same_in_any_order",
    "show",
    "show_call",
]
