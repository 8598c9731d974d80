"""What the parent believes of a worker's reply: each field held against what was asked.

A worker's server is trusted, but it is the process nearest to the programs. What a program could
gain by speaking in its place is bounded here: only a script's request is answered by a decision
(ACCEPTED, WRONG_ANSWER); runs are answered in order, each once; and no output is longer, no number
wilder than a run's limits allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring.sandbox.credible import credible
from sparring.sandbox.frames import PIECE_BYTES, PIECE_RUNS, BrokenPeer, Header, Request
from sparring.schema import Kind, Outcome, Verdict

_DETAIL_CHARACTERS = 2000
_ROW_BYTES = 6 * _DETAIL_CHARACTERS + 200  # in JSON, every character escaped
_MOST = 1e9  # CPU seconds of a run, MiB
HEADER_BYTES = 1 << 20
"""A header without outcomes, the trace of a crash included."""


def most_header() -> int:
    """Bytes that the header of any reply may have."""
    return HEADER_BYTES + PIECE_RUNS * _ROW_BYTES


def most_blob(requests: Sequence[Request]) -> int:
    """Bytes that the outputs in one reply to any of these requests may have."""
    return max(PIECE_BYTES, *(request.limits.output_bytes for request in requests))


def outcomes_of(request: Request, answered: int, header: Header, blob: bytes) -> list[Outcome]:
    """The next outcomes of a request of which `answered` runs are known.

    Raises `BrokenPeer` for anything but an answer to that.
    """
    if set(header) != {"job", "first", "outcomes"}:
        raise BrokenPeer("a reply of another form")
    rows = header["outcomes"]
    if not _is_count(header["job"]) or header["job"] != request.job:
        raise BrokenPeer("a reply that nobody asked for")
    if not _is_count(header["first"]) or header["first"] != answered:
        raise BrokenPeer("a reply out of its turn")
    if not isinstance(rows, list) or not 0 < len(rows) <= len(request.inputs) - answered:
        raise BrokenPeer("a reply with outcomes too many")
    outcomes = []
    end = 0
    for number, row in enumerate(rows, answered):
        outcome, end = _outcome(request, number, row, blob, end)
        outcomes.append(outcome)
    if end != len(blob):
        raise BrokenPeer("a reply with more output than it says")
    return outcomes


def _outcome(
    request: Request, number: int, row: Any, blob: bytes, start: int
) -> tuple[Outcome, int]:
    """Run `number` of the request, its output from `start` of the blob; and where that ends."""
    if not isinstance(row, list) or len(row) != 5:
        raise BrokenPeer("an outcome of another form")
    word, length, cpu, mib, detail = row
    try:
        verdict = Verdict(word)
    except ValueError as error:
        raise BrokenPeer("a verdict that there is not") from error
    skipped = verdict is Verdict.NOT_RUN
    may_skip = request.skip and number > 0
    if not credible(request.kind, verdict) or (skipped and not may_skip):
        raise BrokenPeer(f"{verdict} is no outcome of run {number}, a {request.kind}")
    prints = request.kind is not Kind.SCRIPT and not skipped
    most = request.limits.output_bytes if prints else 0
    if not _is_count(length) or not length <= most or start + length > len(blob):
        raise BrokenPeer("an output of another length")
    for amount in (cpu, mib):
        real = isinstance(amount, (int, float)) and not isinstance(amount, bool)
        if not real or not 0 <= amount <= _MOST:  # false for what is no number, too
            raise BrokenPeer("an amount that no run uses")
    if not isinstance(detail, str) or len(detail) > _DETAIL_CHARACTERS:
        raise BrokenPeer("a detail that is none")
    output = blob[start : start + length].decode("utf-8", "surrogateescape")
    return Outcome(verdict, output, float(cpu), float(mib), detail), start + length


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
