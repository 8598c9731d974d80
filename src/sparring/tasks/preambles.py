"""What a data set's own judge puts before every program, by name: imports that answers rely on.

Answers that a judge accepted use `List`, `deque` or ``inf`` without an import, because that judge
imports them first. A task names its judge's preamble (`Task.preamble`); names and order follow the
judge, for where two modules have a name the later one wins. A name is versioned: the version is
part of what figures depend on (`versions`), the text part of what outcomes are kept by.

Data sets whose own harness puts nothing there have none: CURE's, MBPP, plain files.
"""

from __future__ import annotations

from collections.abc import Iterable

from sparring.errors import DataError
from sparring.schema import Task


def _stars(modules: str) -> str:
    return "".join(f"from {module} import *\n" for module in modules.split())


def _plain(modules: str) -> str:
    return "".join(f"import {module}\n" for module in modules.split())


# LiveCodeBench, lcb_runner/evaluation/testing_util.py (`import_string`): before functions and
# before programs on standard input alike. `builtins` and `typing` come after the modules whose
# `pow`, `open` or `compile` would hide Python's own.
_LIVECODEBENCH = (
    _stars("string re datetime collections heapq bisect copy math random statistics itertools")
    + _stars("functools operator io sys json builtins typing")
    + _plain("string re datetime collections heapq bisect copy math random statistics itertools")
    + _plain("functools operator io sys json")
    + "sys.setrecursionlimit(50000)\n"
)
# LeetCodeDataset's `prompt`, which its evaluator puts before every answer, as far as it is the same
# for all problems. Classes that it adds for some (`ListNode`, `TreeNode`, with the functions that
# build them) are in the row and come as the task's head. Here `pow` is math's and `mod` operator's.
_LEETCODE = (
    _plain("random functools collections string math datetime")
    + _stars("typing functools collections itertools heapq bisect string operator math")
    + "inf = float('inf')\n"
)

# APPS, eval/testing_util.py; TACO, metrics/testing_util.py, has the same lines. They import numpy
# as well, which programs have only where it is given as a package.
_APPS = (
    _plain("sys time itertools")
    + "from itertools import accumulate, product, permutations, combinations\n"
    + _plain("collections")
    + "from collections import Counter, OrderedDict, deque, defaultdict, ChainMap\n"
    + "from functools import lru_cache\n"
    + _plain("math")
    + "from math import sqrt, sin, cos, tan, ceil, fabs, floor, gcd, exp, log, log2\n"
    + _plain("fractions")
    + "from typing import List, Tuple\n"
    + _plain("random heapq")
    + _stars("heapq")
)

PREAMBLES = {"apps": _APPS, "leetcode": _LEETCODE, "livecodebench": _LIVECODEBENCH}
VERSION = {"apps": "1", "leetcode": "1", "livecodebench": "1"}
"""To be raised with every change of a text above."""


def before(task: Task) -> str:
    """All that stands before a program of this task: its judge's preamble, then its own head.

    Raises `DataError` for a name that is not known.
    """
    if task.preamble is None:
        return task.head
    if fault := fault_of(task.preamble):
        raise DataError(f"{task.id}: preamble {fault}")
    return PREAMBLES[task.preamble] + task.head


def versions(tasks: Iterable[Task]) -> dict[str, str]:
    """The preambles that tasks name, with their versions; empty where none names one."""
    return {name: VERSION[name] for name in sorted({t.preamble for t in tasks if t.preamble})}


def fault_of(name: str) -> str:
    """Why a task cannot name this preamble, in words; empty if it can."""
    if name in PREAMBLES:
        return ""
    return f"{name[:40]!r} is not known; there are {', '.join(sorted(PREAMBLES))}"
