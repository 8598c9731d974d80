"""Rows of data sets on the Hugging Face hub, and of directories of their files, by `datasets`.

- The library `datasets` knows the formats, caches downloads and streams large data sets. This
  module turns each of its failures into one line.
- No code of a data set is executed: `datasets` runs no loading scripts. LiveCodeBench, which has
  one, is read by the names of its files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparring.errors import DataError
from sparring.tasks.rows.files import RawRow, RowFault
from sparring.text import in_line


@dataclass(frozen=True, slots=True)
class HubSource:
    """A split, or files, of the data set ``name``: OWNER/NAME, or a local directory."""

    name: str
    split: str
    config: str | None = None
    revision: str | None = None
    streaming: bool = False
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}:{self.split}"


def hub_rows(source: HubSource) -> Iterator[RawRow | RowFault]:
    """Yield the rows, numbered from 1. Raises `DataError` with one line for every failure."""
    try:
        import datasets
        import httpx2
        import huggingface_hub
        import pyarrow
    except ImportError as error:
        raise DataError(
            f"{source.name}: data sets of the hub need the library {error.name}; pip install "
            "'sparring[hub]', or name a .json, .jsonl, .csv or .parquet file"
        ) from None
    datasets.disable_progress_bars()
    # The log of a failure repeats its error, which becomes one line below.
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    huggingface_hub.utils.logging.set_verbosity_error()
    files = None
    if source.files:
        at = f"@{source.revision}" if source.revision else ""
        base = source.name if _is_directory(source.name) else f"hf://datasets/{source.name}{at}"
        files = {source.split: [f"{base}/{file}" for file in source.files]}
    try:
        rows = datasets.load_dataset(
            "json" if files else source.name,
            source.config,
            data_files=files,
            split=source.split,
            revision=None if files else source.revision,
            streaming=source.streaming,
        )
        for number, row in enumerate(rows, start=1):
            yield RawRow(
                f"{source}, row {number}", f"{Path(source.name).name}-{number}", row, number
            )
    except datasets.exceptions.DatasetNotFoundError as error:
        raise DataError(f"{source.name}: {_missing_text(str(error))}") from None
    except (ConnectionError, TimeoutError, httpx2.HTTPError) as error:
        raise DataError(
            f"{source.name}: the hub cannot be reached ({_short(error)}); fetch the data set "
            "elsewhere and name its files, or a directory of them"
        ) from None
    except (datasets.exceptions.DatasetsError, pyarrow.ArrowException) as error:
        # The library's own text is only "an error occurred"; the cause has the reason.
        cause = error.__cause__ or error
        raise DataError(
            f"{source}: cannot be read: {_short(cause)}; name its files, so that rows are read "
            "one by one and bad rows can be left out"
        ) from None
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise DataError(f"{source}: {_explained(error)}") from None


def _is_directory(name: str) -> bool:
    return Path(name).is_dir()


def _missing_text(text: str) -> str:
    if "gated" in text.casefold():
        return (
            "is gated: its owners must grant access; ask on its page, then log in with "
            "`hf auth login`"
        )
    return "is not on the hub, or not open to this account; check the name"


def _explained(error: Exception) -> str:
    text = _short(error)
    if text.startswith("Unknown split") or "Bad split" in text:
        return f"has no such split: {text}"
    if "BuilderConfig" in text or "Config name is missing" in text:
        return f"has several parts, or lacks the named one; give --config ({text})"
    if "scripts are no longer supported" in text:
        return "is a program that makes a data set, and is not run; name its files instead"
    if text.startswith("Couldn't cast"):
        return "its rows differ in their columns; name its files, which are read row by row"
    return text


def _short(error: BaseException) -> str:
    return in_line(" ".join(str(error).split()) or type(error).__name__, 240)
