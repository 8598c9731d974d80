"""Rows of local files, one at a time: JSON, JSON lines (both also gzipped), CSV and Parquet.

- A row that cannot be read becomes a `RowFault` in its place, and reading goes on. The caller
  (`load`, `collect`, the audit) decides if a fault refuses the file.
- Rows are read as they are used, so that a data set of many gigabytes needs the memory of its
  longest row. Only a `.json` list is read whole.
- This module knows nothing about the fields' meanings.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from sparring.errors import DataError
from sparring.text import in_line

MAX_LINE = 1 << 30
"""Most bytes of one line; the longest rows of LiveCodeBench have about 200 MB."""
MAX_LIST = 1 << 32
"""Most bytes of a `.json` list after unpacking: a small .json.gz can unpack to any size."""
ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it stands in its source, unchecked, with its location for messages."""

    where: str
    name: str
    """The task's id if the row has none."""
    row: Any
    number: int = 0
    """Number of the row (JSON lines: of the line), from 1; 0 if rows are not counted."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """The fault of a row: one line of text for people.

    ``parts`` are the row's faults one by one, if it has several.
    """

    where: str
    text: str
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{in_line(self.where)}, {in_line(self.text)}"  # cut apart: a long path keeps the hint
        )


def file_rows(path: Path, what: str = "rows") -> Iterator[RawRow | RowFault]:
    """Yield the rows of a file, numbered from 1 (JSON lines: by line).

    ``what`` names the expected content in messages. Raises `DataError` if the file as a whole
    cannot be read.
    """
    try:
        missing = not path.exists()
    except OSError as error:  # a name that is too long
        raise DataError(f"{str(path)[:80]}…: {error.strerror}") from None
    if missing:
        raise DataError(f"{path}: there is no such file")
    if path.is_dir():
        raise DataError(f"{path} is a directory; name a .json, .jsonl or .parquet file in it")
    name = path.name.lower()
    ending = next((e for e in ENDINGS if name.endswith(e)), None)
    if ending is None:
        raise DataError(f"{path}: unknown kind of file; the endings are {', '.join(ENDINGS)}")
    try:
        if ending == ".parquet":
            yield from _parquet(path)
        elif ending == ".csv":
            yield from _csv(path)
        elif ending.startswith(".jsonl"):
            yield from _lines(path)
        else:
            yield from _list(path, what)
    except gzip.BadGzipFile:
        raise DataError(
            f"{path}: not a gzip file, or other bytes follow its content; pack it again"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise DataError(f"{path}: a gzip file that is cut off or damaged; fetch it again") from None


def not_empty(name: object, rows: Iterable[RawRow | RowFault]) -> Iterator[RawRow | RowFault]:
    """Yield the rows. Raises `DataError` for a source without rows, even if it is one source of
    several."""
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise DataError(f"{name}: has no rows")


def read_json(text: str | bytes) -> Any:
    """Return the data of a JSON text.

    Raises `ValueError` with a short reason for every fault. An object with one name twice is a
    fault, because only one of the two values could be kept.
    """
    try:
        return json.loads(
            text.decode("utf-8") if isinstance(text, bytes) else text, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    except _Twice as twice:
        raise ValueError(str(twice)) from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"not JSON: {str(error).partition(';')[0]}") from None


class _Twice(ValueError):
    """Raised for a name that stands twice in an object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise _Twice(in_line(f"{_repeated([name for name, _ in pairs])!r} is given twice", 120))
    return data


def _repeated(names: Sequence[str]) -> str | None:
    """Return the first name that occurs twice; None if all differ."""
    return next((name for i, name in enumerate(names) if name in names[:i]), None)


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return name.rpartition(".")[0] or name


def _open(path: Path) -> BinaryIO:
    if path.name.lower().endswith(".gz"):
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _lines(path: Path) -> Iterator[RawRow | RowFault]:
    with _open(path) as file:
        number = 0
        while line := file.readline(MAX_LINE):
            number += 1
            where = f"{path}, line {number}"
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                while (rest := file.readline(1 << 24)) and not rest.endswith(b"\n"):
                    pass
                yield RowFault(where, f"is longer than {MAX_LINE:,} bytes")
                continue
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            try:
                yield RawRow(where, f"{_stem(path)}-{number}", read_json(line), number)
            except ValueError as error:
                yield RowFault(where, str(error))


def _list(path: Path, what: str) -> Iterator[RawRow | RowFault]:
    text, size = [], 0
    with _open(path) as file:
        while part := file.read(1 << 24):
            text.append(part)
            size += len(part)
            if size > MAX_LIST:
                raise DataError(f"{path}: more than {MAX_LIST:,} bytes; write it as .jsonl")
    content = b"".join(text).removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise DataError(f"{path} is empty")
    try:
        data = read_json(content)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    if not isinstance(data, list):
        names = in_line(", ".join(map(str, data)), 80) if isinstance(data, dict) else ""
        but = f", not an object with {names}" if names else ""
        raise DataError(f"{path}: must be a list of {what}{but}")
    for number, row in enumerate(data, start=1):
        yield RawRow(f"{path}, row {number}", f"{_stem(path)}-{number}", row, number)


def _csv(path: Path) -> Iterator[RawRow | RowFault]:
    csv.field_size_limit(MAX_LINE)
    # Bytes that are not UTF-8 become lone surrogates, so that only their own row is a fault.
    with (
        path.open("rb") as binary,
        io.TextIOWrapper(binary, "utf-8-sig", "surrogateescape", newline="") as file,
    ):
        reader = csv.reader(file, strict=True)
        header: list[str] | None = None
        number = 0
        while True:
            start = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                if header is None:
                    raise DataError(f"{path}, line {start}: not CSV: {error}") from None
                number += 1
                yield RowFault(f"{path}, line {start}", f"not CSV: {error}")
                continue
            if cells is None:
                break
            if header is None:
                header = _checked_header(path, cells)
                continue
            number += 1
            where = f"{path}, row {number}"
            if not cells:
                continue
            if len(cells) != len(header):
                yield RowFault(where, f"has {len(cells)} cells, but the header has {len(header)}")
                continue
            if not all(map(_is_utf8, cells)):
                yield RowFault(where, "not UTF-8; convert the file")
                continue
            yield RawRow(
                where, f"{_stem(path)}-{number}", dict(zip(header, cells, strict=True)), number
            )
        if header is None:
            raise DataError(f"{path} is empty")


def _is_utf8(text: str) -> bool:
    """Return True if a text that was read with ``surrogateescape`` came from valid UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _checked_header(path: Path, names: list[str]) -> list[str]:
    """Return the names of the columns.

    Raises `DataError` for names that are not UTF-8 or occur twice, and for another separator.
    """
    if not all(map(_is_utf8, names)):
        raise DataError(f"{path}, line 1: not UTF-8; convert the file")
    if (twice := _repeated(names)) is not None:
        raise DataError(in_line(f"{path}: two columns are named {twice!r}; rename one"))
    other = next((c for c in (";", "\t", "|") if len(names) == 1 and c in names[0]), None)
    if other is not None:
        raise DataError(
            f"{path}: cells seem to be separated by {other!r}; write the file with commas"
        )
    return names


def _parquet(path: Path) -> Iterator[RawRow | RowFault]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; pip install 'sparring[data]'"
        ) from None
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            if (twice := _repeated(file.schema_arrow.names)) is not None:
                raise DataError(in_line(f"{path}: two columns are named {twice!r}; rename one"))
            for batch in file.iter_batches(batch_size=64):
                for row in batch.to_pylist():
                    number += 1
                    yield RawRow(f"{path}, row {number}", f"{_stem(path)}-{number}", row, number)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(in_line(f"{path}: not a readable Parquet file: {error}")) from None
