"""The pipe between a script and its program: what is no answer, what interrupts, what is kept."""

from __future__ import annotations

import json
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from sparring import values
from sparring.sandbox import Job, Limits, Sandbox, TestKind
from sparring.sandbox.inside import calls, exceptions, messages
from sparring.sandbox.inside.candidate import Candidate, ProgramGone, ProgramPipe
from sparring.sandbox.inside.exceptions import ProgramError, ProgramStopped
from sparring.schema import Outcome, Verdict

ROOMY = Limits(cpu_seconds=3, idle_seconds=3, memory_mib=128, output_bytes=1 << 16)


def framed(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def answered(value: object, arguments: object, named: object = None) -> bytes:
    return b"v" + values.encode((value, arguments, named or {})).encode()


@contextmanager
def told(sent: bytes) -> Iterator[tuple[ProgramPipe, Candidate]]:
    """A candidate whose program has said this, whatever it will be asked, and then hung up."""
    mine, its = socket.socketpair()
    with mine, its:
        its.sendall(sent)
        its.shutdown(socket.SHUT_WR)
        line = ProgramPipe(mine.fileno())
        yield line, Candidate(line, "f")


GOOD = answered(3, [1, 2])
NO_ANSWERS = {
    "nothing": b"",
    "half a length": b"\x01\x00",
    "a length alone": struct.pack("<I", 5),
    "too long": struct.pack("<I", messages.MAX_BYTES + 1) + GOOD,
    "longer than all memory": b"\xff\xff\xff\xff" + GOOD,
    "half an answer": framed(GOOD)[:-1],
    "an empty message": framed(b""),
    "another letter": framed(b"x" + GOOD[1:]),
    "no JSON": framed(b"v{"),
    "not ASCII": framed(b'v"\xff"'),
    "nested without end": framed(b"v" + b"[" * 100_000),
    "a number without end": framed(b"v" + b"9" * 5000),
    "no triple": framed(b"v3"),
    "a pair": framed(b"v[1,2]"),
    "no list": framed(answered(3, 2)),
    "a tuple": framed(answered(3, (1, 2))),
    "too few arguments": framed(answered(3, [1])),
    "too many arguments": framed(answered(3, [1, 2, 3])),
    "another named one": framed(answered(3, [1, 2], {"a": 1})),
    "named ones in a list": framed(answered(3, [1, 2], [1])),
    "an unknown type": framed(b'v{"tuple":[{"code":"1"},[1,2],{"dict":[]}]}'),
    "too many of one hash": framed(answered({i * (2**61 - 1) for i in range(500)}, [1, 2])),
    "an error of nothing": framed(b"e"),
    "an error that is no list": framed(b"e3"),
    "an error without classes": framed(b'e[[],"",null,null]'),
    "an error of numbers": framed(b'e[[1],"",null,null]'),
    "an error without a text": framed(b'e[["ValueError"],null,null,null]'),
    "an error that holds no text": framed(b'e[["ValueError"],"",[1],null]'),
    "an error of many classes": framed(b"e" + json.dumps([["A"] * 999, "", None, None]).encode()),
}


@pytest.mark.parametrize("sent", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_malformed_answer_is_the_end_of_the_program(sent: bytes) -> None:
    with told(sent) as (line, candidate):
        for _ in range(2):  # the next call finds nothing either, though an answer may be waiting
            with pytest.raises(ProgramGone):
                candidate(1, 2)
            assert line.gone
    with told(framed(GOOD)) as (line, candidate):
        assert candidate(1, 2) == 3
        assert not line.gone


@pytest.mark.parametrize(
    "body", [b"", b"v{", b"v[1,[],{}]", b'v{"tuple":[1,[],{"dict":[]}]}', b"e{", b"x1", b"e[]"]
)
def test_a_script_that_catches_everything_does_not_pass_on_a_malformed_answer(
    sandbox: Sandbox, body: bytes
) -> None:
    program = (
        f"import os, struct\nbody = {body!r}\ndef f(x):\n    for fd in range(3, 250):\n"
        "        try: os.write(fd, struct.pack('<I', len(body)) + body)\n"
        "        except OSError: pass\n    return 1"
    )
    caught = "try: f(1)\nexcept BaseException: pass"
    [outcome] = run(sandbox, program, caught)
    assert outcome.verdict is Verdict.RUNTIME_ERROR
    assert "sent a malformed answer" in outcome.detail


def test_a_call_that_is_interrupted_takes_the_line_with_it(sandbox: Sandbox) -> None:
    program = "import time\ndef f(x):\n    time.sleep(x)\n    return x"
    interrupted = (
        "import signal, time\ndef late(*a): raise {error}\nsignal.signal(signal.SIGALRM, late)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
        "try: f(0.3)\nexcept {error}: caught = True\nassert caught\n"
        "try: assert f(0) in (0, 0.3)\nexcept BaseException: pass"
    )
    sources = [
        interrupted.format(error=e) for e in ("TimeoutError", "KeyboardInterrupt", "KeyError")
    ]
    for outcome in run(sandbox, program, *sources):
        assert outcome.verdict is Verdict.RUNTIME_ERROR, outcome
        assert "ProgramGone" in outcome.detail


def test_a_signal_handler_cannot_call_during_a_call() -> None:
    mine, its = socket.socketpair()
    with mine, its:
        line = ProgramPipe(mine.fileno())
        candidate = Candidate(line, "f")
        said: list[str] = []

        def handler(*_: object) -> None:
            try:
                candidate(2)
            except RuntimeError as error:
                said.append(str(error))
            its.sendall(framed(answered(3, [1])))

        before = signal.signal(signal.SIGALRM, handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            assert candidate(1) == 3
        finally:
            signal.signal(signal.SIGALRM, before)
        assert said == ["a call of the program within another call"]
        assert not line.gone


def test_threads_share_a_line_and_one_that_breaks_it_stops_all() -> None:
    mine, its = socket.socketpair()
    source = "def f(x):\n    return [x] * x"
    code = compile(source, "program", "exec")
    answering = threading.Thread(target=calls.answer_script, args=(code, None, "f", its.fileno()))
    answering.start()
    line = ProgramPipe(mine.fileno())
    candidates = [Candidate(line, "f"), Candidate(line, "f", entry_point=False)]
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda i: candidates[i % 2](i), range(400)))
    assert got == [[i] * i for i in range(400)]
    mine.close()
    answering.join()
    its.close()
    with pytest.raises(ProgramGone):
        candidates[0](1)


def test_arguments_that_are_too_long_are_not_sent() -> None:
    with told(framed(GOOD)) as (line, candidate):
        with pytest.raises(ValueError, match="too long"):
            candidate("x" * messages.MAX_BYTES)
        assert not line.gone
        assert candidate(1, 2) == 3


def test_an_argument_may_have_any_name() -> None:
    named = {"self": 1, "arguments": 2}
    with told(framed(answered(3, [], named))) as (_, candidate):
        assert candidate(**named) == 3


class Silent(KeyError):
    def __str__(self) -> str:
        raise LookupError


def endless() -> Iterator[int]:
    yield 1
    raise OSError("while it is written")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Silent("a"), KeyError),
        (ValueError(endless()), ValueError),
        (ExceptionGroup("x", [ValueError()]), ProgramError),
        (GeneratorExit(), ProgramStopped),
        (SystemExit(0), ProgramStopped),
        (AssertionError("no"), ProgramError),
        (StopIteration(2), RuntimeError),
    ],
)
def test_an_exception_can_be_described_and_rebuilt(error: BaseException, kind: type) -> None:
    rebuilt = exceptions.rebuild(exceptions.describe(error))
    assert isinstance(rebuilt, kind)
    assert isinstance(str(rebuilt), str)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (UnicodeDecodeError, ("utf-8", b"abc", -(2**40), 1 - 2**40, "")),
        (UnicodeEncodeError, ("utf-8", "abc", -5, -4, "")),
        (UnicodeTranslateError, ("abc", -5, -4, "")),
        (UnicodeDecodeError, ("utf-8", b"abc", 2**70, 2**70, "")),
        (UnicodeDecodeError, ()),
        (OSError, (2, "no", None)),
        (SyntaxError, ("no", ())),
        (KeyError, ({1: [2]},)),
    ],
)
def test_any_arguments_make_an_exception(kind: type, arguments: tuple[object, ...]) -> None:
    # The first of them make Python itself read outside of the bytes.
    names = [one.__name__ for one in kind.__mro__]
    told = json.dumps([names, "text", values.encode(arguments), None]).encode()
    rebuilt = exceptions.rebuild(told)
    assert isinstance(rebuilt, (kind, ValueError, LookupError))
    assert isinstance(str(rebuilt), str)


def test_the_name_that_an_exception_is_about_arrives() -> None:
    for error in (ModuleNotFoundError("no", name="numpy"), NameError("no", name="x")):
        rebuilt = exceptions.rebuild(exceptions.describe(error))
        assert type(rebuilt) is type(error)
        assert rebuilt.name == error.name  # type: ignore[attr-defined]


# A program that looks through all frames above its function for what holds the needle.
_HUNT = """import sys
NEEDLE = "nee" + "dle"
def found():
    frame, hits = sys._getframe(1).f_back, []
    while frame is not None:
        for where in (frame.f_locals, frame.f_globals):
            for name, value in list(where.items()):
                hits += [name] if holds(value, 0) else []
        frame = frame.f_back
    return hits
def holds(value, depth):
    if isinstance(value, bytes): return NEEDLE.encode() in value
    if isinstance(value, str): return NEEDLE in value
    if depth < 3 and isinstance(value, (list, tuple, set)):
        return any(holds(one, depth + 1) for one in value)
    return depth < 3 and isinstance(value, dict) and holds(list(value.values()), depth + 1)
def f(a, b=None): return found()
def late(a, b=None):
    yield from found()
"""


def test_a_program_that_hunts_through_frames_finds_no_text_of_its_call(sandbox: Sandbox) -> None:
    given = values.encode((["needle"], {"b": "needle"}))
    for name in ("f", "late"):
        [[outcome]] = sandbox.run([Job(_HUNT, (given,), ROOMY, TestKind.CALL, name)])
        assert outcome.verdict is Verdict.FINISHED, outcome
        assert list(values.decode(outcome.output)) == []


def test_in_a_script_it_finds_the_arguments_alone(sandbox: Sandbox) -> None:
    hits = "assert set(f('needle', b='needle')) <= {'arguments', 'named'}"
    source = f"for _ in range(3): {hits}, f('needle')"
    [outcome] = run(sandbox, _HUNT, source)
    assert outcome.verdict is Verdict.ACCEPTED, outcome


def run(sandbox: Sandbox, program: str, *scripts: str) -> list[Outcome]:
    [outcomes] = sandbox.run([Job(program, scripts, ROOMY, TestKind.SCRIPT, "f")])
    return list(outcomes)
