"""Rows of data sets on the Hugging Face hub, and of directories of its files, by `datasets`.

`datasets` knows the formats, caches what it downloads and streams what is too large for that; here
its many ways to fail become one line each. Nothing of a set is executed: `datasets` runs no loading
scripts, and LiveCodeBench, which has one, is read by the names of its files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparring.errors import DataError
from sparring.tasks.rows.files import Fault, Raw
from sparring.text import in_line


@dataclass(frozen=True, slots=True)
class HubSource:
    """Which rows: of ``name`` (OWNER/NAME, or a local directory) the split, or the files."""

    name: str
    split: str
    config: str | None = None
    revision: str | None = None
    streaming: bool = False
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}:{self.split}"


def hub_rows(source: HubSource) -> Iterator[Raw | Fault]:
    """The rows, numbered from 1. Raises `DataError` with one line for whatever is in the way."""
    try:
        import datasets
        import httpx2
        import huggingface_hub
        import pyarrow
    except ImportError as error:
        raise DataError(
            f"{source.name}: sets of the hub need the library {error.name}; pip install "
            "'sparring[hub]', or name a .json, .jsonl, .csv or .parquet file"
        ) from None
    datasets.disable_progress_bars()
    # What they log of a failure is in its error, which is told in one line.
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    huggingface_hub.utils.logging.set_verbosity_error()
    files = None
    if source.files:
        at = f"@{source.revision}" if source.revision else ""
        base = source.name if _is_here(source.name) else f"hf://datasets/{source.name}{at}"
        files = {source.split: [f"{base}/{file}" for file in source.files]}
    try:
        found = datasets.load_dataset(
            "json" if files else source.name,
            source.config,
            data_files=files,
            split=source.split,
            revision=None if files else source.revision,
            streaming=source.streaming,
        )
        for number, row in enumerate(found, start=1):
            yield Raw(f"{source}, row {number}", f"{Path(source.name).name}-{number}", row, number)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise DataError(f"{source.name}: {_not_there(str(error))}") from None
    except (ConnectionError, TimeoutError, httpx2.HTTPError) as error:
        raise DataError(
            f"{source.name}: the hub cannot be reached ({_short(error)}); fetch the set elsewhere "
            "and name its files, or a directory of them"
        ) from None
    except (datasets.exceptions.DatasetsError, pyarrow.ArrowException) as error:
        # The library says only "an error occurred"; what it was is the cause.
        cause = error.__cause__ or error
        raise DataError(
            f"{source}: cannot be read: {_short(cause)}; rows of a file that is named itself are "
            "read one by one, and bad ones can be left out"
        ) from None
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise DataError(f"{source}: {_explained(error)}") from None


def _is_here(name: str) -> bool:
    return Path(name).is_dir()


def _not_there(text: str) -> str:
    if "gated" in text.casefold():
        return (
            "is gated: its owners want to be asked first; do so on its page, then log in with "
            "`hf auth login`"
        )
    return "is not on the hub, or not for this account; is the name right?"


def _explained(error: Exception) -> str:
    text = _short(error)
    if text.startswith("Unknown split") or "Bad split" in text:
        return f"has no such split: {text}"
    if "BuilderConfig" in text or "Config name is missing" in text:
        return f"has several parts, or not this one: give --config ({text})"
    if "scripts are no longer supported" in text:
        return "is a program that makes a data set, which is not run; name its files instead"
    if text.startswith("Couldn't cast"):
        return (
            "its rows do not all have the same columns; name its files, one or several: they are "
            "read row by row"
        )
    return text


def _short(error: BaseException) -> str:
    return in_line(" ".join(str(error).split()) or type(error).__name__, 240)
