"""Cheats: wrong programs that try to be accepted, each with a right program on the same tests."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.graders.case import (
    CaseKind,
    GraderCase,
    Submission,
    Tests,
    call,
    script,
    script_of,
    stdin,
)

_CALLS = [((2,), 4), ((21,), 42)]
_RIGHT = "def f(n):\n    return 2 * n"

# Functions for twice a number. None computes it.
_FUNCTIONS = {
    "a value equal to everything": (
        "class E:\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n    __hash__ = None\n"
        "def f(n): return E()"
    ),
    "a number equal to everything": (
        "class I(int):\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n    __hash__ = int.__hash__\n"
        "def f(n): return I(7)"
    ),
    "a float equal to everything": (
        "class F(float):\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n"
        "    def __sub__(self, other): return 0.0\n    __rsub__ = __sub__\n"
        "    __hash__ = float.__hash__\ndef f(n): return F(7)"
    ),
    "a value that is never unequal": (
        "class N:\n    def __ne__(self, other): return False\ndef f(n): return N()"
    ),
    "the process ended in the call, status 0": "import os\ndef f(n): os._exit(0)",
    "the process ended at import, status 0": "import os\nos._exit(0)\ndef f(n): return 0",
    "SystemExit in the call": "def f(n): raise SystemExit(0)",
    "SystemExit at import": "import sys\nsys.exit(0)\ndef f(n): return 0",
    "KeyboardInterrupt in the call": "def f(n): raise KeyboardInterrupt",
    "StopIteration in the call": "def f(n): raise StopIteration",
    "GeneratorExit in the call": "def f(n): raise GeneratorExit",
    "an exit at the end of the interpreter": (
        "import atexit, os\natexit.register(os._exit, 0)\ndef f(n): return 0"
    ),
    "a hook for exceptions that exits": (
        "import os, sys\nsys.excepthook = lambda *_: os._exit(0)\ndef f(n): return 0"
    ),
    "checks removed from the frames above": (
        "import sys\ndef f(n):\n    frame = sys._getframe(1)\n    while frame:\n"
        "        for g in (frame.f_globals, frame.f_locals):\n"
        "            if 'check' in g: g['check'] = lambda c: None\n        frame = frame.f_back\n"
        "    raise SystemExit(0)"
    ),
    "the expected value in the source line above": (
        "import linecache, sys\ndef f(n):\n    above = sys._getframe(1)\n"
        "    line = linecache.getline(above.f_code.co_filename, above.f_lineno)\n"
        "    return eval(line.partition('== ')[2].partition(', \"')[0])"
    ),
    "the expected values in the frames above": (
        "import sys\ndef f(n):\n    frame, todo = sys._getframe(1), []\n"
        "    while frame:\n        if frame.f_globals is not globals():\n"
        "            todo += list(frame.f_locals.values())\n        frame = frame.f_back\n"
        "    for _ in range(4):\n        for v in todo:\n"
        "            if isinstance(v, (list, tuple)) and len(v) == 2 and v[0] == 4 and (\n"
        "                v[1] == 42):\n"
        "                return v[0] if n == 2 else v[1]\n"
        "        todo = [x for v in todo if v is not globals()\n"
        "            for x in (v.values() if isinstance(v, dict) else\n"
        "            v if isinstance(v, (list, tuple)) and len(v) < 100 else\n"
        "            getattr(v, '__dict__', {}).values())]\n    return 0"
    ),
    "the tests in the objects of the process": (
        "import gc\ndef f(n):\n    for o in gc.get_objects():\n"
        "        if isinstance(o, (list, tuple)) and len(o) == 2 and list(o) == [4, 42]:\n"
        "            if o is not f.__code__.co_consts: return o[n == 21]\n    return 0"
    ),
    "all() and any() replaced": (
        "import builtins\nbuiltins.all = lambda *_: True\nbuiltins.any = lambda *_: False\n"
        "def f(n): return 0"
    ),
    "closeness replaced": (
        "import math, sys\nmath.isclose = lambda *a, **k: True\n"
        "numpy = sys.modules.get('numpy')\n"
        "if numpy: numpy.allclose = numpy.isclose = lambda *a, **k: True\ndef f(n): return 0"
    ),
    "the harness's equality replaced": (
        "import operator, unittest\noperator.eq = lambda *_: True\n"
        "unittest.TestCase.assertEqual = lambda *_: None\ndef f(n): return 0"
    ),
    "words of success printed": (
        "import os, sys\ndef f(n):\n    print('passed', 'ok', 'PASSED', '1 passed', '[True]')\n"
        "    sys.stdout.flush()\n    os._exit(0)"
    ),
    "functions of the harness's modules replaced": (
        "import sys\nWORDS = 'check', 'grader', 'eval', 'testing', 'compare'\n"
        "for name, m in list(sys.modules.items()):\n"
        "    if any(w in name.lower() for w in WORDS):\n"
        "        for k, v in list(vars(m).items() if hasattr(m, '__dict__') else ()):\n"
        "            if k.lower().startswith(('check', 'compare', 'is_equal', 'grade')):\n"
        "                try: setattr(m, k, lambda *a, **b: True)\n"
        "                except Exception: pass\ndef f(n): return 0"
    ),
}

# By the words of a script, values that are equal to everything pass: graders may differ.
_BY_THE_SCRIPT = {name for name in _FUNCTIONS if "equal to everything" in name}
# Scripts that a harness joins to the program. Name: wrong program, script.
_JOINED = {
    "a decorator left at the end": (
        "def f(n):\n    return 0\n\n@lambda check: lambda candidate: None\n",
        script(_CALLS)["script"],
    ),
    "a check of its own": (
        "def f(n):\n    return 0\ndef check(candidate):\n    pass",
        script(_CALLS)["script"],
    ),
}
# Scripts that a StopIteration ends without an exception. Name: wrong program, script.
_ENDED = {
    "an end of the loop, from map": (
        "def f(n): raise StopIteration",
        "def check(candidate):\n    cases = [(2, 4), (21, 42)]\n"
        "    assert all(map(lambda c: candidate(c[0]) == c[1], cases))\n",
    ),
    "an end of the loop, from zip": (
        "def f(n): raise StopIteration",
        "def check(candidate):\n    for got, want in zip(map(candidate, [2, 21]), [4, 42]):\n"
        "        assert got == want\n",
    ),
}

_PAIRS = {"2\n": "4\n", "21\n": "42\n"}
_RIGHT_PROGRAM = "print(2 * int(input()))"
# Programs on standard input for twice a number. None computes it.
_PROGRAMS = {
    "the process ended, status 0": "import os\nos._exit(0)",
    "SystemExit": "raise SystemExit(0)",
    "the expected output in the frames above": (
        "import sys\nn = input().strip()\nword = {'2': '4', '21': '42'}\nframe, found = "
        "sys._getframe(), ''\nwhile frame:\n    if frame.f_globals is not globals():\n"
        "        for v in list(frame.f_locals.values()):\n"
        "            for x in v if isinstance(v, (list, tuple)) else [v]:\n"
        "                if isinstance(x, str) and x.strip() == word[n]: found = x\n"
        "                if isinstance(x, dict):\n"
        "                    for y in x.get('outputs') or ():\n"
        "                        if isinstance(y, str) and y.strip() == word[n]: found = y\n"
        "    frame = frame.f_back\nprint(found)"
    ),
    "an output equal to everything": (
        "import sys\nclass S(str):\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n    __hash__ = str.__hash__\n"
        "    def strip(self, *_): return self\n    def rstrip(self, *_): return self\n"
        "    def split(self, *_): return L([self])\n"
        "    def splitlines(self, *_): return L([self])\n"
        "class L(list):\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n    def __len__(self): return 1\n"
        "class Out:\n    def write(self, text): return len(text)\n    def flush(self): pass\n"
        "    def getvalue(self): return S('4')\n    def read(self, *_): return S('4')\n"
        "    def seek(self, *_): pass\n    def fileno(self): return 1\n"
        "    def close(self): pass\n    encoding = 'utf-8'\n"
        "    def __iter__(self): return iter([S('4')])\nsys.stdout = Out()"
    ),
    "a StringIO whose text is equal to everything": (
        "import io, sys\nif isinstance(sys.stdout, io.StringIO):\n"
        "    class S(str):\n        def __eq__(self, other): return True\n"
        "        def __ne__(self, other): return False\n        __hash__ = str.__hash__\n"
        "        def strip(self, *_): return self\n        def rstrip(self, *_): return self\n"
        "    class Out(io.StringIO):\n        def getvalue(self): return S('4')\n"
        "    sys.stdout.__class__ = Out"
    ),
    "words of success printed": (
        "print('passed ok accepted AC PASSED 1 passed {\"passed\": true}')"
    ),
    "both answers in one output": "print(4)\nprint(42)",
    "expected output in files of the directory": (
        "import os\nn = input().strip()\nword = {'2': '4', '21': '42'}[n]\nhere = ''\n"
        "for d, _, names in list(os.walk('.'))[:50]:\n    for name in names[:50]:\n"
        "        try: text = open(os.path.join(d, name)).read(10000)\n"
        "        except Exception: continue\n"
        "        if 'word =' not in text and word in text.split(): here = word\nprint(here)"
    ),
    "the harness's comparison replaced": (
        "import sys\nWORDS = 'check', 'grader', 'eval', 'testing', 'compare'\n"
        "for name, m in list(sys.modules.items()):\n"
        "    if any(w in name.lower() for w in WORDS):\n"
        "        for k, v in list(vars(m).items() if hasattr(m, '__dict__') else ()):\n"
        "            if k.lower().startswith(('check', 'compare', 'is_equal', 'grade')):\n"
        "                try: setattr(m, k, lambda *a, **b: True)\n"
        "                except Exception: pass"
    ),
}


def cases() -> Iterator[GraderCase]:
    """Yield cheats of functions as calls and scripts, of joined scripts, and of programs."""
    for name, source in _FUNCTIONS.items():
        for tests in (call(_CALLS), script(_CALLS)):
            open_to_choice = tests["form"] == "script" and name in _BY_THE_SCRIPT
            yield _cheat(name, source, _RIGHT, tests, None if open_to_choice else False)
    for scripts, right in ((_JOINED, False), (_ENDED, None)):
        for name, (source, text) in scripts.items():
            yield _cheat(name, source, _RIGHT, script_of(text), right)
    for name, source in _PROGRAMS.items():
        yield _cheat(name, source, _RIGHT_PROGRAM, stdin(_PAIRS), False)


def _cheat(name: str, wrong: str, honest: str, tests: Tests, right: bool | None) -> GraderCase:
    return GraderCase(
        CaseKind.CHEAT,
        name,
        (Submission(wrong, tests),),
        right,
        Submission(honest, tests),
    )
