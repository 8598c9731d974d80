"""Detail of one group for the page's pass matrix: tests, programs, cells, tokens, terms.

The page has a row for every group (`runs.groups`), and `detail` for the groups whose details fit.
Long texts are cut, and the cut names the number of missing characters. No text is escaped here,
because the page shows every text as a text node, never as markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sparring import values
from sparring.runs.groups import correct_rows
from sparring.schema import TestKind
from sparring.view.explain import Explained
from sparring.view.html.terms import coder_lines, tester_lines
from sparring.view.html.tokens import TokenPieces, token_record
from sparring.view.readable import readable


class ColumnKind(StrEnum):
    """Sources of a test."""

    GROUND_TRUTH = "ground_truth"
    HIDDEN = "hidden"
    PSEUDO_LABEL = "pseudo_label"
    EXAMPLE = "example"
    """Public example, in a session of `sparring solve`."""
    INPUT = "input"
    """Input without an expected output, in a session of `sparring solve`."""
    GENERATED = "generated"


class Cutter:
    """Function that cuts texts longer than ``most`` characters, with a note on the cut."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, text: str | None) -> str | None:
        if text is None or len(text) <= self.most:
            return text
        return f"{text[: self.most]}\n⟨{len(text) - self.most:,} characters more in the run⟩"


def detail(
    record: Mapping[str, Any],
    usage: Mapping[str, Any] | None,
    why: Explained | None,
    pieces: TokenPieces | None,
    cut: Cutter,
) -> dict[str, Any]:
    """Return a group with its matrix, texts, tokens and reward terms, as JSON-able data.

    ``usage`` holds the CPU time and memory of the executions, or None. ``why`` holds the explained
    rewards, or None where the recipe cannot be read.
    """
    correct = correct_rows(record)
    programs, tests = record["programs"], record["tests"]
    columns, order = _columns(record, cut)
    lines_P = coder_lines(why) if why else [[] for _ in programs]
    lines_U = tester_lines(why) if why else [[] for _ in tests]
    for k, (test, lines) in enumerate(zip(tests, lines_U, strict=True)):
        columns[len(columns) - len(tests) + k] |= {
            **_response(test, pieces, cut),
            "valid": test["valid"],
            "refused": test.get("refused"),
            "failure": test["failure"],
            **{name: cut(test[name]) for name in ("how", "seen") if test.get(name)},
            "right": test["right"],
            "reward": test["reward"],
            "advantage": test["advantage"],
            "terms": lines,
        }
    rows = [
        {
            **_response(p, pieces, cut),
            "source": cut(p["source"]),
            "failure": p["failure"],
            **{name: cut(p[name]) for name in ("how", "seen") if p.get(name)},
            "correct": correct[j],
            "reward": p["reward"],
            "advantage": p["advantage"],
            "terms": lines,
            "cells": _cells(_runs(record, j), order, columns, _measured(usage, j), cut),
        }
        for j, (p, lines) in enumerate(zip(programs, lines_P, strict=True))
    ]
    for j, p in enumerate(record.get("initial_policy_programs", ()), start=len(programs)):
        rows.append(
            {
                **_response(p, pieces, cut),
                "initial_policy": True,
                "index": j - len(programs),
                "correct": correct[j],
                "cells": _cells(_runs(record, j), order, columns, None, cut),
            }
        )
    task = record["task"]
    return {
        "task": task["id"],
        "statement": cut(task["statement"]),
        "checker": task["checker"],
        "source": cut(task["source"]),
        "dropped": record["dropped"],
        "solve": record.get("solve"),
        "columns": columns,
        "rows": rows,
        "prompts": {
            "coder": _prompt(programs, pieces, cut),
            "tester": _prompt(tests, pieces, cut),
        },
        "pieces": pieces is not None,
    }


def _columns(record: Mapping[str, Any], cut: Cutter) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the tests as columns, and for each column its index in the result of `_runs`."""
    task, tests = record["task"], record["tests"]
    truths, hidden = task["tests"], task.get("hidden", ())
    columns = [_pair(ColumnKind.GROUND_TRUTH, i, t, task, cut) for i, t in enumerate(truths)]
    columns += [_pair(ColumnKind.HIDDEN, i, t, task, cut) for i, t in enumerate(hidden)]
    start = len(truths) + len(tests)
    order = [*range(len(truths)), *range(start, start + len(hidden))]
    pseudo_label_tests = enumerate(record.get("pseudo_labels", {}).get("tests", ()))
    readable_tests = [(i, t) for i, t in pseudo_label_tests if t["input"] is not None]
    for at, (i, t) in enumerate(readable_tests, start=start + len(hidden)):
        pair = _pair(ColumnKind.PSEUDO_LABEL, i, t, task, cut)
        columns.append({**pair, "kept": t["kept"], "right": t["right"]})
        order.append(at)
    if "solve" in record:
        start += len(hidden)
        for kind, name in ((ColumnKind.EXAMPLE, "examples"), (ColumnKind.INPUT, "inputs")):
            columns += [_pair(kind, i, t, task, cut) for i, t in enumerate(task[name])]
            order += range(start, start + len(task[name]))
            start += len(task[name])
    for k, t in enumerate(tests):
        columns.append(_pair(ColumnKind.GENERATED, k, t, task, cut))
        order.append(len(truths) + k)
    return columns, order


def _pair(
    kind: ColumnKind, index: int, test: Any, task: Mapping[str, Any], cut: Cutter
) -> dict[str, Any]:
    """Return a test as a column.

    ``expected`` is None where the response has no test, and for a script, which decides itself.
    """
    one = readable(test, task)
    column: dict[str, Any] = {"kind": kind.value, "index": index, "input": None, "expected": None}
    if one is not None:
        column |= {"input": cut(one.given), "form": one.kind, "rule": cut(one.rule)}
        column["expected"] = None if one.decides or one.input_only else cut(one.expected)
        if one.input_only:
            column["rule"] = None
    return column


def _runs(record: Mapping[str, Any], row: int) -> list[Any]:
    """Return a row's outcomes on ground-truth, generated, hidden and pseudo-label tests, and on a
    session's examples and inputs."""
    own = len(record["programs"])
    rows = [*record["programs"], *record.get("initial_policy_programs", ())]
    runs = [*rows[row]["runs"]]
    hidden = len(record["task"].get("hidden", ()))
    runs += rows[row].get("hidden_runs") or [None] * hidden
    if "solve" in record:
        runs += [*rows[row]["example_runs"], *rows[row]["input_runs"]]
    if (pseudo_labels := record.get("pseudo_labels")) is not None:
        table = pseudo_labels["runs"] if row < own else pseudo_labels["initial_policy_runs"]
        at = row if row < own else row - own
        count = sum(t["input"] is not None for t in pseudo_labels["tests"])
        runs += table[at][:count] if table else [None] * count
    return runs


def _measured(usage: Mapping[str, Any] | None, row: int) -> list[Any]:
    """Return CPU seconds, MiB and a detail in words for each outcome, in the order of `_runs`."""
    if usage is None:
        return []
    measured = [*usage["runs"][row]]
    return measured + (usage["pseudo_labels"][row] if "pseudo_labels" in usage else [])


def _cells(
    runs: Sequence[Any],
    order: Sequence[int],
    columns: Sequence[Mapping[str, Any]],
    measured: Sequence[Any] | None,
    cut: Cutter,
) -> list[Any]:
    """Return [verdict, output, CPU seconds, MiB, detail] of each column; None: never executed."""
    cells: list[Any] = []
    for at, column in zip(order, columns, strict=True):
        run = runs[at]
        if run is None:
            cells.append(None)
            continue
        used = measured[at] if measured and at < len(measured) else (None, None, "")
        output = run["output"]
        if column.get("form") == TestKind.CALL:
            output = values.show(output)
        if "output_length" in run:
            output += f"\n⟨cut: {run['output_length']:,} characters were printed⟩"
        cells.append([run["verdict"], cut(output), used[0], used[1], cut(used[2])])
    return cells


def _response(record: Mapping[str, Any], pieces: TokenPieces | None, cut: Cutter) -> dict[str, Any]:
    return {
        "text": cut(record["text"]),
        "stop": record["stop"],
        "length": int(record["tokens"][1] or 0) if "tokens" in record else len(record["token_ids"]),
        "tokens": token_record(pieces, record, cut.most // 4),
    }


def _prompt(
    responses: Sequence[Mapping[str, Any]], pieces: TokenPieces | None, cut: Cutter
) -> dict[str, Any]:
    """Return the prompt that all responses of a role share."""
    ids = responses[0]["prompt_ids"] if responses else []
    return {"length": len(ids), "text": cut(pieces.text(ids)) if pieces and ids else None}
