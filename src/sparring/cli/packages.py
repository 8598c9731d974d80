"""The options that give packages to the sandbox, the same for every command that runs programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from sparring.sandbox.caller.packages import Packages, given

Names = Annotated[
    list[str] | None,
    typer.Option(
        "--packages",
        metavar="NAME,…",
        help="Packages that programs may import beside the standard library, such as numpy.",
    ),
]
Place = Annotated[
    str | None,
    typer.Option(
        "--packages-from",
        metavar="DIR",
        help="Environment that has them (its directory, python or site-packages); default: ours.",
    ),
]


def packages(names: Sequence[str] | None, place: str | None) -> Packages:
    """What the options say. Raises `SandboxError`."""
    return given([n for text in names or () for n in text.replace(",", " ").split()], place)
