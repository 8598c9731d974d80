"""Attacks on measurements: uncounted memory, disk space beyond a file's end, CPU time moved.

One more attack is on the server that measures: a byte wakes the server and cannot be read.
"""

from __future__ import annotations

from dataclasses import replace

from sparring.sandbox.check.attacks import BY_TIME, TIGHT, Attack, reaching_program
from sparring.sandbox.isolation.kernel import machine
from sparring.schema import Verdict

_X86 = machine() == "x86_64"
_FALLOCATE, _MADVISE, _PREADV2, _MINCORE = (285, 28, 327, 27) if _X86 else (47, 233, 286, 232)
_ROOMY = replace(TIGHT, cpu_seconds=3.0, idle_seconds=3.0)

_UNCOUNTED = {
    "shared, and let go of": (
        "import ctypes, mmap\nc = ctypes.CDLL(None)\nkept = []\nfor _ in range(10):\n"
        "    m = mmap.mmap(-1, 20 << 20)\n    at = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
        "    ctypes.memset(at, 1, 20 << 20)\n"
        "    c.madvise(ctypes.c_void_p(at), 20 << 20, 4)\n    kept.append(m)\n"
    ),
    "a device full of zeros": (
        "import ctypes, mmap\nc = ctypes.CDLL(None)\nkept = []\n"
        "fd = os.open('/dev/zero', os.O_RDWR)\n"
        "for _ in range(10):\n    m = mmap.mmap(fd, 20 << 20)\n"
        "    at = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
        "    ctypes.memset(at, 1, 20 << 20)\n"
        "    c.madvise(ctypes.c_void_p(at), 20 << 20, 4)\n    kept.append(m)\n"
    ),
}
_ROOM = {
    "room beyond a file's end": (
        "fd = os.open('f', os.O_RDWR | os.O_CREAT)\n"
        f"assert raw({_FALLOCATE}, fd, 1, 0, 30 << 20) == 0"
    ),
    "a file without a name": "os.open('.', os.O_TMPFILE | os.O_RDWR)",
    "writing to the disk itself": "os.open('f', os.O_RDWR | os.O_CREAT | os.O_SYNC)",
}
_LOOKED_AT = {
    "who is at the other end": (
        "import socket\na, b = socket.socketpair()\na.getsockopt(1, 17, 12)"
    ),
    "a descriptor of who is at the other end": (
        "import socket\na, b = socket.socketpair()\na.getsockopt(1, 77, 4)"
    ),
    "what is in the cache, by reading": (
        "import ctypes\nfd = os.open(os.__file__, os.O_RDONLY)\n"
        "page = ctypes.create_string_buffer(9)\n"
        "part = (ctypes.c_ulong * 2)(ctypes.addressof(page), 9)\n"
        f"assert raw({_PREADV2}, fd, part, 1, 0, 0, 8) != -1"
    ),
    "what is in the cache, by asking": (
        "import ctypes\nroom = ctypes.create_string_buffer(9000)\nseen = ctypes.c_char()\n"
        f"raw({_MINCORE}, ctypes.c_void_p(ctypes.addressof(room) + 4095 & ~4095), 1,\n"
        "    ctypes.byref(seen))"
    ),
    "pages put out of the cache": (
        "import ctypes, mmap\nm = mmap.mmap(-1, 8192, mmap.MAP_PRIVATE)\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
        f"assert raw({_MADVISE}, ctypes.c_void_p(at & ~4095), 4096, 21) == 0"
    ),
}
_URGENT = (
    "import socket, time\ns = socket.socket(fileno=255)\n"
    "try: s.send(b'x', socket.MSG_OOB)\nexcept OSError: pass\ntime.sleep(9)"
)
# One execution uses three times its limit and notes several ends instead of one. At the end,
# every execution spreads the starts evenly.
_SPREAD = """
import struct, sys, time
clock = getattr(time, 'process' + '_time')
frame = sys._getframe()
while frame.f_code.co_name != 'serve': frame = frame.f_back
page = frame.f_locals['status_page']._page
number = int(input())
begun = last = clock()
told = frame.f_locals['run']
while number == 3 and clock() - begun < 0.9:
    if clock() - last > 0.25:
        last, told = clock(), told + 1
        for k in range(told): page[8 + 448 * k + 12 : 8 + 448 * k + 15] = b'o\\0\\0'
        page[:4] = struct.pack('<I', told)
if number == 3: print('computed', 'at leisure')
share = int(clock() * 1e9) // 8
for k in range(8): page[8 + 448 * k : 16 + 448 * k] = struct.pack('<Q', share * k)
"""

ATTACKS = (
    *(
        Attack(
            f"memory: {name}",
            f"import os\n{body}",
            ("",),
            _ROOMY,
            frozenset({Verdict.MEMORY_LIMIT, Verdict.RUNTIME_ERROR}),
            plain=False,
        )
        for name, body in _UNCOUNTED.items()
    ),
    *(
        Attack(f"greed: {name}", reaching_program(body), plain=False)
        for name, body in _ROOM.items()
    ),
    *(
        Attack(f"shared: {name}", reaching_program(body), plain=False)
        for name, body in _LOOKED_AT.items()
    ),
    Attack("forged: an urgent byte", _URGENT, tuple("123"), TIGHT, BY_TIME, plain=False),
    Attack(
        "time: spread over other runs",
        _SPREAD,
        tuple("12345678"),
        TIGHT,
        plain=False,
        never="computed at leisure",
    ),
)
