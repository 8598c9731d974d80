"""Idioms: ordinary programs and functions that every grader should accept.

Programs on standard input are those of the sandbox's own check; this host's plain interpreter says
what they print. Functions are below, each with a call and its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sparring.errors import SandboxError
from sparring.graders.case import CaseKind, GraderCase, Submission, call, script, stdin
from sparring.sandbox import Job, Limits
from sparring.sandbox.check.executors import interpret
from sparring.sandbox.check.idioms import IDIOMS
from sparring.schema import Verdict

_INPUT = "3 4\nsecond line\n\nlast é 漢\n"
_ROOMY = Limits(cpu_seconds=10.0, memory_mib=512, output_bytes=32 << 20)
_CLEAN = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"}
_WRONG = "print('something else')"

# Idioms that people write in contests. The check of the sandbox has more, which a grader may refuse
# with good reason: a program that closes its own input, or that looks at its limits.
_USUAL = (
    "input", "input until the end", "read", "readline", "iteration", "buffer", "mixed", "os.read",
    "open 0", "flush", "own stdout", "rebound input", "main", "exit", "quit",
    "sys.exit 0", "exit in a function", "atexit", "global", "nonlocal", "thread", "thread pool",
    "deep recursion through C",
    "pickle of main", "dataclass", "annotations", "heavy imports", "unicode",
    "coding cookie", "its own docstring", "generator clean-up", "no newline at the end", "stderr",
    "a hundred thousand lines", "lines joined", "1 MB", "an expression read",
    "one function for many types", "locals at the top", "exec sees globals",
)  # fmt: skip

# Functions: source, arguments, value.
_FUNCTIONS: dict[str, tuple[str, tuple[Any, ...], Any]] = {
    "plain": ("def f(a, b):\n    return a + b", (3, 4), 7),
    "a helper below": (
        "def f(n):\n    return g(n) + 1\n\ndef g(n):\n    return 2 * n",
        (5,),
        11,
    ),
    "recursion": ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)", (10,), 3628800),
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10**6)\n"
        "def f(n):\n    return 0 if n == 0 else 1 + f(n - 1)",
        (4000,),
        4000,
    ),
    "a cache": (
        "from functools import lru_cache\n@lru_cache(maxsize=None)\n"
        "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)",
        (60,),
        1548008755920,
    ),
    "an import in the function": (
        "def f(s):\n    import re\n    return re.sub('a+', 'b', s)",
        ("xaay",),
        "xby",
    ),
    "names of typing that are imported": (
        "from typing import Dict, List, Optional\n"
        "def f(xs: List[int], d: Optional[Dict[str, int]] = None) -> int:\n    return sum(xs)",
        ([1, 2, 3],),
        6,
    ),
    "annotations that are not defined": (
        "from __future__ import annotations\ndef f(n: Undefined) -> Other:\n    return n + 1",
        (1,),
        2,
    ),
    "a global": (
        "LIMIT = 10\ncount = 0\ndef f(n):\n    global count\n    count += 1\n"
        "    return min(n, LIMIT)",
        (12,),
        10,
    ),
    "a class": (
        "class Stack:\n    def __init__(self):\n        self.items = []\n"
        "    def push(self, x):\n        self.items.append(x)\n        return self\n"
        "def f(n):\n    return Stack().push(n).items",
        (3,),
        [3],
    ),
    "a dataclass": (
        "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int\n"
        "    tags: list = field(default_factory=list)\n"
        "def f(n):\n    return P(n).x + len(P(n).tags)",
        (4,),
        4,
    ),
    "a decorator of its own": (
        "def twice(g):\n    def h(*a):\n        return 2 * g(*a)\n    return h\n"
        "@twice\ndef f(n):\n    return n + 1",
        (1,),
        4,
    ),
    "a lambda": ("f = lambda n: n * n", (9,), 81),
    "a method bound to a name": (
        "class Solution:\n    def run(self, n):\n        return n - 1\nf = Solution().run",
        (1,),
        0,
    ),
    "prints on the way": (
        "def f(n):\n    print('debug', n)\n    return n + 1",
        (1,),
        2,
    ),
    "a main part that reads": (
        "def f(n):\n    return n + 1\n\nif __name__ == '__main__':\n    print(f(int(input())))",
        (1,),
        2,
    ),
    "tests of its own": (
        "def f(n):\n    return n + 1\n\nassert f(1) == 2\nassert f(0) == 1",
        (1,),
        2,
    ),
    "an exception that it catches": (
        "def f(s):\n    try:\n        return int(s)\n    except ValueError:\n        return -1",
        ("x",),
        -1,
    ),
    "a generator in a list": (
        "def g(n):\n    yield from range(n)\ndef f(n):\n    return list(g(n))",
        (3,),
        [0, 1, 2],
    ),
    "a nested function": (
        "def f(n):\n    total = 0\n    def add(k):\n        nonlocal total\n        total += k\n"
        "    for k in range(n):\n        add(k)\n    return total",
        (5,),
        10,
    ),
    "a default that is kept": (
        "def f(n, seen={}):\n    seen[n] = seen.get(n, 0) + 1\n    return sorted(seen)",
        (2,),
        [2],
    ),
    "the standard library": (
        "import bisect, collections, heapq, itertools, math, statistics, string\n"
        "def f(xs):\n    heapq.heapify(xs)\n    return collections.Counter(xs)[heapq.heappop(xs)]",
        ([3, 1, 1],),
        2,
    ),
    "a redefinition": (
        "def f(n):\n    return 0\n\ndef f(n):\n    return n + 1",
        (1,),
        2,
    ),
}
_WRONG_FUNCTION = "def f(*arguments):\n    return 'something else'"


def cases() -> Iterator[GraderCase]:
    """Yield the idioms."""
    jobs = [Job(IDIOMS[name], (_INPUT,), _ROOMY) for name in _USUAL]
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda job: interpret(job, _INPUT, _CLEAN), jobs)
    for name, job, outcome in zip(_USUAL, jobs, outcomes, strict=True):
        if outcome.verdict is not Verdict.FINISHED:
            raise SandboxError(f"{name}: did not end under a plain interpreter; try again")
        tests = stdin({_INPUT: outcome.output})
        yield GraderCase(
            CaseKind.IDIOM,
            name,
            (Submission(job.program, tests),),
            True,
            Submission(_WRONG, tests),
        )
    for name, (source, arguments, value) in _FUNCTIONS.items():
        for form in (call, script):
            function_tests = form([(arguments, value)])
            yield GraderCase(
                CaseKind.IDIOM,
                name,
                (Submission(source, function_tests),),
                True,
                Submission(_WRONG_FUNCTION, function_tests),
            )
