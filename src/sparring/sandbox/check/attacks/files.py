"""Attacks on files: of the host, of the kernel, the caller's memory, and an execution's input."""

from __future__ import annotations

from sparring.sandbox.check.attacks import Attack, reaching_program

_READ = {
    "secret file": "open('@SECRET_FILE@').read()",
    "secret file by a relative path": "open('../' * 40 + '@SECRET_FILE@'.lstrip('/')).read()",
    "secret file through /proc/self/root": "open('/proc/self/root@SECRET_FILE@').read()",
    "secret file through the parent": "open('/proc/@PARENT@/root@SECRET_FILE@').read()",
    "secret file by openat2": (
        "import ctypes\nhow = (ctypes.c_uint64 * 3)()\n"
        "assert raw(437, -100, b'@SECRET_FILE@', how, 24) >= 0"
    ),
    "list of the host's directory": "assert 'secret' in os.listdir('@DIRECTORY@')",
    "passwords": "open('/etc/passwd').read()",
    "this project's own code": "open('@OUR_CODE@').read()",
    "environment of the parent": "open('/proc/@PARENT@/environ', 'rb').read(1)",
    "command line of the parent": "open('/proc/@PARENT@/cmdline').read()",
    "any other process in /proc": (
        "mine = {str(os.getpid()), str(os.getppid())}\n"
        "assert {n for n in os.listdir('/proc') if n.isdigit()} - mine"
    ),
    "processor and memory of the host": "open('/proc/meminfo').read()",
    "mounts": "open('/proc/self/mountinfo').read()",
    "block device names": "assert os.listdir('/sys/class')",
    "log of the kernel": "open('/proc/version').read()",
    "a terminal or another device": "os.open('/dev/ptmx', os.O_RDWR)",
}
_READ_AS_ROOT = {
    "secret file through /proc/1/root": "open('/proc/1/root@SECRET_FILE@').read()",
    "memory of the parent": "open('/proc/@PARENT@/mem', 'rb', 0).seek(0)",
    "memory of a process": "open('/proc/@VICTIM@/mem', 'rb', 0).seek(0)",
    "descriptors of the parent": "assert os.listdir('/proc/@PARENT@/fd')",
    "memory of the machine": "os.open('/dev/mem', os.O_RDONLY)",
    "memory of the kernel": "os.open('/proc/kcore', os.O_RDONLY)",
    "log device": "os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)",
    "a file by its handle": "raw(304, -100, 0, 0)",
}
_WRITE = {
    "a file of the host": "open('@VICTIM_FILE@', 'a').write('x')",
    "truncating a file of the host": "os.truncate('@VICTIM_FILE@', 0)",
    "a new file": "open('@DIRECTORY@/new', 'x').close(); os.unlink('@DIRECTORY@/new')",
    "a new directory": "os.mkdir('@DIRECTORY@/new'); os.rmdir('@DIRECTORY@/new')",
    "deleting a file": "os.rename('@SPARE@', '@SPARE@-'); os.rename('@SPARE@-', '@SPARE@')",
    "a symbolic link": "os.symlink('@SECRET_FILE@', 'link'); open('link').read()",
    "a hard link": ("os.link('@VICTIM_FILE@', '@DIRECTORY@/l'); os.unlink('@DIRECTORY@/l')"),
    "mode of a file": "os.chmod('@VICTIM_FILE@', 0o666)",
    "times of a file": "os.utime('@VICTIM_FILE@')",
    "a named pipe": "os.mkfifo('@DIRECTORY@/p'); os.unlink('@DIRECTORY@/p')",
    "shared memory of the host": (
        "open('/dev/shm/@NONCE@', 'x').close(); os.unlink('/dev/shm/@NONCE@')"
    ),
    "the host's /tmp": "open('/tmp/@NONCE@', 'x').close()\nassert os.getcwd() != '/tmp'\n"
    "os.unlink('/tmp/@NONCE@')",
    "a thread's name": "open('/proc/self/comm', 'w').write('x')",
    "being killed first or last": "open('/proc/self/oom_score_adj', 'w').write('500')",
}
_WRITE_AS_ROOT = {
    "the Python installation": "open(os.__file__, 'r+')",
    "a setting of the kernel": "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)",
    "a system request": "os.open('/proc/sysrq-trigger', os.O_WRONLY)",
    "a control group": (
        "names = [os.path.join(d, 'cgroup.procs') for d, _, f in os.walk('/sys/fs/cgroup')\n"
        "    if 'cgroup.procs' in f]\nos.open(names[0], os.O_WRONLY)"
    ),
    "a device node": "os.mknod('null', 0o20666, os.makedev(1, 3)); os.unlink('null')",
    "remounting": "raw(165, 0, b'/', 0, 1 << 30, 0)",
}

_REWRITE = (
    "import os\n"
    "for way in ('os.pwrite(0, b\"9\", 0)', 'os.ftruncate(0, 0)',\n"
    "            'os.truncate(\"/dev/stdin\", 0)',\n"
    '            \'os.pwrite(os.open("/proc/self/fd/0", os.O_RDWR), b"9", 0)\'):\n'
    "    try: exec(way)\n    except OSError: pass\n"
    "print(len(os.pread(0, 100, 0)) == 2)"
)
_DESCRIPTORS = (
    "import stat\nfor fd in range(3, 1024):\n    try: mode = os.fstat(fd).st_mode\n"
    "    except OSError: continue\n"
    "    if not stat.S_ISSOCK(mode) and not stat.S_ISFIFO(mode): break\nelse:\n    raise OSError"
)
_TRAP = (
    "import os\n"
    'for act in (\'os.mkdir("d")\', \'os.symlink("@DIRECTORY@", "l")\',\n'
    '    \'os.rename(".", "x")\', \'os.chmod(".", 0)\', \'open("f" * 255, "w")\'):\n'
    "    try: exec(act)\n    except OSError: pass\nprint(os.listdir('.') == ['f' * 255])"
)

ATTACKS = (
    *(Attack(f"read: {name}", reaching_program(body)) for name, body in _READ.items()),
    *(
        Attack(f"read: {n}", reaching_program(body), plain=False)
        for n, body in _READ_AS_ROOT.items()
    ),
    *(Attack(f"write: {name}", reaching_program(body)) for name, body in _WRITE.items()),
    *(
        Attack(f"write: {n}", reaching_program(body), plain=False)
        for n, body in _WRITE_AS_ROOT.items()
    ),
    Attack("read: a descriptor that was left open", reaching_program(_DESCRIPTORS), plain=False),
    Attack(
        "write: the input of this run and the next",
        _REWRITE,
        ("1\n", "2\n"),
        same=True,
        plain=False,
    ),
    Attack(
        "write: traps for the one who cleans up", _TRAP, ("1", "2", "3"), same=True, plain=False
    ),
)
