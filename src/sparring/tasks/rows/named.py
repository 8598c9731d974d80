"""The rows of what a user names: a file, a directory, a known set, or a set of the hub."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from sparring.errors import ConfigError
from sparring.tasks.rows.files import ENDINGS, Fault, Raw, file_rows, not_empty
from sparring.tasks.rows.hub import HubSource, hub_rows
from sparring.tasks.rows.known import LIVECODEBENCH, known_set, release_files


@dataclass(frozen=True, slots=True)
class HubChoice:
    """Which rows of a set of the hub; None: as the set has it."""

    split: str | None = None
    config: str | None = None
    revision: str | None = None
    streaming: bool | None = None
    release: str | None = None
    """Of LiveCodeBench-lite."""

    def source(self, name: str) -> HubSource:
        """Where the rows of this name are. Raises `ConfigError`."""
        known = None if Path(name).is_dir() else known_set(name)
        if known is None:
            if self.split is None:
                raise ConfigError(f"{name}: which --split? It is no set that is known here")
            return HubSource(name, self.split, self.config, self.revision, bool(self.streaming))
        released = known is LIVECODEBENCH
        if self.release is not None and not released:
            raise ConfigError(f"--release is for LiveCodeBench-lite; {name} has none")
        files = release_files(self.release) if released else known.files_of(self.split)
        return HubSource(
            known.hub_id,
            self.split or known.split,
            self.config or known.config,
            self.revision,
            released if self.streaming is None else self.streaming,
            files,
        )


def rows_of(name: str, choice: HubChoice) -> Iterable[Raw | Fault]:
    """The rows, the first of them read: what is wrong with a source as a whole shows at once."""
    path = Path(name)
    if path.is_file() or name.lower().endswith(ENDINGS):
        if choice.release is not None:
            raise ConfigError(f"--release is for LiveCodeBench-lite by name; {name} is a file")
        rows = iter(not_empty(name, file_rows(path)))
    else:
        rows = iter(not_empty(name, hub_rows(choice.source(name))))
    first = next(rows)  # `not_empty` has refused a source without any
    return chain((first,), rows)
