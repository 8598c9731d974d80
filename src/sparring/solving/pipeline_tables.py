"""Tables of measured pipelines for people, in a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from sparring.runs.labels import interval
from sparring.solving.pipeline_figures import COSTS
from sparring.text import in_markdown

HEADS = (
    *("pipeline", "solved", "− one-shot", "equal tokens: n × m", "its tokens", "its solved"),
    *("pipeline − it", "tests right"),
)
COST_HEADS = ("pipeline", *(f"{c} per task" for c in COSTS), *(f"{c} per solved" for c in COSTS))


def rows(by_pipeline: Mapping[str, Any]) -> list[list[str]]:
    """Return the rows of the first table: what was solved, beside Best-of-N at equal tokens."""
    one = by_pipeline["one_shot"]
    first = ["one-shot (pass@1)", interval(one["solved"], plain=False), "–", "–"]
    table = [[*first, "–", "–", "–", interval(one["tests_right"], plain=False)]]
    for name, f in by_pipeline["figures"].items():
        equal = f["equal_tokens"]
        beside = ["–"] * 4
        if equal is not None:
            size = f"{equal['size']} × {equal['size']}"
            beside = [
                f"{size} (most sampled)" if equal["largest"] else size,
                f"{equal['tokens']:,.0f}",
                interval(equal["solved"], plain=False),
                interval(equal["minus"], plain=False, sign=True),
            ]
        table.append(
            [
                f"{name} {by_pipeline['size']} × {by_pipeline['size']}",
                interval(f["solved"], plain=False),
                interval(f["minus_one_shot"], plain=False, sign=True),
                *beside,
                interval(f["tests_right"], plain=False),
            ]
        )
    return table


def cost_rows(by_pipeline: Mapping[str, Any]) -> list[list[str]]:
    """Return the rows of the second table: what a task cost, and a solved task."""
    return [
        [
            name,
            *(_number(f["per_task"][c], c) for c in COSTS),
            *(_number(f["per_solved"][c], c) for c in COSTS),
        ]
        for name, f in by_pipeline["figures"].items()
    ]


def tables(by_pipeline: Mapping[str, Any]) -> list[Table]:
    """Return the tables for a terminal."""
    titles = (
        f"Pipelines on {len(by_pipeline['tasks'])} tasks: share solved, beside Best-of-N at equal "
        "tokens (95% intervals by task)",
        "Cost of a task and of a solved task; seconds without replayed responses",
    )
    parts = (HEADS, rows(by_pipeline)), (COST_HEADS, cost_rows(by_pipeline))
    found = []
    for title, (heads, body) in zip(titles, parts, strict=True):
        table = Table(title=title)
        for i, head in enumerate(heads):
            table.add_column(head, justify="right" if i else "left")
        for row in body:
            table.add_row(*row)
        found.append(table)
    return found


def markdown(by_pipeline: Mapping[str, Any]) -> str:
    """Return the tables as Markdown, for ``pipelines.md``."""
    text = ["# Pipelines", ""]
    for heads, body in ((HEADS, rows(by_pipeline)), (COST_HEADS, cost_rows(by_pipeline))):
        text += [f"| {' | '.join(heads)} |", "|---" + "|---:" * (len(heads) - 1) + "|"]
        text += [f"| {' | '.join(cell.replace(chr(92), '') for cell in row)} |" for row in body]
        text.append("")
    return "\n".join([*text, *(f"- {in_markdown(line)}" for line in lines(by_pipeline)), ""])


def lines(by_pipeline: Mapping[str, Any]) -> list[str]:
    """Return lines on what the tables leave out."""
    texts = [
        f"over {len(by_pipeline['tasks'])} tasks; seconds are wall time without replayed responses"
    ]
    for name, f in by_pipeline["figures"].items():
        parts = []
        if f["replayed"]:
            parts.append(f"{f['replayed']:,} responses were replayed, which took no time")
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
