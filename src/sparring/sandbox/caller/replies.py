"""What the parent believes of a worker's reply: each field held against what was asked.

A worker's server is trusted, but it is the process nearest to the programs. What a program could
gain by speaking in its place is bounded here: only a script's request is answered by a decision
(ACCEPTED, WRONG_ANSWER); runs are answered in order, each once; and no output is longer, no number
wilder than a run's limits allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sparring.sandbox.caller.credible import credible
from sparring.sandbox.protocol.frames import PIECE_BYTES, PIECE_RUNS, BrokenPeer, Header, Request
from sparring.schema import Kind, Outcome, Verdict

_DETAIL_CHARACTERS = 2000
_ROW_BYTES = 6 * _DETAIL_CHARACTERS + 200  # in JSON, every character escaped
_NUMBERS = (int, float)  # and not `bool`
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
    if type(header["job"]) is not int or header["job"] != request.job:
        raise BrokenPeer("a reply that nobody asked for")
    if type(header["first"]) is not int or header["first"] != answered:
        raise BrokenPeer("a reply out of its turn")
    if not isinstance(rows, list) or not 0 < len(rows) <= len(request.inputs) - answered:
        raise BrokenPeer("a reply with outcomes too many")
    verdicts = _verdicts(request.kind)
    prints = request.kind is not Kind.SCRIPT
    outcomes = []
    end = 0
    for number, row in enumerate(rows, answered):
        if type(row) is not list or len(row) != 5:
            raise BrokenPeer("an outcome of another form")
        word, length, cpu, mib, detail = row
        verdict = verdicts.get(word) if type(word) is str else None
        if verdict is None:
            raise BrokenPeer(f"no {request.kind} run ends as {word!r:.50}")
        if verdict is Verdict.NOT_RUN and not (request.skip and number > 0):
            raise BrokenPeer("a run that was to be made is skipped")
        most = request.limits.output_bytes if prints and verdict is not Verdict.NOT_RUN else 0
        if type(length) is not int or not 0 <= length <= most or end + length > len(blob):
            raise BrokenPeer("an output of another length")
        # Comparisons are false for what is no number, too.
        if type(cpu) not in _NUMBERS or not 0 <= cpu <= _MOST:
            raise BrokenPeer("seconds that no run uses")
        if type(mib) not in _NUMBERS or not 0 <= mib <= _MOST:
            raise BrokenPeer("memory that no run uses")
        if type(detail) is not str or len(detail) > _DETAIL_CHARACTERS:
            raise BrokenPeer("a detail that is none")
        output = blob[end : end + length].decode("utf-8", "surrogateescape")
        end += length
        outcomes.append(Outcome(verdict, output, float(cpu), float(mib), detail))
    if end != len(blob):
        raise BrokenPeer("a reply with more output than it says")
    return outcomes


@cache
def _verdicts(kind: Kind) -> dict[str, Verdict]:
    """By their words, the verdicts that a run of this kind can end with."""
    return {verdict.value: verdict for verdict in Verdict if credible(kind, verdict)}
