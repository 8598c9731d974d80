"""Untrusted text for a terminal: control characters are made visible, and length is limited."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from sparring.text import visible


def one_line(text: str, width: int) -> str:
    """Return ``text`` made `visible`, in one line of at most ``width`` columns. Line ends become ⏎;
    the number of characters cut off is appended."""
    start = text[: 4 * width]  # enough for one line, without a pass over a megabyte
    shown = visible(start).replace("\n", "⏎").replace("\t", "⇥")
    if len(start) == len(text) and cell_len(shown) <= width:
        return shown
    for kept in range(min(len(start), width), -1, -1):
        more = f"…(+{len(text) - kept:,})"
        shown = visible(text[:kept]).replace("\n", "⏎").replace("\t", "⇥") + more
        if cell_len(shown) <= width:
            return shown
    return set_cell_size("…", max(width, 0))


def block(text: str, lines: int, width: int) -> list[str]:
    """Return the first ``lines`` lines of ``text``, each of at most ``width`` columns, and a line
    with the number of further lines."""
    all_lines = text.split("\n")
    if all_lines[-1] == "":
        all_lines.pop()
    shown = [one_line(line.expandtabs(4), width) for line in all_lines[:lines]]
    if len(all_lines) > lines:
        shown.append(f"… {len(all_lines) - lines:,} more lines")
    return shown
