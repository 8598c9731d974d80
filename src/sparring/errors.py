"""Errors a user can cause or meet, each told in one clear line.

Every package raises `SparringError` (or a subclass) for a mistake that the user
can mend: the message says what is wrong, where, and what to do. The command
line prints the message without a traceback and exits with ``exit_code``.
Anything else that escapes is a defect of ours and keeps its traceback.

A bad rollout is not an error: it is data, with a verdict or a parse failure.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path


class SparringError(Exception):
    """Something the user can mend. The message is one clear line (or one line per item)."""

    exit_code = 1


class ConfigError(SparringError):
    """A recipe, a ``--set`` or an option is wrong."""

    exit_code = 2


class DataError(SparringError):
    """A task file is wrong. The message lists every bad row of the file."""

    exit_code = 2


class ModelError(SparringError):
    """A model or tokenizer cannot be used as asked."""


class SandboxError(SparringError):
    """The host cannot give the isolation that was asked for, or the sandbox broke down."""


class RunError(SparringError):
    """A run directory cannot be created, read or resumed."""


class Stopped(SparringError):
    """The user asked to stop; the run can be resumed."""

    exit_code = 130


@contextlib.contextmanager
def writing(where: object, kind: type[SparringError]) -> Iterator[None]:
    """Turn the operating system's refusals to write into one clear line of this kind."""
    try:
        yield
    except OSError as error:
        raise kind(f"{where}: cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def explained(path: Path, go_on: str = "add --resume to go on") -> Iterator[None]:
    """Turn the operating system's refusals into one clear line. ``go_on`` is what helps once there
    is room on the disk again."""
    with writing(path, RunError):
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise RunError(f"{path}: the disk is full; make room, then {go_on}") from error
            raise


@contextlib.contextmanager
def well_formed(what: str) -> Iterator[None]:
    """Turn what goes wrong in taking a record apart into one clear line: it is not of the form
    that it was written in."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise RunError(
            f"{what}: a record is not of this version's form ({type(error).__name__}: {error}); "
            "it was changed, or written by another version"
        ) from None
