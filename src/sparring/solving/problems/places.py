"""The place of a problem: a file, standard input, the head of a function itself, a task of a task
file."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from sparring.errors import DataError
from sparring.microworld.tasks import SPLITS
from sparring.schema import Task
from sparring.solving.problems.languages import check_suffix
from sparring.tasks.load import read_task_files
from sparring.text import in_line, listed

STANDARD_INPUT = "-"
_TASK_FILES = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".parquet", ".csv")
_HEAD = re.compile(r"\s*(?:from [\w.]+ import |import \w|@\w|(?:async )?def \w+\s*\(|class \w+)")
_LARGEST_KIB = 256
"""Size of the longest text that is read as a problem."""
_SHOWN_IDS = 5


@dataclass(frozen=True, slots=True)
class ProblemText:
    """Text of a problem. ``place`` names it in messages, ``name`` is the id of its task.
    ``is_python``: the text has to be Python."""

    text: str
    place: str
    name: str
    is_python: bool = False


def find_problem(problem: str | Path, task_id: str | None) -> ProblemText | Task:
    """Return the text of a problem, or the task of a task file.

    A str is the text itself if it has a line break or white space, or is a head, and names no file;
    ``-`` is standard input. ``task_id`` is the task of a task file. Raises `DataError`.
    """
    if problem == STANDARD_INPUT:
        _no_task(task_id, "standard input")
        return _checked(ProblemText(_standard_input(), "standard input", "problem"))
    if isinstance(problem, str) and is_text(problem):
        _no_task(task_id, "the problem")
        return _checked(ProblemText(problem, "the problem", "problem"))
    path = Path(problem)
    if path.name.lower().endswith(_TASK_FILES):
        return _task(path, task_id)
    _no_task(task_id, str(path))
    check_suffix(path)
    is_python = path.suffix.lower() == ".py"
    return _checked(ProblemText(_read(path), str(path), path.stem or "problem", is_python))


def is_text(problem: str) -> bool:
    """Return True for a str that is a problem itself, not the name of a file."""
    if "\n" in problem or is_head(problem):
        return True
    return any(c.isspace() for c in problem) and not _exists(problem)


def is_head(problem: str) -> bool:
    """Return True for a str that begins like the Python of a function's head."""
    return bool(_HEAD.match(problem))


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long a name, or one with a NUL character
        return False


def _no_task(task_id: str | None, place: str) -> None:
    if task_id is not None:
        raise DataError(
            f"--task {in_line(task_id, 80)}: {place} is not a task file (.jsonl, .json, .parquet); "
            "leave --task out"
        )


def _task(path: Path, task_id: str | None) -> Task:
    tasks = read_task_files([path])
    ids = [task.id for task in tasks]
    shown = ", ".join(in_line(one, 60) for one in ids[:_SHOWN_IDS])
    more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
    if task_id is None:
        if len(tasks) > 1:
            raise DataError(
                f"{path}: has {len(tasks)} tasks ({shown}{more}); name one by --task ID"
            )
        return tasks[0]
    chosen = [task for task in tasks if task.id == task_id]
    if not chosen:
        raise DataError(
            f"--task {in_line(task_id, 80)}: {path} has no such task; it has {shown}{more}"
        )
    return chosen[0]


def _read(path: Path) -> str:
    if not _exists(str(path)):
        name = in_line(str(path), 100)
        if any(c.isspace() for c in str(path)):
            raise DataError(
                f"{name}: there is no such file; write a problem of one line to a file, or give it "
                "on standard input and name -"
            )
        splits = listed([f"microworld:{split}" for split in SPLITS])
        if str(path).startswith("microworld:"):
            raise DataError(
                f"{name}: is no file; write {splits} to a task file by `sparring microworld tasks`"
            )
        raise DataError(f"{name}: there is no such file")
    if path.is_dir():
        raise DataError(f"{path}: is a directory; name the file of the problem")
    try:
        with path.open("rb") as file:
            return _decoded(file.read((_LARGEST_KIB << 10) + 1), str(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def _standard_input() -> str:
    if sys.stdin is None:
        raise DataError("standard input: is closed; name a file")
    return _decoded(sys.stdin.buffer.read((_LARGEST_KIB << 10) + 1), "standard input")


def _decoded(data: bytes, place: str) -> str:
    if len(data) > _LARGEST_KIB << 10:
        raise DataError(f"{place}: is longer than {_LARGEST_KIB} KiB; that is no problem's text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}: is not UTF-8 text (byte {error.start}); convert it first"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _checked(problem: ProblemText) -> ProblemText:
    if not problem.text.strip():
        raise DataError(f"{problem.place}: is empty; write the problem into it")
    if "\0" in problem.text:
        raise DataError(f"{problem.place}: holds a NUL character, which is not text")
    try:
        problem.text.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            f"{problem.place}: holds half a surrogate pair, which is not text"
        ) from None
    return problem
