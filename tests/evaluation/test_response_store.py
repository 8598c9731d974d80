"""Responses on disk: none lost, none doubled, whatever kills the process."""

from __future__ import annotations

import fcntl
import multiprocessing
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import RunError
from sparring.evaluation.request_locks import RequestLocks
from sparring.evaluation.response_store import ResponseStore, StoredResponse, locked
from sparring.schema import StopReason


def entry(key: str, text: str = "x") -> StoredResponse:
    return StoredResponse("t", "coder", 0, "m", key, text, StopReason.LENGTH, 3, None)


def test_stored_responses_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    first = ResponseStore(path)
    entries = [entry("a", "é\n\x00☃"), entry("b", "\ud800"), replace(entry("c"), copied=True)]
    for e in entries:
        first.put(e)
    for response_store in (first, ResponseStore(path)):
        assert [response_store.get(k) for k in "abc"] == entries
        assert response_store.get("d") is None
        assert len(response_store) == 3


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_torn_last_line_is_left_out_and_written_over(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "r.jsonl"
    response_store = ResponseStore(path)
    response_store.put(entry("a"))
    response_store.put(entry("b"))
    path.write_bytes(path.read_bytes()[:-cut])
    again = ResponseStore(path)
    assert "a" in again
    assert "b" not in again
    again.put(entry("c"))
    again.put(entry("b", "new"))
    last = ResponseStore(path)
    assert [e.text for k in "abc" if (e := last.get(k))] == ["x", "new", "x"]
    assert path.read_bytes().count(b"\n") == 3


def test_a_file_that_holds_nothing_but_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"task"')
    response_store = ResponseStore(path)
    response_store.put(entry("a"))
    assert ResponseStore(path).get("a") == entry("a")


def test_the_first_of_two_responses_with_one_key_counts(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    one, two = ResponseStore(path), ResponseStore(path)
    one.put(entry("a", "first"))
    one.put(entry("a", "again"))
    two.put(entry("a", "of another process"))
    assert [x.text for x in [ResponseStore(path).get("a")] if x] == ["first"]


@pytest.mark.parametrize("line", [b"nonsense", b'{"key": "a"}', b"[]", b'{"key": 1, "x": 2}'])
def test_a_damaged_line_is_an_error_with_its_place(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "r.jsonl"
    ResponseStore(path).put(entry("a"))
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(RunError, match=f"r.jsonl, at byte {size}"):
        ResponseStore(path)


def _write(path: Path, name: str) -> None:
    response_store = ResponseStore(path)
    for i in range(50):
        response_store.put(entry(f"{name}{i}", name * 50))


def test_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(path, name)) for name in "ab"]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    found = ResponseStore(path)
    assert len(found) == 100
    for name in "ab":
        for i in range(50):
            held = found.get(f"{name}{i}")
            assert held is not None
            assert held.text == name * 50


def test_a_response_waits_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    response_store = ResponseStore(path)
    with path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writer = threading.Thread(target=response_store.put, args=(entry("a"),))
        writer.start()
        writer.join(0.2)
        assert path.read_bytes() == b""
    writer.join()
    assert ResponseStore(path).get("a") == entry("a")


def test_a_directory_is_held_by_one_evaluation(tmp_path: Path) -> None:
    held = locked(tmp_path / "new")
    with pytest.raises(RunError, match="another command is at work"):
        locked(tmp_path / "new")
    held.close()
    locked(tmp_path / "new").close()


def test_a_response_stored_by_another_is_indexed_and_not_stored_twice(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    one, other = ResponseStore(path), ResponseStore(path)
    one.put(entry("a"))
    assert "a" not in other
    other.refresh()
    assert other.get("a") == entry("a")
    one.put(entry("b"))
    other.put(entry("b", "later"))
    other.put(entry("c"))
    one.refresh()
    for response_store in (one, other, ResponseStore(path)):
        assert [response_store.get(k) for k in "abc"] == [entry(k) for k in "abc"]
    assert path.read_bytes().count(b"\n") == 3


def test_a_line_that_is_being_written_is_learnt_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    ResponseStore(path).put(entry("a"))
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    reader = ResponseStore(path)
    assert len(reader) == 0
    path.write_bytes(whole)
    reader.refresh()
    assert reader.get("a") == entry("a")


def _claim_and_wait(path: Path, name: str, held: Any, end: Any) -> None:
    with RequestLocks(path) as claims:
        assert claims.take(name)
        held.set()
        end.wait(20)


def test_a_claim_keeps_others_out_until_its_process_ends(tmp_path: Path) -> None:
    path, name, other = tmp_path / "claims", "ab" * 16, "cd" * 16
    context = multiprocessing.get_context("fork")
    held, end = context.Event(), context.Event()
    child = context.Process(target=_claim_and_wait, args=(path, name, held, end))
    child.start()
    assert held.wait(20)
    with RequestLocks(path) as claims:
        assert not claims.take(name)
        assert claims.take(other)
        assert claims.take(other)
        child.kill()
        child.join()
        assert claims.take(name)
        claims.free(name)


def test_a_lock_that_is_freed_can_be_taken(tmp_path: Path) -> None:
    path, name = tmp_path / "claims", "ab" * 16
    context = multiprocessing.get_context("fork")
    with RequestLocks(path) as claims:
        assert claims.take(name)
        claims.free(name)
        held, end = context.Event(), context.Event()
        end.set()
        child = context.Process(target=_claim_and_wait, args=(path, name, held, end))
        child.start()
        child.join()
        assert held.is_set()
