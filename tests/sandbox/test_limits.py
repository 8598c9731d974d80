"""Each limit has its verdict, and no program gets past it or stalls the pool."""

from __future__ import annotations

from typing import Any

import pytest

from sparring.errors import SandboxError
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Verdict

SMALL = Limits(cpu_seconds=0.2, idle_seconds=0.25, memory_mib=48, output_bytes=4096, file_mib=1)

BEYOND = {
    "endless loop": ("while True: pass", Verdict.TIME_LIMIT),
    "endless loop in C": ("10 ** 10 ** 8", Verdict.TIME_LIMIT),
    "endless loop in threads": (
        "import threading\ndef f():\n    while True: pass\n"
        "for _ in range(3): threading.Thread(target=f).start()",
        Verdict.TIME_LIMIT,
    ),
    "endless exception handling": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        Verdict.TIME_LIMIT,
    ),
    "loop at the end": (
        "import atexit\ndef f():\n    while True: pass\natexit.register(f)",
        Verdict.TIME_LIMIT,
    ),
    "loop after closing every descriptor": (
        "import os\nos.closerange(0, 300)\nwhile True: pass",
        Verdict.TIME_LIMIT,
    ),
    "sleep": ("import time\ntime.sleep(60)", Verdict.IDLE_LIMIT),
    "sleep with signals ignored": (
        "import signal, time\nfor s in (1, 2, 3, 15): signal.signal(s, signal.SIG_IGN)\n"
        "time.sleep(60)",
        Verdict.IDLE_LIMIT,
    ),
    "deadlock": (
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
        Verdict.IDLE_LIMIT,
    ),
    "sleep after closing every descriptor": (
        "import os, time\nos.closerange(0, 300)\ntime.sleep(60)",
        Verdict.IDLE_LIMIT,
    ),
    "one large block": ("x = b'1' * (200 << 20)\nprint(len(x))", Verdict.MEMORY_LIMIT),
    "many blocks": ("x = []\nwhile True: x.append(b'1' * (1 << 20))", Verdict.MEMORY_LIMIT),
    "shared memory": (
        "import mmap\nm = mmap.mmap(-1, 200 << 20)\nfor i in range(0, 200 << 20, 4096): m[i] = 1",
        Verdict.MEMORY_LIMIT,
    ),
    "more than the address space": ("x = bytearray(1 << 40)", Verdict.MEMORY_LIMIT),
    "a line too long": ("print('x' * 5000)", Verdict.OUTPUT_LIMIT),
    "endless output": ("while True: print('x' * 1000)", Verdict.OUTPUT_LIMIT),
    "endless output by descriptor": (
        "import os\nwhile True: os.write(1, b'x' * 65536)",
        Verdict.OUTPUT_LIMIT,
    ),
}


@pytest.mark.parametrize("name", BEYOND)
def test_going_beyond_a_limit_has_its_own_verdict(run_one, name: str) -> None:
    program, verdict = BEYOND[name]
    assert run_one(program, limits=SMALL).verdict is verdict


def test_a_limit_stops_only_the_run_that_meets_it(sandbox: Sandbox) -> None:
    program = "n = int(input())\nwhile n == 2: pass\nprint(n)"
    [outcomes] = sandbox.run([Job(program, ("1\n", "2\n", "3\n", "4\n"), SMALL)])
    assert [o.output for o in outcomes] == ["1\n", "", "3\n", "4\n"]
    assert outcomes[1].verdict is Verdict.TIME_LIMIT


def test_memory_of_earlier_runs_is_not_held_against_a_later_one(sandbox: Sandbox) -> None:
    # Each run leaves garbage that the process cannot give back; none is beyond the limit alone.
    program = (
        "import collections\ncollections.kept = [collections.__dict__.get('kept'), 'x' * 999]\n"
    )
    program += "x = [bytearray(1000) for _ in range(30000)]\nprint(len(x))"
    [outcomes] = sandbox.run([Job(program, tuple("12345"), SMALL)])
    assert [o.verdict for o in outcomes] == [Verdict.FINISHED] * 5


def test_cpu_time_is_measured_for_each_run_by_itself(sandbox: Sandbox) -> None:
    program = "n = int(input())\nfor _ in range(n): sum(range(1000))"
    [outcomes] = sandbox.run([Job(program, ("9000", "1", "9000"), Limits(cpu_seconds=5.0))])
    busy, idle, busy_again = (o.cpu_seconds for o in outcomes)
    assert min(busy, busy_again) > 5 * idle


def test_memory_is_reported_for_each_run(sandbox: Sandbox) -> None:
    program = "n = int(input())\nx = b'1' * (n << 20)\ndel x"
    [outcomes] = sandbox.run([Job(program, ("30", "0", "50"))])
    thirty, none, fifty = (o.memory_mib for o in outcomes)
    assert none < 5
    assert 25 < thirty < 40 < fifty < 60


def test_a_short_peak_of_memory_is_seen(run_one) -> None:
    assert run_one("x = b'1' * (60 << 20)\ndel x", limits=SMALL).verdict is Verdict.MEMORY_LIMIT


def test_a_file_cannot_grow_past_its_limit(run_one) -> None:
    program = (
        "f = open('big', 'wb', buffering=0)\nwhile True: assert f.write(b'x' * 65536) == 65536"
    )
    assert run_one(program, limits=SMALL).verdict is Verdict.RUNTIME_ERROR


def test_many_files_cannot_fill_the_disk(run_one) -> None:
    program = "for i in range(10**6): open(str(i), 'wb').write(b'x' * 1000000)"
    roomy = Limits(cpu_seconds=5.0, file_mib=1)
    assert run_one(program, limits=roomy).verdict in (Verdict.RUNTIME_ERROR, Verdict.OUTPUT_LIMIT)


def test_a_thread_bomb_is_held(run_one) -> None:
    program = (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()"
    )
    outcome = run_one(program, limits=SMALL)
    assert outcome.verdict in (Verdict.RUNTIME_ERROR, Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_limits_that_make_no_sense_are_refused(value: float) -> None:
    with pytest.raises(SandboxError, match="cpu_seconds"):
        Limits(cpu_seconds=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cpu_seconds", "1"),
        ("cpu_seconds", None),
        ("cpu_seconds", 1e9),
        ("idle_seconds", True),
        ("memory_mib", 100.5),
        ("output_bytes", 0.5),
        ("file_mib", 1 << 50),
    ],
)
def test_limits_of_the_wrong_kind_or_size_are_refused(name: str, value: Any) -> None:
    with pytest.raises(SandboxError, match=name):
        Limits(**{name: value})
