"""Attacks by system calls: processes, signals, network, and the kernel's riskier corners."""

from __future__ import annotations

from sparring.sandbox.check.attacks import Attack, reaching_program
from sparring.sandbox.isolation import syscalls
from sparring.sandbox.isolation.kernel import machine

_PROCESSES = {
    "fork": "pid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)",
    "subprocess": "import subprocess\nsubprocess.run(['true'], check=True)",
    "shell": "assert os.system('exit 0') == 0",
    "spawn": "os.waitpid(os.posix_spawn(sys.executable, [sys.executable, '-V'], {}), 0)",
    "exec": (
        "import signal\nsignal.alarm(5)\n"
        "os.execv(sys.executable, [sys.executable, '-c', 'import os; os.write(1, b\"@MARK@\")'])"
    ),
    "exec of a file of its own": (
        "import shutil\nshutil.copy('/bin/true', 'true')\n"
        "os.waitpid(os.posix_spawn('./true', ['true'], {}), 0)"
    ),
    "multiprocessing": (
        "import multiprocessing as m\np = m.get_context('fork').Process(target=int)\n"
        "p.start(); p.join(); assert p.exitcode == 0"
    ),
    "terminal and fork": "import pty\npid, fd = pty.fork()\nif pid == 0: os._exit(0)\n"
    "os.waitpid(pid, 0)",
    "orphan": (
        "import time\npid = os.fork()\nif pid == 0:\n    if os.fork() == 0: time.sleep(0.2)\n"
        "    os._exit(0)\nos.waitpid(pid, 0)"
    ),
    "forty processes": (
        "import time\npids = []\nfor _ in range(40):\n    pid = os.fork()\n"
        "    if pid == 0: time.sleep(0.2); os._exit(0)\n    pids.append(pid)\n"
        "for pid in pids: os.waitpid(pid, 0)"
    ),
    "a session of its own": "pid = os.fork()\nif pid == 0: os.setsid(); os._exit(0)\n"
    "os.waitpid(pid, 0)",
    "fork by clone": "pid = raw(@clone@, 17, 0, 0, 0, 0)\nif pid == 0: os._exit(0)\n"
    "os.waitpid(pid, 0)",
    "fork by clone3": "import ctypes\nraw(435, (ctypes.c_uint64 * 8)(), 0)",
}
_SIGNALS = {
    "the parent": "os.kill(os.getppid() or 1, 0)",
    "the caller": "os.kill(@PARENT@, 0)",
    "a process": "os.kill(@VICTIM@, 0)",
    "a process's thread": "assert raw(@tgkill@, @VICTIM@, @VICTIM@, 0) == 0",
    "a process by tkill": "assert raw(@tkill@, @VICTIM@, 0) == 0",
    "a process by its descriptor": (
        "import signal\nfd = os.pidfd_open(@VICTIM@)\nsignal.pidfd_send_signal(fd, 0)"
    ),
    "the group": "os.killpg(0, 0)",
    "everybody": "os.kill(-1, 0)",
    "a queue": "raw(@rt_sigqueueinfo@, @VICTIM@, 0, 0)",
    "the owner of a descriptor": "import fcntl\nr, w = os.pipe()\n"
    "fcntl.fcntl(r, fcntl.F_SETOWN, @VICTIM@)",
    "a timer": "raw(@timer_create@, 0, 0, 0)",
}
_NETWORK = {
    "TCP": "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 1)",
    "UDP": "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "listening": "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()",
    "socket in a file": "import socket\nsocket.socket(socket.AF_UNIX).connect('@SOCKET@')",
    "abstract socket": ("import socket\nsocket.socket(socket.AF_UNIX).connect(chr(0) + '@NONCE@')"),
    "abstract socket by a pair": (
        "import socket\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "a.sendto(b'x', chr(0) + '@NONCE@-datagrams')"
    ),
    "netlink": "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "every family": (
        "import socket\nmade = []\nfor family in range(1, 46):\n    for kind in (1, 2, 3, 5):\n"
        "        try: made.append(socket.socket(family, kind))\n        except OSError: pass\n"
        "assert made"
    ),
    "name": "import socket\nsocket.getaddrinfo('localhost', 80)[0]\nopen('/etc/hosts').read()",
    "URL": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:@PORT@/', timeout=1)",
}
_PRIVILEGED_FAMILIES = {
    "packets": "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "ICMP": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "virtual sockets": "import socket\nsocket.socket(40, socket.SOCK_STREAM)",
    "kernel cryptography": "import socket\nsocket.socket(38, 5, 0)",
    "Bluetooth": "import socket\nsocket.socket(31, 3, 1)",
}
# System calls by name, with arguments that have no effect where the call is allowed.
_CALLS = {
    "keyctl": "0, -3, 0", "add_key": "0, 0, 0, 0, -3", "request_key": "0, 0, 0, 0",
    "io_uring_setup": "1, 0", "io_uring_enter": "-1, 0, 0, 0, 0", "bpf": "0, 0, 0",
    "perf_event_open": "0, 0, -1, -1, 0", "userfaultfd": "-1", "unshare": "0x10000000",
    "setns": "-1, 0", "mount": "0, 0, 0, 0, 0", "umount2": "0, 0", "move_mount": "-1, 0, -1, 0, 0",
    "fsopen": "0, 0", "open_tree": "-1, 0, 0", "pivot_root": "0, 0", "chroot": "0",
    "ptrace": "0x4206, @VICTIM@, 0, 0", "process_vm_readv": "@VICTIM@, 0, 0, 0, 0, 0",
    "process_vm_writev": "@VICTIM@, 0, 0, 0, 0, 0", "kcmp": "@VICTIM@, @VICTIM@, 0, 0, 0",
    "pidfd_open": "@VICTIM@, 0", "pidfd_getfd": "-1, 0, 0", "name_to_handle_at": "-1, 0, 0, 0, 0",
    "fanotify_init": "-1, 0", "memfd_create": "b'x', 0", "setuid": "0", "setgroups": "0, 0",
    "capset": "0, 0", "personality": "0xffffffff", "modify_ldt": "0, 0, 0", "syslog": "10, 0, 0",
    "acct": "1", "quotactl": "0, 0, 0, 0", "swapon": "0, 0", "init_module": "0, 0, 0",
    "kexec_load": "0, -1, 0, -1", "adjtimex": "0", "clock_settime": "0, 0", "ioperm": "0, 0, 1",
    "sethostname": "0, -1", "seccomp": "1, 0, 0", "prlimit64": "@PARENT@, 7, 0, 0",
    "setpriority": "0, 0, 0", "sched_setaffinity": "0, 8, 0", "ioprio_set": "1, 0, 0",
    "inotify_init1": "0",
}  # fmt: skip
_BY_NUMBER = {  # calls that are in no table of `syscalls`: numbers on x86-64 and aarch64
    "shmget": (29, 194, "0, 4096, 0o600"),
    "semget": (64, 190, "0, 1, 0o600"),
    "msgget": (68, 186, "0, 0o600"),
    "mq_open": (240, 180, "0, 0, 0, 0"),
    "memfd_secret": (447, 447, "0"),
    "mbind": (237, 235, "0, 0, 0, 0, 0, 0"),
    "migrate_pages": (256, 238, "0, 0, 0, 0"),
    "pkey_alloc": (330, 289, "0, 0"),
    "vmsplice": (278, 75, "-1, 0, 0, 0"),
    "landlock_create_ruleset": (444, 444, "0, 0, 1"),
    "io_setup": (206, 0, "0, 0"),
    "lookup_dcookie": (212, 18, "0, 0, 0"),
}


def _numbers() -> dict[str, int]:
    tables = (syscalls.CHECKED, syscalls.REFUSED, syscalls.KILLED, syscalls.ZYGOTE)
    return {name: n for table in tables for name, n in syscalls.numbers(table, machine())}


def _attacks() -> tuple[Attack, ...]:
    numbers = _numbers()

    def body(text: str) -> str:
        for name in ("clone", "tgkill", "tkill", "rt_sigqueueinfo", "timer_create"):
            text = text.replace(f"@{name}@", str(numbers[name]))
        return reaching_program(text)

    attacks = [Attack(f"process: {name}", body(text)) for name, text in _PROCESSES.items()]
    attacks += [Attack(f"signal: {name}", body(text)) for name, text in _SIGNALS.items()]
    attacks += [Attack(f"network: {name}", body(text)) for name, text in _NETWORK.items()]
    attacks += [
        Attack(f"network: {name}", body(text), plain=False)
        for name, text in _PRIVILEGED_FAMILIES.items()
    ]
    calls = {name: (numbers[name], rest) for name, rest in _CALLS.items() if name in numbers}
    x86_64 = machine() == "x86_64"
    calls |= {name: (a if x86_64 else b, rest) for name, (a, b, rest) in _BY_NUMBER.items()}
    attacks += [
        Attack(f"call: {name}", reaching_program(f"raw({number}, {rest})"), plain=False)
        for name, (number, rest) in calls.items()
    ]
    if x86_64:
        attacks.append(
            Attack("call: by the numbers of x32", reaching_program("raw(0x40000027)"), plain=False)
        )
    return tuple(attacks)


ATTACKS = _attacks()
