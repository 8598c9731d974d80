"""Errors that a user can cause or meet, each with a message of one clear line.

Every package raises `SparringError` (or a subclass) for a fault that the user can mend. The message
states what is wrong, where, and what to do. The command line prints the message without a traceback
and exits with ``exit_code``. Any other exception that escapes is a defect of Sparring and keeps its
traceback.

A bad rollout is not an error: it is data, with a verdict or a parse failure.
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator, Mapping
from pathlib import Path


class SparringError(Exception):
    """Raised for a fault that the user can mend. The message is one line (or one per item)."""

    exit_code = 1


class ConfigError(SparringError):
    """Raised for a wrong recipe, ``--set`` or option."""

    exit_code = 2


class DataError(SparringError):
    """Raised for a wrong task file. The message lists every bad row of the file."""

    exit_code = 2


class ModelError(SparringError):
    """Raised when a model or a tokenizer cannot be used as asked."""


class SandboxError(SparringError):
    """Raised when the host cannot give the requested isolation, or the sandbox breaks down."""


class RunError(SparringError):
    """Raised when a run directory cannot be created, read or resumed."""


class Stopped(SparringError):
    """Raised when the user asked to stop. The run can be resumed."""

    exit_code = 130


_OPTION = re.compile(r"--[a-z]+(?:-[a-z]+)*")


@contextlib.contextmanager
def python_names(names: Mapping[str, str]) -> Iterator[None]:
    """Let the error of a function that Python calls speak of arguments, not of command-line
    options (`in_python`)."""
    try:
        yield
    except SparringError as error:
        error.args = (in_python(str(error), names), *error.args[1:])
        raise


def in_python(text: str, names: Mapping[str, str]) -> str:
    """Return a message with the Python ``names`` of the command's options. An option such as
    ``--attempts`` that has no name there stays as it is."""
    return _OPTION.sub(lambda option: names.get(option[0], option[0]), text)


@contextlib.contextmanager
def writing(where: object, kind: type[SparringError]) -> Iterator[None]:
    """Turn an OSError while writing ``where`` into a one-line error of this ``kind``."""
    try:
        yield
    except OSError as error:
        raise kind(f"{where}: cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def explained(path: Path, go_on: str = "add --resume to go on") -> Iterator[None]:
    """Turn an OSError while writing ``path`` into a one-line `RunError`. ``go_on`` is the advice
    for when the disk has free space again."""
    with writing(path, RunError):
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise RunError(f"{path}: the disk is full; make room, then {go_on}") from error
            raise


@contextlib.contextmanager
def well_formed(what: str) -> Iterator[None]:
    """Turn any error in reading the fields of a record into a one-line `RunError`: the record is
    not of the form that this version writes. ``what`` names the record."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        why = " ".join(str(error).split())[:300]
        raise RunError(
            f"{what}: a record is not of this version's form ({type(error).__name__}: {why}); "
            "the record was changed, or written by another version"
        ) from None
