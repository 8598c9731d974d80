"""Checking a worker's reply: each field against the request.

A worker's server is trusted, but it is the process nearest to the programs. These checks bound what
a program would gain by speaking in the server's place:

- Only a script's request is answered by a decision (ACCEPTED, WRONG_ANSWER).
- Executions are answered in order, each once.
- No output is longer and no number larger than an execution's limits allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sparring.sandbox.caller.credible import credible
from sparring.sandbox.protocol.frames import (
    PIECE_BYTES,
    PIECE_RUNS,
    BrokenPeer,
    Header,
    WorkerRequest,
)
from sparring.schema import Outcome, TestKind, Verdict

_DETAIL_CHARACTERS = 2000
_ROW_BYTES = 6 * _DETAIL_CHARACTERS + 200  # in JSON, every character escaped
_NUMBERS = (int, float)  # compared by `type`, which excludes `bool`
_MOST = 1e9  # CPU seconds, and MiB, of one execution
HEADER_BYTES = 1 << 20
"""Most bytes of a header without outcomes, the traceback of a crash included."""


def most_header() -> int:
    """Return the most bytes that the header of a reply may have."""
    return HEADER_BYTES + PIECE_RUNS * _ROW_BYTES


def most_blob(requests: Sequence[WorkerRequest]) -> int:
    """Return the largest number of output bytes that a reply to one of these requests may have."""
    return max(PIECE_BYTES, *(request.limits.output_bytes for request in requests))


def outcomes_of(
    request: WorkerRequest, answered: int, header: Header, blob: bytes
) -> list[Outcome]:
    """Return the next outcomes of a request. `answered` executions of the request are answered
    already.

    Raises `BrokenPeer` if the reply is not a well-formed answer to the request.
    """
    if set(header) != {"job", "first", "outcomes"}:
        raise BrokenPeer("malformed reply: other fields")
    rows = header["outcomes"]
    if type(header["job"]) is not int or header["job"] != request.job:
        raise BrokenPeer("malformed reply: for another job")
    if type(header["first"]) is not int or header["first"] != answered:
        raise BrokenPeer("malformed reply: out of order")
    if not isinstance(rows, list) or not 0 < len(rows) <= len(request.inputs) - answered:
        raise BrokenPeer("malformed reply: another number of outcomes")
    verdicts = _verdicts(request.kind)
    prints = request.kind is not TestKind.SCRIPT
    outcomes = []
    end = 0
    for number, row in enumerate(rows, answered):
        if type(row) is not list or len(row) != 5:
            raise BrokenPeer("malformed reply: an outcome with other fields")
        word, length, cpu, mib, detail = row
        verdict = verdicts.get(word) if type(word) is str else None
        if verdict is None:
            raise BrokenPeer(f"malformed reply: no {request.kind} execution ends as {word!r:.50}")
        if verdict is Verdict.NOT_RUN and not (request.skip and number > 0):
            raise BrokenPeer("malformed reply: an execution is skipped that must be made")
        most = request.limits.output_bytes if prints and verdict is not Verdict.NOT_RUN else 0
        if type(length) is not int or not 0 <= length <= most or end + length > len(blob):
            raise BrokenPeer("malformed reply: an output of another length")
        # The comparisons are false for NaN too.
        if type(cpu) not in _NUMBERS or not 0 <= cpu <= _MOST:
            raise BrokenPeer("malformed reply: impossible CPU seconds")
        if type(mib) not in _NUMBERS or not 0 <= mib <= _MOST:
            raise BrokenPeer("malformed reply: impossible memory")
        if type(detail) is not str or len(detail) > _DETAIL_CHARACTERS:
            raise BrokenPeer("malformed reply: a detail that is no text or too long")
        output = blob[end : end + length].decode("utf-8", "surrogateescape")
        end += length
        outcomes.append(Outcome(verdict, output, float(cpu), float(mib), detail))
    if end != len(blob):
        raise BrokenPeer("malformed reply: more output than announced")
    return outcomes


@cache
def _verdicts(kind: TestKind) -> dict[str, Verdict]:
    """Return the verdicts that an execution of this kind can end with, by their values."""
    return {verdict.value: verdict for verdict in Verdict if credible(kind, verdict)}
