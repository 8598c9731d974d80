"""Preambles: the imports that a data set's own judge puts before every program.

Answers that a judge accepted use `List`, `deque` or ``inf`` without an import, because that judge
imports them first.

- A task names its judge's preamble (`Task.preamble`).
- Names and order follow the judge: if two modules define a name, the later import wins.
- Each preamble has a version. Figures are recorded with the version (`versions`); kept outcomes
  of programs are found by the text.
- Data sets whose own harness puts nothing before a program have no preamble: CURE's, MBPP, plain
  files.
"""

from __future__ import annotations

from collections.abc import Iterable

from sparring.errors import DataError
from sparring.schema import Task


def _stars(modules: str) -> str:
    return "".join(f"from {module} import *\n" for module in modules.split())


def _import_lines(modules: str) -> str:
    return "".join(f"import {module}\n" for module in modules.split())


# LiveCodeBench, lcb_runner/evaluation/testing_util.py (`import_string`): before functions and
# before programs on standard input alike. `builtins` and `typing` come after the modules whose
# `pow`, `open` or `compile` would hide Python's own.
_LIVECODEBENCH = (
    _stars("string re datetime collections heapq bisect copy math random statistics itertools")
    + _stars("functools operator io sys json builtins typing")
    + _import_lines(
        "string re datetime collections heapq bisect copy math random statistics itertools"
    )
    + _import_lines("functools operator io sys json")
    + "sys.setrecursionlimit(50000)\n"
)
# The part of LeetCodeDataset's `prompt` that all problems share; its evaluator puts the prompt
# before every answer. Classes that only some problems have (`ListNode`, `TreeNode`, with the
# functions that build them) come from the row as the task's head. After these imports `pow` is
# math's and `mod` is operator's.
_LEETCODE = (
    _import_lines("random functools collections string math datetime")
    + _stars("typing functools collections itertools heapq bisect string operator math")
    + "inf = float('inf')\n"
)

# APPS, eval/testing_util.py; TACO, metrics/testing_util.py, has the same lines. Both also import
# numpy, which is left out here: programs have numpy only if the user gives it as a package.
_APPS = (
    _import_lines("sys time itertools")
    + "from itertools import accumulate, product, permutations, combinations\n"
    + _import_lines("collections")
    + "from collections import Counter, OrderedDict, deque, defaultdict, ChainMap\n"
    + "from functools import lru_cache\n"
    + _import_lines("math")
    + "from math import sqrt, sin, cos, tan, ceil, fabs, floor, gcd, exp, log, log2\n"
    + _import_lines("fractions")
    + "from typing import List, Tuple\n"
    + _import_lines("random heapq")
    + _stars("heapq")
)

PREAMBLES = {"apps": _APPS, "leetcode": _LEETCODE, "livecodebench": _LIVECODEBENCH}
VERSION = {"apps": "1", "leetcode": "1", "livecodebench": "1"}
"""Versions of the preambles; raise one with every change of its text above."""


def source_before(task: Task) -> str:
    """Return the source that stands before a program of this task: preamble, then head.

    Raises `DataError` for an unknown preamble.
    """
    if task.preamble is None:
        return task.head
    if fault := preamble_fault(task.preamble):
        raise DataError(f"{task.id}: preamble {fault}")
    return PREAMBLES[task.preamble] + task.head


def versions(tasks: Iterable[Task]) -> dict[str, str]:
    """Return the preambles that tasks name, with their versions; empty if no task names one."""
    return {name: VERSION[name] for name in sorted({t.preamble for t in tasks if t.preamble})}


def preamble_fault(name: str) -> str:
    """Return the end of a message that refuses this preamble's name; empty for a known name."""
    if name in PREAMBLES:
        return ""
    return f"{name[:40]!r} is not known; the preambles are {', '.join(sorted(PREAMBLES))}"
