"""Difference between expected and actual output, line by line, in few lines."""

from __future__ import annotations

import difflib
from itertools import islice

from rich.text import Text

from sparring.runs.text import one_line

_LINES = 2000
"""Most lines of either output that are compared line by line."""
_LONG = 10_000
"""Most characters of a line that are compared."""


def difference(expected: str, actual: str, lines: int, width: int) -> list[Text]:
    """Return at most about ``lines`` lines that show where two outputs differ.

    Lines begin with "-" (expected), "+" (actual), or a space (both). ``width`` is the number of
    columns. Long or distant differences are shown around the first differing character.
    """
    if expected == actual:
        return [Text("the outputs are the same")]
    if expected.split() == actual.split():
        return [Text("the outputs differ in white space only")]
    expected_lines, actual_lines = (
        [line[:_LONG] for line in s.split("\n")[:_LINES]] for s in (expected, actual)
    )
    diff = difflib.unified_diff(expected_lines, actual_lines, lineterm="", n=2)
    shown: list[Text] = []
    for line in islice(diff, 2, None):  # the first two lines name files
        if len(shown) >= lines:
            shown.append(
                Text(f"… more differences (of {len(expected_lines)} expected lines)", "dim")
            )
            break
        style = {"-": "cyan", "+": "bright_red", "@": "dim"}.get(line[0], "")
        if line[0] != "@":
            shown.append(Text(line[0] + " " + one_line(line[1:], width - 2), style))
        elif shown:
            shown.append(Text("  ⋮", "dim"))
    at = _first_difference(expected, actual)
    if not shown or max(map(len, (*expected_lines, *actual_lines))) > width:
        shown += [
            Text(f"first difference at character {at:,}:", "dim"),
            Text("- …" + one_line(expected[max(0, at - 10) : at + width], width - 4), "cyan"),
            Text("+ …" + one_line(actual[max(0, at - 10) : at + width], width - 4), "bright_red"),
        ]
    return shown


def _first_difference(one: str, other: str) -> int:
    """Return the index of the first character in which two texts differ."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # bisection compares a megabyte in 20 slices, far faster than by character
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
