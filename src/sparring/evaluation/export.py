"""An evaluation's programs in the shapes of others, so that their judges can grade them.

EvalPlus: ``samples.jsonl``, a line ``{"task_id", "solution"}`` for each program. LiveCodeBench: a
list of ``{"question_id", "code_list"}`` in the order of the ids, which its
``lcb_runner.runner.custom_evaluator`` takes (it wants every question of its release). A response
without a program is an empty text in both, so that every place stays taken and counts as wrong.
What a task's statement has before its function (``Task.head``) stands before a program, for those
judges know nothing of it. Nothing is written over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError, well_formed
from sparring.runs.reader import RunReader, step_file
from sparring.schema import Task


class ExportShape(StrEnum):
    """Whose shape."""

    EVALPLUS = "evalplus"
    LCB = "lcb"


_NAMES = {ExportShape.EVALPLUS: "samples.jsonl", ExportShape.LCB: "code_list.json"}


@dataclass(frozen=True, slots=True)
class Export:
    """A shape, and the file to be written."""

    shape: ExportShape
    path: Path


def parse_export(text: str, out: Path) -> Export:
    """``evalplus`` or ``lcb``, into the directory ``out``; ``evalplus=FILE`` into that file.
    Raises `ConfigError`, for a directory that is not there too."""
    name, sign, file = text.partition("=")
    if name not in list(ExportShape) or (sign and not file):
        raise ConfigError(f"--export {text}: give evalplus or lcb, or evalplus=FILE")
    shape = ExportShape(name)
    path = Path(file) if sign else out / _NAMES[shape]
    if sign and path.is_dir():
        raise ConfigError(f"--export {text}: is a directory; name a file in it")
    if sign and not path.parent.is_dir():
        raise ConfigError(f"--export {text}: there is no directory {path.parent}; make it first")
    if sign and path.exists() and not (out / "eval.json").exists():
        raise ConfigError(f"--export {text}: is there already; name another file")
    return Export(shape, path)


def export(run: RunReader, tasks: Sequence[Task], to: Export) -> str:
    """Write the programs of an evaluation's directory; a line that says what was written. The
    same file again is left alone. Raises `ConfigError` and `RunError`."""
    heads = {t.id: t.head for t in tasks}
    records = run.read_packed(step_file("rollouts", 0))
    with well_formed(f"{run.path}: rollouts"):
        programs = {
            task_id: [_source(p, heads.get(task_id, "")) for p in record["programs"]]
            for record in records
            for task_id in [str(record["task"]["id"])]
        }
    text = _evalplus(programs) if to.shape is ExportShape.EVALPLUS else _lcb(programs)
    if to.path.exists():
        if to.path.read_text(encoding="utf-8", errors="replace") != text:
            raise ConfigError(
                f"--export: {to.path} is there and holds something else; name another file"
            )
    else:
        try:
            with to.path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ConfigError(f"--export: {to.path}: cannot be written: {error.strerror}") from None
    count = sum(map(len, programs.values()))
    empty = sum(not source for sources in programs.values() for source in sources)
    blank = f" ({empty:,} without a program are empty)" if empty else ""
    return f"{count:,} programs of {len(programs):,} tasks{blank}: {to.path}"


def _source(program: Mapping[str, Any], head: str) -> str:
    source = program["source"]
    if source is None:
        return ""
    return f"{head.rstrip()}\n\n{source}" if head.strip() else str(source)


def _evalplus(programs: Mapping[str, Sequence[str]]) -> str:
    rows = [
        {"task_id": task_id, "solution": source}
        for task_id, sources in programs.items()
        for source in sources
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def _lcb(programs: Mapping[str, Sequence[str]]) -> str:
    rows = [{"question_id": q, "code_list": list(programs[q])} for q in sorted(programs)]
    return json.dumps(rows, indent=1) + "\n"
