"""The file of outcomes, shared and failing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sparring.errors import SandboxError
from sparring.sandbox import Job, Limits, Sandbox

FAIL = (
    "CREATE TRIGGER full BEFORE INSERT ON outcomes BEGIN "
    "SELECT RAISE(FAIL, 'database or disk is full'); END"
)


def test_others_can_write_to_the_file_while_programs_run(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.db"
    jobs = [Job("print(1)", ("",)), Job("import time\ntime.sleep(1)", ("",), Limits())]
    with Sandbox(1, store=path) as sandbox:
        running = sandbox.stream(jobs)
        next(running)
        other = sqlite3.connect(path, timeout=0.0)
        other.execute("INSERT INTO outcomes VALUES (x'00', 'finished', x'', 0, 0, '')")
        other.commit()
        assert len(list(running)) == 1
    assert other.execute("SELECT count(*) FROM outcomes").fetchone() == (3,)
    other.close()


def test_a_file_that_was_tampered_with_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.db"
    job = Job("print(1)", ("",))
    for column in ("verdict", "cpu_seconds"):
        path.unlink(missing_ok=True)
        with Sandbox(1, store=path) as sandbox:
            sandbox.run([job])
        other = sqlite3.connect(path)
        other.execute(f"UPDATE outcomes SET {column} = 'nonsense'")
        other.commit()
        other.close()
        damaged = r"a malformed row .*: delete the file"
        with Sandbox(1, store=path) as sandbox, pytest.raises(SandboxError, match=damaged):
            sandbox.run([job])


def test_a_file_that_cannot_be_written_ends_the_run_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outcomes.db"
    monkeypatch.setattr("sparring.sandbox.caller.store._COMMIT_SECONDS", 0.0)
    with Sandbox(1, store=path) as sandbox:
        other = sqlite3.connect(path)
        other.execute(FAIL)
        other.commit()
        other.close()
        with pytest.raises(SandboxError, match="disk is full"):
            sandbox.run([Job(f"print({i})", ("",)) for i in range(5)])
