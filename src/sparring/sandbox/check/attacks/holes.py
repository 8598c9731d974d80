"""Attacks by known holes of Linux kernels, and by gaps of older Landlock ABIs.

None of these attacks breaks a kernel. Each makes the first step of a public exploit, or a step that
a kernel before some Landlock ABI does not refuse, and gets through if that step is allowed.
docs/sandbox.md has the tables of holes (by CVE) and of Landlock's ABIs.
"""

from __future__ import annotations

from sparring.sandbox.check.attacks import Attack, reaching_program
from sparring.sandbox.isolation.kernel import machine

_X86 = machine() == "x86_64"
_VMSPLICE, _OPENAT, _SOCKET, _ADD_KEY = (278, 257, 41, 248) if _X86 else (75, 56, 198, 217)
_UNSHARE, _RENAMEAT2, _REMOVEXATTR = (272, 316, 197) if _X86 else (97, 276, 14)

# A page of a file in a pipe, without a copy: the first step of Dirty Pipe and its kin.
_PAGES_IN_PIPES = {
    "splice of a file (Dirty Pipe, CVE-2022-0847)": (
        "r, w = os.pipe()\nassert os.splice(os.open(os.__file__, os.O_RDONLY), w, 1, 0) == 1"
    ),
    "splice into a socket (Copy Fail, CVE-2026-31431)": (
        "import socket\na, b = socket.socketpair()\nr, w = os.pipe()\nos.write(w, b'x')\n"
        "assert os.splice(r, a.fileno(), 1) == 1"
    ),
    "splice without a page to move": "r, w = os.pipe()\nos.splice(r, w, 0)",
    "tee of a pipe": (
        "import ctypes\nr, w = os.pipe()\ns, x = os.pipe()\nos.write(w, b'x')\n"
        "assert ctypes.CDLL(None).tee(r, x, 1, 0) == 1"
    ),
    "vmsplice of memory": (
        "import ctypes\nr, w = os.pipe()\npage = ctypes.create_string_buffer(4096)\n"
        "part = (ctypes.c_ulong * 2)(ctypes.addressof(page), 4096)\n"
        f"assert raw({_VMSPLICE}, w, part, 1, 0) == 4096"
    ),
    "sendfile into a pipe": (
        "r, w = os.pipe()\nassert os.sendfile(w, os.open(os.__file__, os.O_RDONLY), 0, 1) == 1"
    ),
    "sendfile into a socket": (
        "import socket\na, b = socket.socketpair()\n"
        "assert os.sendfile(a.fileno(), os.open(os.__file__, os.O_RDONLY), 0, 1) == 1"
    ),
}
# Sockets, keys and namespaces: the attack gets through if the kernel looks at the call at all.
_DOORS = {
    "AF_ALG (Copy Fail, CVE-2026-31431)": f"raw({_SOCKET}, 38, 5, 0)",
    "netlink XFRM (Dirty Frag, CVE-2026-43284)": f"raw({_SOCKET}, 16, 3, 6)",
    "AF_RXRPC (Dirty Frag, CVE-2026-43500)": f"raw({_SOCKET}, 33, 2, 2)",
    "TCP for ESP (Fragnesia, CVE-2026-46300)": f"raw({_SOCKET}, 2, 1, 0)",
    "keys for RxRPC (DirtyDecrypt, CVE-2026-31635)": f"raw({_ADD_KEY}, b'x', b'0:6', b'x', 1, -3)",
    "a user namespace with a network (CVE-2026-53362)": f"raw({_UNSHARE}, 0x50000000)",
}
# Ways to open or change a file for which some Landlock ABI asks for no right.
_PAST_LANDLOCK = {
    # On a file of the program's own: the readable files of the host are those of an installation.
    "emptied while opened for reading": (
        "open('f', 'w').write('x')\nos.close(os.open('f', os.O_RDONLY | os.O_TRUNC))"
    ),
    "emptied by the call itself": (
        "open('f', 'w').write('x')\n"
        f"assert raw({_OPENAT}, -100, b'f', os.O_RDONLY | os.O_TRUNC, 0) > 2"
    ),
    "emptied, with flags beyond 32 bits": (
        "import ctypes\nopen('f', 'w').write('x')\nflags = ctypes.c_ulong(os.O_TRUNC | 1 << 40)\n"
        f"assert raw({_OPENAT}, -100, b'f', flags, 0) > 2"
    ),
    "emptied with access mode 3": "os.close(os.open('@VICTIM_FILE@', 3 | os.O_TRUNC))",
    "opened neither for reading nor for writing": "os.close(os.open('@VICTIM_FILE@', 3))",
    "a secret opened with access mode 3": "os.close(os.open('@SECRET_FILE@', 3))",
    "a device opened with access mode 3": "os.close(os.open('/dev/ptmx', 3))",
    "emptied by truncate and its path": "os.truncate('@VICTIM_FILE@', 0)\nos.stat('/')",
    "shortened by ftruncate": ("fd = os.open('@VICTIM_FILE@', os.O_RDWR)\nos.ftruncate(fd, 0)"),
    "grown by fallocate": "os.posix_fallocate(os.open('@VICTIM_FILE@', os.O_WRONLY), 0, 99)",
    "copied over by copy_file_range": (
        "fd = os.open('@VICTIM_FILE@', os.O_WRONLY)\n"
        "os.copy_file_range(os.open(os.__file__, os.O_RDONLY), fd, 9)"
    ),
    "an attribute removed": f"raw({_REMOVEXATTR}, b'@VICTIM_FILE@', b'user.none')",
    "exchanged by renameat2": (
        f"for _ in range(2): raw({_RENAMEAT2}, -100, b'@SPARE@', -100, b'@VICTIM_FILE@', 2)\n"
        "open('@VICTIM_FILE@', 'a')"
    ),
    "random numbers mixed into the host's": "os.write(os.open('/dev/urandom', os.O_WRONLY), b'x')",
}

ATTACKS = (
    *(
        Attack(f"hole: {n}", reaching_program(body), plain=False)
        for n, body in _PAGES_IN_PIPES.items()
    ),
    *(Attack(f"hole: {n}", reaching_program(body), plain=False) for n, body in _DOORS.items()),
    *(
        Attack(f"landlock: {n}", reaching_program(body), plain=False)
        for n, body in _PAST_LANDLOCK.items()
    ),
)
