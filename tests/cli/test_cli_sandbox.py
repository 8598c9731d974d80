"""`sparring sandbox run`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.training.runs import sparring_here


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "p.py").write_text(
        "def f(a, b=0): return a + b\nif __name__ == '__main__':\n    print(2 * int(input()))\n"
    )
    for name, text in (("1", "1\n"), ("2", "2\n"), ("two", "2"), ("four", "4"), ("five", "5")):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_one_run_prints_what_the_program_prints(place: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"21\n")))
    done = sparring_here("sandbox", "run", "p.py", cwd=place)
    assert (done.returncode, done.stdout) == (0, "42\n")
    assert done.stderr.startswith("finished (")


def test_outputs_are_compared(place: Path) -> None:
    given = ["--input", "1", "--input", "2"]
    done = sparring_here(
        "sandbox", "run", "p.py", *given, "--expected", "two", "--expected", "four", cwd=place
    )
    assert done.returncode == 0
    assert "2 of 2 as expected" in done.stderr
    done = sparring_here(
        "sandbox",
        "run",
        "p.py",
        *given,
        "--expected",
        "two",
        "--expected",
        "five",
        "--json",
        cwd=place,
    )
    assert done.returncode == 1
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["verdict"] for r in records] == ["accepted", "wrong_answer"]
    assert [r["output"] for r in records] == ["2\n", "4\n"]


def test_assertions_and_scripts(place: Path) -> None:
    (place / "a").write_text("assert f(1) == 1\nassert f(1, b=2) == 4\nassert f(f(1)) == 1\n")
    (place / "s").write_text("for i in range(5): assert candidate(i, i) == 2 * i\n")
    done = sparring_here(
        "sandbox", "run", "p.py", "--entry-point", "f", "--asserts", "a", "--script", "s", cwd=place
    )
    assert done.returncode == 1
    assert "accepted          f(1)\n" in done.stdout
    assert "wrong_answer      f(1, b=2)\n    3\n" in done.stdout
    assert "accepted          s\n" in done.stdout
    assert "left out (not a constant" in done.stderr


def test_nothing_of_a_program_reaches_the_terminal_raw(place: Path) -> None:
    (place / "evil.py").write_text("print('\\x1b[31mred\\x07 \\u202e', chr(0xdc80))")
    done = sparring_here("sandbox", "run", "evil.py", "--input", "1", cwd=place)
    assert "red" in done.stdout
    assert not set(done.stdout) & {"\x1b", "\x07", "\u202e", "\udc80"}


def test_nothing_of_an_assertion_reaches_the_terminal_raw(place: Path) -> None:
    (place / "a").write_text("assert f(1) == 1\nassert f(\x1b[31m \u202e\n")
    done = sparring_here(
        "sandbox", "run", "p.py", "--entry-point", "f", "--asserts", "a", cwd=place
    )
    assert "left out" in done.stderr
    assert not set(done.stderr) & {"\x1b", "\u202e"}


def test_standard_input_is_taken_as_bytes(place: Path, monkeypatch) -> None:
    (place / "b.py").write_text("import sys\nprint(sys.stdin.buffer.read())")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\r\n"), "ascii"))
    done = sparring_here("sandbox", "run", "b.py", cwd=place)
    assert done.stdout == "b'\\xff\\r\\n'\n"


def test_a_closed_standard_input_is_one_clear_line(place: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    done = sparring_here("sandbox", "run", "p.py", cwd=place)
    assert done.returncode != 0
    assert "standard input is closed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.py"], "No such file"),
        (["p.py", "--input", "none"], "No such file"),
        (
            ["p.py", "--input", "1", "--expected", "two", "--expected", "four"],
            "2 files for 1 files of",
        ),
        (["p.py", "--asserts", "1"], "--entry-point"),
        (["p.py", "--entry-point", "f"], "add --asserts or --script"),
        (["p.py", "--asserts", "1", "--entry-point", "f"], "no assertion"),
        (["p.py", "--script", "1", "--entry-point", "f()"], "entry_point"),
        (["p.py", "--input", "1", "--checker", "nope"], "there are tokens"),
        (["p.py", "--input", "1", "--checker", "program"], "task files"),
        (["p.py", "--input", "1", "--seconds", "0"], "cpu_seconds"),
        (["p.py", "--input", "1", "--memory", "-3"], "memory_mib"),
    ],
)
def test_a_mistake_is_one_clear_line(place: Path, arguments: list[str], said: str) -> None:
    done = sparring_here("sandbox", "run", *arguments, cwd=place)
    assert done.returncode != 0
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_output_limit_follows_the_expected_output(place: Path) -> None:
    (place / "long.py").write_text("print('x' * int(input()))")
    (place / "long").write_text("x" * 3_000_000)
    for number, given in ((1, "3000000\n"), (2, "2999999\n"), (3, "9000000\n")):
        (place / str(number)).write_text(given)
    given = [x for n in "123" for x in ("--input", n, "--expected", "long")]
    done = sparring_here("sandbox", "run", "long.py", *given, "--output", "10", cwd=place)
    assert done.returncode == 1
    said = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert said == ["accepted", "wrong_answer", "output_limit"]
    assert "output_limit: more than 6000000 bytes (" in done.stderr
    alone = sparring_here("sandbox", "run", "long.py", "--input", "1", "--output", "10", cwd=place)
    assert alone.returncode == 1
    assert "output_limit: more than 10 bytes (" in alone.stderr


def test_the_output_limit_of_a_call_follows_its_value(place: Path) -> None:
    (place / "calls.py").write_text("def f(n): return 'x' * n")
    (place / "a").write_text(f"assert f(40) == {'x' * 40!r}\nassert f(4000) == 'x'\n")
    done = sparring_here(
        "sandbox", "run", "calls.py", "--asserts", "a", "--entry-point", "f", "--output", "1",
        cwd=place,
    )  # fmt: skip
    assert done.returncode == 1
    assert "accepted          f(40)" in done.stdout
    assert "output_limit      f(4000)" in done.stdout


@pytest.mark.parametrize("output", ["0", str((1 << 30) + 1)])
def test_an_output_that_cannot_be_is_one_line(place: Path, output: str) -> None:
    done = sparring_here("sandbox", "run", "p.py", "--input", "1", "--output", output, cwd=place)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"sparring: Limits.output_bytes is {output}: give a positive number of at most "
        "1,073,741,824 (1 GiB)."
    ]
