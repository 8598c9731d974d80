"""What the commands share: options, files that they make, how a mistake is told.

``--out`` and ``--force`` are one rule for every command that makes data. Sources are looked at
first, then what ``--out`` names, then the work begins. What is there is not written over, unless
``--force`` is given; then it is replaced whole, at the end: a command that fails leaves it as it
was. Pages and figures, which runs can be made into again, have no such rule.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from sparring.errors import ConfigError, SparringError, writing
from sparring.files import replacing
from sparring.sandbox.caller.packages import Packages, given
from sparring.text import visible

RecipeArgument = Annotated[
    Path | None, typer.Argument(help="A TOML recipe; without it, the nano recipe of the package.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one field.")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Replace what --out names, if it is there.")
]
PackagesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--packages",
        metavar="NAME,…",
        help="Packages that programs may import beside the standard library, such as numpy.",
    ),
]
PackagesFromOption = Annotated[
    str | None,
    typer.Option(
        "--packages-from",
        metavar="DIR",
        help="Environment that has them (its directory, python or site-packages); default: ours.",
    ),
]


def check_sources(files: Sequence[Path]) -> None:
    """Raises `DataError` for a file that is not there."""
    from sparring.tasks.rows.files import file_rows

    for file in files:
        if not file.is_file():
            next(iter(file_rows(file)), None)  # says what is wrong with the name


def check_file(option: str, path: Path, force: bool) -> None:
    """Whether a file can be written. Raises `ConfigError`."""
    if not path.parent.is_dir():
        raise ConfigError(f"{option} {path}: there is no directory {path.parent}; make it first")
    if path.is_dir():
        raise ConfigError(f"{option} {path}: is a directory; name a file in it")
    if os.path.lexists(path) and not force:
        raise ConfigError(
            f"{option} {path}: is there already; choose another name, or --force to replace it"
        )


@contextmanager
def file_at(path: Path, force: bool) -> Iterator[Path]:
    """Where to write what is to be at ``path``. Raises `ConfigError`."""
    if not force:
        yield path
        return
    with writing(f"--out {path}", ConfigError), replacing(path) as beside:
        yield beside


@contextmanager
def checkpoint_at(out: Path, force: bool) -> Iterator[Path]:
    """A directory to write a checkpoint to that is to be at ``out``. With ``force`` another
    checkpoint may be there, and goes; nothing else. Raises `ConfigError`."""
    if os.path.lexists(out) and not out.is_dir():
        raise ConfigError(f"--out {out}: is a file; name a directory")
    full = out.is_dir() and any(out.iterdir())
    if full and not force:
        raise ConfigError(
            f"--out {out}: is there already; name a new directory, or --force to replace it"
        )
    if not full:
        yield out
        return
    if not (out / "config.json").is_file():
        raise ConfigError(f"--out {out}: holds no checkpoint; --force replaces nothing else")
    with writing(f"--out {out}", ConfigError), replacing(out) as beside:
        yield beside


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises `ConfigError`."""
    with writing(str(path), ConfigError), path.open("x", encoding="utf-8") as file:
        file.write(text)


def step_range(steps: str | None) -> range | None:
    """The steps that ``--steps A-B`` names; None where it is not given. Raises `ConfigError`."""
    if steps is None:
        return None
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", steps, re.ASCII)
    if found and (first := int(found[1])) <= (last := int(found[2] or found[1])):
        return range(first, last + 1)
    raise ConfigError(f"--steps {steps}: give the first and the last step, such as 61-70")


def write_text(option: str, path: Path, text: str) -> None:
    """Write a file that ``option`` names. Raises `ConfigError`."""
    with writing(f"{option} {path}", ConfigError):
        path.write_text(text, encoding="utf-8")


def given_packages(names: Sequence[str] | None, place: str | None) -> Packages:
    """What the options of packages say. Raises `SandboxError`."""
    return given([n for text in names or () for n in text.replace(",", " ").split()], place)


def run(app: Callable[[], None]) -> None:
    """Run the command line: a user's mistake is one line on standard error, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without → and ✓ must not end a run
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SparringError as error:
        _end(visible(f"sparring: {error}"), error.exit_code)
    except OSError:
        if (why := _output_refused()) is None:
            raise
        _end(f"sparring: standard output cannot be written: {why}", 1)
    except KeyboardInterrupt:
        Console(stderr=True).print("sparring: stopped")
        sys.exit(130)


def _end(line: str, code: int) -> None:
    Console(stderr=True).print(Text(line, style="red"), soft_wrap=True)
    sys.exit(code)


def _output_refused() -> str | None:
    """Why standard output takes nothing more (a log on a full disk), or None. What could not be
    written is dropped, or Python would try it once more at its end."""
    if isinstance(sys.stdout, TextIOWrapper):
        try:
            os.write(sys.stdout.fileno(), b"\n")
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return error.strerror
    return None
