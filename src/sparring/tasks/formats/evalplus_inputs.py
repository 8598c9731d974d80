"""Arguments of MBPP+ in the types that its functions take; JSON writes tuples and sets as lists.

The types of each task are from ``evalplus/data/mbpp.py`` of evalplus 0.3.1.
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
"""Every list is a tuple, at any depth."""


def mbpp_arguments(task_id: str, arguments: list[Any]) -> list[Any] | tuple[Any, ...]:
    """Return a row's input in the types that the task's function takes.

    Inputs of tasks that are not listed above are returned as they are. Raises `TypeError`,
    `ValueError`, `IndexError` or `AttributeError` for an input that cannot be converted.
    """
    name, _, number = task_id.rpartition("/")
    if name != "Mbpp" or not number.isdigit():
        return arguments
    task = int(number)
    if task in _ALL:
        return [tuple(argument) for argument in arguments]
    if task in _ITEMS:
        return [[tuple(item) for item in argument] for argument in arguments]
    if task in _FIRST_ITEMS:
        return [[tuple(item) for item in arguments[0]], arguments[1]]
    if task in _SECOND:
        return [arguments[0], tuple(arguments[1])]
    if task in _FIRST:
        return [tuple(arguments[0]), arguments[1]]
    if task in _TUPLES:
        return [tuple(tuple(item) for item in argument) for argument in arguments]
    if task in _DEEP:
        return [_deep(argument) for argument in arguments]
    return _single(task, arguments)


def _single(task: int, arguments: list[Any]) -> list[Any]:
    """Return the arguments of tasks whose types no other task shares."""
    match task:
        case 115:  # a list of sets; JSON's empty list stands for an empty dict
            return [[set(item) if isinstance(item, list) and item else {} for item in arguments[0]]]
        case 124:
            return [float(arguments[0]), complex(arguments[1])]
        case 252:
            return [complex(arguments[0])]
        case 278:
            return [tuple(tuple(item) if isinstance(item, list) else item for item in arguments[0])]
        case 307:
            return [tuple(arguments[0]), arguments[1], arguments[2]]
        case 722:
            return [{key: tuple(value) for key, value in arguments[0].items()}, *arguments[1:]]
    return arguments


def _deep(value: Any) -> Any:
    return tuple(map(_deep, value)) if isinstance(value, list) else value
