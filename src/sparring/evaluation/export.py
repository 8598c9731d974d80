"""Export of an evaluation's programs in the formats of EvalPlus and LiveCodeBench.

EvalPlus: ``samples.jsonl``, with a line ``{"task_id", "solution"}`` for each program.
LiveCodeBench: a list of ``{"question_id", "code_list"}`` in the order of the ids, for its
``lcb_runner.runner.custom_evaluator``, which wants every question of its release.

A response without a program is an empty text in both formats, so that the response counts as wrong
there too. Each program begins with the lines that the task's statement has before its function
(``Task.head``), because the other harnesses do not add these lines. No file is written over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError, well_formed, writing
from sparring.runs.reader import RunReader, step_file
from sparring.schema import Task


class ExportShape(StrEnum):
    """Formats of other harnesses."""

    EVALPLUS = "evalplus"
    LCB = "lcb"


_NAMES = {ExportShape.EVALPLUS: "samples.jsonl", ExportShape.LCB: "code_list.json"}


@dataclass(frozen=True, slots=True)
class Export:
    """Format of an export and the file to write."""

    shape: ExportShape
    path: Path


def parse_export(text: str, out: Path) -> Export:
    """Parse ``evalplus`` or ``lcb``, for a file in the directory ``out``, or ``evalplus=FILE``.

    Raises `ConfigError`, also where the file's directory does not exist.
    """
    name, sign, file = text.partition("=")
    if name not in list(ExportShape) or (sign and not file):
        raise ConfigError(
            f"--export {text}: unknown format; give evalplus or lcb, or evalplus=FILE"
        )
    shape = ExportShape(name)
    path = Path(file) if sign else out / _NAMES[shape]
    if sign and path.is_dir():
        raise ConfigError(f"--export {text}: is a directory; name a file in it")
    if sign and not path.parent.is_dir():
        raise ConfigError(f"--export {text}: there is no directory {path.parent}; make it first")
    if sign and path.exists() and not (out / "eval.json").exists():
        raise ConfigError(f"--export {text}: already exists; name another file")
    return Export(shape, path)


def export(run: RunReader, tasks: Sequence[Task], to: Export) -> str:
    """Write the programs of an evaluation's directory; return a line that says what was written.

    An existing file with the same contents is left alone. Raises `ConfigError` and `RunError`.
    """
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
            raise ConfigError(f"--export: {to.path} exists with other contents; name another file")
    else:
        with writing(f"--export: {to.path}", ConfigError), to.path.open("x", encoding="utf-8") as f:
            f.write(text)
    count = sum(map(len, programs.values()))
    empty = sum(not source for sources in programs.values() for source in sources)
    blank = f" ({empty:,} empty: their response has no program)" if empty else ""
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
