"""`--out` and `--force`: sources first, nothing written over, replaced whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.common import checkpoint_at, file_at
from sparring.cli.main import app
from sparring.errors import ConfigError, SparringError
from tests.evaluation.eval_command import write_tasks


def run(*words: Any) -> Exception | None:
    found = CliRunner().invoke(app, [str(w) for w in words])
    if found.exception is None or isinstance(found.exception, SystemExit):
        return None
    assert isinstance(found.exception, SparringError), found.output
    return found.exception


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tasks(tmp_path / "source.jsonl", 2)


def load(source: Path, out: Path) -> list[Any]:
    return ["tasks", "load", source, "--out", out]


def tasks(source: Path, out: Path) -> list[Any]:
    return ["microworld", "tasks", "--split", "train", "--count", 3, "--out", out]


def audit(source: Path, out: Path) -> list[Any]:
    return ["audit", source, "--out", out, "--repeats", 1, "--mutants", 0]


@pytest.mark.parametrize(("words", "of"), [(load, ""), (tasks, ""), (audit, "audit.json")])
def test_an_existing_file_stays_without_force(
    words: Callable[[Path, Path], list[Any]], of: str, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run(*words(source, out)) is None
    made = out / of if of else out
    whole = made.read_bytes()
    made.write_text("mine")
    refused = run(*words(source, out))
    assert "--force to replace it" in str(refused)
    assert made.read_text() == "mine"
    assert run(*words(source, out), "--force") is None
    assert made.read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "source.jsonl"]
    assert run(*words(source, tmp_path / "fresh"), "--force") is None


@pytest.mark.parametrize("words", [load, audit])
def test_sources_are_looked_at_first(
    words: Callable[[Path, Path], list[Any]], source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "audit.json").write_text("mine")
    for name, why in (
        ("none.jsonl", "none.jsonl: there is no such file"),
        ("empty.jsonl", "empty.jsonl"),
    ):
        (tmp_path / "empty.jsonl").write_text("")
        assert why in str(run(*words(tmp_path / name, out))), words
        if words is audit:
            break  # an empty file shows when it is read
    assert (out / "audit.json").read_text() == "mine"


def test_a_model_is_looked_for_before_its_place(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    words = ["model", "convert", tmp_path / "none.gguf", "--out", out]
    assert "none.gguf: there is no such file" in str(run(*words))
    (tmp_path / "none.gguf").write_text("no GGUF")
    assert "--force to replace it" in str(run(*words))
    assert "holds no checkpoint; --force replaces nothing else" in str(run(*words, "--force"))
    assert (out / "notes.txt").read_text() == "mine"
    assert "--out" in str(run("microworld", "build", "--out", out))


def half_written(place: AbstractContextManager[Path], name: str = "") -> None:
    with place as path:
        if name:
            path.mkdir()
        (path / name if name else path).write_text("half")
        raise ZeroDivisionError


def test_a_failure_leaves_the_old_file(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    source.write_text(source.read_text() + json.dumps({"question": 3}) + "\n")
    assert "question" in str(run(*load(source, out), "--force"))
    assert out.read_text() == "mine"
    with pytest.raises(ZeroDivisionError):
        half_written(file_at(out, force=True))
    assert out.read_text() == "mine"
    held = tmp_path / "model"
    held.mkdir()
    (held / "config.json").write_text("old")
    with pytest.raises(ZeroDivisionError):
        half_written(checkpoint_at(held, force=True), "config.json")
    assert (held / "config.json").read_text() == "old"
    with checkpoint_at(held, force=True) as path:
        path.mkdir()
        (path / "config.json").write_text("new")
    assert (held / "config.json").read_text() == "new"
    with pytest.raises(ConfigError, match="already exists"), checkpoint_at(held, force=False):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "out.jsonl", "source.jsonl"]


def test_a_directory_that_is_not_there_is_named(source: Path, tmp_path: Path) -> None:
    assert "there is no directory" in str(run(*load(source, tmp_path / "a" / "b.jsonl")))
    assert "is a directory; name a file" in str(run(*load(source, tmp_path)))
