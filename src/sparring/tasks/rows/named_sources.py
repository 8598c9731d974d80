"""Rows of a source by its name: a file, a directory, a known data set, or one of the hub."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from sparring.errors import ConfigError
from sparring.tasks.rows.files import ENDINGS, RawRow, RowFault, file_rows, not_empty
from sparring.tasks.rows.hub import HubSource, hub_rows
from sparring.tasks.rows.registry import LIVECODEBENCH, registered_set, release_files


@dataclass(frozen=True, slots=True)
class HubChoice:
    """Options for a data set of the hub; None stands for the data set's own value."""

    split: str | None = None
    config: str | None = None
    revision: str | None = None
    streaming: bool | None = None
    release: str | None = None
    """Release of LiveCodeBench-lite."""

    def source(self, name: str) -> HubSource:
        """Return the source of this name.

        Raises `ConfigError` for an unknown name without a split, and for a release of another
        data set than LiveCodeBench-lite.
        """
        known = None if Path(name).is_dir() else registered_set(name)
        if known is None:
            if self.split is None:
                raise ConfigError(f"{name}: not a known data set; name its split with --split")
            return HubSource(name, self.split, self.config, self.revision, bool(self.streaming))
        released = known is LIVECODEBENCH
        if self.release is not None and not released:
            raise ConfigError(f"--release is for LiveCodeBench-lite; {name} has no releases")
        files = release_files(self.release) if released else known.files_of(self.split)
        return HubSource(
            known.hub_id,
            self.split or known.split,
            self.config or known.config,
            self.revision,
            released if self.streaming is None else self.streaming,
            files,
        )


def rows_of(name: str, choice: HubChoice) -> Iterable[RawRow | RowFault]:
    """Return the rows of a source.

    The first row is read at once, so that a fault of the whole source is raised here.
    """
    path = Path(name)
    if path.is_file() or name.lower().endswith(ENDINGS):
        if choice.release is not None:
            raise ConfigError(f"--release is for LiveCodeBench-lite by its name; {name} is a file")
        rows = iter(not_empty(name, file_rows(path)))
    else:
        rows = iter(not_empty(name, hub_rows(choice.source(name))))
    first = next(rows)  # `not_empty` refuses a source without rows
    return chain((first,), rows)
