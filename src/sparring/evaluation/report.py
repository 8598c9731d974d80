"""Evaluation as text for people: terminal tables, Markdown, and a snippet for a model card.

All three are made from the data of eval.json alone. Names of models and tasks come from users and
other people, so names are escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from sparring.grading.missing_packages import missing_package_lines
from sparring.runs.choice_blocks import ChoiceBlock, choice_blocks, tokens_of
from sparring.runs.figure_groups import FigureGroup
from sparring.runs.labels import AT_SCALE, PLAIN, REASON, figure_labels, in_groups, interval
from sparring.text import in_markdown, visible

Row = tuple[str, str, str]


def figure_rows(record: Mapping[str, Any]) -> dict[FigureGroup, list[Row]]:
    """Return (label, value with interval, number of tasks) of the figures, by their group.

    Figures at a scale are left to `choice_rows`, the reasons of unreadable responses to `lines`.
    """
    figures = {
        name: f
        for name, f in record["figures"].items()
        if f["n_tasks"] and not AT_SCALE.fullmatch(name) and not REASON.match(name)
    }
    return {
        group: [
            (label, _value(figures[name], name), str(figures[name]["n_tasks"]))
            for name, label in labels.items()
        ]
        for group, labels in in_groups(figure_labels(figures)).items()
    }


def choice_rows(record: Mapping[str, Any], block: ChoiceBlock) -> list[Row]:
    """Return (rule, share of solved tasks, number of tasks) of a scale: one sample, then each rule
    that was measured. A task is solved if the program that the rule chooses is right."""
    figures = {name: record["figures"][name] for name in block.labels}
    return [
        (label, _value(figures[name], name), str(figures[name]["n_tasks"]))
        for name, label in block.labels.items()
        if figures[name]["n_tasks"]
    ]


def tables(record: Mapping[str, Any]) -> list[Table]:
    """Return the tables for a terminal: the figures, and one table of rules for each scale."""
    figures = Table(title="Figures (95% intervals, clustered by task)")
    for name in ("figure", "value", "tasks"):
        figures.add_column(name, justify="left" if name == "figure" else "right")
    for group, rows in figure_rows(record).items():
        figures.add_row(f"[bold]{group}[/]")
        for label, value, count in rows:
            figures.add_row(f"  {label}", value.replace("[", "\\["), count)
        figures.add_section()
    return [
        figures,
        *(
            _choice_table(block.title(tokens_of(record, block)), choice_rows(record, block))
            for block in choice_blocks(record["figures"])
        ),
    ]


def _choice_table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=title)
    for name in ("chosen by", "tasks solved", "tasks"):
        table.add_column(name, justify="left" if name == "chosen by" else "right")
    for label, value, count in rows:
        table.add_row(label, value.replace("[", "\\["), count)
    return table


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
    for number, (group, rows) in enumerate(figure_rows(record).items()):
        text += [""] * bool(number)
        text += [f"| {group} | value [95% interval] | tasks |", "|---|---:|---:|"]
        text += [f"| {in_markdown(a)} | {b} | {n} |" for a, b, n in rows]
    for block in choice_blocks(record["figures"]):
        text += ["", f"{block.title(tokens_of(record, block))}:", ""]
        text += ["| chosen by | tasks solved [95% interval] | tasks |", "|---|---:|---:|"]
        text += [f"| {a} | {b} | {n} |" for a, b, n in choice_rows(record, block)]
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
        *([f"tests up to {own:,} tokens"] if (own := conditions.get("tester_max_tokens")) else []),
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
