"""A run is read as far as it goes, and files are whole or as they were."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sparring.errors import RunError
from sparring.files import digest, replacing, write_whole
from sparring.runs.evaluation import eval_record
from sparring.runs.reader import RECIPE, RunReader, open_run

NAME = "rollouts/step-00001.jsonl.gz"


def packed(path: Path, data: bytes) -> RunReader:
    (path / "rollouts").mkdir()
    (path / NAME).write_bytes(data)
    return RunReader(path)


def test_lines_before_the_damage_are_read(tmp_path: Path) -> None:
    whole = gzip.compress(b'{"a": 1}\n{"a": 2}\n', mtime=0)
    run = packed(tmp_path, whole + gzip.compress(b'{"a": 3}\n' * 99, mtime=0)[:-30])
    records, seen = run.groups(1), []
    with pytest.raises(RunError, match=r"step-00001\.jsonl\.gz: is damaged"):
        seen.extend(record["a"] for record in records)
    assert seen[:2] == [1, 2]
    with pytest.raises(RunError, match=r"is damaged .*; remove it, then --resume"):
        run.read_packed(NAME)
    (tmp_path / RECIPE).write_text("{}")  # a run, which can go on
    with pytest.raises(RunError, match=r"is damaged .*; remove it, then --resume"):
        list(run.groups(1))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"is damaged \(empty file\)"),
        (b"no gzip", "is damaged"),
        (gzip.compress(b"[]\n", mtime=0), r"is damaged \(line 1\)"),
    ],
)
def test_a_line_without_a_record_is_damage(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(RunError, match=said):
        list(packed(tmp_path, data).groups(1))


def test_a_missing_timeline_is_an_error(tmp_path: Path) -> None:
    run = RunReader(tmp_path)
    assert run.rollout_steps() == []
    assert run.jsonl("metrics.jsonl") == []
    with pytest.raises(RunError, match=r"step-00001\.jsonl\.gz is missing$"):
        run.read_packed(NAME)
    with pytest.raises(RunError, match="holds no run"):
        open_run(tmp_path)
    with pytest.raises(RunError, match="holds no evaluation"):
        eval_record(tmp_path)


def fail_half_way(file: Path) -> None:
    with replacing(file) as beside:
        beside.write_bytes(b"half of the n")
        raise ZeroDivisionError


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_whole(file, b"old")
    with pytest.raises(ZeroDivisionError):
        fail_half_way(file)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert len(digest({})) == 32
