"""Keys of outcomes: a hash of everything that an outcome depends on, except the machine."""

from __future__ import annotations

import hashlib

from sparring.sandbox.types import Limits
from sparring.schema import TestKind, Verdict

Key = bytes
NEVER_KEPT = (Verdict.NOT_RUN, Verdict.INFRA)
"""Verdicts that say nothing about the program, so that the next call executes it again."""


def program_key(
    program: bytes,
    limits: Limits,
    kind: TestKind,
    entry_point: str,
    preamble: str = "",
    packages: str = "",
    *,
    alone: bool = False,
) -> bytes:
    """Return the key of a program under its limits and its way of being run.

    An outcome from a shared process does not answer a request for executions `alone`.
    """
    how = f"{limits!r} {kind.value}{'/alone' if alone else ''} {entry_point}"
    if preamble:  # without a preamble, keys in existing stores stay valid
        before = preamble.encode("utf-8", "surrogatepass")
        how += f" {hashlib.sha256(before).hexdigest()}"
    if packages:
        how += f" with {packages}"
    digest = hashlib.sha256(how.encode())
    digest.update(b"\0" + program)
    return digest.digest()


def run_key(program: bytes, data: bytes) -> Key:
    """Return the key of an execution: `program` is a `program_key`, `data` the input."""
    return hashlib.sha256(program + data).digest()
