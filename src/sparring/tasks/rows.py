"""Rows of local files, one at a time: JSON, JSON lines (both also gzipped), CSV and Parquet.

A row that cannot be read is a `Fault` in its place and the next one is read: whether a fault
refuses the file is decided by the caller (`load`, `collect`, the audit). Files are read as they are
used, so that a set of many gigabytes takes the memory of its longest row; only a `.json` list is
read whole. What the fields mean is not known here.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from sparring.errors import DataError

MAX_LINE = 1 << 30
"""Bytes of one line: the longest rows of LiveCodeBench have about 200 MB."""
MAX_LIST = 1 << 32
"""Bytes of a list that is read whole, unpacked: a small .json.gz can stand for any number."""
ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Raw:
    """A row as it stands in its source, not yet looked at, and where that is."""

    where: str
    name: str
    """What a row without an id goes by."""
    row: Any
    number: int = 0
    """Counted from 1, of lines in JSON lines; 0 where nobody counts."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row: one line of text, for people. ``parts``: the same one by one,
    where there is more to it than one thing."""

    where: str
    text: str
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return one_line(f"{self.where}, {self.text}")


def one_line(text: str, most: int = 400) -> str:
    """Text from a data set as one printable line."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: 4 * most])
    return shown if len(shown) <= most else f"{shown[:most]}…"


def file_rows(path: Path, what: str = "rows") -> Iterator[Raw | Fault]:
    """The rows of a file, numbered from 1 (lines of JSON by line).

    Raises `DataError` where the file as a whole cannot be read; ``what`` it should hold is for
    its text.
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
        raise DataError(f"{path}: unknown kind of file; there are {', '.join(ENDINGS)}")
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
        raise DataError(f"{path}: not a gzip file") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise DataError(f"{path}: not a readable gzip file: cut off or damaged") from None


def read_json(text: str | bytes) -> Any:
    """The data of a JSON text. Raises `ValueError` with a short reason, whatever is wrong."""
    try:
        return json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"not JSON: {str(error).partition(';')[0]}") from None


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return name.rpartition(".")[0] or name


def _open(path: Path) -> BinaryIO:
    if path.name.lower().endswith(".gz"):
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _lines(path: Path) -> Iterator[Raw | Fault]:
    with _open(path) as file:
        number = 0
        while line := file.readline(MAX_LINE):
            number += 1
            where = f"{path}, line {number}"
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                while (rest := file.readline(1 << 24)) and not rest.endswith(b"\n"):
                    pass
                yield Fault(where, f"is longer than {MAX_LINE:,} bytes")
                continue
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            try:
                yield Raw(where, f"{_stem(path)}-{number}", read_json(line), number)
            except ValueError as error:
                yield Fault(where, str(error))


def _list(path: Path, what: str) -> Iterator[Raw | Fault]:
    text, size = [], 0
    with _open(path) as file:
        while part := file.read(1 << 24):
            text.append(part)
            size += len(part)
            if size > MAX_LIST:
                raise DataError(f"{path}: more than {MAX_LIST:,} bytes; write it as .jsonl")
    whole = b"".join(text).removeprefix(b"\xef\xbb\xbf")
    if not whole.strip():
        raise DataError(f"{path} is empty")
    try:
        data = read_json(whole)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    if not isinstance(data, list):
        raise DataError(f"{path}: must be a list of {what}")
    for number, row in enumerate(data, start=1):
        yield Raw(f"{path}, row {number}", f"{_stem(path)}-{number}", row, number)


def _csv(path: Path) -> Iterator[Raw | Fault]:
    csv.field_size_limit(MAX_LINE)
    with path.open("rb") as binary, io.TextIOWrapper(binary, "utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, None)
            if header is None:
                raise DataError(f"{path} is empty")
            for number, cells in enumerate(reader, start=1):
                where = f"{path}, row {number}"
                if not cells:
                    continue
                if len(cells) != len(header):
                    yield Fault(where, f"has {len(cells)} cells, the header {len(header)}")
                    continue
                yield Raw(
                    where, f"{_stem(path)}-{number}", dict(zip(header, cells, strict=True)), number
                )
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
        except UnicodeDecodeError:
            raise DataError(f"{path}, line {reader.line_num + 1}: not UTF-8; convert it") from None


def _parquet(path: Path) -> Iterator[Raw | Fault]:
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
            for batch in file.iter_batches(batch_size=64):
                for row in batch.to_pylist():
                    number += 1
                    yield Raw(f"{path}, row {number}", f"{_stem(path)}-{number}", row, number)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(one_line(f"{path}: not a readable Parquet file: {error}")) from None
