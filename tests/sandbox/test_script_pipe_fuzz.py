"""Mutated messages on the pipe between a script and its program, both ways, by a fixed seed.

A mutated answer may raise what is documented and must not pass a check unless it decodes, by a
reading of its own here, to the right value. A mutated call must be answered in the format, or end
the loop. Whatever is sent is followed by the end of the stream, so nothing can wait.
"""

from __future__ import annotations

import builtins
import json
import random
import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from sparring import values
from sparring.sandbox.inside import calls, exceptions, messages
from sparring.sandbox.inside.candidate import Candidate, ProgramGone, ProgramPipe

COUNTS = [2_000, pytest.param(100_000, marks=pytest.mark.slow)]
ARGUMENTS = ([3, 1, 2], {"a": (1, 2.5)})
RIGHT = [1, 2, 3]
_AFTER = [[3, 1, 2], {"a": (1, 2.5)}]

ANSWERS = [
    b"v" + values.encode((value, after, named)).encode()
    for value in (RIGHT, [1, 2, 4], (1, 2, 3), None, {1: {2}}, 2.5, b"\xff", iter([1]), range(3))
    for after, named in ((_AFTER, {"k": 1}), ([RIGHT, {}], {"k": 2}))
] + [
    b"e" + exceptions.describe(error)
    for error in (
        ValueError("no", 3),
        StopIteration(RIGHT),
        OSError(2, "none", "/none"),
        ModuleNotFoundError("no", name="numpy"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        AssertionError("no"),
        SyntaxError("bad", ("f", 1, 2, "x")),
    )
]
CALLS = [
    values.encode((name, list(arguments), named)).encode()
    for name in (None, "g", "C.method", "missing")
    for arguments, named in ((ARGUMENTS, {"k": 1}), ((), {}), (("x" * 50, 2**70, {1, 2}), {}))
] + [values.encode(names).encode() for names in (["LIMIT", "TABLE", "f"], ["C", "k", "LIMIT"])]
DATA = [
    b"v" + values.encode({name: values.encode(value) for name, value in held.items()}).encode()
    for held in ({"LIMIT": 5, "TABLE": {"a": (1, 2.5)}}, {"LIMIT": [3, None]}, {})
] + [b"e" + exceptions.describe(ValueError("no"))]
PROGRAM = """
LIMIT, TABLE = 5, {"a": (1, 2.5)}
def f(*arguments, **named): return sorted(arguments[0])
def g(*arguments, **named): return arguments, named
class C:
    def method(self, *arguments, k=None):
        arguments[0].append(k)
        return self
"""
_PIECES = [b'{"tuple":', b'{"dict":[', b'{"int":"0x', b'{"range":[0,9,2]}', b'{"object":"f"}', b"]"]
_PIECES += [b"null", b"-1", b"1e999", b'"', b"\\ud800", b"[", b"}", b"\x00", b"\xff", b"[" * 300]
_PIECES += [
    b'{"set":[[1]]}',
    b'{"Fraction":[1,0]}',
    b'{"Decimal":"sNaN"}',
    b'{"float":"nan"}',
    b",",
]
_PIECES += [
    b'"StopIteration"',
    b'"SystemExit"',
    b'"UnicodeDecodeError"',
    b'"ExceptionGroup"',
    b'"__',
]


_NODES = [[], {}, 0, 3, -1, 2**70, "", "k", None, True, [1, 2, 3], [[3, 1, 2]], {"dict": []}]
_NODES += [{"float": "3.0"}, {"tuple": [1, 2, 3]}, {"object": "f"}, {"set": [[]]}, {"a": 1, "b": 2}]
_NODES += [{"iterator": [1]}, {"range": [0, 10**30, 1]}, {"int": "0x3"}, {"dict": [["k", 1]]}]


def mutated(chance: random.Random, corpus: list[bytes]) -> bytes:
    """A message with its length, changed a little: its tree, its bytes or both."""
    body = bytearray(chance.choice(corpus))
    if chance.random() < 0.6:
        start = 1 if body[:1] in (b"v", b"e") else 0
        body[start:] = json.dumps(_another_tree(chance, json.loads(body[start:]))).encode()
        if chance.random() < 0.7:
            return struct.pack("<I", len(body)) + body
    head: bytes | None = None
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        head = _change(chance, body, corpus) or head
    return (head or struct.pack("<I", len(body))) + body


def _another_tree(chance: random.Random, tree: object) -> object:
    """One node or more replaced, dropped or doubled."""
    if isinstance(tree, list) and tree and chance.random() < 0.8:
        at = chance.randrange(len(tree))
        if chance.random() < 0.85:
            return [*tree[:at], _another_tree(chance, tree[at]), *tree[at + 1 :]]
        return tree[:at] + tree[at:] * chance.choice((2, 1)) + tree[at + 1 :]
    if isinstance(tree, dict) and tree and chance.random() < 0.9:
        return {key: _another_tree(chance, value) for key, value in tree.items()}
    return chance.choice(_NODES)


def _change(chance: random.Random, body: bytearray, corpus: list[bytes]) -> bytes | None:
    """Change some bytes in place; or give a length that is not that of the body."""
    at = chance.randrange(len(body) + 1)
    to = min(len(body), at + chance.choice((1, 1, 2, 8, 40)))
    how = chance.randrange(9)
    if how == 0 and at < len(body):
        body[at] ^= 1 << chance.randrange(8)
    elif how == 1:
        del body[at:to]
    elif how == 2:
        body[at:at] = chance.choice(_PIECES)
    elif how == 3:
        body[at:to] = chance.choice(_PIECES)
    elif how == 4:
        other = chance.choice(corpus)
        body[at:] = other[chance.randrange(len(other)) :]
    elif how == 5:
        body[at:at] = body[at:to]
    elif how == 6 and chance.random() < 0.3:
        del body[at:]
    elif how == 7 and (digits := [i for i, c in enumerate(body) if 48 <= c < 58]):
        body[chance.choice(digits)] = chance.choice(b"0123456789")
    elif how == 8 and chance.random() < 0.3:
        return struct.pack("<I", chance.choice((0, 1, len(body) + 1, 1 << 20, 2**32 - 1)))
    return None


def says_it_is_right(sent: bytes) -> bool:
    """Whether the first message is an answer with the right value, read without the candidate."""
    [length] = struct.unpack("<I", sent[:4])
    body = sent[4 : 4 + length]
    if len(body) < length or body[:1] != b"v":
        return False
    try:
        value, after, named = values.decode(body[1:].decode("ascii"))
        returned = isinstance(after, list) and len(after) == len(ARGUMENTS)
        return bool(value == RIGHT) and returned and isinstance(named, dict) and set(named) == {"k"}
    except (ValueError, TypeError):
        return False


@pytest.mark.parametrize("count", COUNTS)
def test_mutated_answers_pass_no_check(count: int) -> None:
    chance = random.Random(f"answers {count}")
    passed = gone = other = 0
    for _ in range(count):
        sent = mutated(chance, ANSWERS)
        mine, its = socket.socketpair()
        with mine, its:
            its.sendall(sent)
            its.shutdown(socket.SHUT_WR)
            line = ProgramPipe(mine.fileno())
            candidate = Candidate(line, "f")
            xs, d = [3, 1, 2], {"a": (1, 2.5)}
            try:
                right = candidate(xs, d, k=1) == RIGHT
            except ProgramGone:
                gone += 1
                assert line.gone
                assert not says_it_is_right(sent)
                with pytest.raises(ProgramGone):
                    candidate(xs, d, k=1)
            except BaseException as error:  # noqa: BLE001  # which ones is what is asked here
                other += 1
                kind = type(error)
                own = (exceptions.ProgramError, exceptions.ProgramStopped)
                assert kind in own or kind is getattr(builtins, kind.__name__)
                assert kind not in (StopIteration, StopAsyncIteration, AssertionError)
                assert isinstance(str(error), str)  # noqa: PT017 - that it can be asked
                assert sent[4:5] == b"e"
                assert not line.gone
            else:
                assert type(xs) is list
                assert type(d) is dict
                assert sent[4:5] == b"v"
                assert right == says_it_is_right(sent), sent
                passed += right
    # All three kinds, or this tries nothing.
    assert min(passed, gone, other) > count / 100, (passed, gone, other)


@pytest.mark.parametrize("count", COUNTS)
def test_mutated_calls_are_answered_in_the_format(count: int) -> None:
    chance = random.Random(f"calls {count}")
    code = compile(PROGRAM, "program.py", "exec")
    kinds = dict.fromkeys("ve", 0)
    for _ in range(count):
        sent = mutated(chance, CALLS)
        sent += struct.pack("<I", len(CALLS[0])) + CALLS[0] if chance.random() < 0.3 else b""
        mine, its = socket.socketpair()
        with mine, its:
            mine.sendall(sent)
            mine.shutdown(socket.SHUT_WR)
            ended = ""
            try:
                calls.answer_script(code, None, "f", its.fileno())
            except ValueError as error:
                ended = str(error)
            assert ended in ("", "a message that is too long")
            its.shutdown(socket.SHUT_WR)
            for answer in answers(mine.fileno()):
                kinds[answer[:1].decode()] += 1
    sys.modules.pop(calls.MODULE_NAME, None)
    assert min(kinds.values()) > count / 100, kinds


def answers(channel: int) -> Iterator[bytes]:
    """All that were given, each of them well-formed."""
    while (answer := messages.receive(channel)) is not None:
        if answer[:1] == b"v":
            held = values.decode(answer[1:].decode("ascii"))
            texts = held.values() if isinstance(held, dict) else ()
            assert isinstance(held, dict) or len(held) == 3
            assert all(values.encode(values.decode(text)) == text for text in texts)
        else:
            assert isinstance(exceptions.rebuild(answer[1:]), Exception)
            assert len(json.loads(answer[1:])) == 4
        yield answer


@pytest.mark.parametrize("count", COUNTS)
def test_mutated_data_is_a_table_of_the_requested_names_or_no_answer(count: int) -> None:
    chance = random.Random(f"data {count}")
    found = gone = 0
    for _ in range(count):
        mine, its = socket.socketpair()
        with mine, its:
            its.sendall(mutated(chance, DATA))
            its.shutdown(socket.SHUT_WR)
            line = ProgramPipe(mine.fileno())
            try:
                data = line.ask_data({"LIMIT", "TABLE"})
            except ProgramGone:
                gone += 1
                assert line.gone
            else:
                found += bool(data)
                assert data.keys() <= {"LIMIT", "TABLE"}
                assert not any(isinstance(value, values.Opaque) for value in data.values())
            assert not line.asked
    assert min(found, gone) > count / 100, (found, gone)
