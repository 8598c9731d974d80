"""Terminal tables of a run: before and after, tests by size, changes by another reward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.runs.labels import PLAIN, in_groups, interval, metric_labels
from sparring.text import visible


def figure_table(
    title: str,
    names: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    first: Literal["left", "right"] = "left",
) -> Table:
    """Return a table of figures: ``first`` aligns the first column, all others align right."""
    table = Table(title=title)
    for i, name in enumerate(names):
        table.add_column(name, justify="right" if i else first)
    for row in rows:
        table.add_row(*row)
    return table


def grouped_rows(
    labels: Mapping[str, str], cells: Callable[[str], Sequence[str]]
) -> Iterator[Sequence[str | Text]]:
    """Yield the rows of labelled figures: a heading for each group, then the label of each figure
    with the ``cells`` of its name."""
    for group, figures in in_groups(labels).items():
        yield (Text(group, "bold"),)
        for name, label in figures.items():
            yield (Text(f"  {visible(label)}"), *cells(name))


def closing_table(
    before: Mapping[str, Any], after: Mapping[str, Any], difference: Mapping[str, Any]
) -> Table:
    """Return a table of metrics before and after training, with paired differences.

    Each argument maps a metric's name to {mean, low, high, n_tasks}. Shares are in per cent.
    """
    return figure_table(
        "Held-out tasks, before → after (95% intervals, clustered by task)",
        ("metric", "before", "after", "difference (paired)"),
        grouped_rows(
            metric_labels(before.keys() & after.keys()),
            lambda name: (
                interval(before[name], name in PLAIN),
                interval(after[name], name in PLAIN),
                interval(difference.get(name), name in PLAIN, sign=True),
            ),
        ),
    )


def size_table(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    """Return a table of the share and accuracy of tests by the number of values in their input."""
    table = Table(title="Tests by input size")
    for name in ("values", "share before", "share after", "right before", "right after"):
        table.add_column(name, justify="right")
    for size in sorted({*before, *after}, key=int):
        b, a = before.get(size, {}), after.get(size, {})
        if max(b.get("share", 0), a.get("share", 0)) < 0.005:
            continue
        table.add_row(
            size,
            *(_share(x.get(key)) for key in ("share", "accuracy") for x in (b, a)),
        )
    return table


def rescore_tables(
    roles: Mapping[Any, Any], changes: Sequence[Mapping[str, Any]], shown: int = 8
) -> list[Table]:
    """Return tables of the changes by another reward or checker.

    The first table has counts per role; the second the ``shown`` advantages that change most.
    ``roles`` maps each role to an object with the counts of `sparring.training.rescore.Tally`.
    """
    counts = Table(title="Changed by the other reward or checker")
    for name in ("role", "responses", "rewards", "advantages", "other sign", "groups dropped"):
        counts.add_column(name, justify="left" if name == "role" else "right")
    for role, t in roles.items():
        counts.add_row(
            str(role),
            f"{t.responses:,}",
            f"{t.rewards:,}",
            f"{t.advantages:,}",
            f"{t.flipped:,}",
            f"{t.dropped_before:,} → {t.dropped_after:,} of {t.groups:,}",
        )
    largest = Table(title="The advantages that change most")
    for name in ("step", "task", "response", "reward", "advantage"):
        largest.add_column(name, justify="right" if name in ("reward", "advantage") else "left")
    size = lambda c: -abs(c["advantage"][1] - c["advantage"][0])  # noqa: E731
    for c in sorted(changes, key=size)[:shown]:
        largest.add_row(
            str(c["step"]),
            Text(visible(c["task"])),
            f"{c['role']} {c['index']}",
            "{:.3g} → {:.3g}".format(*c["reward"]),
            "{:+.2f} → {:+.2f}".format(*c["advantage"]),
        )
    return [counts, largest] if changes else [counts]


def show(console: Console, *tables: Table) -> None:
    """Print tables, with 118 columns where the output is no terminal."""
    wide = console if console.is_terminal else Console(file=console.file, width=118)
    for table in tables:
        wide.print(table)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"
