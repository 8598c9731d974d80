"""Keys of outcomes: all that an outcome depends on beside the machine, by content."""

from __future__ import annotations

import hashlib

from sparring.sandbox.types import Limits
from sparring.schema import Kind, Verdict

Key = bytes
NEVER_KEPT = (Verdict.NOT_RUN, Verdict.INFRA)
"""Verdicts that say nothing of the program: to be asked for again."""


def program_key(
    program: bytes,
    limits: Limits,
    kind: Kind,
    entry_point: str,
    preamble: str = "",
    packages: str = "",
    *,
    alone: bool = False,
) -> bytes:
    """The content of a program under its limits, and how it is run.

    What was found in company of other inputs is no answer to who asks for a run alone.
    """
    how = f"{limits!r} {kind.value}{'/alone' if alone else ''} {entry_point}"
    if preamble:  # without one the key is what it was before there were any
        before = preamble.encode("utf-8", "surrogatepass")
        how += f" {hashlib.sha256(before).hexdigest()}"
    if packages:
        how += f" with {packages}"
    digest = hashlib.sha256(how.encode())
    digest.update(b"\0" + program)
    return digest.digest()


def run_key(program: bytes, data: bytes) -> Key:
    """The content of a run: `program` is a `program_key`, `data` the input."""
    return hashlib.sha256(program + data).digest()
