"""What the parent believes of a reply: what it asked for, in order, within the limits."""

from __future__ import annotations

import json
import math
import random
import socket
import struct
from typing import Any

import pytest

from sparring.sandbox.caller import replies
from sparring.sandbox.protocol import frames
from sparring.sandbox.protocol.frames import BrokenPeer, RawOutcome, WorkerRequest
from sparring.sandbox.types import Limits
from sparring.schema import TestKind, Verdict

_LIMITS = Limits(output_bytes=100)
_STDIN = WorkerRequest(7, b"print(1)", (b"1", b"2", b"3"), _LIMITS)
_SCRIPT = WorkerRequest(
    8, b"def f(): 0", (b"a", b"b"), _LIMITS, kind=TestKind.SCRIPT, entry_point="f"
)
_SKIPPING = WorkerRequest(9, b"print(1)", (b"1", b"2"), _LIMITS, skip=True)
_RUNS = [
    RawOutcome(Verdict.FINISHED, b"1\n", 0.1, 1.0),
    RawOutcome(Verdict.TIME_LIMIT, b"", 1.5, 2.0, "slow"),
]


def _header(**changed: Any) -> frames.Header:
    header, _ = frames.pack_reply(7, 0, _RUNS)
    return {**header, **changed}


def test_an_honest_reply_is_believed() -> None:
    outcomes = replies.outcomes_of(_STDIN, 0, *frames.pack_reply(7, 0, _RUNS))
    assert [(o.verdict, o.output, o.detail) for o in outcomes] == [
        (Verdict.FINISHED, "1\n", ""),
        (Verdict.TIME_LIMIT, "", "slow"),
    ]
    decided = [RawOutcome(Verdict.ACCEPTED), RawOutcome(Verdict.WRONG_ANSWER, detail="line 3")]
    outcomes = replies.outcomes_of(_SCRIPT, 0, *frames.pack_reply(8, 0, decided))
    assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED, Verdict.WRONG_ANSWER]
    left = [RawOutcome(Verdict.NOT_RUN)]
    assert replies.outcomes_of(_SKIPPING, 1, *frames.pack_reply(9, 1, left))


def _row(*changed: Any) -> list[Any]:
    row = ["finished", 2, 0.1, 1.0, ""]
    for place, value in zip(changed[::2], changed[1::2], strict=True):
        row[place] = value
    return row


@pytest.mark.parametrize(
    "header",
    [
        _header(job=8),
        _header(job=True),
        _header(job="7"),
        _header(first=1),
        _header(first=-1),
        _header(first=False),
        _header(outcomes=[]),
        _header(outcomes=None),
        _header(outcomes=[_row()] * 4),
        _header(outcomes=[_row()], more=1),
        _header(outcomes=[_row()[:4]]),
        _header(outcomes=["finished"]),
        _header(outcomes=[_row(0, "accepted")]),
        _header(outcomes=[_row(0, "wrong_answer")]),
        _header(outcomes=[_row(0, "invalid")]),
        _header(outcomes=[_row(0, "not_run")]),
        _header(outcomes=[_row(0, "splendid")]),
        _header(outcomes=[_row(0, ["finished"])]),
        _header(outcomes=[_row(1, 1)]),
        _header(outcomes=[_row(1, 3)]),
        _header(outcomes=[_row(1, -1)]),
        _header(outcomes=[_row(1, 2.0)]),
        _header(outcomes=[_row(2, math.nan)]),
        _header(outcomes=[_row(2, -0.5)]),
        _header(outcomes=[_row(2, True)]),
        _header(outcomes=[_row(3, math.inf)]),
        _header(outcomes=[_row(3, 1e30)]),
        _header(outcomes=[_row(3, 10**400)]),
        _header(outcomes=[_row(4, None)]),
        _header(outcomes=[_row(4, "x" * 5000)]),
        {"outcomes": [_row()]},
        {},
    ],
)
def test_anything_else_is_no_reply(header: frames.Header) -> None:
    with pytest.raises(BrokenPeer):
        replies.outcomes_of(_STDIN, 0, header, b"1\n")


def test_no_output_is_longer_than_its_limit_and_a_script_has_none() -> None:
    blob = b"x" * 101
    with pytest.raises(BrokenPeer):
        replies.outcomes_of(_STDIN, 0, {"job": 7, "first": 0, "outcomes": [_row(1, 101)]}, blob)
    accepted = {"job": 8, "first": 0, "outcomes": [_row(0, "accepted", 1, 2)]}
    with pytest.raises(BrokenPeer):
        replies.outcomes_of(_SCRIPT, 0, accepted, b"1\n")
    finished = {"job": 8, "first": 0, "outcomes": [_row(0, "finished", 1, 0)]}
    with pytest.raises(BrokenPeer):
        replies.outcomes_of(_SCRIPT, 0, finished, b"")


def test_runs_travel_in_pieces_that_a_reply_may_have() -> None:
    long = RawOutcome(Verdict.FINISHED, b"x" * (9 << 20))
    runs = [long, long, RawOutcome(Verdict.FINISHED), long, *[RawOutcome(Verdict.FINISHED)] * 3000]
    pieces = list(frames.pieces(runs))
    assert [run for piece in pieces for run in piece] == runs
    assert max(len(piece) for piece in pieces) <= frames.PIECE_RUNS
    assert max(sum(len(r.output) for r in piece) for piece in pieces) <= frames.PIECE_BYTES
    [alone] = frames.pieces([RawOutcome(Verdict.FINISHED, b"x" * (frames.PIECE_BYTES + 1))])
    assert len(alone) == 1
    assert list(frames.pieces([])) == []


def _mutated(rng: random.Random, frame: bytes) -> bytes:
    """A frame with bytes flipped, cut, doubled, or numbers and words of its header exchanged."""
    data = bytearray(frame)
    for _ in range(rng.randint(1, 4)):
        how = rng.randrange(6)
        at = rng.randrange(len(data) or 1)
        if how == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            del data[at : at + rng.randint(1, 9)]
        elif how == 2:
            data[at:at] = data[at : at + rng.randint(1, 30)]
        elif how == 3:
            data[at:at] = rng.choice([b"1e999", b"NaN", b"-1", b"[" * 50, b"null", b'"', b"\xff"])
        elif how == 4:
            data = bytearray(data.replace(b"finished", rng.choice(_WORDS)))
        elif len(data) >= 8:
            data[:8] = struct.pack("<II", rng.randrange(1 << rng.randint(1, 32)), rng.randrange(99))
    return bytes(data)


_WORDS = [v.value.encode() for v in Verdict]


def _fuzz(count: int) -> None:
    rng = random.Random(18)
    bases = []
    for request, runs in (
        (_STDIN, _RUNS),
        (_SCRIPT, [RawOutcome(Verdict.WRONG_ANSWER, detail="no")]),
        (_SKIPPING, [RawOutcome(Verdict.IDLE_LIMIT)]),
    ):
        header, blob = frames.pack_reply(request.job, 0, runs)
        text = json.dumps(header).encode()
        bases.append((request, struct.pack("<II", len(text), len(blob)) + text + blob))
    most = replies.most_blob([_STDIN])
    believed = 0
    for _ in range(count):
        request, base = rng.choice(bases)
        mine, its = socket.socketpair()
        with mine, its:
            its.sendall(_mutated(rng, base))
            its.shutdown(socket.SHUT_WR)
            try:
                header, blob = frames.receive(mine, replies.most_header(), most)
                outcomes = replies.outcomes_of(request, 0, header, blob)
            except BrokenPeer:
                continue
        believed += 1
        for number, outcome in enumerate(outcomes):
            # Only what the request allows, whatever was said.
            decides = outcome.verdict in (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)
            assert not decides or request.kind is TestKind.SCRIPT
            assert outcome.verdict is not Verdict.NOT_RUN or (request.skip and number)
            assert len(outcome.output.encode("utf-8", "surrogateescape")) <= 100
            assert 0 <= outcome.cpu_seconds < math.inf
            assert 0 <= outcome.memory_mib < math.inf
    assert 0 < believed < count  # some mutations change nothing that matters


def test_mutated_frames_forge_nothing() -> None:
    _fuzz(2_000)


@pytest.mark.slow
def test_many_mutated_frames_forge_nothing() -> None:
    _fuzz(100_000)
