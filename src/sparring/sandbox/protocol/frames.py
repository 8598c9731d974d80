"""Wire format between the caller and a worker: frames of a header and a blob.

A frame is ``<u32 header bytes><u32 blob bytes>``, a JSON header and a blob. The header is JSON and
not pickle, because the caller must be able to read a worker's words without trusting the worker.

Request:  ``{"job", "program": n, "inputs": [n…], "limits": [5 numbers], "per_test", "skip",
          "kind", "entry_point", "front": n}``. The blob holds the bytes of the preamble, of the
          program and of the inputs, one after the other.
Reply:    ``{"job", "first": i, "outcomes": [[verdict, n, cpu, mib, detail]…]}``, with the outputs
          in the blob: consecutive outcomes from input i on. A job may be answered in parts.
Hello:    ``{"hello": {layer: value…}}`` or ``{"refused": why}``, once, when the worker has started.
Alive:    ``{"alive": true}`` while an execution takes long.

The caller sets the most bytes of header and blob that it takes, and checks every field of a reply
against its request (``replies``).
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sparring.sandbox.types import Limits
from sparring.schema import TestKind, Verdict

_LENGTHS = struct.Struct("<II")
MAX_BYTES = (1 << 32) - 1
PIECE_BYTES = 16 << 20
"""Most bytes of outputs in one reply. A single longer output has a reply of its own."""
PIECE_RUNS = 1024
"""Most executions in one reply."""

Header = dict[str, Any]


class BrokenPeer(Exception):
    """Raised when the other side is gone or has sent bytes that are no frame."""


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """Program and inputs, as bytes, on their way to a worker."""

    job: int
    program: bytes
    inputs: tuple[bytes, ...]
    limits: Limits
    per_test: bool = False
    skip: bool = False
    """Leave out the other inputs once the first has met a time limit."""
    kind: TestKind = TestKind.STDIN
    entry_point: str = ""
    preamble: bytes = b""
    """Packed preamble of the program (`preamble.packed`)."""


def send(peer: socket.socket, header: Header, blob: bytes = b"") -> None:
    """Send one frame. Raises `BrokenPeer` if the peer is gone."""
    text = json.dumps(header).encode()
    try:
        peer.sendall(_LENGTHS.pack(len(text), len(blob)) + text + blob)
    except OSError as error:
        raise BrokenPeer(str(error)) from error


def try_to_send(peer: socket.socket, header: Header) -> bool:
    """Send a small frame if the peer has room for the whole frame now; return whether it had.

    Raises `BrokenPeer` if the peer is gone.
    """
    text = json.dumps(header).encode()
    try:
        # A Unix stream socket takes a short message as a whole or not at all.
        peer.send(_LENGTHS.pack(len(text), 0) + text, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError as error:
        raise BrokenPeer(str(error)) from error
    return True


def receive(
    peer: socket.socket, most_header: int = MAX_BYTES, most_blob: int = MAX_BYTES
) -> tuple[Header, bytes]:
    """Wait for one frame; return its header and its blob.

    Raises `BrokenPeer` for an end of the stream, a frame beyond the given sizes (bytes) or a
    header that is no JSON object, and `TimeoutError` after a timeout that is set on the socket.
    """
    header_bytes, blob_bytes = _LENGTHS.unpack(_exactly(peer, _LENGTHS.size))
    if header_bytes > most_header or blob_bytes > most_blob:
        raise BrokenPeer("a frame that is too large")
    try:
        header = json.loads(_exactly(peer, header_bytes))
    except (ValueError, RecursionError) as error:
        raise BrokenPeer("a frame that is not JSON") from error
    if not isinstance(header, dict):
        raise BrokenPeer("a frame without a header")
    return header, _exactly(peer, blob_bytes)


def pack_request(request: WorkerRequest) -> tuple[Header, bytes]:
    """Return a request as a header and a blob."""
    header = {
        "job": request.job,
        "program": len(request.program),
        "inputs": [len(data) for data in request.inputs],
        "limits": astuple(request.limits),
        "per_test": request.per_test,
        "skip": request.skip,
        "kind": request.kind.value,
        "entry_point": request.entry_point,
        "front": len(request.preamble),
    }
    return header, request.preamble + request.program + b"".join(request.inputs)


def unpack_request(header: Header, blob: bytes) -> WorkerRequest:
    """Return the request that `pack_request` packed."""
    begin = header["front"]
    end = begin + header["program"]
    program = blob[begin:end]
    inputs = []
    for length in header["inputs"]:
        inputs.append(blob[end : end + length])
        end += length
    limits = Limits(*header["limits"])
    return WorkerRequest(
        header["job"],
        program,
        tuple(inputs),
        limits,
        per_test=header["per_test"],
        skip=header["skip"],
        kind=TestKind(header["kind"]),
        entry_point=header["entry_point"],
        preamble=blob[:begin],
    )


@dataclass(frozen=True, slots=True)
class RawOutcome:
    """Outcome of one execution as a worker measured it, with the output still in bytes."""

    verdict: Verdict
    output: bytes = b""
    cpu_seconds: float = 0.0
    memory_mib: float = 0.0
    detail: str = ""


def pack_reply(job: int, first: int, runs: Sequence[RawOutcome]) -> tuple[Header, bytes]:
    """Return consecutive executions of a job, from input `first` on, as a header and a blob."""
    rows = [
        [r.verdict.value, len(r.output), round(r.cpu_seconds, 6), round(r.memory_mib, 3), r.detail]
        for r in runs
    ]
    header = {"job": job, "first": first, "outcomes": rows}
    return header, b"".join(r.output for r in runs)


def pieces(runs: Sequence[RawOutcome]) -> Iterator[Sequence[RawOutcome]]:
    """Split executions into pieces that each fit into one reply."""
    start = held = 0
    for end, run in enumerate(runs):
        full = held + len(run.output) > PIECE_BYTES or end - start == PIECE_RUNS
        if full and end > start:
            yield runs[start:end]
            start, held = end, 0
        held += len(run.output)
    if start < len(runs):
        yield runs[start:]


def _exactly(peer: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        try:
            part = peer.recv(min(count, 1 << 20))
        except TimeoutError:
            raise
        except OSError as error:
            raise BrokenPeer(str(error)) from error
        if not part:
            raise BrokenPeer("end of file")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
