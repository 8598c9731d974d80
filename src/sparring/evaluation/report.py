"""An evaluation for people: tables for a terminal and in Markdown, a snippet for a model card.

All are made from eval.json's data alone. Names of models and tasks are the
user's, and other people's: what is in them is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from sparring.grading.wanting import wanting_lines
from sparring.runs.labels import AT_SCALE, PLAIN, REASON, figure_labels, interval
from sparring.selection.selectors import WORDS, Selector
from sparring.text import in_markdown, visible

Row = tuple[str, str, str]


def figure_rows(record: Mapping[str, Any]) -> list[Row]:
    """(label, value with interval, tasks) of every figure but those at a scale (`choice_rows`)
    and the single reasons of unread responses (`lines`); those that people know first."""
    figures = {
        name: f
        for name, f in record["figures"].items()
        if f["n_tasks"] and not AT_SCALE.fullmatch(name) and not REASON.match(name)
    }
    return [
        (label, _value(figures[name], name), str(figures[name]["n_tasks"]))
        for name, label in figure_labels(figures).items()
    ]


def choice_rows(record: Mapping[str, Any]) -> list[list[str]]:
    """One row for each scale: n × m, and the share of tasks whose chosen program is right, for
    each way of choosing in the order of `choice_names`. Choosing at random is one-shot."""
    figures = record["figures"]
    found = [match for name in figures if (match := AT_SCALE.fullmatch(name))]
    scales = {(int(match[2]), int(match[3])) for match in found}
    rows = []
    for n, m in sorted(scales):
        cells = [figures.get(f"{one}_{n}x{m}") for one in Selector]
        told = [_value(f, "") if f and f["n_tasks"] else "–" for f in cells]
        rows.append([f"{n} × {m}", *told])
    return rows


def choice_names() -> list[str]:
    """The heads of the columns of `choice_rows`."""
    return ["n × m", *(WORDS[one] for one in Selector)]


def tables(record: Mapping[str, Any]) -> list[Table]:
    """The figures for a terminal."""
    found = Table(title="Figures (95% intervals, clustered by task)")
    found.add_column("figure")
    for name in ("value", "tasks"):
        found.add_column(name, justify="right")
    for label, value, count in figure_rows(record):
        found.add_row(label, value.replace("[", "\\["), count)
    rows = choice_rows(record)
    if not rows:
        return [found]
    chosen = Table(title="One of n programs chosen by m tests: tasks solved")
    for name in choice_names():
        chosen.add_column(name, justify="right")
    for row in rows:
        chosen.add_row(*[cell.replace("[", "\\[") for cell in row])
    return [found, chosen]


_AS_ASKED = frozenset({"only_block", "last_marked", "test_headers"})
"""Decisions on a response that has the form that was asked for."""


def lines(record: Mapping[str, Any]) -> list[str]:
    """Beside the table: responses, and what counts for no figure."""
    found = []
    for role, r in record["responses"].items():
        tokens = "" if r["tokens"] is None else f", {r['tokens']:.0f} tokens each"
        failures = ", ".join(f"{count:,} {name}" for name, count in r["failures"].items())
        found.append(
            f"{role} {visible(record['models'][role]['name'])}: {r['responses']:,} responses"
            f"{tokens}, {r['cut_off']:,} cut off; "
            + (f"not readable: {failures}" if failures else "all readable")
        )
        how = {name: count for name, count in r.get("how", {}).items() if name not in _AS_ASKED}
        if how:
            shown = ", ".join(f"{count:,} {name}" for name, count in how.items())
            found.append(f"{role}: not in the form that was asked for, but read: {shown}")
    if record["infra_share"]:
        found.append(f"failures of the sandbox, counted for nothing: {record['infra_share']:.2%}")
    found += wanting_lines(record.get("needs", {}))
    if not all(record["conditions"]["top_k_sent"].values()) and record["conditions"]["params"].get(
        "top_k"
    ):
        found.append(
            "note: top-k was not sent: the server is not known to take it (--extra top_k=40)"
        )
    if "official" in record:
        given = dict(record["official"])
        over = given.pop("tasks"), given.pop("without_test"), given.pop("masked")
        shown = ", ".join(f"{k} {100 * v:.1f}%" for k, v in given.items() if v is not None)
        left = f", {over[1]:.0f} without a test left out" if over[1] else ""
        left += f", {over[2]:.0f} with failures of the sandbox left out" if over[2] else ""
        found.append(f"as the released code counts ({over[0]:.0f} tasks{left}): {shown}")
    return [*found, *(f"note: {visible(note)}" for note in record.get("notes", ()))]


def markdown(record: Mapping[str, Any]) -> str:
    """eval.md."""
    c = record["conditions"]
    names = {role: in_markdown(m["name"]) for role, m in record["models"].items()}
    text = ["# Evaluation", ""]
    text += [f"- {role}: {name}" for role, name in names.items()]
    text += [f"- {conditions_line(record)}", ""]
    text += ["| figure | value [95% interval] | tasks |", "|---|---:|---:|"]
    text += [f"| {in_markdown(a)} | {b} | {n} |" for a, b, n in figure_rows(record)]
    if rows := choice_rows(record):
        heads = choice_names()
        text += ["", "One of n programs chosen by m tests: share of tasks solved.", ""]
        text += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        text += [f"| {' | '.join(row)} |" for row in rows]
    text += ["", "Intervals are clustered by task.", ""]
    text += [f"- {in_markdown(line)}" for line in lines(record)]
    if record["left_out"]:
        text += [f"- not in the figures, responses are missing: {len(record['left_out'])} tasks"]
    text += ["", "| verdict on ground-truth tests | runs |", "|---|---:|"]
    text += [f"| {name} | {count:,} |" for name, count in record["verdicts"].items()]
    box = c["sandbox"]
    text += [
        "",
        f"Sandbox: {box['level']}, Python {box['python']}, {box['machine']}; "
        f"idle limit {c['limits']['idle_seconds']:g} s.",
        "",
    ]
    return "\n".join(text)


def conditions_line(record: Mapping[str, Any]) -> str:
    """What the figures hold under, in one line."""
    c, p = record["conditions"], record["conditions"]["params"]
    parts = [
        f"{len(record['tasks'])} tasks of {', '.join(in_markdown(s) for s in c['sources'])}",
        f"{'at least ' if p is None else ''}{c['programs']} programs and {c['tests']} tests each",
        *_sampling(c, p),
        f"checker {', '.join(c['checkers'])}",
        "all ground-truth tests" if c["max_tests"] is None else f"≤ {c['max_tests']} tests",
        f"grader {c['grader']}",
        *([f"prompts {c['templates']}"] if "templates" in c else []),
        *[f"preamble {name} {version}" for name, version in c.get("preambles", {}).items()],
        *[f"{name} {v} given" for name, v in c["sandbox"].get("packages", {}).items()],
        f"sparring {c['sparring']}",
    ]
    return ", ".join(parts)


def _sampling(conditions: Mapping[str, Any], params: Mapping[str, Any] | None) -> list[str]:
    if params is None:
        return ["answers made elsewhere"]
    return [
        f"T {params['temperature']:g}",
        f"top-p {params['top_p']:g}",
        f"top-k {params['top_k'] or 'all'}",
        f"up to {params['max_tokens']:,} tokens",
        f"seed {conditions['seed']}",
    ]


def card(record: Mapping[str, Any]) -> str:
    """A model card's metadata in the Hub's form, and the conditions as a line beneath."""
    coder = record["models"].get("coder") or next(iter(record["models"].values()))
    metrics = []
    for name, f in record["figures"].items():
        if f["mean"] is None:
            continue
        kind = "pass@k" if name == "one_shot" or name.startswith("pass@") else name
        metrics += [
            f"      - type: {json.dumps(kind)}",
            f"        name: {json.dumps(name)}",
            f"        value: {f['mean']:.4f}",
        ]
    source = ", ".join(record["conditions"]["sources"])
    text = [
        "---",
        "model-index:",
        f"- name: {json.dumps(coder['name'])}",
        "  results:",
        "  - task:",
        "      type: text-generation",
        "    dataset:",
        f"      name: {json.dumps(source)}",
        f"      type: {json.dumps(_dataset_type(source))}",
        "    metrics:",
        *[
            line.replace("      - ", "    - ", 1).replace("        ", "      ", 1)
            for line in metrics
        ],
        "---",
        "",
        conditions_line(record),
        "",
    ]
    return "\n".join(text)


def _dataset_type(source: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", source.rpartition("/")[2].lower()).strip("_") or "tasks"


def _value(figure: Mapping[str, Any], name: str) -> str:
    return interval(figure, name in PLAIN).replace("\\[", "[")
