"""Private tests of LiveCodeBench: a text is unpacked, and nothing else ever is."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.tasks.formats.livecodebench_tests import unseal

CASES = json.dumps([{"input": "1\n", "output": "2\n", "testtype": "stdin"}])


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_text_in_a_pickle_of_any_protocol(protocol: int) -> None:
    for text in (CASES, "é ☃", "x" * 70_000):
        assert unseal(packed(pickle.dumps(text, protocol))) == text


def test_plain_json_stays_as_it_is() -> None:
    assert unseal(CASES) == CASES


class Hostile:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    hostile = pickle.dumps([CASES, Hostile(tmp_path / "made")])
    for data in (hostile, pickle.dumps(Hostile(tmp_path / "made"), 0)):
        with pytest.raises(ValueError, match="not a pickle of one text: it has"):
            unseal(packed(data))
    assert not (tmp_path / "made").exists()


FAULTS = {
    "neither JSON nor base64": "nothing of the kind",
    "not zlib": base64.b64encode(b"hello").decode(),
    "cut off": packed(pickle.dumps(CASES) * 50)[:40],
    "one text: it has EMPTY_LIST": packed(pickle.dumps([CASES])),
    "one text: pickle exhausted": packed(b""),
    "one text: it has 2": packed(pickle.dumps(CASES)[:-1] + pickle.dumps("b")),
}


@pytest.mark.parametrize("said", FAULTS)
def test_what_is_wrong_is_said(said: str) -> None:
    with pytest.raises(ValueError, match=said):
        unseal(FAULTS[said])


def test_a_small_text_that_unpacks_to_a_large_one_is_stopped() -> None:
    bomb = packed(pickle.dumps("0" * 20_000_000))
    assert len(bomb) < 40_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="unpacks to more than 1,000,000 bytes"):
            unseal(bomb, most=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_a_pickle_that_promises_more_than_it_has_is_refused() -> None:
    # A text of 2^62 bytes; one kept at place 2^31, for which an unpickler would make room.
    long = b"\x80\x04\x8d" + (1 << 62).to_bytes(8, "little") + b"a."
    with pytest.raises(ValueError, match="not a pickle of one text: expected"):
        unseal(packed(long))
    assert unseal(packed(b"\x80\x02X\x01\x00\x00\x00ar\xff\xff\xff\x7f.")) == "a"


@given(st.binary(max_size=60))
def test_any_bytes_are_a_text_or_one_named_fault(data: bytes) -> None:
    for text in (packed(data), base64.b64encode(data).decode(), data.decode("latin-1")):
        with contextlib.suppress(ValueError):
            assert isinstance(unseal(text, most=1 << 20), str)
