"""Parts that the commands share: options, output files, and the printing of errors.

Every command that makes data treats ``--out`` and ``--force`` by one rule. The command checks its
sources first, then the path that ``--out`` names, and then begins its work. An existing file is
never written over without ``--force``. With ``--force`` the command replaces the whole file at the
end, so a command that fails leaves the old file as it was. Pages and plots, which can be made
again from a run at any time, have no such rule.
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
from sparring.sandbox.caller.packages import Packages, find_packages
from sparring.text import visible

RecipeArgument = Annotated[
    Path | None, typer.Argument(help="A TOML recipe; by default the package's nano recipe.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Change one field of the recipe; may be repeated.",
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Replace the file or directory of --out, if it exists.")
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
        help="Environment that holds these packages: its directory, its python or its "
        "site-packages; by default Sparring's own.",
    ),
]


def check_sources(files: Sequence[Path]) -> None:
    """Raise `DataError` for a file that does not exist."""
    from sparring.tasks.rows.files import file_rows

    for file in files:
        if not file.is_file():
            next(iter(file_rows(file)), None)  # raises the error that explains the name


def check_file(option: str, path: Path, force: bool) -> None:
    """Raise `ConfigError` if ``path``, which ``option`` names, cannot be written as a new file."""
    if not path.parent.is_dir():
        raise ConfigError(f"{option} {path}: there is no directory {path.parent}; make it first")
    if path.is_dir():
        raise ConfigError(f"{option} {path}: is a directory; name a file in it")
    if os.path.lexists(path) and not force:
        raise ConfigError(
            f"{option} {path}: already exists; choose another name, or --force to replace it"
        )


@contextmanager
def file_at(path: Path, force: bool) -> Iterator[Path]:
    """Yield the path to write to; after the block the written file is at ``path``.

    With ``force`` the block writes beside ``path``, and the new file replaces the old one only if
    the block ends without an error. Raises `ConfigError`.
    """
    if not force:
        yield path
        return
    with writing(f"--out {path}", ConfigError), replacing(path) as beside:
        yield beside


@contextmanager
def checkpoint_at(out: Path, force: bool) -> Iterator[Path]:
    """Yield the directory to write a checkpoint to; after the block the checkpoint is at ``out``.

    ``force`` lets the new checkpoint replace an older checkpoint at ``out``, and nothing else.
    Raises `ConfigError`.
    """
    if os.path.lexists(out) and not out.is_dir():
        raise ConfigError(f"--out {out}: is a file; name a directory")
    full = out.is_dir() and any(out.iterdir())
    if full and not force:
        raise ConfigError(
            f"--out {out}: already exists; name a new directory, or --force to replace it"
        )
    if not full:
        yield out
        return
    if not (out / "config.json").is_file():
        raise ConfigError(
            f"--out {out}: holds no checkpoint; --force replaces nothing else: "
            "name another directory"
        )
    with writing(f"--out {out}", ConfigError), replacing(out) as beside:
        yield beside


def write_new(path: Path, text: str) -> None:
    """Write ``text`` to a new file. Raises `ConfigError`, also where the file exists."""
    with writing(str(path), ConfigError), path.open("x", encoding="utf-8") as file:
        file.write(text)


def step_range(steps: str | None) -> range | None:
    """Return the steps that ``--steps A-B`` names, or None for None. Raises `ConfigError`."""
    if steps is None:
        return None
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", steps, re.ASCII)
    if match and (first := int(match[1])) <= (last := int(match[2] or match[1])):
        return range(first, last + 1)
    raise ConfigError(
        f"--steps {steps}: not a range of steps; give the first and the last step, such as 61-70"
    )


def write_text(option: str, path: Path, text: str) -> None:
    """Write ``text`` to the file that ``option`` names. Raises `ConfigError`."""
    with writing(f"{option} {path}", ConfigError):
        path.write_text(text, encoding="utf-8")


def packages_of_options(names: Sequence[str] | None, place: str | None) -> Packages:
    """Return the packages that ``--packages`` and ``--packages-from`` name.

    Raises `SandboxError`.
    """
    return find_packages([n for text in names or () for n in text.replace(",", " ").split()], place)


def run(app: Callable[[], None]) -> None:
    """Run the command line; print a user's mistake as one line on standard error.

    Exits with the error's own code, with 130 after Ctrl-C, and with 1 where standard output
    cannot be written. Other exceptions pass, with their traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal whose encoding lacks → or ✓ must not end a run.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SparringError as error:
        _end(visible(f"sparring: {error}"), error.exit_code)
    except OSError:
        if (reason := _output_error()) is None:
            raise
        _end(f"sparring: standard output cannot be written: {reason}", 1)
    except KeyboardInterrupt:
        Console(stderr=True).print("sparring: stopped")
        sys.exit(130)


def _end(line: str, code: int) -> None:
    Console(stderr=True).print(Text(line, style="red"), soft_wrap=True)
    sys.exit(code)


def _output_error() -> str | None:
    """Return why standard output cannot be written (say, a full disk), or None if it can."""
    if isinstance(sys.stdout, TextIOWrapper):
        try:
            os.write(sys.stdout.fileno(), b"\n")
        except OSError as error:
            # Python writes its buffer once more when it exits: without this it would fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return error.strerror
    return None
