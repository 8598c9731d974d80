"""Attacks on the verdict: finding the expected output, and forging a right answer."""

from __future__ import annotations

from sparring.sandbox.check.attacks import TIGHT, Attack, reaching_program
from sparring.sandbox.check.attacks.pages import PAGES
from sparring.sandbox.isolation import syscalls
from sparring.sandbox.isolation.kernel import machine

# The secret is in the caller's memory and environment, and must not be found anywhere.
_ENVIRONMENT = "assert '@NONCE@' in os.environ.get('SPARRING_CHECK', '')"
_HUNT = {
    "the caller's frames": (
        "frame = sys._getframe()\nfound = False\nwhile frame:\n"
        "    found |= any('@SECRET_A@' + '@SECRET_B@' in repr(v)\n"
        "                 for v in list(frame.f_locals.values())\n"
        "                 if isinstance(v, (str, bytes, dict, list, tuple)) and v is not __name__\n"
        "                 and frame.f_globals is not globals())\n    frame = frame.f_back\n"
        "assert found"
    ),
    "all objects": (
        "import gc\nword = '@SECRET_A@' + '@SECRET_B@'\n"
        "assert any(isinstance(v, str) and word in v and len(v) < 999 and v is not word\n"
        "    for o in gc.get_objects() if isinstance(o, dict) and o is not globals()\n"
        "    for v in list(o.values()) if '_environ' not in o)"
    ),
    "its own text in the executor's frames": (
        "# needle-@NONCE@, in a comment: only the text of the program has it\nimport gc\n"
        "word = 'needle' + '-@NONCE@'\nframe, todo = sys._getframe(), []\nwhile frame:\n"
        "    if frame.f_globals is not globals(): todo += list(frame.f_locals.values())\n"
        "    frame = frame.f_back\n"
        "todo += [o for held in list(todo) for o in gc.get_referents(held)]\n"
        "assert any(word in (o if isinstance(o, str) else o.decode('latin-1'))\n"
        "    for o in todo if isinstance(o, (str, bytes)) and o is not word)"
    ),
    "where the executor lies, in its code": (
        "home = os.path.dirname(os.path.dirname('@OUR_CODE@'))\n"
        "frame, todo = sys._getframe(), []\nwhile frame:\n"
        "    if frame.f_globals is not globals():\n"
        "        todo += [frame.f_code.co_filename, *map(str, frame.f_globals.values())]\n"
        "    frame = frame.f_back\n"
        "todo += [*map(str, sys.path_importer_cache), *sys.path, sys.executable, *sys.orig_argv]\n"
        "assert any(home in text for text in todo)"
    ),
    "how the executor was started": (
        "words = ' '.join(sys.orig_argv)\nassert 'sparring' in words or ' -c' in words"
    ),
    "what the program before used": (
        "frame = sys._getframe()\nfound = False\nwhile frame:\n"
        "    found |= {'usage', 'cpu', 'status'} <= frame.f_locals.keys()\n"
        "    frame = frame.f_back\nassert found"
    ),
    "modules of the executor": "assert any(n.startswith('sparring') for n in sys.modules)\n"
    "import sparring",
}

_EVERYWHERE = """
import os, sys
text = b"accepted ACCEPTED passed ok o. {\\"verdict\\": \\"accepted\\"} exit status 0\\n"
for fd in range(2, 300):
    try: os.write(fd, text)
    except OSError: pass
sys.stderr.write("accepted")
os._exit(0)
"""
_HERE = PAGES + "pages = reach()\n"
_FORGED = {
    "the page, full of nonsense": _HERE + "write(b'\\xff' * len(pages[0]))\nwhile True: pass",
    "ends that come and go": (
        _HERE + "while True:\n    write(struct.pack('<II', 1, 0))\n    time.sleep(0.005)\n"
        "    write(struct.pack('<II', 0, 0))\n    time.sleep(0.005)"
    ),
    "starts in the future": (
        _HERE + "while True:\n    for run in range(32): write(b'\\xff' * 8, 8 + 448 * run)"
    ),
    "nonsense on every descriptor": (
        "import os\nfor fd in range(3, 300):\n    for _ in range(9):\n"
        "        try: os.write(fd, os.urandom(3000))\n        except OSError: pass"
    ),
    "a failure of the executor, by a signal without a name": "import os\nos.kill(os.getpid(), 40)",
    "a failure of the executor, by a name that reads like memory": (
        "import ctypes\nctypes.CDLL(None).prctl(15, b'RssAnon:x', 0, 0, 0)\nwhile True: pass"
    ),
    "a failure of the executor, by a limit that kills": (
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (0, 0))\nwhile True: pass"
    ),
    "a failure of the executor, by a limit below its own": (
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass"
    ),
    "a failure of the executor, by a limit that kills, by its call": (
        "import ctypes\nlimit = (ctypes.c_ulong * 2)(0, 0)\n"
        "ctypes.CDLL(None).syscall(@setrlimit@, 0, limit)\nwhile True: pass"
    ),
    "descriptors taken from the queue": (
        "import socket\ns = socket.socket(fileno=255)\ns.setblocking(False)\n"
        "try:\n    while True: s.recvmsg(9, 999)\nexcept OSError: pass"
    ),
}

_INPUTS = ("1", "1\n", "1\n\n")  # three tests on which an honest program prints the same

_SETRLIMIT = str(dict(syscalls.numbers(syscalls.CHECKED, machine())).get("setrlimit", -1))

ATTACKS = (
    *(
        Attack(f"expected: {name}", reaching_program(body), plain=False)
        for name, body in _HUNT.items()
    ),
    Attack("expected: environment", reaching_program(_ENVIRONMENT)),
    Attack("forged: a verdict on every descriptor", _EVERYWHERE, _INPUTS, prints="", plain=False),
    *(
        Attack(
            f"forged: {name}",
            program.replace("@setrlimit@", _SETRLIMIT),
            _INPUTS,
            TIGHT,
            plain=False,
        )
        for name, program in _FORGED.items()
    ),
)
