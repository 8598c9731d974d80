"""Tables of measured pipelines for people, in a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from sparring.runs.labels import interval
from sparring.solving.pipeline_figures import COSTS
from sparring.text import in_markdown

HEADS = (
    *("pipeline", "solved", "− one-shot", "Best-of-N", "tokens", "Best-of-N solved", "pipeline −"),
    "tests right",
)
COST_HEADS = ("pipeline", *COSTS)


def rows(by_pipeline: Mapping[str, Any]) -> list[list[str]]:
    """Return the rows of the first table: what was solved, beside Best-of-N at equal tokens."""
    one = by_pipeline["single"]
    first = ["one-shot (pass@1)", interval(one["solved"], plain=False), "–", "–"]
    table = [[*first, "–", "–", "–", interval(one["tests_right"], plain=False)]]
    for name, f in by_pipeline["figures"].items():
        equal = f["equal_tokens"]
        beside = ["–"] * 4
        if equal is not None:
            size = f"{equal['size']:.1f} × {equal['size']:.1f}"
            beside = [
                f"≥ {size}" if equal["largest"] else size,
                f"{equal['tokens']:,.0f}",
                interval(equal["solved"], plain=False),
                interval(equal["minus"], plain=False, sign=True),
            ]
        table.append(
            [
                name,
                interval(f["solved"], plain=False),
                interval(f["minus_single"], plain=False, sign=True),
                *beside,
                interval(f["tests_right"], plain=False),
            ]
        )
    return table


def cost_rows(by_pipeline: Mapping[str, Any], per: str) -> list[list[str]]:
    """Return the rows of a table of costs. ``per``: "per_task" or "per_solved"."""
    return [
        [name, *(_number(f[per][c], c) for c in COSTS)]
        for name, f in by_pipeline["figures"].items()
    ]


def parts(by_pipeline: Mapping[str, Any]) -> list[tuple[str, Sequence[str], list[list[str]]]]:
    """Return the title, the heads and the rows of each table."""
    size = f"{by_pipeline['size']} × {by_pipeline['size']}"
    return [
        (
            f"Pipelines of {size}: share of {len(by_pipeline['tasks'])} tasks solved, beside "
            "Best-of-N at equal tokens (95% intervals by task)",
            HEADS,
            rows(by_pipeline),
        ),
        ("Cost of a task", COST_HEADS, cost_rows(by_pipeline, "per_task")),
        ("Cost of a solved task", COST_HEADS, cost_rows(by_pipeline, "per_solved")),
    ]


def tables(by_pipeline: Mapping[str, Any]) -> list[Table]:
    """Return the tables for a terminal."""
    found = []
    for title, heads, body in parts(by_pipeline):
        table = Table(title=title)
        for i, head in enumerate(heads):
            table.add_column(head, justify="right" if i else "left", no_wrap=not i)
        for row in body:
            table.add_row(*row)
        found.append(table)
    return found


def markdown(by_pipeline: Mapping[str, Any]) -> str:
    """Return the tables as Markdown, for ``pipelines.md``."""
    text = ["# Pipelines", ""]
    for title, heads, body in parts(by_pipeline):
        text += [f"{title}.", "", f"| {' | '.join(heads)} |"]
        text.append("|---" + "|---:" * (len(heads) - 1) + "|")
        text += [f"| {' | '.join(cell.replace(chr(92), '') for cell in row)} |" for row in body]
        text.append("")
    return "\n".join([*text, *(f"- {in_markdown(line)}" for line in lines(by_pipeline)), ""])


def lines(by_pipeline: Mapping[str, Any]) -> list[str]:
    """Return lines on what the tables leave out."""
    texts = [
        "seconds are wall time; a replayed response takes none",
        "Best-of-N: the size with the pipeline's mean tokens, a mixture of two whole sizes; with "
        "≥ all samples of the evaluation, which take fewer",
    ]
    for name, f in by_pipeline["figures"].items():
        parts = []
        if f["replayed"]:
            parts.append(f"{f['replayed']:,} responses were replayed")
        if f["without_program"]:
            parts.append(f"no program could be read for {f['without_program']} tasks")
        if f["bounded"]:
            parts.append(f"the tokens of {f['bounded']:,} requests are a bound")
        if parts:
            texts.append(f"{name}: {'; '.join(parts)}")
    if by_pipeline["left_out"]:
        texts.append(f"not in the figures, runs are missing: {by_pipeline['left_out']} tasks")
    return texts


def _number(estimate: Mapping[str, Any], name: str) -> str:
    if estimate["mean"] is None:
        return "–"
    digits = 1 if name == "seconds" else 0
    mean = f"{estimate['mean']:,.{digits}f}"
    if estimate["low"] is None:
        return mean
    return f"{mean} \\[{estimate['low']:,.{digits}f}, {estimate['high']:,.{digits}f}]"
