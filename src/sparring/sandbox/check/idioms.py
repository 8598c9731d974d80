"""Idioms: ordinary programs, by the name of the ordinary thing that each of them does."""

from __future__ import annotations

_USUAL = {
    "input": "a, b = map(int, input().split())\nprint(a + b)",
    "input until the end": (
        "try:\n    while True: print(repr(input()))\nexcept EOFError: print('end')"
    ),
    "read": "import sys\nprint(repr(sys.stdin.read()))",
    "readline": "import sys\nprint(repr(sys.stdin.readline()), repr(input()))",
    "iteration": "import sys\nfor line in sys.stdin: print(len(line), line.strip())",
    "buffer": "import sys\nprint(sys.stdin.buffer.readline(), sys.stdin.buffer.read())",
    "mixed": "import sys\nprint(input())\nprint(repr(sys.stdin.read()))",
    "os.read": "import os\nprint(os.read(0, 4), os.read(0, 1000), os.read(0, 5))",
    "open 0": "print(open(0).read().split())",
    "open 0 once more": "lines = open(0).readlines()\nprint(lines)",
    "dev stdin": "print(open('/dev/stdin').read())",
    "size of stdin": "import os\nprint(os.fstat(0).st_size)",
    "seek": "import sys\ninput()\nsys.stdin.seek(0)\nprint(input())",
    "flush": "print('a', end='', flush=True)\nprint('b')",
    "stdout": "import sys\nsys.stdout.write('x\\n')\nsys.stdout.buffer.write(b'y\\n')",
    "os.write": "import os, sys\nprint('1', flush=True)\nos.write(1, b'2\\n')\nprint('3')",
    "own stdout": "import sys\nsys.stdout = open(1, 'w', closefd=False)\nprint('own')",
    "own stdin": (
        "import io, os, sys\nsys.stdin = io.StringIO(os.read(0, 99).decode())\nprint(input())"
    ),
    "rebound input": "import sys\ninput = sys.stdin.readline\nprint(int(input().split()[0]) * 2)",
    "unclosed file": "f = open(1, 'w')\nf.write('late')",
    "stderr": "import sys\nprint('nobody sees it', file=sys.stderr)\nprint('out')",
    "main": "def main():\n    print(__name__)\nif __name__ == '__main__':\n    main()",
    "exit": "print(1)\nexit()",
    "quit": "print(1)\nquit()",
    "sys.exit 0": "import sys\nprint(1)\nsys.exit(0)",
    "os._exit after flush": "import os\nprint(1, flush=True)\nos._exit(0)",
    "os._exit loses the buffer": "import os\nprint(1)\nos._exit(0)",
    "atexit": "import atexit\natexit.register(print, 'bye')\nprint('hi')",
    "global": "n = 0\ndef f():\n    global n\n    n += 1\nf()\nf()\nprint(n)",
    "thread": (
        "import threading\nt = threading.Thread(target=lambda: print('t'))\nt.start()\nt.join()"
    ),
    "thread not joined": (
        "import threading, time\ndef f():\n    time.sleep(0.02)\n    print(input())\n"
        "threading.Thread(target=f).start()"
    ),
    "big thread stack": (
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(512 << 20)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
        "t = threading.Thread(target=lambda: print(f(20000)))\nt.start()\nt.join()"
    ),
    "thread pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(3) as pool: print(list(pool.map(abs, [-1, -2])))"
    ),
    "asyncio": "import asyncio\nasync def f(): return 7\nprint(asyncio.run(f()))",
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10**6)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(100000))"
    ),
    "pickle of main": (
        "import pickle\nclass A:\n    def __init__(self, x): self.x = x\n"
        "print(pickle.loads(pickle.dumps(A(5))).x)"
    ),
    "dataclass": (
        "from dataclasses import dataclass\n@dataclass(order=True)\nclass P:\n    x: int\n"
        "print(sorted([P(2), P(1)]))"
    ),
    "annotations": "from __future__ import annotations\ndef f(x: Undefined): return x\nprint(f(1))",
    "heavy imports": (
        "import bisect, collections, decimal, fractions, functools, heapq, hashlib, itertools\n"
        "import csv, sqlite3, zlib, unicodedata, tempfile, difflib\nprint(hashlib.md5().name)"
    ),
    "big integers": "import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(7 ** 9000)))",
    "unicode": "print('漢字 ñ \\U0001f600', ascii('é'))",
    "coding cookie": "# -*- coding: latin-1 -*-\nprint('a')",
    "crlf source": "x = 1\r\nif x:\r\n    print(x)\r\n",
    "file of its own": "open('f', 'w').write('kept')\nprint(open('f').read())",
    "1 MB": "print('x' * (2**20 - 1))",
    "argv": "import sys\nprint(len(sys.argv))",
    "hash order": "print(len({'a', 'b'}))",
    "del at the end": "class A:\n    def __del__(self): print('gone')\na = A()",
    "no newline at the end": "import sys\nsys.stdout.write('no newline')",
    "10 MB in and out": (
        "import sys\ndata = sys.stdin.read()\nsys.stdout.write(data * (10**7 // len(data)))"
    ),
    "bytes that are not text": "import os\nos.write(1, bytes(range(256)) + os.read(0, 5))",
    "input bytes as they are": "import sys\nprint(ascii(sys.stdin.buffer.read()))",
    "closed stdin": "import sys\nsys.stdin.close()\nprint('closed', sys.stdin.closed)",
    "closed descriptor 0": "import os\nos.close(0)\nprint('closed')",
    "the end of input twice": "import sys\nprint(len(sys.stdin.read()), repr(sys.stdin.read()))",
    "exit status 3": "import sys\nprint('before')\nsys.exit(3)",
    "exit with a message": "import sys\nprint('before')\nsys.exit('why')",
    "exit status 256": "import sys\nprint('before')\nsys.exit(256)",
    "exit in a function": "def main():\n    print('x')\n    raise SystemExit\nmain()\nprint('y')",
    "an exception": "print('before')\nraise ValueError",
    "an exception in a thread": (
        "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()\n"
        "print(1)"
    ),
    "an exception in atexit": "import atexit\natexit.register(lambda: 1 / 0)\nprint('x')",
    "many threads printing": (
        "import threading\ndef f(i): print(i, flush=True)\n"
        "ts = [threading.Thread(target=f, args=(i,)) for i in range(30)]\n"
        "for t in ts: t.start(); t.join()"
    ),
    "recursion in a deep thread": (
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(256 << 20)\n"
        "def f(n): return n and 1 + f(n - 1)\n"
        "t = threading.Thread(target=lambda: print(f(10**5)))\nt.start()\nt.join()"
    ),
    "deep recursion through C": (
        "import sys, functools\nsys.setrecursionlimit(10**5)\n"
        "@functools.lru_cache(None)\ndef f(n): return n and 1 + f(n - 1)\nprint(f(9000))"
    ),
    "generator clean-up": (
        "def g():\n    try: yield 1\n    finally: print('finally')\nx = g()\nprint(next(x))"
    ),
    "print to a file and back": (
        "with open('f', 'w') as f: print('line', file=f)\nprint(open('f').read(), end='')"
    ),
    "temporary file": (
        "import tempfile\nwith tempfile.TemporaryFile() as f:\n    f.write(b'x')\n"
        "    f.seek(0)\n    print(f.read())"
    ),
    "nonlocal": (
        "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n        return n\n"
        "    return g() + g()\nprint(f())"
    ),
    "locals at the top": "x = 1\nprint('x' in locals(), 'x' in globals(), __name__)",
    "exec sees globals": "x = 2\nexec('y = x + 1')\nprint(y)",
    "its own docstring": '"""what it is"""\nprint(__doc__)',
    "detached output": (
        "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), 'utf-8')\n"
        "print(input())"
    ),
    "standard error closed": (
        "import sys\nprint('x', file=sys.stderr)\nsys.stderr.close()\nprint(1)"
    ),
    "its own clock": (
        "import time\nn = 0\nwhile time.process_time() < 0.3: n += 1\nprint(n > 100)"
    ),
    "finalize": (
        "import weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'final')\nprint(1)"
    ),
    "import with effects": "import this",
    "warnings as errors": (
        "import warnings\nif '4' in input(): warnings.simplefilter('error')\n"
        "print(warnings.filters[0])"
    ),
    "last words of an object": (
        "import sys\nclass A:\n    def __del__(self): sys.stdout.write('bye\\n')\na = A()"
    ),
    "last words in a cycle": (
        "word = 'bye'\nclass A:\n    def __init__(self): self.me = self\n"
        "    def __del__(self): print(word)\na = A()"
    ),
    "an interrupt of its own": (
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    while True: pass\n"
        "except KeyboardInterrupt: print('stopped')"
    ),
    "a hook for exceptions": (
        "import sys\ndef hook(kind, error, trace): print(kind.__name__, error)\n"
        "sys.excepthook = hook\nint(input()[2:] + 'x')"
    ),
    "a hook that exits": (
        "import sys\nsys.excepthook = lambda *_: (print('done'), sys.exit(0))\nassert False"
    ),
    "a hook that fails": (
        "import sys\nsys.excepthook = lambda *_: (print('done'), 1 / 0)\nraise KeyError"
    ),
    "no standard output": "import sys\nprint('x')\ndel sys.stdout",
    "exit status beyond all bounds": "import sys\nprint('x')\nsys.exit(2 ** 70)",
    "what a session has": "print(callable(help), callable(license), callable(exit))",
    "fast input": (
        "import os, sys\nfrom io import BytesIO, IOBase\n"
        "class Fast(IOBase):\n"
        "    def __init__(self, file):\n        self.fd = file.fileno()\n"
        "        self.held = BytesIO()\n"
        "        self.write = lambda s: self.held.write(s.encode())\n"
        "    def flush(self):\n        os.write(self.fd, self.held.getvalue())\n"
        "        self.held = BytesIO()\n"
        "lines = iter(os.read(0, os.fstat(0).st_size).splitlines())\n"
        "sys.stdout = Fast(sys.stdout)\n"
        "print(*map(int, next(lines).split()))"
    ),
    "limits of its own": (
        "import resource as r\nr.setrlimit(r.RLIMIT_STACK, (1 << 28, r.RLIM_INFINITY))\n"
        "r.setrlimit(r.RLIMIT_CPU, (60, 60))\nprint(len(r.getrlimit(r.RLIMIT_CPU)))"
    ),
    "input in memory": (
        "import mmap\nm = mmap.mmap(0, 0, access=mmap.ACCESS_READ)\nprint(m.readline(), len(m))"
    ),
    "a hundred thousand lines": "for i in range(10**5): print(i)",
    "lines joined": "print('\\n'.join(map(str, range(10**5))))",
}
# Ends of a program: the order of its output, and the threads and functions that Python waits for.
_ENDS = {
    "printed before a thread ends the process": (
        "import os, threading\nprint(input())\nthreading.Timer(0.4, lambda: os._exit(0)).start()"
    ),
    "printed before what atexit writes": (
        "import atexit, os\natexit.register(lambda: os.write(1, b'late\\n'))\nprint('early')"
    ),
    "printed before what a thread writes": (
        "import os, threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.03), os.write(1, b'late\\n'))).start()\n"
        "print('early')"
    ),
    "printed before what a hook writes": (
        "import os, sys\nsys.excepthook = lambda *_: os.write(1, b'late\\n')\nprint('early')\n1 / 0"
    ),
    "an exit that atexit follows": (
        "import atexit, os, sys\natexit.register(os.write, 1, b'late\\n')\nprint('early')\n"
        "sys.exit(3)"
    ),
    "an end in atexit": "import atexit, os\natexit.register(os._exit, 0)\nprint('kept')",
    "a flush that fails first": (
        "import sys\nclass Out:\n    def __init__(self, out): self.out, self.n = out, 0\n"
        "    def write(self, text): self.out.write(text)\n"
        "    def flush(self):\n        self.n += 1\n        if self.n == 1: raise OSError\n"
        "        self.out.flush()\n"
        "sys.stdout = Out(sys.stdout)\nprint('x')"
    ),
    "a file on descriptor 1, kept by a function": (
        "out = open(1, 'w')\ndef main(): out.write(input())\nmain()"
    ),
    "a writer on descriptor 1, kept by a function": (
        "import csv\nwriter = csv.writer(open(1, 'w'))\ndef main(): writer.writerow([1, 2])\nmain()"
    ),
    "a buffer on descriptor 1, kept by a function": (
        "import io\nraw = io.BufferedWriter(io.FileIO(1, 'w'))\n"
        "def main(): raw.write(b'x\\n')\nmain()"
    ),
    "output kept by a hook": (
        "import sys\nout = open('/dev/stdout', 'w')\ndef hook(*_): out.write('hook')\n"
        "sys.excepthook = hook\nout.write(input())\nsys.displayhook = hook"
    ),
    "last words of what typing keeps": (
        "from typing import Dict, List\nclass A:\n    def __del__(self): print('words')\n"
        "a = A()\nprint(List[A] is not None, Dict[str, A] is not None)"
    ),
    "a module that is only mentioned": (
        "import sys\nif len(sys.argv) > 9: import unittest.__main__\nprint(input())"
    ),
    "standard error in place of output": (
        "import sys\nsys.stderr = sys.stdout\nprint('x', file=sys.stderr)"
    ),
}
# Uses of files and descriptors by the standard library.
_FILES = {
    "a file copied": (
        "import shutil\nopen('a', 'w').write(input())\nshutil.copyfile('a', 'b')\n"
        "shutil.copyfileobj(open('b'), open('c', 'w'))\nprint(open('b').read())"
    ),
    "a file locked": (
        "import fcntl\nf = open('a', 'w')\nfcntl.lockf(f, fcntl.LOCK_EX)\n"
        "fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)\nfcntl.lockf(f, fcntl.LOCK_UN)\n"
        "print('locked')"
    ),
    "a file written through": (
        "import os\nf = open('a', 'w')\nf.write(input())\nf.flush()\nos.fsync(f.fileno())\n"
        "os.fdatasync(f.fileno())\nprint(open('a').read())"
    ),
    "a file shortened": (
        "import os\nf = open('a', 'w+')\nf.write('12345')\nf.truncate(3)\nf.flush()\n"
        "os.ftruncate(f.fileno(), 2)\nprint(open('a').read())"
    ),
    "a file opened in every mode": (
        "for mode in ('w', 'a', 'r', 'r+', 'w+', 'a+', 'wb', 'rb'):\n"
        "    with open('f', mode) as f: print(mode, f.readable(), f.writable())\n"
        "import os\nos.remove('f')\nopen('f', 'x').close()"
    ),
    "advice on a file": (
        "import os\nos.posix_fadvise(0, 0, 0, os.POSIX_FADV_SEQUENTIAL)\nprint(input())"
    ),
    "a data base in a file": (
        "import sqlite3\ndb = sqlite3.connect('d')\ndb.execute('create table t (x)')\n"
        "db.executemany('insert into t values (?)', [(1,), (2,)])\ndb.commit()\ndb.close()\n"
        "db = sqlite3.connect('d')\nprint(db.execute('select sum(x) from t').fetchone())"
    ),
    "a pipe that does not block": (
        "import fcntl, os\nr, w = os.pipe()\n"
        "fcntl.fcntl(r, fcntl.F_SETFL, fcntl.fcntl(r, fcntl.F_GETFL) | os.O_NONBLOCK)\n"
        "try: os.read(r, 1)\nexcept BlockingIOError: print('empty')\n"
        "os.write(w, b'x')\nprint(os.read(r, 1), fcntl.fcntl(w, fcntl.F_GETFD))"
    ),
    "a descriptor duplicated": (
        "import fcntl, os\nfd = fcntl.fcntl(1, fcntl.F_DUPFD, 10)\nos.write(fd, b'x\\n')\n"
        "saved = os.dup(1)\nos.dup2(saved, 20)\nos.write(20, b'y\\n')"
    ),
    "types of files": (
        "import mimetypes\nprint(mimetypes.guess_type('a.html'), mimetypes.guess_type('b.csv'))"
    ),
}
# Honest uses of state that the library keeps for a whole process.
_TOLD = {
    "a dialect of csv": (
        "import csv, io\ncsv.register_dialect('bars', delimiter='|')\n"
        "print(list(csv.reader(io.StringIO('a|b'), 'bars')), 'bars' in csv.list_dialects())"
    ),
    "an error handler": (
        "import codecs\ncodecs.register_error('q', lambda e: ('?', e.end))\n"
        "print('é'.encode('ascii', 'q'))"
    ),
    "a mask for new files": "import os\nprint(oct(os.umask(0o27)), oct(os.umask(0)))",
    "an abstract class": (
        "from collections.abc import Sequence\nclass A: pass\nSequence.register(A)\n"
        "print(isinstance(A(), Sequence))"
    ),
    "one function for many types": (
        "from functools import singledispatch\n@singledispatch\ndef f(x): return 'any'\n"
        "@f.register\ndef _(x: int): return 'int'\nprint(f(1), f('a'))"
    ),
    "hooks of generators": (
        "import asyncio, sys\nasync def g():\n    yield 1\n"
        "async def main(): return [x async for x in g()]\nprint(asyncio.run(main()))"
    ),
    "an expression read": "print(eval(input().split()[0] + ' + 1'))",
    "a value read": "import ast\nprint(ast.literal_eval('[' + input().split()[0] + ', 2]'))",
    "a logger": (
        "import logging, sys\nlogging.basicConfig(stream=sys.stdout, format='%(message)s')\n"
        "logging.warning('heard')"
    ),
    "what the main module has": (
        "print(__name__, __doc__, __package__, __spec__, __cached__, __annotations__)"
    ),
    "about oneself": ("import os\nprint(os.sched_getaffinity(0) != set(), os.getpriority(0, 0))"),
    "clocks": (
        "import time\nprint(time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID) >= 0,\n"
        "    time.thread_time() >= 0, time.get_clock_info('monotonic').adjustable)"
    ),
}

IDIOMS = {**_USUAL, **_ENDS, **_FILES, **_TOLD}
