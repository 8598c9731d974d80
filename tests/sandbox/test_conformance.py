"""A program prints what `python program.py < input` prints, and its failures say why.

`test_check` has the idioms.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Verdict

ROOMY = Limits(cpu_seconds=5.0)


def _python(tmp_path: Path, program: str, data: str) -> subprocess.CompletedProcess[bytes]:
    path = tmp_path / "program.py"
    path.write_bytes(program.encode())
    given_input = tmp_path / "input"
    given_input.write_bytes(data.encode())
    with given_input.open("rb") as stdin:
        return subprocess.run(
            [sys.executable, "-X", "utf8", path.name],
            stdin=stdin,
            capture_output=True,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"},
            timeout=60,
            check=False,
        )


@pytest.mark.parametrize(
    ("program", "detail"),
    [
        ("print(1)\nraise ValueError('no good')", "ValueError: no good"),
        ("def f(): f()\nf()", "RecursionError"),
        ("import sys\nsys.exit(3)", "exit status 3"),
        ("import sys\nsys.exit('message')", "exit: message"),
        ("import os\nos._exit(9)", "exit status 9"),
        ("import os\nos.abort()", "SIGABRT"),
        ("print(", "SyntaxError"),
        ("x = 1\0", "null bytes"),
        ("print(input())", "EOFError"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("'\ud800'", ""),
        ("class E(Exception):\n    def __str__(self): raise self\nraise E", "E"),
    ],
)
def test_a_failing_program_is_a_runtime_error_that_says_why(
    run_one, program: str, detail: str
) -> None:
    outcome = run_one(program)
    assert outcome.verdict is Verdict.RUNTIME_ERROR
    assert detail in outcome.detail


def test_output_before_a_failure_is_kept(run_one) -> None:
    assert run_one("print('so far')\n1/0").output == "so far\n"


def test_bytes_that_are_not_text_come_through_unchanged(run_one) -> None:
    echo = "import os\nos.write(1, os.read(0, 100))"
    text = b"\xff\x00\xfe end".decode("utf-8", "surrogateescape")
    assert run_one(echo, text).output == text


def test_random_and_hashes_repeat_from_run_to_run(sandbox: Sandbox) -> None:
    program = "import random\nprint(random.random(), hash('a'), input())"
    [first] = sandbox.run([Job(program, ("1", "2"))])
    [again] = sandbox.run([Job(program, ("2", "1"))])
    assert [o.output for o in first] == [o.output for o in reversed(again)]
    assert first[0].output.split()[0] != first[1].output.split()[0]


_NUMBER = st.integers(-50, 50).map(str)
_EXPRESSION = st.recursive(
    st.one_of(_NUMBER, st.sampled_from(["x", "len(xs)", "sum(xs)", "xs[0]", "max(xs)"])),
    lambda inner: st.tuples(inner, st.sampled_from("+-*%|&"), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=6,
)


@st.composite
def _programs(draw: st.DrawFn) -> str:
    lines = ["xs = list(map(int, input().split()))", "for x in xs:"]
    lines += [f"    print({draw(_EXPRESSION)})" for _ in range(draw(st.integers(1, 3)))]
    ending = draw(st.sampled_from(["", "print(input())", "raise SystemExit", "print(xs[3])"]))
    return "\n".join([*lines, ending])


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    program=_programs(),
    inputs=st.lists(
        st.lists(st.integers(-99, 99), min_size=1, max_size=5).map(
            lambda xs: " ".join(map(str, xs)) + "\n"
        ),
        min_size=1,
        max_size=3,
        unique=True,
    ),
)
def test_random_programs_print_what_a_plain_interpreter_prints(
    sandbox: Sandbox, tmp_path: Path, program: str, inputs: list[str]
) -> None:
    [outcomes] = sandbox.run([Job(program, tuple(inputs), ROOMY)])
    for data, outcome in zip(inputs, outcomes, strict=True):
        expected = _python(tmp_path, program, data)
        ended_well = outcome.verdict is Verdict.FINISHED
        assert ended_well == (expected.returncode == 0)
        assert outcome.output == expected.stdout.decode()
