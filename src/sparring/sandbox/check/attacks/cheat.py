"""Attacks on the verdict: looking right without being right, and leaving things for later runs."""

from __future__ import annotations

from sparring.sandbox import syscalls
from sparring.sandbox.check.attacks import TIGHT, Attack, reaching
from sparring.sandbox.kernel import machine
from sparring.schema import Kind

# What the caller knows (the secret is in its memory and its environment) is nowhere to be found.
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
# The page that a program shares with whoever watches it, found as a Python object: among those
# that can be reached from the frames and from all other objects.
_PAGES = """
import gc, mmap, os, struct, sys, time
def reach():
    frame, seen = sys._getframe(), {}
    todo = list(gc.get_objects())
    while frame:
        todo += frame.f_locals.values()
        frame = frame.f_back
    for _ in range(4):
        following = []
        for o in todo:
            if id(o) not in seen and not isinstance(o, (type, type(sys), str, int)):
                seen[id(o)] = o
                following += gc.get_referents(o)
        todo = following
    return [o for o in seen.values() if isinstance(o, mmap.mmap)]
def write(data, at=0):
    for page in pages:
        try: page[at:at + len(data)] = data
        except (ValueError, IndexError, TypeError): pass
"""
_HERE = _PAGES + "pages = reach()\n"
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
    "a failure of ours, by a signal without a name": "import os\nos.kill(os.getpid(), 40)",
    "a failure of ours, by a name that reads like memory": (
        "import ctypes\nctypes.CDLL(None).prctl(15, b'RssAnon:x', 0, 0, 0)\nwhile True: pass"
    ),
    "a failure of ours, by a limit that kills": (
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (0, 0))\nwhile True: pass"
    ),
    "a failure of ours, by a limit below ours": (
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass"
    ),
    "a failure of ours, by a limit that kills, by its call": (
        "import ctypes\nlimit = (ctypes.c_ulong * 2)(0, 0)\n"
        "ctypes.CDLL(None).syscall(@setrlimit@, 0, limit)\nwhile True: pass"
    ),
    "descriptors taken from the queue": (
        "import socket\ns = socket.socket(fileno=255)\ns.setblocking(False)\n"
        "try:\n    while True: s.recvmsg(9, 999)\nexcept OSError: pass"
    ),
}

# Found by the next program, though every process is a fresh one.
_WORD_ON_THE_PAGE = (
    _PAGES
    + "found = []\npages = reach()\nfor page in pages:\n    try: found += [page[9060:9064]]\n"
    + "    except ValueError: pass\nprint(found)\nwrite(b'word', 9060)"
)

# Programs that do not compute 2 * n, and a script that asks them to.
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
        f"{_PAGES}def f(n):\n    global pages\n    pages = reach()\n    write(b'o', 20)\n"
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

# A script that expects an error, and catches whatever comes.
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

# What a run leaves and the next one of the program must not find: the output is always the same.
_LEFT = {
    "a global": "print('seen' in globals())\nseen = 1",
    "a builtin": "import builtins\nprint(hasattr(builtins, 'seen'))\nbuiltins.seen = 1",
    "a replaced builtin": "import builtins\nprint(len([1, 2]))\nbuiltins.len = lambda x: 99",
    "a replaced print": "import builtins\nprint(input())\nbuiltins.print = lambda *a: None",
    "a replaced input": "import builtins\nprint(input())\nbuiltins.input = lambda *a: '2'",
    "a module's attribute": "import math\nprint(math.pi)\nmath.pi = 3",
    "a module's function": "import os\nos.write(1, b'x')\nos.write = os.read = None",
    "a module in the list": "import sys\nprint('xyz' in sys.modules)\nsys.modules['xyz'] = None",
    "a file": "import os\nprint(os.listdir('.'))\nopen('seen', 'w').close()",
    "an environment variable": "import os\nprint('SEEN' in os.environ)\nos.environ['SEEN'] = '1'",
    "a descriptor": "import os\nprint(os.dup(0))",
    "a thread": "import threading, time\nprint(threading.active_count())\n"
    "threading.Thread(target=time.sleep, args=(5,), daemon=True).start()",
    "a function at the end": "import atexit\nprint(1)\natexit.register(print, 2)",
    "a signal handler": "import signal\nprint(signal.getsignal(signal.SIGALRM))\n"
    "signal.signal(signal.SIGALRM, lambda *_: None)",
    "a closed stream": "import sys\nprint('here', flush=True)\nsys.stdout.close()",
    "a closed descriptor": "import os\nprint('here', flush=True)\nos.close(1)",
    "a trace function": "import sys\nprint(sys.gettrace())\nsys.settrace(lambda *_: None)",
    "a recursion limit": "import sys\nprint(sys.getrecursionlimit())\nsys.setrecursionlimit(5000)",
    "a precision": "import decimal\nprint(decimal.getcontext().prec)\n"
    "decimal.getcontext().prec = 5",
    "the random state": "import random\nrandom.seed(1)\nprint(random.random())\nrandom.seed(2)",
    "a hook of the collector": "import gc\nprint(len(gc.callbacks))\ngc.callbacks.append(print)",
    "a hook for output": "import sys\nprint(1)\nsys.displayhook = sys.excepthook = None",
    "an audit hook": "import sys\nprint(1)\ndef hook(*_): print('heard')\nsys.addaudithook(hook)",
    "a search path": "import sys\nprint(len(sys.path))\nsys.path.append('.')",
    "a class of a module": "import fractions\nprint(fractions.Fraction(1, 2))\n"
    "fractions.Fraction.__str__ = lambda self: 'half'",
    "an object of a module": "import random\nprint(hasattr(random._inst, 'seen'))\n"
    "random._inst.seen = 1",
    "a loader of modules": "import sys\nprint(len(sys.meta_path))\nsys.meta_path.append(None)",
    "a directory": "import os\nprint(os.listdir('.'))\nos.chdir('/')",
    "a word on the shared page": _WORD_ON_THE_PAGE,
    "a core file": "import os\nprint(os.listdir('.'), flush=True)\nimport ctypes\n"
    "ctypes.string_at(0)",
}

_INPUTS = ("1", "1\n", "1\n\n")  # three tests on which an honest program does the same

_SETRLIMIT = str(dict(syscalls.numbers(syscalls.CHECKED, machine())).get("setrlimit", -1))

ATTACKS = (
    *(Attack(f"expected: {name}", reaching(body), plain=False) for name, body in _HUNT.items()),
    Attack("expected: environment", reaching(_ENVIRONMENT)),
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
    *(
        Attack(f"script: {name}", text, (_SCRIPT,), kind=Kind.SCRIPT, entry_point="f")
        for name, text in _WRONG.items()
    ),
    *(
        Attack(f"script: {name}", text, (_SCRIPT,), kind=Kind.SCRIPT, entry_point="f", plain=False)
        for name, text in _WRONG_HERE.items()
    ),
    *(
        Attack(f"script: {n}", text, (_CATCHING,), kind=Kind.SCRIPT, entry_point="f", plain=not i)
        for i, (n, text) in enumerate(_NO_ERROR.items())
    ),
    *(
        Attack(f"left: {name}", program, _INPUTS, same=True, plain=False)
        for name, program in _LEFT.items()
    ),
)
