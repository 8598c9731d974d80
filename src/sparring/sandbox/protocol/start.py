"""Settings that a worker receives as it starts: the first frame on its socket.

None of them stands on a command line or in an environment. A program's process is a fork of a fork
of the worker and could read either there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sparring.sandbox.types import Level


@dataclass(frozen=True, slots=True)
class Start:
    """Settings of one worker of a sandbox."""

    level: Level
    scratch: str
    """Directory that belongs to this worker alone."""
    workers: int = 1
    """Workers of the sandbox, among which a user's processes and descriptors are divided."""
    landlock_abi: int | None = None
    """Highest Landlock ABI to use; None: the highest that the kernel offers."""
    files: Sequence[tuple[str, str]] = ()
    """`packages.Packages.files`."""
    modules: Sequence[str] = ()
    """`packages.Packages.modules`."""
    links: str = ""
    """Directory of links to `files`, for a level without namespaces."""

    def header(self) -> dict[str, Any]:
        """Return these settings as a frame's header."""
        return asdict(self)

    @classmethod
    def of(cls, header: dict[str, Any]) -> Start:
        """Return the settings that `header` packed."""
        return cls(**{**header, "level": Level(header["level"])})
