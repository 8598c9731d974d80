"""What a worker is told as it starts: the first frame on its socket.

Nothing of it stands on a command line or in an environment, where a program could read it: a
program's process is a fork of a fork of the worker, and has its memory from before the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sparring.sandbox.types import Level


@dataclass(frozen=True, slots=True)
class Start:
    """One worker's part of a sandbox."""

    level: Level
    scratch: str
    """A directory of its own."""
    workers: int = 1
    """How many there are beside it: what a user may have in all is divided among them."""
    landlock_abi: int | None = None
    """Use no more of Landlock than this ABI has; None: all that the kernel offers."""
    files: Sequence[tuple[str, str]] = ()
    """`packages.Packages.files`."""
    modules: Sequence[str] = ()
    """`packages.Packages.modules`."""
    links: str = ""
    """The directory of links to these files, for a level without namespaces."""

    def header(self) -> dict[str, Any]:
        """As a frame's header."""
        return asdict(self)

    @classmethod
    def of(cls, header: dict[str, Any]) -> Start:
        """The start that `header` packed."""
        return cls(**{**header, "level": Level(header["level"])})
