"""One group of a run as the page takes it: the whole of it, for the pass matrix.

Of every group the page has a line (`runs.groups`), `detail` only of those it
has room for. Text is cut at a limit that is said in its place. No text is
escaped here: the page puts all of it on the screen as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sparring import values
from sparring.runs.groups import correct_rows
from sparring.schema import Kind
from sparring.view.explain import Explained
from sparring.view.html.terms import coder_lines, tester_lines
from sparring.view.html.tokens import Pieces, token_record
from sparring.view.readable import readable


class Column(StrEnum):
    """Whose a test is."""

    GROUND_TRUTH = "ground_truth"
    WITHHELD = "withheld"
    SUPERVISING = "supervising"
    GENERATED = "generated"


class Cutter:
    """Cuts long texts, and says so in their place."""

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
    pieces: Pieces | None,
    cut: Cutter,
) -> dict[str, Any]:
    """A group with its matrix, texts, tokens and reward terms. ``usage``: what was measured of
    its runs; ``why``: the rewards explained, None where the recipe cannot be read."""
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
    for j, p in enumerate(record.get("opponents", ()), start=len(programs)):
        rows.append(
            {
                **_response(p, pieces, cut),
                "opponent": True,
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
        "columns": columns,
        "rows": rows,
        "prompts": {
            "coder": _prompt(programs, pieces, cut),
            "tester": _prompt(tests, pieces, cut),
        },
        "pieces": pieces is not None,
    }


def _columns(record: Mapping[str, Any], cut: Cutter) -> tuple[list[dict[str, Any]], list[int]]:
    """The tests, and for each the place of its runs in what `_runs` gives."""
    task, tests = record["task"], record["tests"]
    given, held = task["tests"], task.get("withheld", ())
    found = [_pair(Column.GROUND_TRUTH, i, t, task, cut) for i, t in enumerate(given)]
    found += [_pair(Column.WITHHELD, i, t, task, cut) for i, t in enumerate(held)]
    start = len(given) + len(tests)
    order = [*range(len(given)), *range(start, start + len(held))]
    supervising = enumerate(record.get("supervision", {}).get("tests", ()))
    read = [(i, t) for i, t in supervising if t["input"] is not None]
    for at, (i, t) in enumerate(read, start=start + len(held)):
        pair = _pair(Column.SUPERVISING, i, t, task, cut)
        found.append({**pair, "kept": t["kept"], "right": t["right"]})
        order.append(at)
    for k, t in enumerate(tests):
        found.append(_pair(Column.GENERATED, k, t, task, cut))
        order.append(len(given) + k)
    return found, order


def _pair(
    kind: Column, index: int, test: Any, task: Mapping[str, Any], cut: Cutter
) -> dict[str, Any]:
    """``expected`` is None where there is no test, or one that decides itself."""
    one = readable(test, task)
    found: dict[str, Any] = {"kind": kind.value, "index": index, "input": None, "expected": None}
    if one is not None:
        found |= {"input": cut(one.given), "form": one.kind, "rule": cut(one.rule)}
        found["expected"] = None if one.decides else cut(one.expected)
    return found


def _runs(record: Mapping[str, Any], row: int) -> list[Any]:
    """A row's outcomes: ground truth, generated, withheld, supervising tests."""
    own = len(record["programs"])
    rows = [*record["programs"], *record.get("opponents", ())]
    runs = [*rows[row]["runs"]]
    held = len(record["task"].get("withheld", ()))
    runs += rows[row].get("withheld_runs") or [None] * held
    if (supervision := record.get("supervision")) is not None:
        table = supervision["runs"] if row < own else supervision["opponents_runs"]
        at = row if row < own else row - own
        count = sum(t["input"] is not None for t in supervision["tests"])
        runs += table[at][:count] if table else [None] * count
    return runs


def _measured(usage: Mapping[str, Any] | None, row: int) -> list[Any]:
    """CPU seconds, MiB and the word for people, in the order of `_runs`."""
    if usage is None:
        return []
    found = [*usage["runs"][row]]
    return found + (usage["supervision"][row] if "supervision" in usage else [])


def _cells(
    runs: Sequence[Any],
    order: Sequence[int],
    columns: Sequence[Mapping[str, Any]],
    measured: Sequence[Any] | None,
    cut: Cutter,
) -> list[Any]:
    """[verdict, output, CPU seconds, MiB, word for people] of each column; None: never asked."""
    found: list[Any] = []
    for at, column in zip(order, columns, strict=True):
        run = runs[at]
        if run is None:
            found.append(None)
            continue
        used = measured[at] if measured and at < len(measured) else (None, None, "")
        output = run["output"]
        if column.get("form") == Kind.CALL:
            output = values.show(output)
        if "output_length" in run:
            output += f"\n⟨cut: {run['output_length']:,} characters were printed⟩"
        found.append([run["verdict"], cut(output), used[0], used[1], cut(used[2])])
    return found


def _response(record: Mapping[str, Any], pieces: Pieces | None, cut: Cutter) -> dict[str, Any]:
    return {
        "text": cut(record["text"]),
        "stop": record["stop"],
        "length": int(record["tokens"][1] or 0) if "tokens" in record else len(record["token_ids"]),
        "tokens": token_record(pieces, record, cut.most // 4),
    }


def _prompt(
    responses: Sequence[Mapping[str, Any]], pieces: Pieces | None, cut: Cutter
) -> dict[str, Any]:
    """The prompt that the responses of a role share."""
    ids = responses[0]["prompt_ids"] if responses else []
    return {"length": len(ids), "text": cut(pieces.text(ids)) if pieces and ids else None}
