"""`sparring solve` end to end: a server that answers by a plan, real processes, a real sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparring.selection.calibration import Calibration, Signal
from tests.fake_openai import PROGRAM, TEST, FakeOpenAI, whole
from tests.training.runs import sparring, sparring_here

PROBLEM = """\
Add one to the number that is read.

Sample Input
1
Sample Output
2
"""
CALIBRATION = Calibration(-2.5, dict.fromkeys(Signal, 1.0))
SOURCE = "print(int(input()) + 1)\n"


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "p.txt").write_text(PROBLEM)
    (tmp_path / "cal.json").write_text(json.dumps(CALIBRATION.record()))
    return tmp_path


def command(files: Path, server: FakeOpenAI, *more: str) -> list[str]:
    calibration = str(files / "cal.json")
    return [
        "solve",
        str(files / "p.txt"),
        "--coder",
        server.url,
        "--calibration",
        calibration,
        *more,
    ]


def test_standard_output_is_the_program_alone(files: Path, server: FakeOpenAI) -> None:
    done = sparring(*command(files, server))
    assert (done.returncode, done.stdout) == (0, SOURCE)
    assert "asks for a whole program on standard input" in done.stderr
    assert "1 example read in the text (line 3)" in done.stderr
    assert "passes 1 of 1 public example" in done.stderr
    assert "likely to be right" in done.stderr
    assert "cost: " in done.stderr


def test_json_is_one_object(files: Path, server: FakeOpenAI) -> None:
    done = sparring_here(*command(files, server, "--json"))
    record = json.loads(done.stdout)
    assert (record["status"], record["exit"], record["source"]) == ("solved", 0, SOURCE)
    assert record["notes"][0] == "asks for a whole program on standard input"
    assert record["decision"]["chosen_on"]["examples"]["passed"] == [0]
    assert done.stderr


def test_below_the_threshold_the_exit_status_says_so(files: Path, server: FakeOpenAI) -> None:
    done = sparring_here(*command(files, server, "--sure", "1"))
    assert (done.returncode, done.stdout) == (3, SOURCE)
    assert "not vouched for" in done.stderr
    as_json = sparring_here(*command(files, server, "--sure", "1", "--json"))
    assert as_json.returncode == 3
    assert json.loads(as_json.stdout)["status"] == "unsure"


def test_without_a_readable_program_nothing_is_printed(files: Path, server: FakeOpenAI) -> None:
    server.writes = lambda body: whole("I cannot do this.")
    done = sparring_here(*command(files, server, "-n", "4", "-m", "2"))
    assert (done.returncode, done.stdout) == (4, "")
    assert "no program could be read" in done.stderr
    assert (
        json.loads(sparring_here(*command(files, server, "-n", "4", "--json")).stdout)["status"]
        == "no_program"
    )


def every_other(body: dict[str, Any]) -> dict[str, Any]:
    """A program of its own for each seed, so that no choice is ever settled."""
    if "Write one test" in body["messages"][0]["content"]:
        return whole(TEST.replace("5", str(body["seed"] % 1000)))
    return whole(PROGRAM.replace("+ 1", f"+ {body['seed'] % 1000}"))


def test_ctrl_c_prints_the_best_so_far(files: Path, server: FakeOpenAI) -> None:
    server.writes, server.delay = every_other, 0.05
    out = files / "out"
    child = subprocess.Popen(
        [sys.executable, "-m", "sparring.cli",
         *command(files, server, "-n", "10000", "-m", "10000", "--out", str(out),
                  "--concurrency", "1")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while sum(server.served.values()) < 20 and time.monotonic() < deadline:
        assert child.poll() is None, child.stderr.read() if child.stderr else ""
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 130, stderr
    assert stdout.startswith("print(int(input()) + ")
    assert stdout.count("\n") == 1
    assert "stopped by Ctrl-C: this is the best so far" in stderr
    again = sparring_here("solve", "--replay", str(out))
    assert (again.returncode, again.stdout) == (130, stdout)


def test_a_replay_decides_the_same_without_a_model(files: Path, server: FakeOpenAI) -> None:
    out = str(files / "out")
    first = sparring_here(*command(files, server, "--out", out))
    asked = len(server.bodies)
    assert f"sparring solve --replay {out}" in first.stderr
    again = sparring_here("solve", "--replay", out, "--json")
    record = json.loads(again.stdout)
    assert (again.returncode, record["source"]) == (0, first.stdout)
    assert "replay: the decision is the recorded one" in again.stderr
    stricter = sparring_here("solve", "--replay", out, "--sure", "1")
    assert (stricter.returncode, stricter.stdout) == (3, SOURCE)
    assert "replay: the program is the recorded one, the decision is not" in stricter.stderr
    [cost] = [line for line in first.stderr.splitlines() if line.startswith("cost: ")]
    assert cost in again.stderr.splitlines()
    assert len(server.bodies) == asked


def test_a_budget_is_kept(files: Path, server: FakeOpenAI) -> None:
    server.writes = every_other
    done = sparring_here(*command(files, server, "--requests", "5", "--sure", "0"))
    assert len(server.bodies) <= 5
    assert done.returncode == 0
    assert "the budget of requests is spent" in done.stderr


@pytest.mark.parametrize("options", [("mpsc", "--select", "bon"), ("s_star", "--repair", "2")])
def test_an_option_without_effect_on_a_pipeline_is_refused(
    files: Path, server: FakeOpenAI, options: tuple[str, ...]
) -> None:
    done = sparring_here(*command(files, server, "--pipeline", *options))
    assert done.returncode == 2
    assert "has no effect on" in done.stderr
    assert not server.bodies


def test_a_replay_of_no_directory_is_one_line(tmp_path: Path) -> None:
    done = sparring_here("solve", "--replay", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "there is no such directory" in done.stderr


def test_a_pipeline_solves_too_by_the_rule_that_is_named(files: Path, server: FakeOpenAI) -> None:
    out = str(files / "out")
    pipeline = ["--pipeline", "best_of_n", "--select", "majority", "-n", "4", "-m", "4"]
    done = sparring_here(*command(files, server, *pipeline, "--out", out))
    assert done.stdout == SOURCE
    assert "by majority of answers" in done.stderr
    again = sparring_here("solve", "--replay", out)
    assert (again.returncode, again.stdout) == (done.returncode, SOURCE)
    assert "replay: the decision is the recorded one" in again.stderr
    other = sparring_here("solve", "--replay", out, "--select", "agreement_bon")
    assert (other.returncode, other.stdout) == (2, "")


def test_binding_tests_and_examples_reach_the_choice(files: Path, server: FakeOpenAI) -> None:
    (files / "t.jsonl").write_text('{"input": "7", "output": "8"}\n')
    done = sparring_here(
        *command(files, server, "--tests", str(files / "t.jsonl"), "--example", "4", "5",
                 "--example", "5", "6")
    )  # fmt: skip
    assert done.stdout == SOURCE
    assert "2 given by --example" in done.stderr
    assert "passes 3 of 3 public examples" in done.stderr
    assert "passes 1 of 1 binding test" in done.stderr


@pytest.mark.parametrize(
    ("more", "code", "problem"),
    [
        (["--select", "oracle"], 2, "--select oracle: needs the ground truth"),
        (["--select", "agreement_bon"], 2, "choose one of bon, "),
        (["--select", "bon", "--pipeline", "s_star"], 2, "has a rule of its own"),
        (["--repair", "1", "--pipeline", "mpsc"], 2, "--repair: has no effect"),
        (["--tests", "none.py"], 2, "--tests none.py: No such file"),
        (["--task", "x"], 2, "is not a task file"),
        (["--example", "1"], 2, "--example: needs two values"),
        (["--tester-model", "m"], 2, "belong to --tester"),
        (["--whole-program", "--entry-point", "f"], 2, "leave one of them out"),
        (["--calibration", "none.json"], 2, "none.json: cannot be read"),
        (["--extra", "model=x"], 2, "Sparring sets this field itself"),
        (["--end-token", "</s>"], 2, "is for a local model"),
        (["--packages", "nonesuch"], 1, "nonesuch"),
        (["--temperature", "-1"], 2, "temperature"),
    ],
)
def test_a_bad_option_is_one_line(
    more: list[str], code: int, problem: str, files: Path, server: FakeOpenAI
) -> None:
    done = sparring_here(*command(files, server, *more))
    [*_, last] = done.stderr.strip().splitlines()
    assert last.startswith("sparring: ")
    assert problem in last
    assert (done.returncode, done.stdout) == (code, "")
    assert server.bodies == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["solve"], "no problem is named"),
        (["solve", "p.txt"], "--coder: no model is named"),
        (["solve", "none.txt", "--coder", "http://127.0.0.1:9/v1"], "none.txt: there is no such"),
        (["solve", ".", "--coder", "nano"], ".: is a directory; name the file"),
        (["solve", "p.java", "--coder", "nano"], "p.java: is a file of Java"),
        (["solve", "--replay", "none"], "none"),
        (["solve", "p.txt", "--replay", "none"], "PROBLEM: has no effect on the session"),
        (["solve", "--replay", "none", "-n", "3"], "-n: has no effect on the session"),
        (["solve", "--replay", "."], "config.json is missing"),
    ],
)
def test_a_bad_command_is_one_line(words: list[str], problem: str, files: Path) -> None:
    (files / "p.java").write_text("class A {}\n")
    done = sparring_here(*words, cwd=files)
    [*_, last] = done.stderr.strip().splitlines()
    assert last.startswith("sparring: ")
    assert problem in last
    assert done.returncode in (1, 2)
    assert done.stdout == ""


def test_a_dead_server_is_an_error_of_one_line(files: Path, server: FakeOpenAI) -> None:
    server.close()
    done = sparring_here(*command(files, server, "--attempts", "1"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip().splitlines()[-1].startswith("sparring: ")


def test_standard_input_is_a_problem(server: FakeOpenAI, files: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sparring.cli", "solve", "-", "--coder", server.url,
         "--calibration", str(files / "cal.json")],
        input=PROBLEM, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, SOURCE)
