"""What a program tries to reach outside itself it does not reach. One property each."""

from __future__ import annotations

import os
from pathlib import Path

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


def test_files_of_the_host_cannot_be_read(run_one, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the expected output")
    tmp_path.chmod(0o755)
    for path in (str(secret), "/etc/passwd", "/etc/hostname", __file__):
        outcome = run_one(f"print(open({path!r}).read())")
        assert outcome.verdict is Verdict.RUNTIME_ERROR
        assert outcome.output == ""


def test_files_of_the_host_cannot_be_written(run_one, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    for path in (str(victim), str(tmp_path / "new"), os.__file__, "/new", "/usr/lib/new"):
        assert run_one(f"open({path!r}, 'a').write('x')").verdict is Verdict.RUNTIME_ERROR
    assert victim.read_text() == "as it was"
    assert sorted(tmp_path.iterdir()) == [victim]


def test_the_parent_cannot_be_looked_into(run_one) -> None:
    for name in ("mem", "environ", "maps", "fd/0", "cmdline"):
        for pid in (os.getpid(), "1", "self/../1"):
            outcome = run_one(f"print(open('/proc/{pid}/{name}', 'rb').read(64))")
            assert outcome.verdict is Verdict.RUNTIME_ERROR, (name, pid, outcome)


def test_the_parents_environment_and_memory_stay_behind(monkeypatch) -> None:
    secret = "kept-by-the-parent-" + os.urandom(4).hex()
    monkeypatch.setenv("EXPECTED_OUTPUT", secret)
    hunter = """
import gc, os, sys
mark = "kept-by-the-" + "parent"
found = [k for k in os.environ if "EXPECTED" in k]
frame = sys._getframe().f_back
while frame:
    found += [v for v in frame.f_locals.values() if v != mark and mark in repr(v)]
    frame = frame.f_back
for thing in gc.get_objects():
    if isinstance(thing, (dict, list, tuple)):
        values = thing.values() if isinstance(thing, dict) else thing
        found += [v for v in values if isinstance(v, str) and v != mark and mark in v]
print(len(found))
"""
    with Sandbox(1) as sandbox:
        [[outcome]] = sandbox.run([Job(hunter, ("",), Limits(cpu_seconds=10))])
    assert outcome.output == "0\n"


def test_a_program_holds_no_descriptors_but_its_own(run_one) -> None:
    program = "import os\nfor fd in range(300):\n"
    program += "    try: os.fstat(fd); print(fd)\n    except OSError: pass"
    # Standard ones, and the socket on which the end of a run is announced.
    assert run_one(program).output.split() == ["0", "1", "2", "255"]


def test_an_input_cannot_be_rewritten(sandbox: Sandbox) -> None:
    program = (
        "import os\ntry: os.pwrite(0, b'9', 0)\nexcept OSError: pass\n"
        "try:\n    fd = os.open('/dev/stdin', os.O_RDWR)\n    os.pwrite(fd, b'9', 0)\n"
        "except OSError: pass\nprint(input())"
    )
    [outcomes] = sandbox.run([Job(program, ("1", "2"))])
    assert [o.output for o in outcomes] == ["1\n", "2\n"]


def test_other_processes_cannot_be_slowed_or_limited(run_one) -> None:
    for act in (
        "import resource; resource.prlimit(os.getppid() or 1, resource.RLIMIT_CPU, (1, 1))",
        "os.setpriority(os.PRIO_PROCESS, 0, 19)",
        "os.sched_setaffinity(0, {0})",
    ):
        outcome = run_one(f"import os\n{act}", limits=Limits())
        assert outcome.verdict is Verdict.RUNTIME_ERROR
        assert "PermissionError" in outcome.detail


def test_limits_cannot_be_raised(run_one) -> None:
    # The one on CPU time comes once a run has lasted for a moment.
    program = (
        "import resource as r, time\nend = time.monotonic() + 0.1\n"
        "while time.monotonic() < end: pass\n"
        "for kind in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE):\n"
        "    try: r.setrlimit(kind, (r.RLIM_INFINITY, r.RLIM_INFINITY)); print('raised')\n"
        "    except (ValueError, PermissionError): pass"
    )
    assert run_one(program, limits=Limits()).output == ""


def test_no_directories_links_or_modes_that_could_trap_the_cleaner(run_one) -> None:
    for act in (
        "os.mkdir('d')",
        "os.symlink('/', 'l')",
        "open('f', 'w'); os.link('f', 'g')",
        "os.chmod('.', 0)",
        "os.mkfifo('p')",
    ):
        outcome = run_one(f"import os\n{act}", limits=Limits())
        assert outcome.verdict is Verdict.RUNTIME_ERROR, act


def test_namespaces_leave_no_privileges_and_no_other_process(run_one, sandbox: Sandbox) -> None:
    if sandbox.level is not Level.NAMESPACES:
        pytest.skip("a property of the namespaces level")
    program = "import os\nprint(os.getresuid(), os.getppid(), os.uname().nodename != '')"
    assert run_one(program).output.startswith("(65534, 65534, 65534) 0 ")


# Each prints what it finds, then leaves something behind for the next run.
TRACES = {
    "global": "print('seen' in globals())\nseen = 1",
    "builtin": "import builtins\nprint(hasattr(builtins, 'seen'))\nbuiltins.seen = 1",
    "replaced builtin": "import builtins\nprint(len([1, 2]))\nbuiltins.len = lambda x: 99",
    "module": "import math\nprint(math.pi)\nmath.pi = 3",
    "module by another name": "import math as m\nprint(m.pi)\nm.pi = 3",
    "module in a function": "def f():\n    import string\n    print(string.digits)\n"
    "    string.digits = ''\nf()",
    "file": "import os\nprint(os.listdir('.'))\nopen('seen', 'w').close()",
    "recursion limit": "import sys\nprint(sys.getrecursionlimit())\nsys.setrecursionlimit(5000)",
    "precision": "import decimal\nprint(decimal.getcontext().prec)\ndecimal.getcontext().prec = 5",
    "environment": "import os\nprint('SEEN' in os.environ)\nos.environ['SEEN'] = '1'",
    "descriptor": "import os\nprint(os.dup(0))",
    "thread": "import threading, time\nprint(threading.active_count())\n"
    "threading.Thread(target=time.sleep, args=(5,), daemon=True).start()",
    "stack size": "import threading\nprint(threading.stack_size())\nthreading.stack_size(1 << 20)",
    "signal handler": "import signal\nprint(signal.getsignal(signal.SIGALRM))\n"
    "signal.signal(signal.SIGALRM, lambda *_: None)",
    "random": "import random\nprint(random.random())",
    "exec": "exec('import sys')\nprint(hasattr(sys, 'seen'))\nsys.seen = 1",
    "trace": "import sys\nprint(sys.gettrace())\nsys.settrace(lambda *_: None)",
    "closed stdout": "import sys\nprint('still here', flush=True)\nsys.stdout.close()",
    "logging": "import logging, sys\nprint(logging.root.handlers)\n"
    "logging.basicConfig(stream=sys.stdout)",
    "main module": "import sys\nprint(hasattr(sys.modules['__main__'], 'seen'))\nseen = 1",
    "digits": "import sys\nprint(sys.get_int_max_str_digits())\nsys.set_int_max_str_digits(0)",
}


@pytest.mark.parametrize("name", TRACES)
def test_nothing_is_carried_from_run_to_run(sandbox: Sandbox, name: str) -> None:
    # Equal inputs are run once: white space keeps these apart, and random is seeded by input.
    inputs = ("", "") if name == "random" else ("", " ", "  ")
    [outcomes] = sandbox.run([Job(TRACES[name], inputs)])
    assert outcomes[0].output
    assert len({o.output for o in outcomes}) == 1
    assert {o.verdict for o in outcomes} == {Verdict.FINISHED}


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
