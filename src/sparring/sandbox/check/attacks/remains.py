"""Attacks by traces: changes of one execution that the program's next one must not find.

The output must be the same for every input.
"""

from __future__ import annotations

from sparring.sandbox.check.attacks import TIGHT, Attack
from sparring.sandbox.check.attacks.pages import PAGES

_INPUTS = ("1", "1\n", "1\n\n")  # three tests on which an honest program prints the same

# Looks for a word on the shared page, which outlives a process, and leaves a word there.
_WORD_ON_THE_PAGE = (
    PAGES
    + "found = []\npages = reach()\nfor page in pages:\n    try: found += [page[9060:9064]]\n"
    + "    except ValueError: pass\nprint(found)\nwrite(b'word', 9060)"
)

# Programs that print some state and then change it: the output must always be the same.
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
    "a dialect of csv": "import csv\nprint(csv.list_dialects())\n"
    "csv.register_dialect('seen', delimiter='|')",
    "a handler of codecs": (
        "import codecs\ntry: codecs.lookup_error('seen')\nexcept LookupError: print('none')\n"
        "else: print('seen')\ncodecs.register_error('seen', codecs.ignore_errors)"
    ),
    "a codec": (
        "import codecs\ntry: codecs.lookup('seen')\nexcept LookupError: print('none')\n"
        "else: print('seen')\n"
        "codecs.register(lambda name: codecs.lookup('utf-8') if name == 'seen' else None)"
    ),
    "a translation": "import builtins, gettext\nprint(hasattr(builtins, '_'))\n"
    "gettext.install('seen')",
    "a domain of translations": "import gettext\nprint(gettext.textdomain())\n"
    "gettext.textdomain('seen')",
    "a mask for files": "import os\nprint(os.umask(0o77))",
    "a way to copy": "import copyreg\nprint(len(copyreg.dispatch_table))\n"
    "class A: pass\ncopyreg.pickle(A, lambda a: (A, ()))",
    "a time limit for sockets": "import socket\nprint(socket.getdefaulttimeout())\n"
    "socket.setdefaulttimeout(5)",
    "a hook for generators": "import sys\nprint(sys.get_asyncgen_hooks()[0])\n"
    "sys.set_asyncgen_hooks(print)",
    "a depth of origins": "import sys\nprint(sys.get_coroutine_origin_tracking_depth())\n"
    "sys.set_coroutine_origin_tracking_depth(3)",
    "a type of files": "import mimetypes\nprint(mimetypes.guess_type('a.seen'))\n"
    "mimetypes.add_type('x/seen', '.seen')",
    "an adapter of SQLite": (
        "import sqlite3\nclass A: pass\nprint(len(sqlite3.adapters))\n"
        "sqlite3.register_adapter(A, str)"
    ),
    "a namespace of XML": (
        "import xml.etree.ElementTree as x\nprint(len(x._namespace_map))\n"
        "x.register_namespace('seen', 'urn:seen')"
    ),
    "a class that counts as another": (
        "from collections.abc import Sized\nprint(issubclass(complex, Sized))\n"
        "Sized.register(complex)"
    ),
    "an entry in a list of the library": "import keyword\nprint(len(keyword.kwlist))\n"
    "keyword.kwlist.append('seen')",
    "an entry in a table of the library": "from html import entities\n"
    "print('seen' in entities.name2codepoint)\nentities.name2codepoint['seen'] = 1",
    "an entry in a set of the library": "import sys\nprint('seen' in sys.flags.__doc__)\n"
    "import string, re\nprint(len(re._special_chars_map))\nre._special_chars_map[1] = 'seen'",
    "a format of archives": (
        "import shutil\nprint(len(shutil.get_archive_formats()))\n"
        "shutil.register_archive_format('seen', print, description='x')"
    ),
    "a call at forks": "import os\nprint(1)\nos.register_at_fork(before=lambda: 1)\n",
    "a flag of standard error": "import fcntl\nprint(fcntl.fcntl(2, 3) & 0o4000)\n"
    "fcntl.fcntl(2, 4, fcntl.fcntl(2, 3) | 0o4000)",
    "a blocking mode": "import os\nprint(os.get_blocking(2))\nos.set_blocking(2, False)",
    "a name of the main thread": "import threading\nprint(threading.main_thread().name)\n"
    "threading.main_thread().name = 'seen'",
    "what a line of a file was": (
        "import linecache, os, time\nopen('f', 'w').write(str(time.time_ns()))\n"
        "print(linecache.getline('f', 1).strip() == open('f').read())\nos.remove('f')"
    ),
    "last words kept by typing": (
        "from typing import overload\nclass A:\n    def __del__(self): print('words')\na = A()\n"
        "@overload\ndef f(x: int) -> int: ...\ndef f(x): return x\nprint(f(1))"
    ),
    "last words after an end that failed": (
        "import gc, sys\nclass Out:\n    def write(self, text): pass\n"
        "    def flush(self): raise OSError\n"
        "class A:\n    def __init__(self): self.me = self\n"
        "    def __del__(self): sys.__stdout__.write('words')\n"
        "print(input(), flush=True)\na = A()\nsys.stdout = Out()\ngc.collect()"
    ),
    "a default of a function": "import textwrap\nprint(textwrap.fill.__defaults__)\n"
    "textwrap.fill.__defaults__ = (9,)",
    "a strict standard error": (
        "import sys\nprint(sys.stderr.errors)\nsys.stderr.reconfigure(errors='strict')"
    ),
    "a number that is like another, beside atexit": (
        "import atexit, numbers\natexit.register(int)\nclass A: pass\n"
        "print(isinstance(A, type), len(numbers.Real._dump_registry.__doc__ or ''))\n"
        "import io\no = io.StringIO()\nnumbers.Real._dump_registry(o)\nprint(len(o.getvalue()))\n"
        "numbers.Real.register(A)"
    ),
    "a logger": "import logging\nprint(logging.getLogger().level)\n"
    "logging.basicConfig(level=logging.DEBUG)\nlogging.getLogger().setLevel(10)",
    "a core file": "import os\nprint(os.listdir('.'), flush=True)\nimport ctypes\n"
    "ctypes.string_at(0)",
}

# An input that, once evaluated, answers the inputs after it in the program's place.
_ANSWERS = """
import gc, mmap, os, socket, struct, sys
frame, todo = sys._getframe(), list(gc.get_objects())
while frame:
    todo += frame.f_locals.values()
    frame = frame.f_back
for o in list(todo): todo += gc.get_referents(o)
pages = [o for o in todo if isinstance(o, mmap.mmap)]
s = socket.socket(fileno=255)
def end(n):
    for page in pages:
        try:
            for k in range(n): page[8 + 448 * k + 12 : 8 + 448 * k + 15] = b'o\\0\\0'
            page[:8] = struct.pack('<II', n, 0)
        except (ValueError, IndexError): pass
end(1)
os.write(255, b'!')
n = 0
while True:
    m, rights, _, _ = s.recvmsg(9, 999)
    if not rights: os._exit(0)
    for _, _, data in rights:
        os.write(list(memoryview(data).cast('i'))[1], b'forged')
        n += 1
    end(n)
    if m[:1] == b'!':
        os.write(255, b'!')
        n = 0
"""

# An input's author is not the program's: effects of one input must not reach the next.
_SEEN = "import builtins\nprint(hasattr(builtins, 'seen'))\n"
_TAUGHT = {
    "an input that is evaluated": (
        f"{_SEEN}eval(input())",
        "__import__('builtins').__dict__.update(seen=1)",
    ),
    "an input that replaces what prints": (
        "print('before')\neval(input())\nprint('after')",
        "setattr(__import__('builtins'), 'print', lambda *a: None)",
    ),
    "an input that is executed": (f"{_SEEN}exec(input())", "import builtins; builtins.seen = 1"),
    "an input that is unpickled": (
        f"{_SEEN}import pickle, sys\npickle.load(sys.stdin.buffer)",
        "cbuiltins\nexec\n(S'import builtins; builtins.seen = 1'\ntR.",
    ),
}

ATTACKS = (
    Attack(
        "taught: an input that answers the others",
        "import sys\ntry: print(eval(input()) and 'mine')\nexcept BaseException: print('mine')",
        (f"exec({_ANSWERS!r})", *(f"{k} + 1" for k in range(40))),
        TIGHT,
        plain=False,
        never="forged",
    ),
    Attack(
        "taught: an input for the debugger",
        "import builtins\nprint(hasattr(builtins, 'seen'))\nbreakpoint()",
        tuple(f"import builtins; builtins.seen = 1\nc\n{'#' * k}" for k in range(3)),
        same=True,
        plain=False,
    ),
    *(
        Attack(
            f"taught: {name}", program, (text, f"{text}\n", f"{text}\n\n"), same=True, plain=False
        )
        for name, (program, text) in _TAUGHT.items()
    ),
    *(
        Attack(f"left: {name}", program, _INPUTS, same=True, plain=False)
        for name, program in _LEFT.items()
    ),
)
