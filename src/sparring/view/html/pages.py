"""Files of a report: one file within a budget of bytes, or a folder with every group.

    write_file([run, ...], out)      one HTML file; matrices of as many groups as fit
    write_folder([run, ...], out)    index.html, and a page with every group of each step

A report has a short row for every group. The budget for matrices is shared out along the run: each
step adds its share, and the unused rest of a step goes to the next one. So the groups with a matrix
are spread over the whole run, however large the run is. Within a step the most informative groups
come first: those with masked cells and those from which both roles learn.

The folder has a page for each step. Each page holds its own data, because a browser does not let a
page on a disk read other files.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError, RunError, explained, well_formed
from sparring.files import write_whole
from sparring.runs.groups import ROW
from sparring.version import __version__
from sparring.view.html.collect import RunOverview, collect
from sparring.view.html.compare import between, settings_apart
from sparring.view.html.group import Cutter
from sparring.view.html.groups import PageGroup, groups, steps
from sparring.view.html.overview import overview
from sparring.view.html.page import MARK, gzipped_json, html
from sparring.view.html.panels import PANELS, Chart, draw_panel
from sparring.view.plots.page import MOST_RUNS

BUDGET = 22_000_000
"""Bytes of a single file for the details of groups."""
KEPT, KEPT_IN_FOLDER = 20_000, 200_000
"""Most characters of one text that a page shows: in a single file, and in a folder."""
_INDEX = "index.html"
_FIRST = "index"
"""Value of ``here`` on a folder's first page. On the other pages ``here`` is the page's step."""


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """Written report: its size in bytes, its groups, and the number of groups with a matrix."""

    path: Path
    size: int
    groups: int
    detailed: int
    notes: list[str]


def write_file(runs: Sequence[Path], out: Path, budget: int = BUDGET) -> WrittenReport:
    """Write one self-contained file with at most ``budget`` bytes of details.

    Raises `RunError` where a path is no run, `ConfigError` where ``out`` is a folder or another
    file than a report.
    """
    collected = _collected(runs)
    _check_file(out)
    cut = Cutter(KEPT)
    blobs: dict[str, str] = {}
    rows: list[list[Any]] = []
    for number, run in enumerate(collected):
        rows.append(_filled(run, number, budget // len(collected), cut, blobs))
    size = _write(out, html(_main(collected, rows, None), blobs, _charts(collected)))
    return WrittenReport(out, size, _count(rows), len(blobs), _notes(collected))


def write_folder(runs: Sequence[Path], out: Path) -> WrittenReport:
    """Write a folder with every group.

    Raises `RunError` where a path is no run, `ConfigError` where ``out`` holds anything but a
    report.
    """
    collected = _collected(runs)
    _check_folder(out)
    with explained(out):
        out.mkdir(parents=True, exist_ok=True)
    cut = Cutter(KEPT_IN_FOLDER)
    all_rows: list[list[Any]] = [[] for _ in collected]
    size = detailed = 0
    for step in sorted({s for run in collected for s in steps(run)}):
        blobs: dict[str, str] = {}
        rows: list[list[Any]] = []
        for number, run in enumerate(collected):
            here = []
            for index, group in enumerate(groups(run, step)):
                here.append(group.row)
                if blob := _blob(group, cut):
                    blobs[f"g-{number}-{step}-{index}"] = blob
            rows.append([[step, here]] if here else [])
            all_rows[number] += rows[-1]
        detailed += len(blobs)
        page = html(_main(collected, rows, step), blobs, [])
        size += _write(out / f"step-{step:05d}.html", page)
    index_page = html(_main(collected, all_rows, _FIRST), {}, _charts(collected))
    size += _write(out / _INDEX, index_page)
    return WrittenReport(out / _INDEX, size, _count(all_rows), detailed, _notes(collected))


def _collected(runs: Sequence[Path]) -> list[RunOverview]:
    if len(runs) > MOST_RUNS:
        raise ConfigError(
            f"report: {len(runs)} runs are too many; name at most {MOST_RUNS} to show side by side"
        )
    return [collect(path) for path in runs]


def _filled(
    run: RunOverview, number: int, budget: int, cut: Cutter, blobs: dict[str, str]
) -> list[Any]:
    """Return [step, rows of its groups] for every step of a run.

    Details of groups are added to ``blobs`` as far as the budget of bytes reaches.
    """
    rows: list[Any] = []
    all_steps = steps(run)
    bytes_left = 0.0
    for step in all_steps:
        bytes_left += budget / len(all_steps)
        step_groups = list(groups(run, step))
        rows.append([step, [g.row for g in step_groups]])
        for index in sorted(
            range(len(step_groups)), key=lambda i: (_dullness(step_groups[i].row), i)
        ):
            blob = _blob(step_groups[index], cut)
            if blob is None:
                continue
            if len(blob) > bytes_left:
                break
            bytes_left -= len(blob)
            blobs[f"g-{number}-{step}-{index}"] = blob
    return rows


def _dullness(row: Sequence[Any]) -> int:
    """Return a sort key that is lower for more informative groups."""
    values = dict(zip(ROW, row, strict=True))
    dropped = bool(values["coder_dropped"]) + bool(values["tester_dropped"])
    return dropped - 2 * bool(values["masked"])


def _blob(group: PageGroup, cut: Cutter) -> str | None:
    try:
        return base64.b64encode(gzipped_json(group.detail(cut))).decode("ascii")
    except RunError as error:
        group.collected.notes.append(str(error))
        return None


def _main(
    collected: Sequence[RunOverview], rows: Sequence[Any], here: int | str | None
) -> dict[str, Any]:
    """Return the data that every page holds.

    ``here`` is None in a single file; in a folder ``here`` is the page's step, or `_FIRST`.
    """
    # Has to come before `overview`, which copies the notes that `between` may add.
    differences = [between(collected[0], other) for other in collected[1:]]
    return {
        "version": __version__,
        "runs": [overview(run) for run in collected],
        "columns": ROW,
        "groups": rows,
        "steps": [steps(run) for run in collected],
        "metrics": [_metrics(run, here) for run in collected],
        "apart": settings_apart(collected) if len(collected) > 1 else [],
        "between": differences,
        "here": here,
    }


def _metrics(run: RunOverview, here: int | str | None) -> dict[int, Any]:
    seconds = {t["step"]: t.get("seconds") for t in run.timing if "step" in t}
    return {
        m["step"]: {**m, "seconds": seconds.get(m["step"])}
        for m in run.metrics
        if not isinstance(here, int) or m["step"] == here
    }


def _charts(collected: Sequence[RunOverview]) -> list[Chart]:
    with well_formed("metrics.jsonl or evaluations.jsonl"):
        drawn = [draw_panel(p, [_records(run, p.evaluated) for run in collected]) for p in PANELS]
    return [chart for chart in drawn if chart is not None]


def _records(run: RunOverview, evaluated: bool) -> Sequence[Mapping[str, Any]]:
    """Return the records that a curve is drawn from; an evaluation has no curve."""
    if run.evaluation is not None:
        return []
    return run.evaluations if evaluated else run.metrics


def _count(rows: Sequence[Any]) -> int:
    return sum(len(here) for run in rows for _, here in run)


def _notes(collected: Sequence[RunOverview]) -> list[str]:
    return [note for run in collected for note in run.notes]


def _check_file(out: Path) -> None:
    """Raise `ConfigError` if ``out`` exists and is no report. A report may be replaced."""
    if out.is_dir():
        raise ConfigError(f"-o {out}: is a directory; give a file name, or add --full")
    with explained(out):
        if os.path.lexists(out) and not _ours(out):
            raise ConfigError(f"-o {out}: exists and is no report; choose another name")


def _ours(path: Path) -> bool:
    with path.open("rb") as file:
        return MARK.encode() in file.read(200)


def _check_folder(out: Path) -> None:
    """Raise `ConfigError` if ``out`` holds anything but a report. A report may be replaced."""
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise ConfigError(f"-o {out}: is a file, but --full writes a folder; choose another name")
    index = out / _INDEX
    with explained(out):
        ours = index.is_file() and _ours(index)
        if not ours and any(out.iterdir()):
            raise ConfigError(f"-o {out}: is not empty and holds no report; choose another name")


def _write(path: Path, text: str) -> int:
    """Write a page, whole or not at all; return its size in bytes."""
    data = text.encode("utf-8")
    with explained(path.parent):
        write_whole(path, data)
    return len(data)
