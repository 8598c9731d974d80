"""``sparring sandbox check --grader``: the card on disk, and faults of the call in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.errors import ConfigError, DataError
from tests.graders.support import cases, copied


@pytest.fixture(autouse=True)
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [case for case in cases() if case.name in ("recursion", "SystemExit in the call")]
    monkeypatch.setattr("sparring.cli.grader.all_cases", lambda: iter(few))


def _check(*words: str) -> int:
    found = CliRunner().invoke(app, ["sandbox", "check", *words], catch_exceptions=True)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code


def test_a_card_is_written_in_both_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copied("bad_grader", tmp_path))
    card, data = tmp_path / "card.md", tmp_path / "card.json"
    assert _check("--grader", "bad_grader:grade", "--card", str(card), "--json", str(data)) == 1
    found = json.loads(data.read_text())
    assert found["faults"]["no verdict, an exception"] >= 2
    assert found["held_back"]
    assert "# Card of bad_grader:grade" in card.read_text()
    assert "cheats: SystemExit in the call (script)" in card.read_text()


def test_without_a_fault_the_exit_status_is_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "right.py").write_text(
        "def grade(program, tests):\n    return 'SystemExit' not in program\n"
        "def nothing(program, tests):\n    return None\n"
    )
    monkeypatch.chdir(tmp_path)
    few = [case for case in cases() if case.name == "SystemExit in the call"]
    monkeypatch.setattr("sparring.cli.grader.all_cases", lambda: iter(few))
    assert _check("--grader", "right:grade") == 0
    with pytest.raises(DataError, match="supports no form of tests"):
        _check("--grader", "right:nothing")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--grader", "nonsense"], "neither module:function nor a URL"),
        (["--grader", "no_such_module:grade"], "cannot be loaded: ModuleNotFoundError"),
        (["--grader", "a:b", "--grader-python", "no-such-python"], "no such program"),
        (["--grader", "a:b", "--thorough"], "--thorough: is for the sandbox"),
        (["--grader", "a:b", "--level", "landlock", "--all"], "--level, --all: are for the sandb"),
        (["--card", "card.md"], "are for a grader; add --grader"),
    ],
)
def test_a_mistake_is_one_clear_line(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=says):
        _check(*words)


def test_a_card_that_cannot_be_written_fails_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied("bad_grader", tmp_path))
    with pytest.raises(DataError, match=r"none/card\.md"):
        _check("--grader", "bad_grader:grade", "--card", str(tmp_path / "none" / "card.md"))
