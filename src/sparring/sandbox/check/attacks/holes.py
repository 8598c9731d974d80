"""Attacks by what Linux kernels have let programs do: doors of known holes, and gaps of Landlock.

None of these breaks a kernel. Each makes the first step of a public exploit, or one that a kernel
before some Landlock ABI does not refuse; it gets through if that step is allowed. docs/sandbox.md
has the table of holes by number, and of Landlock's ABIs.
"""

from __future__ import annotations

from sparring.sandbox.check.attacks import Attack, reaching
from sparring.sandbox.kernel import machine

_X86 = machine() == "x86_64"
_VMSPLICE, _OPENAT = (278, 257) if _X86 else (75, 56)

# A page of a file in a pipe, without a copy: what Dirty Pipe and its kin begin with.
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
_DOORS = {
    "AF_ALG (Copy Fail, CVE-2026-31431)": (
        "import socket\ns = socket.socket(38, 5, 0)\ns.bind(('aead', 'gcm(aes)'))"
    ),
    "netlink XFRM (Dirty Frag, CVE-2026-43284)": "import socket\nsocket.socket(16, 3, 6)",
    "AF_RXRPC (Dirty Frag, CVE-2026-43500)": "import socket\nsocket.socket(33, 2, 2)",
    "ESP in TCP (Fragnesia, CVE-2026-46300)": (
        "import socket\ns = socket.socket()\ns.setsockopt(6, 31, b'espintcp')"
    ),
    "keys for RxRPC (DirtyDecrypt, CVE-2026-31635)": (
        "raw(248, b'rxrpc_s', b'0:6', b'x', 1, -3)"
        if _X86
        else "raw(217, b'rxrpc_s', b'0:6', b'x', 1, -3)"
    ),
    "a user namespace (CVE-2026-53362)": (
        "raw(272, 0x50000000)" if _X86 else "raw(97, 0x50000000)"
    ),
    "packet ring (CVE-2026-53223)": "import socket\nsocket.socket(17, 3, 0x300)",
    "key sockets of IPsec": "import socket\nsocket.socket(15, 3, 2)",
}
# Opened without a right that Landlock asks for.
_PAST_LANDLOCK = {
    "emptied while opened for reading": (
        "os.close(os.open('@VICTIM_FILE@', os.O_RDONLY | os.O_TRUNC))"
    ),
    "emptied with access mode 3": "os.close(os.open('@VICTIM_FILE@', 3 | os.O_TRUNC))",
    "emptied by the call itself": (
        f"assert raw({_OPENAT}, -100, b'@VICTIM_FILE@', os.O_RDONLY | os.O_TRUNC, 0) > 2"
    ),
    "emptied, with flags beyond 32 bits": (
        f"import ctypes\nflags = ctypes.c_ulong(os.O_TRUNC | 1 << 40)\n"
        f"assert raw({_OPENAT}, -100, b'@VICTIM_FILE@', flags, 0) > 2"
    ),
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
    "an attribute removed": "os.removexattr('@VICTIM_FILE@', 'user.none')",
    "exchanged by renameat2": (
        f"raw({316 if _X86 else 276}, -100, b'@SPARE@', -100, b'@VICTIM_FILE@', 2)\n"
        f"raw({316 if _X86 else 276}, -100, b'@SPARE@', -100, b'@VICTIM_FILE@', 2)\n"
        "open('@VICTIM_FILE@', 'a')"
    ),
    "random numbers mixed into the host's": "os.write(os.open('/dev/urandom', os.O_WRONLY), b'x')",
}

ATTACKS = (
    *(Attack(f"hole: {n}", reaching(body), plain=False) for n, body in _PAGES_IN_PIPES.items()),
    *(Attack(f"hole: {n}", reaching(body), plain=False) for n, body in _DOORS.items()),
    *(Attack(f"landlock: {n}", reaching(body), plain=False) for n, body in _PAST_LANDLOCK.items()),
)
