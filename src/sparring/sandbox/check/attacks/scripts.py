"""Attacks on test scripts: wrong programs that a script must not accept."""

from __future__ import annotations

from sparring.sandbox.check.attacks import Attack
from sparring.sandbox.check.attacks.pages import PAGES
from sparring.schema import TestKind

# A script that asks for 2 * n, and programs that do not compute it.
_SCRIPT = """
def check(candidate):
    assert candidate(2) == 4
    assert candidate(21) == 42, "not twice"
    assert candidate([3]) == [3, 3]
"""
_WRONG = {
    "equal to everything": (
        "class E:\n    def __eq__(self, other): return True\n    __ne__ = lambda self, o: False\n"
        "def f(n): return E()"
    ),
    "a number equal to everything": (
        "class I(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\n"
        "def f(n): return I(4)"
    ),
    "a list equal to everything": (
        "class L(list):\n    def __eq__(self, other): return True\n"
        "class I(int):\n    def __eq__(self, other): return True\n"
        "def f(n): return L() if isinstance(n, list) else I()"
    ),
    "the end in the call": "import os\ndef f(n): os._exit(0)",
    "the end at import": "import os\nos._exit(0)\ndef f(n): return 0",
    "a polite end": "import sys\ndef f(n): sys.exit(0)",
    "no more checks": (
        "import sys\ndef f(n):\n    frame = sys._getframe(1)\n"
        "    while frame:\n        for g in (frame.f_globals, frame.f_locals):\n"
        "            if 'check' in g: g['check'] = lambda c: None\n        frame = frame.f_back\n"
        "    raise SystemExit(0)"
    ),
    "the expected value in the frame above": (
        "import linecache, sys\ndef f(n):\n    above = sys._getframe(1)\n"
        "    line = linecache.getline(above.f_code.co_filename, above.f_lineno)\n"
        "    return eval(line.partition('== ')[2].partition(', \"')[0])"
    ),
    "an exit that says nothing": (
        "import atexit, os\natexit.register(os._exit, 0)\ndef f(n): return 0"
    ),
    "a hook for exceptions": (
        "import os, sys\nsys.excepthook = lambda *_: os._exit(0)\ndef f(n): return 0"
    ),
}
_WRONG_HERE = {
    "the script's end on the shared page": (
        f"{PAGES}def f(n):\n    global pages\n    pages = reach()\n    write(b'o', 20)\n"
        "    write(struct.pack('<II', 1, 0))\n    time.sleep(0.1)\n    return 0"
    ),
    "the script's end in its memory": (
        "import ctypes, os, struct\ndef f(n):\n"
        "    for line in open('/proc/self/maps'):\n"
        "        if 'rw-s' in line and '/dev/zero' in line:\n"
        "            at = int(line.split('-')[0], 16)\n"
        "            ctypes.memmove(at + 20, b'o', 1)\n"
        "            ctypes.memmove(at, struct.pack('<II', 1, 0), 8)\n"
        "    import time; time.sleep(0.1)\n    return 0"
    ),
    "a disk full of files": (
        "import time\ndef f(n):\n    for i in range(100):\n"
        "        open(f'{i}', 'wb', 0).write(b'x' * (1 << 20))\n    time.sleep(0.1)\n"
        "    return n * 2"
    ),
    "answers on the pipe": (
        "import os\ndef f(n):\n    for fd in range(3, 300):\n"
        "        try: os.write(fd, b'accepted' * 9)\n        except OSError: pass\n    return 0"
    ),
}

# A script that expects an error, and catches every exception.
_CATCHING = """
def check(candidate):
    try: candidate(-1)
    except: pass
    else: assert False
    try: assert candidate(2) == 4
    finally: return
"""
_NO_ERROR = {
    "the end for an error": "import os\ndef f(n): return 2 * n if n > 0 else os._exit(0)",
    "silence for an error": (
        "import os, time\ndef f(n):\n    os.closerange(3, 200)\n    time.sleep(0.1)"
    ),
}

_STOP = "def f(n): raise StopIteration"
# Scripts that Python's own constructs end early, or that never read the results of their tests.
_CARELESS = {
    "an end of the loop, from map": (
        _STOP,
        "def check(candidate):\n    cases = [(2, 4), (21, 42)]\n"
        "    assert all(map(lambda c: candidate(c[0]) == c[1], cases))",
    ),
    "an end of the loop, from zip": (
        f"{_STOP}\n",
        "def check(candidate):\n    for got, want in zip(map(candidate, [2, 21]), [4, 42]):\n"
        "        assert got == want",
    ),
    "an end of the loop, from filter": (
        f"{_STOP} from None",
        "def check(candidate):\n"
        "    assert not list(filter(lambda n: candidate(n) != 2 * n, [2, 21]))",
    ),
    "an end of the loop, from sum": (
        f"# sum\n{_STOP}",
        "def check(candidate):\n    assert sum(map(lambda n: candidate(n) != 2 * n, [2, 21])) == 0",
    ),
    "a check of its own": (
        "def f(n): return 0\ndef check(candidate): pass",
        "check(candidate)",
    ),
    "a test of its own": ("def f(n): return 0\ndef test_f(): pass", "test_f()"),
    "failures of unittest that nobody reads": (
        "def f(n): return 0",
        "import unittest\nclass T(unittest.TestCase):\n"
        "    def test(self): self.assertEqual(candidate(2), 4)\nunittest.main(exit=False)",
    ),
    "results of unittest that nobody reads": (
        "def f(n): return 1",
        "import unittest\nclass T(unittest.TestCase):\n"
        "    def test(self): self.assertEqual(candidate(2), 4)\n"
        "unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))",
    ),
    "nonsense for an answer": (
        "import os\ndef f(n):\n    for fd in range(3, 255):\n"
        "        try: os.write(fd, b'\\x04\\0\\0\\0v[1]')\n        except OSError: pass\n"
        "    return 0",
        "def check(candidate):\n    try: candidate(2)\n    except Exception: return\n"
        "    assert False",
    ),
}

ATTACKS = (
    *(
        Attack(f"script: {n}", text, (suite,), kind=TestKind.SCRIPT, entry_point="f", plain=False)
        for n, (text, suite) in _CARELESS.items()
    ),
    *(
        Attack(f"script: {name}", text, (_SCRIPT,), kind=TestKind.SCRIPT, entry_point="f")
        for name, text in _WRONG.items()
    ),
    *(
        Attack(
            f"script: {name}", text, (_SCRIPT,), kind=TestKind.SCRIPT, entry_point="f", plain=False
        )
        for name, text in _WRONG_HERE.items()
    ),
    *(
        Attack(
            f"script: {n}", text, (_CATCHING,), kind=TestKind.SCRIPT, entry_point="f", plain=not i
        )
        for i, (n, text) in enumerate(_NO_ERROR.items())
    ),
)
