"""Terminal view of a group: the pass matrix, programs × tests, with rewards and advantages.

    sparring show RUN --task ID

Rows are the group's programs (P) and the initial policy's programs (I). Columns are the tests that
decide which programs are correct, ground truth (G) or a frozen tester's pseudo-labels (K), and the
generated tests (U), whose rewards stand in a list below. The matrix fits the width of the terminal:
columns that do not fit are counted, and ``--all`` prints them in further blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from sparring.rewards.advantages import DropReason
from sparring.rewards.terms import number
from sparring.runs.groups import correct_rows, passes_all
from sparring.runs.text import block, one_line
from sparring.schema import TestKind, Verdict
from sparring.view.readable import Readable, readable
from sparring.view.source import RecordedGroup
from sparring.view.terminal.step import EVALUATED, why_dropped
from sparring.view.terminal.symbols import legend, mark, symbol

ROWS = 24
"""Most tests of one screen; a screen has twice as many programs."""
SOLVED = (
    "no ground truth: beside a name ✓ and ✗ say whether it passes your tests, ? that there are none"
)
_MARGIN = 24
"""Width of a row without its cells: name, correctness, reward, advantage."""


@dataclass(frozen=True, slots=True)
class MatrixSection:
    """Section of the matrix with tests of one kind: letter, title, and every row's verdicts."""

    letter: str
    title: str
    cells: Sequence[Sequence[Verdict]]
    width: int
    kept: Sequence[bool] = ()
    """Flags of a frozen tester's tests: the test decides which programs are correct."""

    def correct(self) -> list[bool | None]:
        """Return for each row whether its program is correct by these tests; None if unknown."""
        return [passes_all([v for v, k in self._decided(row) if k]) for row in self.cells]

    def _decided(self, row: Sequence[Verdict]) -> Iterator[tuple[Verdict, bool]]:
        return zip(row, self.kept or [True] * len(row), strict=True)


def blocks_of(record: Mapping[str, Any]) -> tuple[list[MatrixSection], int]:
    """Return the matrix of a record in sections, and the number of the group's own programs."""
    own = record["programs"]
    runs = [p["runs"] for p in (*own, *record.get("initial_policy_programs", ()))]
    rows = [[Verdict(o["verdict"]) for o in row] for row in runs]
    truths = len(record["task"]["tests"])
    if "solve" in record:
        return _session_blocks(record, rows, truths), len(own)
    blocks = [
        MatrixSection("G", "ground truth", [r[:truths] for r in rows], truths),
        MatrixSection("U", "generated", [r[truths:] for r in rows], len(record["tests"])),
    ]
    labels = record.get("pseudo_labels")
    if labels and labels["runs"]:
        has_test = [t["input"] is not None for t in labels["tests"]]
        rows_K = [*labels["runs"], *(labels["initial_policy_runs"] or ())]
        cells = [
            _spread([Verdict(o["verdict"]) for o in row[: sum(has_test)]], has_test)
            for row in rows_K
        ]
        kept = [bool(t["kept"]) for t in labels["tests"]]
        blocks.insert(0, MatrixSection("K", "pseudo-labels", cells, len(has_test), kept))
    return blocks, len(own)


def _session_blocks(
    record: Mapping[str, Any], rows: Sequence[Sequence[Verdict]], binding: int
) -> list[MatrixSection]:
    """Return the sections of a session's matrix: those that have a test, or the generated tests."""

    def further(name: str) -> list[list[Verdict]]:
        return [[Verdict(o["verdict"]) for o in p[name]] for p in record["programs"]]

    task = record["task"]
    blocks = [
        MatrixSection("G", "your tests", [r[:binding] for r in rows], binding),
        MatrixSection("E", "examples", further("example_runs"), len(task["examples"])),
        MatrixSection("X", "inputs", further("input_runs"), len(task["inputs"])),
        MatrixSection("U", "generated", [r[binding:] for r in rows], len(record["tests"])),
    ]
    return [b for b in blocks if b.width] or blocks[-1:]


def _spread(row: Sequence[Verdict], has_test: Sequence[bool]) -> list[Verdict]:
    """Return a verdict for every test: the row's for readable tests, INVALID for the others."""
    verdicts = iter(row)
    return [next(verdicts) if ok else Verdict.INVALID for ok in has_test]


def show_group(group: RecordedGroup, console: Console, all_of_it: bool) -> None:
    """Print a group: statement, matrix, legend, generated tests."""
    record = group.record
    task = record["task"]
    blocks, own = blocks_of(record)
    heading = f"step {group.step} · group {group.index} · {one_line(str(task['id']), 60)}"
    console.print(Text(heading, "bold"), soft_wrap=True)
    for line in block(str(task["statement"]), 200 if all_of_it else 3, 3 * console.width):
        console.print(Text(line))
    width = max(8, console.width - _MARGIN - 3 * (len(blocks) - 1))
    widths = _shares([b.width for b in blocks], width)
    rows = len(blocks[0].cells)
    most = rows if all_of_it else min(rows, 2 * ROWS)
    starts = [0] * len(blocks)
    while True:
        ends = [min(b.width, s + n) for b, s, n in zip(blocks, starts, widths, strict=True)]
        console.print(_matrix(record, blocks, own, starts, ends, most))
        if not all_of_it or all(e >= b.width for b, e in zip(blocks, ends, strict=True)):
            break
        starts = ends
    hidden = [
        f"{b.width - e} more {b.title}" for b, e in zip(blocks, ends, strict=True) if e < b.width
    ]
    if hidden or most < rows:
        more = [*hidden, *([f"{rows - most} more programs"] if most < rows else [])]
        console.print(Text(f"not shown: {', '.join(more)} (--all)", "dim"), soft_wrap=True)
    verdicts = (v for b in blocks for row in b.cells for v in row)
    console.print(legend(verdicts, "solve" not in record), soft_wrap=True)
    console.print(_dropped(record), soft_wrap=True)
    _tests(record, console, all_of_it)
    hint = f"one response: --{'' if 'solve' not in record else 'task 0 --'}program P0 or --test U0"
    why = "" if "solve" in record else "; --why: its reward's terms"
    console.print(Text(f"{hint}; a cell: both{why}", "dim"), soft_wrap=True)


def _shares(wanted: Sequence[int], width: int) -> list[int]:
    """Return the number of columns to show of each section, ``width`` in total."""
    if sum(wanted) <= width:
        return [max(1, w) for w in wanted]
    least = width // len(wanted)
    shown = [min(w, least) for w in wanted]
    for i in reversed(range(len(wanted))):  # generated tests, which come last, get the rest first
        shown[i] += min(wanted[i] - shown[i], width - sum(shown))
    return [max(1, n) for n in shown]


def _matrix(
    record: Mapping[str, Any],
    blocks: Sequence[MatrixSection],
    own: int,
    starts: Sequence[int],
    ends: Sequence[int],
    most: int,
) -> Text:
    spans = list(zip(blocks, starts, ends, strict=True))
    solve = record.get("solve")
    text, correct = _header(spans, solve is None), correct_rows(record)
    for i in range(min(most, len(blocks[0].cells))):
        entry = record["programs"][i] if i < own else None
        name = f"P{i}" if entry is not None else f"I{i - own}"
        text.append(f"{name:<5}", "bold" if entry is not None else "dim")
        text.append_text(mark(correct[i]))
        for n, (b, start, end) in enumerate(spans):
            text.append(" │ " if n else "  ", "dim")
            for verdict in b.cells[i][start:end]:
                text.append_text(symbol(verdict))
        if solve is not None:
            text.append("  chosen" if i == solve["chosen"] else "", "bold")
        elif entry is not None:
            text.append(f"  {_figure(entry, 'reward'):>6} {_figure(entry, 'advantage', True):>7}")
        text.append("\n")
    if solve is not None:
        text.rstrip()
        return text
    _, start, end = spans[-1]
    indent = sum(e - s for _, s, e in spans[:-1]) + 3 * (len(spans) - 1)
    if kept := blocks[0].kept:
        text.append(f"{'counts':<8}", "dim")
        for one in kept[spans[0][1] : spans[0][2]]:
            text.append_text(mark(one))
        text.append("\n")
    for label, name in (("right", "right"), ("all P✓", "accepts_correct")):
        has_meaning = (
            name == "right" or True in correct
        )  # "all pass" means nothing without a program
        text.append(f"{label:<8}{' ' * indent}", "dim")
        for test in record["tests"][start:end]:
            text.append_text(mark(test.get(name) if has_meaning else None))
        text.append("\n")
    text.rstrip()
    return text


def _header(spans: Sequence[tuple[MatrixSection, int, int]], rewarded: bool) -> Text:
    titles, tens, ones = " " * 8, " " * 8, " " * 8
    for n, (b, start, end) in enumerate(spans):
        if n:
            titles, tens, ones = (s + " │ " for s in (titles, tens, ones))
        width = end - start
        name = f"{b.letter} {b.title}" if width > len(b.title) + 1 else b.letter
        titles += f"{name:<{width}}"[:width]
        tens += "".join(str(i // 10 % 10) if i >= 10 else " " for i in range(start, end))
        ones += "".join(str(i % 10) for i in range(start, end))
    margin = f"  {'reward':>6} {'advant.':>7}" if rewarded else ""
    lines = [titles, *([tens] if tens.strip(" │") else []), ones + margin]
    return Text("\n".join(lines) + "\n", "dim")


def _line(test: Mapping[str, Any], one: Readable | None, width: int) -> Text:
    """Return a generated test in a line, or the reason why there is none."""
    if one is None:
        return Text(f"no test: {one_line(str(test['failure']), 40)}", "dim")
    if one.kind != TestKind.STDIN:
        return Text(one_line(one.line, width))
    out = one_line(one.expected.rstrip("\n"), (width - 3) // 2)
    return Text(f"{one_line(one.given.rstrip(chr(10)), width - 3 - len(out))} → {out}")


def _session_tests(record: Mapping[str, Any], console: Console, all_of_it: bool) -> None:
    """Print a session's binding tests, examples and generated tests, each with the number of
    programs that pass it, of those that ran."""
    task = record["task"]
    programs = [p for p in record["programs"] if p["source"] is not None]
    start = len(task["tests"])
    tests = [
        *((f"G{k}", t, [p["runs"][k] for p in programs]) for k, t in enumerate(task["tests"])),
        *(
            (f"E{k}", t, [p["example_runs"][k] for p in programs])
            for k, t in enumerate(task["examples"])
        ),
        *(
            (f"U{k}", t, [p["runs"][start + k] for p in programs])
            for k, t in enumerate(record["tests"])
        ),
    ]
    shown = tests if all_of_it else tests[:ROWS]
    if tests:
        console.print(Text("test  passed by  input → expected output", "dim"))
    for name, t, runs in shown:
        one = readable(t, task)
        ran = [r["verdict"] for r in runs if r["verdict"] not in (Verdict.NOT_RUN, Verdict.INFRA)]
        count = f"{ran.count(Verdict.ACCEPTED)} of {len(ran)}" if one is not None and ran else "–"
        text = Text(f"{name:<5}", "bold")
        text.append(f"{count:>10}  ", "")
        text.append_text(_line(t, one, max(20, console.width - 19)))
        console.print(text, soft_wrap=True)
    if len(shown) < len(tests):
        console.print(Text(f"… {len(tests) - len(shown)} more tests (--all)", "dim"))


def _figure(entry: Mapping[str, Any], name: str, sign: bool = False) -> str:
    value = entry.get(name)
    if value is None:
        return "none"
    return f"{float(value):+.2f}" if sign else number(float(value))


def _dropped(record: Mapping[str, Any]) -> Text:
    if "solve" in record:
        return Text(SOLVED, "dim")
    if set(record.get("dropped", {}).values()) == {DropReason.EVALUATION}:
        return Text(EVALUATED, "dim")
    reasons = [
        f"the {one_line(str(role), 20)}'s part of the group is dropped: {why_dropped(why)}"
        for role, why in record.get("dropped", {}).items()
        if why
    ]
    return Text("; ".join(reasons) or "both roles learn from the group", "" if reasons else "dim")


def _tests(record: Mapping[str, Any], console: Console, all_of_it: bool) -> None:
    """Print the generated tests, one in a line."""
    if "solve" in record:
        _session_tests(record, console, all_of_it)
        return
    tests = record["tests"]
    shown = tests if all_of_it else tests[:ROWS]
    if tests:
        console.print(Text("test   reward advant.  caught missed  input → expected output", "dim"))
    for k, t in enumerate(shown):
        text = Text(f"{f'U{k}':<5}", "bold")
        text.append_text(mark(t["right"]))
        text.append(f"{_figure(t, 'reward'):>7} {_figure(t, 'advantage', True):>7}")
        width = max(20, console.width - 39)
        one = readable(t, record["task"])
        # No program ran on an unreadable test: the recorded counts mean nothing there.
        counts = ["–" if one is None else _figure(t, name) for name in ("caught", "missed")]
        text.append(f"{counts[0]:>8} {counts[1]:>6}  ")
        text.append_text(_line(t, one, width))
        if one is not None and not t["valid"]:
            text.append(f" {one_line(str(t.get('refused') or 'invalid'), 20)}", "dim")
        console.print(text, soft_wrap=True)
    if len(shown) < len(tests):
        console.print(Text(f"… {len(tests) - len(shown)} more tests (--all)", "dim"))
