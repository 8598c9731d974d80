"""What goes into a report, and where: one file within a budget, or a folder with everything.

    write_file([run, ...], out)      one HTML file; matrices of as many groups as there is room for
    write_folder([run, ...], out)    index.html, and a page with every group of each step

The short rows of all groups are always there. Room for details is given out along the run: each
step adds its share, what a step leaves over goes to the next one, so that the groups with a
matrix are spread over the whole run however large one is. Within a step those go first that show
most: labelled in both roles, programs that differ, masked cells.

The folder has a page for each step instead of data that pages load: from a disk a browser lets no
page read another file.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring import __version__
from sparring.errors import ConfigError, RunError, explained, well_formed
from sparring.files import write_whole
from sparring.runs.groups import ROW
from sparring.view.html.collect import Collected, collect
from sparring.view.html.compare import between, settings_apart
from sparring.view.html.group import Cutter
from sparring.view.html.groups import Group, groups, steps
from sparring.view.html.overview import overview
from sparring.view.html.page import MARK, html, packed
from sparring.view.html.panels import PANELS, Chart, charted
from sparring.view.plots.page import MOST_RUNS

BUDGET = 22_000_000
"""Bytes of a single file that go to details."""
KEPT, KEPT_IN_FOLDER = 20_000, 200_000
"""Characters of one text that a page shows."""
_INDEX = "index.html"
_FIRST = "index"
"""What a folder's first page says it is, where the others say their step."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: bytes, groups, and how many of these have their matrix in it."""

    path: Path
    size: int
    groups: int
    detailed: int
    notes: list[str]


def write_file(runs: Sequence[Path], out: Path, budget: int = BUDGET) -> Written:
    """One self-contained file. Raises `RunError` where a path is no run or ``out`` is a folder."""
    made = _collected(runs)
    _check_file(out)
    cut = Cutter(KEPT)
    blobs: dict[str, str] = {}
    rows: list[list[Any]] = []
    for number, one in enumerate(made):
        rows.append(_filled(one, number, budget // len(made), cut, blobs))
    size = _write(out, html(_main(made, rows, None), blobs, _charts(made)))
    return Written(out, size, _count(rows), len(blobs), _notes(made))


def write_folder(runs: Sequence[Path], out: Path) -> Written:
    """A folder with every group. Raises `ConfigError` where it holds anything but a report."""
    made = _collected(runs)
    _check_folder(out)
    with explained(out):
        out.mkdir(parents=True, exist_ok=True)
    cut = Cutter(KEPT_IN_FOLDER)
    all_rows: list[list[Any]] = [[] for _ in made]
    size = detailed = 0
    for step in sorted({s for one in made for s in steps(one)}):
        blobs: dict[str, str] = {}
        rows: list[list[Any]] = []
        for number, one in enumerate(made):
            here = []
            for index, group in enumerate(groups(one, step)):
                here.append(group.row)
                if blob := _blob(group, cut):
                    blobs[f"g-{number}-{step}-{index}"] = blob
            rows.append([[step, here]] if here else [])
            all_rows[number] += rows[-1]
        detailed += len(blobs)
        page = html(_main(made, rows, step), blobs, [])
        size += _write(out / f"step-{step:05d}.html", page)
    size += _write(out / _INDEX, html(_main(made, all_rows, _FIRST), {}, _charts(made)))
    return Written(out / _INDEX, size, _count(all_rows), detailed, _notes(made))


def _collected(runs: Sequence[Path]) -> list[Collected]:
    if len(runs) > MOST_RUNS:
        raise ConfigError(f"report: {len(runs)} runs; at most {MOST_RUNS} go side by side")
    return [collect(path) for path in runs]


def _filled(
    made: Collected, number: int, budget: int, cut: Cutter, blobs: dict[str, str]
) -> list[Any]:
    """The rows of all groups of a run, [step, rows] each; details go to ``blobs`` as far as the
    budget reaches."""
    found: list[Any] = []
    wanted = steps(made)
    room = 0.0
    for step in wanted:
        room += budget / len(wanted)
        here = list(groups(made, step))
        found.append([step, [g.row for g in here]])
        for index in sorted(range(len(here)), key=lambda i: (_dullness(here[i].row), i)):
            blob = _blob(here[index], cut)
            if blob is None:
                continue
            if len(blob) > room:
                break
            room -= len(blob)
            blobs[f"g-{number}-{step}-{index}"] = blob
    return found


def _dullness(row: Sequence[Any]) -> int:
    """Lower for groups that show more."""
    named = dict(zip(ROW, row, strict=True))
    dropped = bool(named["coder_dropped"]) + bool(named["tester_dropped"])
    return dropped - 2 * bool(named["masked"])


def _blob(group: Group, cut: Cutter) -> str | None:
    try:
        return base64.b64encode(packed(group.detail(cut))).decode("ascii")
    except RunError as error:
        group.collected.notes.append(str(error))
        return None


def _main(made: Sequence[Collected], rows: Sequence[Any], here: int | str | None) -> dict[str, Any]:
    """What every page holds. ``here``: None in a single file; in a folder the step of the page, or
    `_FIRST`."""
    apart = [between(made[0], other) for other in made[1:]]  # what it cannot read is noted too
    return {
        "version": __version__,
        "runs": [overview(one) for one in made],
        "columns": ROW,
        "groups": rows,
        "steps": [steps(one) for one in made],
        "metrics": [_metrics(one, here) for one in made],
        "apart": settings_apart(made) if len(made) > 1 else [],
        "between": apart,
        "here": here,
    }


def _metrics(made: Collected, here: int | str | None) -> dict[int, Any]:
    seconds = {t["step"]: t.get("seconds") for t in made.timing if "step" in t}
    return {
        m["step"]: {**m, "seconds": seconds.get(m["step"])}
        for m in made.metrics
        if not isinstance(here, int) or m["step"] == here
    }


def _charts(made: Sequence[Collected]) -> list[Chart]:
    with well_formed("metrics.jsonl or evaluations.jsonl"):
        drawn = [charted(p, [_points(one, p.evaluated) for one in made]) for p in PANELS]
    return [chart for chart in drawn if chart is not None]


def _points(made: Collected, evaluated: bool) -> Sequence[Mapping[str, Any]]:
    """What a curve goes through; an evaluation alone is none."""
    if made.evaluation is not None:
        return []
    return made.evaluations if evaluated else made.metrics


def _count(rows: Sequence[Any]) -> int:
    return sum(len(here) for run in rows for _, here in run)


def _notes(made: Sequence[Collected]) -> list[str]:
    return [note for one in made for note in one.notes]


def _check_file(out: Path) -> None:
    """A report may be written again; nothing else is written over."""
    if out.is_dir():
        raise ConfigError(f"-o {out}: is a directory; give a file name, or add --full")
    with explained(out):
        if os.path.lexists(out) and not _ours(out):
            raise ConfigError(f"-o {out}: is there and no report; choose another name")


def _ours(path: Path) -> bool:
    with path.open("rb") as file:
        return MARK.encode() in file.read(200)


def _check_folder(out: Path) -> None:
    """A report may be written again; nothing else is written over."""
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise ConfigError(f"-o {out}: is a file; --full writes a folder")
    index = out / _INDEX
    with explained(out):
        ours = index.is_file() and _ours(index)
        if not ours and any(out.iterdir()):
            raise ConfigError(f"-o {out}: is not empty and no report; choose another name")


def _write(path: Path, text: str) -> int:
    """Write a page, whole or not at all; its size in bytes."""
    data = text.encode("utf-8")
    with explained(path.parent):
        write_whole(path, data)
    return len(data)
