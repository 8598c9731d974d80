"""Evaluation as text for people: terminal tables, Markdown, and a snippet for a model card.

All three are made from the data of eval.json alone. Names of models and tasks come from users and
other people, so names are escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from sparring.grading.missing_packages import missing_package_lines
from sparring.runs.labels import AT_SCALE, PLAIN, REASON, figure_labels, interval
from sparring.selection.selectors import WORDS, Selector
from sparring.text import in_markdown, visible

Row = tuple[str, str, str]


def figure_rows(record: Mapping[str, Any]) -> list[Row]:
    """Return (label, value with interval, number of tasks) of the figures, well-known ones first.

    Figures at a scale are left to `choice_rows`, the reasons of unreadable responses to `lines`.
    """
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
    """Return one row for each scale: n × m, then the share of solved tasks of each selector.

    A task is solved if the program that the selector chooses is right. The selectors are in the
    order of `choice_names`. Choosing at random gives pass@1.
    """
    figures = record["figures"]
    matches = [match for name in figures if (match := AT_SCALE.fullmatch(name))]
    scales = {(int(match[2]), int(match[3])) for match in matches}
    rows = []
    for n, m in sorted(scales):
        by_selector = [figures.get(f"{selector}_{n}x{m}") for selector in Selector]
        cells = [_value(f, "") if f and f["n_tasks"] else "–" for f in by_selector]
        rows.append([f"{n} × {m}", *cells])
    return rows


def choice_names() -> list[str]:
    """Return the column heads of `choice_rows`."""
    return ["n × m", *(WORDS[selector] for selector in Selector)]


def tables(record: Mapping[str, Any]) -> list[Table]:
    """Return the tables for a terminal: figures, and selectors where there are scales."""
    figures = Table(title="Figures (95% intervals, clustered by task)")
    figures.add_column("figure")
    for name in ("value", "tasks"):
        figures.add_column(name, justify="right")
    for label, value, count in figure_rows(record):
        figures.add_row(label, value.replace("[", "\\["), count)
    rows = choice_rows(record)
    if not rows:
        return [figures]
    selectors = Table(title="One of n programs chosen by m tests: share of tasks solved")
    for name in choice_names():
        selectors.add_column(name, justify="right")
    for row in rows:
        selectors.add_row(*[cell.replace("[", "\\[") for cell in row])
    return [figures, selectors]


_AS_ASKED = frozenset({"only_block", "last_marked", "test_headers", "block"})
"""Rules that read a response of the form that the prompt asks for."""


def lines(record: Mapping[str, Any]) -> list[str]:
    """Return lines on responses, sandbox failures, missing packages, and notes."""
    texts = []
    for role, r in record["responses"].items():
        tokens = "" if r["tokens"] is None else f", {r['tokens']:.0f} tokens each"
        failures = ", ".join(f"{count:,} {name}" for name, count in r["failures"].items())
        texts.append(
            f"{role} {visible(record['models'][role]['name'])}: {r['responses']:,} responses"
            f"{tokens}, {r['cut_off']:,} cut off; "
            + (f"unreadable: {failures}" if failures else "all readable")
        )
        how = {name: count for name, count in r.get("how", {}).items() if name not in _AS_ASKED}
        if how:
            rules = ", ".join(f"{count:,} {name}" for name, count in how.items())
            texts.append(f"{role}: readable, but not in the form that the prompt asks for: {rules}")
    if record["infra_share"]:
        texts.append(
            f"failures of the sandbox, which no figure counts: {record['infra_share']:.2%}"
        )
    texts += missing_package_lines(record.get("needs", {}))
    if not all(record["conditions"]["top_k_sent"].values()) and record["conditions"]["params"].get(
        "top_k"
    ):
        texts.append(
            "note: top-k was not sent: the server may not take it; --extra top_k=40 sends it"
        )
    if "official" in record:
        figures = dict(record["official"])
        tasks, untested, masked = (figures.pop(k) for k in ("tasks", "without_test", "masked"))
        values = ", ".join(f"{k} {100 * v:.1f}%" for k, v in figures.items() if v is not None)
        left_out = f", {untested:.0f} without a test left out" if untested else ""
        left_out += f", {masked:.0f} with failures of the sandbox left out" if masked else ""
        texts.append(f"as the paper's released code counts ({tasks:.0f} tasks{left_out}): {values}")
    return [*texts, *(f"note: {visible(note)}" for note in record.get("notes", ()))]


def markdown(record: Mapping[str, Any]) -> str:
    """Return the contents of eval.md."""
    conditions = record["conditions"]
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
    text += ["", "| verdict on ground-truth tests | executions |", "|---|---:|"]
    text += [f"| {name} | {count:,} |" for name, count in record["verdicts"].items()]
    box = conditions["sandbox"]
    text += [
        "",
        f"Sandbox: {box['level']}, Python {box['python']}, {box['machine']}; "
        f"idle limit {conditions['limits']['idle_seconds']:g} s.",
        "",
    ]
    return "\n".join(text)


def conditions_line(record: Mapping[str, Any]) -> str:
    """Return the conditions of the figures in one line."""
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
        *[f"package {name} {v}" for name, v in c["sandbox"].get("packages", {}).items()],
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
    """Return a model card's metadata in the Hub's format, with the conditions in a line below."""
    coder = record["models"].get("coder") or next(iter(record["models"].values()))
    metrics = []
    for name, f in record["figures"].items():
        if f["mean"] is None:
            continue
        kind = "pass@k" if name.startswith("pass@") else name
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
