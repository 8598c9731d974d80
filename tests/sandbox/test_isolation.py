"""How what a program must not do ends. `test_check` has the whole suite of attacks."""

from __future__ import annotations

import os

import pytest

from sparring.sandbox import Job, Level, Limits, Sandbox
from sparring.schema import Verdict

VIOLATIONS = {
    "fork": "import os\nos.fork()",
    "subprocess": "import subprocess\nsubprocess.run(['true'])",
    "shell": "import os\nos.system('true')",
    "spawn": "import os\nos.posix_spawn('/bin/true', ['true'], {})",
    "exec": "import os, sys\nos.execv(sys.executable, ['python'])",
    "multiprocessing": "import os, multiprocessing as m\np = m.Process(target=print)\np.start()",
    "socket": "import socket\nsocket.socket()",
    "unix socket": "import socket\nsocket.socket(socket.AF_UNIX)",
    "datagram pair": "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "url": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:1/')",
    "kill parent": "import os\nos.kill(os.getppid(), 15)",
    "kill init": "import os\nos.kill(1, 15)",
    "kill everybody": "import os\nos.kill(-1, 15)",
    "kill group": "import os\nos.killpg(0, 15)",
    "kill itself for good": "import os\nos.kill(os.getpid(), 9)",
    "setuid": "import os\nos.setuid(0)",
    "chroot": "import os\nos.chroot('/')",
}
# By number, for a program has ctypes: x86-64 only.
RAW_VIOLATIONS = {
    "ptrace": 101,
    "process_vm_readv": 310,
    "unshare": 272,
    "mount": 165,
    "bpf": 321,
    "keyctl": 250,
    "io_uring_setup": 425,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "pidfd_getfd": 438,
    "vfork": 58,
    "x32 write": 0x40000001,
}
RAW_REFUSED = {"clone3": (435, 38), "memfd_create": (319, 1), "not a call": (9999, 38)}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_starting_or_reaching_another_process_is_a_violation(run_one, name: str) -> None:
    program = "import sys\nprint('before', flush=True)\n" + VIOLATIONS[name] + "\nprint('after')"
    outcome = run_one(program, limits=Limits())
    assert outcome.verdict is Verdict.SANDBOX_VIOLATION, outcome
    assert outcome.output == "before\n"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="call numbers of x86-64")
@pytest.mark.parametrize("name", RAW_VIOLATIONS)
def test_forbidden_calls_by_number_are_violations(run_one, name: str) -> None:
    program = f"import ctypes\nctypes.CDLL(None).syscall({RAW_VIOLATIONS[name]}, 0, 0, 0, 0, 0)"
    assert run_one(program, limits=Limits()).verdict is Verdict.SANDBOX_VIOLATION


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="call numbers of x86-64")
@pytest.mark.parametrize("name", RAW_REFUSED)
def test_unknown_calls_fail_with_an_error(run_one, name: str) -> None:
    number, error = RAW_REFUSED[name]
    program = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"print(libc.syscall({number}, 0, 0), ctypes.get_errno())"
    )
    assert run_one(program, limits=Limits()).output == f"-1 {error}\n"


def test_a_program_holds_no_descriptors_but_its_own(run_one) -> None:
    program = "import os\nfor fd in range(300):\n"
    program += "    try: os.fstat(fd); print(fd)\n    except OSError: pass"
    # Standard ones, and the socket on which the end of a run is announced.
    assert run_one(program).output.split() == ["0", "1", "2", "255"]


def test_other_processes_cannot_be_slowed_or_limited(run_one) -> None:
    for act in (
        "import resource; resource.prlimit(os.getppid() or 1, resource.RLIMIT_CPU, (1, 1))",
        "os.setpriority(os.PRIO_PROCESS, 0, 19)",
        "os.sched_setaffinity(0, {0})",
    ):
        outcome = run_one(f"import os\n{act}", limits=Limits())
        assert outcome.verdict is Verdict.RUNTIME_ERROR
        assert "PermissionError" in outcome.detail


def test_namespaces_leave_no_privileges_and_no_other_process(run_one, sandbox: Sandbox) -> None:
    if sandbox.level is not Level.NAMESPACES:
        pytest.skip("a property of the namespaces level")
    program = "import os\nprint(os.getresuid(), os.getppid(), os.uname().nodename != '')"
    assert run_one(program).output.startswith("(65534, 65534, 65534) 0 ")


def test_nothing_is_carried_from_program_to_program(sandbox: Sandbox) -> None:
    leave = "import math, random\nopen('seen', 'w').close()\nmath.pi = 3\nrandom.seen = {}"
    look = "import math, os, random\nprint(os.listdir('.'), math.pi > 3, hasattr(random, 'seen'))"
    jobs = [Job(leave + f"\n# {i}", ("",)) for i in range(4)]
    jobs += [Job(look + f"\n# {i}", ("",)) for i in range(4)]
    for [outcome] in sandbox.run(jobs)[4:]:
        assert outcome.output == "[] True False\n"


def test_a_forged_end_gains_nothing_but_the_output_so_far(sandbox: Sandbox) -> None:
    program = (
        "import os\nprint(input(), flush=True)\nfor _ in range(9): os.write(255, b'o.')\n"
        "while True: pass"
    )
    inputs = tuple("1234")
    [outcomes] = sandbox.run([Job(program, inputs, Limits(cpu_seconds=0.2))])
    for data, outcome in zip(inputs, outcomes, strict=True):
        assert outcome.output in (f"{data}\n", "")
    assert outcomes[0].output == "1\n"


def test_a_program_that_talks_nonsense_hurts_only_itself(sandbox: Sandbox) -> None:
    nonsense = "import os\nfor _ in range(50): os.write(255, os.urandom(3000))"
    jobs = [Job(nonsense, tuple("123")), Job("print(input())", tuple("123"))]
    _, honest = sandbox.run(jobs)
    assert [o.output for o in honest] == ["1\n", "2\n", "3\n"]
    assert sandbox.stats.workers_lost == 0
