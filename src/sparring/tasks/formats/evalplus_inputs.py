"""Arguments of MBPP+ as its functions take them: JSON has written tuples and sets as lists.

Which tasks mean what is from ``evalplus/data/mbpp.py`` of evalplus 0.3.1.
"""

from __future__ import annotations

from typing import Any

_ALL = {2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630,
        726, 740, 744, 809}  # fmt: skip
"""Every argument is a tuple."""
_ITEMS = {63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780}
"""Every argument is a list of tuples."""
_FIRST_ITEMS = {75, 413, 444, 753}
"""The first of two arguments is a list of tuples."""
_SECOND = {106, 750}
"""The second of two arguments is a tuple."""
_FIRST = {250, 405, 446, 617, 720, 763, 808}
"""The first of two arguments is a tuple."""
_TUPLES = {259, 401, 445}
"""Every argument is a tuple of tuples."""
_DEEP = {580, 615, 791}
"""Every list is a tuple, however deep."""


def mbpp_arguments(task_id: str, given: list[Any]) -> list[Any] | tuple[Any, ...]:
    """The arguments that a list of a row's input stands for; itself for any other task. Raises
    `TypeError`, `ValueError`, `IndexError` or `AttributeError` for what it cannot stand for."""
    name, _, number = task_id.rpartition("/")
    if name != "Mbpp" or not number.isdigit():
        return given
    task = int(number)
    if task in _ALL:
        return [tuple(one) for one in given]
    if task in _ITEMS:
        return [[tuple(item) for item in one] for one in given]
    if task in _FIRST_ITEMS:
        return [[tuple(item) for item in given[0]], given[1]]
    if task in _SECOND:
        return [given[0], tuple(given[1])]
    if task in _FIRST:
        return [tuple(given[0]), given[1]]
    if task in _TUPLES:
        return [tuple(tuple(item) for item in one) for one in given]
    if task in _DEEP:
        return [_deep(one) for one in given]
    return _single(task, given)


def _single(task: int, given: list[Any]) -> list[Any]:
    """The arguments of tasks that are like no other."""
    match task:
        case 115:  # a list of sets; JSON's empty list stands for an empty dict
            return [[set(one) if isinstance(one, list) and one else {} for one in given[0]]]
        case 124:
            return [float(given[0]), complex(given[1])]
        case 252:
            return [complex(given[0])]
        case 278:
            return [tuple(tuple(one) if isinstance(one, list) else one for one in given[0])]
        case 307:
            return [tuple(given[0]), given[1], given[2]]
        case 722:
            return [{key: tuple(held) for key, held in given[0].items()}, *given[1:]]
    return given


def _deep(value: Any) -> Any:
    return tuple(map(_deep, value)) if isinstance(value, list) else value
