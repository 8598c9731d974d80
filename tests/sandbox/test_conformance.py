"""A program in the sandbox prints what `python program.py < input` prints."""

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
TEXT = "3 4\nsecond line\n\nlast é 漢"

PROGRAMS = {
    "input": "a, b = map(int, input().split())\nprint(a + b)",
    "input until the end": (
        "try:\n    while True: print(repr(input()))\nexcept EOFError: print('end')"
    ),
    "read": "import sys\nprint(repr(sys.stdin.read()))",
    "readline": "import sys\nprint(repr(sys.stdin.readline()), repr(input()))",
    "iteration": "import sys\nfor line in sys.stdin: print(len(line), line.strip())",
    "buffer": "import sys\nprint(sys.stdin.buffer.readline(), sys.stdin.buffer.read())",
    "mixed": "import sys\nprint(input())\nprint(repr(sys.stdin.read()))",
    "os.read": "import os\nprint(os.read(0, 4), os.read(0, 1000), os.read(0, 5))",
    "open 0": "print(open(0).read().split())",
    "open 0 once more": "lines = open(0).readlines()\nprint(lines)",
    "dev stdin": "print(open('/dev/stdin').read())",
    "size of stdin": "import os\nprint(os.fstat(0).st_size)",
    "seek": "import sys\ninput()\nsys.stdin.seek(0)\nprint(input())",
    "flush": "print('a', end='', flush=True)\nprint('b')",
    "stdout": "import sys\nsys.stdout.write('x\\n')\nsys.stdout.buffer.write(b'y\\n')",
    "os.write": "import os, sys\nprint('1', flush=True)\nos.write(1, b'2\\n')\nprint('3')",
    "own stdout": "import sys\nsys.stdout = open(1, 'w', closefd=False)\nprint('own')",
    "own stdin": (
        "import io, os, sys\nsys.stdin = io.StringIO(os.read(0, 99).decode())\nprint(input())"
    ),
    "rebound input": "import sys\ninput = sys.stdin.readline\nprint(int(input().split()[0]) * 2)",
    "unclosed file": "f = open(1, 'w')\nf.write('late')",
    "stderr": "import sys\nprint('nobody sees it', file=sys.stderr)\nprint('out')",
    "main": "def main():\n    print(__name__)\nif __name__ == '__main__':\n    main()",
    "exit": "print(1)\nexit()",
    "quit": "print(1)\nquit()",
    "sys.exit 0": "import sys\nprint(1)\nsys.exit(0)",
    "os._exit after flush": "import os\nprint(1, flush=True)\nos._exit(0)",
    "os._exit loses the buffer": "import os\nprint(1)\nos._exit(0)",
    "atexit": "import atexit\natexit.register(print, 'bye')\nprint('hi')",
    "global": "n = 0\ndef f():\n    global n\n    n += 1\nf()\nf()\nprint(n)",
    "thread": (
        "import threading\nt = threading.Thread(target=lambda: print('t'))\nt.start()\nt.join()"
    ),
    "thread not joined": (
        "import threading, time\ndef f():\n    time.sleep(0.02)\n    print(input())\n"
        "threading.Thread(target=f).start()"
    ),
    "big thread stack": (
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(512 << 20)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
        "t = threading.Thread(target=lambda: print(f(20000)))\nt.start()\nt.join()"
    ),
    "thread pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(3) as pool: print(list(pool.map(abs, [-1, -2])))"
    ),
    "asyncio": "import asyncio\nasync def f(): return 7\nprint(asyncio.run(f()))",
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10**6)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(100000))"
    ),
    "pickle of main": (
        "import pickle\nclass A:\n    def __init__(self, x): self.x = x\n"
        "print(pickle.loads(pickle.dumps(A(5))).x)"
    ),
    "dataclass": (
        "from dataclasses import dataclass\n@dataclass(order=True)\nclass P:\n    x: int\n"
        "print(sorted([P(2), P(1)]))"
    ),
    "annotations": "from __future__ import annotations\ndef f(x: Undefined): return x\nprint(f(1))",
    "heavy imports": (
        "import bisect, collections, decimal, fractions, functools, heapq, hashlib, itertools\n"
        "import csv, sqlite3, zlib, unicodedata, tempfile, difflib\nprint(hashlib.md5().name)"
    ),
    "big integers": "import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(7 ** 9000)))",
    "unicode": "print('漢字 ñ \\U0001f600', ascii('é'))",
    "coding cookie": "# -*- coding: latin-1 -*-\nprint('a')",
    "crlf source": "x = 1\r\nif x:\r\n    print(x)\r\n",
    "file of its own": "open('f', 'w').write('kept')\nprint(open('f').read())",
    "1 MB": "print('x' * (2**20 - 1))",
    "argv": "import sys\nprint(len(sys.argv))",
    "hash order": "print(len({'a', 'b'}))",
    "del at the end": "class A:\n    def __del__(self): print('gone')\na = A()",
}


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


def test_idioms_behave_as_under_the_interpreter(sandbox: Sandbox, tmp_path: Path) -> None:
    results = sandbox.run([Job(p, (TEXT, TEXT + "\n"), ROOMY) for p in PROGRAMS.values()])
    for (name, program), outcomes in zip(PROGRAMS.items(), results, strict=True):
        for data, outcome in zip((TEXT, TEXT + "\n"), outcomes, strict=True):
            expected = _python(tmp_path, program, data)
            assert expected.returncode == 0, (name, expected.stderr)
            assert outcome.verdict is Verdict.FINISHED, (name, outcome)
            assert outcome.output == expected.stdout.decode(), name


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
