"""Reading of files and directories of answers; one error lists every bad row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from sparring.errors import DataError
from sparring.evaluation.answers.items import AnswerForm, AnswerSet, AnswerShape, Item
from sparring.evaluation.answers.shapes import KNOWN, AnswerRow, row_of, shape_of
from sparring.schema import Role
from sparring.tasks.rows.files import RowFault, file_rows

_SHOWN = 10
"""Most faults of a file that an error lists."""
_OWN = "responses.jsonl"


def read_answers(path: Path) -> AnswerSet:
    """Read the answers in a file, in an evaluation's directory, or in EvalPlus's directories.

    EvalPlus has one directory for each task, with a program in each file (``HumanEval_0/0.py``).
    Raises `DataError`.
    """
    if path.is_dir() and not (path / _OWN).is_file():
        return _programs(path)
    file = path / _OWN if path.is_dir() else path
    rows, faults = [], []
    shape: AnswerShape | None = None
    for raw in file_rows(file, "answers"):
        try:
            if isinstance(raw, RowFault):
                raise DataError(f"{raw.where}: {raw.text}")
            kind = shape_of(raw.row, raw.where)
            if shape is not None and kind is not shape:
                raise DataError(
                    f"{raw.where}: is a row of {kind}, but the rows before are of {shape}"
                )
            shape = kind
            rows.append((raw.where, row_of(raw.row, kind, raw.where)))
        except DataError as error:
            faults.append(str(error))
    if faults:
        more = [f"… and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise DataError("\n".join(faults[:_SHOWN] + more))
    if shape is None:
        raise DataError(f"{file}: has no answers; known formats are {KNOWN}")
    return _set(file, shape, rows)


def _set(path: Path, shape: AnswerShape, rows: list[tuple[str, AnswerRow]]) -> AnswerSet:
    if len({row.by_prompt for _, row in rows}) > 1:
        raise DataError(
            f"{path}: some rows name their task, others give a prompt alone; give both kinds in "
            "files of their own"
        )
    for role in Role:
        models = {r.model for _, r in rows if r.model and any(i.role is role for i in r.items)}
        if len(models) > 1:
            raise DataError(
                f"{path}: has {role} answers of {len(models)} models "
                f"({', '.join(sorted(models))[:200]}); give one model's answers in a file"
            )
    if shape is AnswerShape.OURS:
        rows = _in_place(path, rows)
    items: dict[str, list[Item]] = {}
    entries = Counter(row.task for _, row in rows)
    for _, row in rows:
        items.setdefault(row.task, []).extend(row.items)
    notes = [f"{n} rows: {note}" for note, n in Counter(r.note for _, r in rows if r.note).items()]
    several = [task for task, n in entries.items() if n > 1]
    if (
        several
        and shape in (AnswerShape.LIVECODEBENCH, AnswerShape.CODET)
        and not rows[0][1].by_prompt
    ):
        notes.append(
            f"{count_with_names(several)} in several rows; the rows' answers are put together"
        )
    return AnswerSet(shape, items, rows[0][1].by_prompt, notes)


def _in_place(path: Path, rows: list[tuple[str, AnswerRow]]) -> list[tuple[str, AnswerRow]]:
    """Return the rows of our own format in the order of their numbers; each number occurs once."""
    where_of: dict[tuple[str, Role, int], str] = {}
    for where, row in rows:
        slot = (row.task, row.items[0].role, row.place if row.place is not None else -1)
        if row.place is not None and slot in where_of:
            raise DataError(
                f"{where}: {slot[1]} response {slot[2]} of {slot[0]} occurs twice "
                f"({where_of[slot].removeprefix(f'{path}, ')}); give one evaluation's answers in a "
                "file"
            )
        where_of[slot] = where
    return sorted(rows, key=lambda r: -1 if r[1].place is None else r[1].place)


def _programs(path: Path) -> AnswerSet:
    """Read EvalPlus's directories: one for each task, with a program in each file."""
    items: dict[str, list[Item]] = {}
    left_out = 0
    for directory in sorted(p for p in path.iterdir() if p.is_dir()):
        files = sorted(directory.iterdir(), key=_numbered)
        programs = [f for f in files if f.suffix == ".py"]
        left_out += len(files) - len(programs)
        if programs:
            items[directory.name] = [
                Item(Role.CODER, AnswerForm.PROGRAM, _source(file)) for file in programs
            ]
    if not items:
        raise DataError(
            f"{path}: is a directory with neither {_OWN} nor programs such as HumanEval_0/0.py"
        )
    notes = [f"{path}: {left_out} files other than .py are left out"] if left_out else []
    return AnswerSet(AnswerShape.EVALPLUS, items, notes=notes)


def _numbered(path: Path) -> tuple[int, str]:
    return (int(path.stem) if path.stem.isdecimal() else -1, path.name)


def _source(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8") from None


def count_with_names(names: Sequence[str], shown: int = 5) -> str:
    """Return a count with the first names, such as ``3 tasks (a, b, c)``."""
    listed = ", ".join(name[:40] for name in names[:shown])
    more = ", …" if len(names) > shown else ""
    return f"{len(names):,} task{'' if len(names) == 1 else 's'} ({listed}{more})"


def contents(path: Path) -> Iterator[bytes]:
    """Yield the name and bytes of each file read from ``path``, in order, for a digest."""
    files = [path]
    if path.is_dir():
        own = path / _OWN
        files = [own] if own.is_file() else sorted(path.glob("*/*.py"))
    for file in files:
        yield str(file.relative_to(path)).encode()
        yield file.read_bytes()
