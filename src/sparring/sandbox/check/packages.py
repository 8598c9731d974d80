"""Cases for a sandbox with packages: idioms that use the packages, and attacks by way of them.

A program must not reach other parts of the environment, nor change any part of it, and each
execution must find the packages unchanged.
"""

from __future__ import annotations

from pathlib import Path

from sparring.sandbox.caller.packages import Packages
from sparring.sandbox.check.attacks import Attack, reaching_program

_INPUTS = ("1", "1\n", "1\n\n")
_NUMPY = {
    "a matrix": "a = np.array([[2.0, 1.0], [1.0, 3.0]])\n"
    "print(np.linalg.solve(a, [1, 2]).round(9))",
    "a large product": "a = np.arange(250000.0).reshape(500, 500)\nprint(int((a @ a).sum()))",
    "many numbers": "a = np.arange(10**6)\nprint(a[a % 3 == 0].sum(), np.cumsum(a)[-1])",
    "a seeded generator": "np.random.seed(5)\nprint(np.random.randint(0, 99, 5))\n"
    "print(np.random.default_rng(7).integers(0, 99, 5))",
    "words of the input": "print(np.array([len(w) for w in sys.stdin.read().split()]).tolist())",
    "a transform": "print(np.fft.fft([1, 2, 3, 4]).real.round(6))",
    "a masked array": "print(np.ma.array([1, 2, 3], mask=[0, 1, 0]).sum())",
    "an error state": "with np.errstate(divide='ignore'):\n    print(np.array([1.0]) / 0)",
    "print options": "np.set_printoptions(precision=3)\nprint(np.array([1 / 3]))",
    "an error that is raised": "np.seterr(all='raise')\ntry: print(np.array([1.0]) / 0)\n"
    "except FloatingPointError as e: print(e)",
    "an array in a file": "np.save('a.npy', np.eye(2))\nprint(np.load('a.npy'))",
    "a thread": "import threading\ndef f(): print(np.ones(9).sum())\n"
    "t = threading.Thread(target=f); t.start(); t.join()",
    "exact integers": "print(np.int64(2)**62, int(np.iinfo(np.int64).max) + 1)",
}
_SORTED = {
    "a sorted list": "s = SortedList([3, 1, 2])\ns.add(0)\nprint(list(s), s.bisect(2), s.pop())",
    "a sorted dictionary": "d = SortedDict(b=1, a=2)\nprint(list(d.items()), d.peekitem())",
}
_HEADS = {
    "numpy": ("import sys\nimport numpy as np\n", _NUMPY),
    "sortedcontainers": ("from sortedcontainers import SortedDict, SortedList\n", _SORTED),
}
# Changes of numpy by one execution that the program's next execution must not find.
_LEFT = {
    "numpy's error state": "print(np.geterr())\nnp.seterr(all='raise')",
    "numpy's print options": "print(np.array([1 / 3]))\nnp.set_printoptions(precision=2)",
    "numpy's generator": "np.random.seed(1)\nprint(np.random.rand())\nnp.random.seed(2)",
    "numpy's error function": "print(np.geterrcall())\nnp.seterrcall(print)",
    "numpy's buffer": "print(np.getbufsize())\nnp.setbufsize(16384)",
    "a function of numpy": "print(np.sum([1, 2]))\nnp.sum = len",
    "an attribute of numpy": "print(hasattr(np, 'seen'))\nnp.seen = 1",
    "an attribute of a part": "print(hasattr(np.linalg, 'seen'))\nnp.linalg.seen = 1",
    "another generator": "print(type(np.random.mtrand._rand).__name__)\n"
    "np.random.mtrand._rand = None",
    "a filter of warnings": "import warnings\nprint(len(warnings.filters))\n"
    "np.warn = warnings.simplefilter('error')",
    "a module of numpy's": "import sys\nprint('numpy.matlib' in sys.modules)\nimport numpy.matlib",
}  # fmt: skip


def idioms(packages: Packages) -> dict[str, str]:
    """Return programs that use the packages, by name."""
    by_name = {f"{module}: imported": f"import {module}\nprint({module}.__name__)"
               for module in packages.modules}  # fmt: skip
    for module, (head, programs) in _HEADS.items():
        if module in packages.modules:
            by_name |= {f"{module}: {name}": head + body for name, body in programs.items()}
    return by_name


def attacks(packages: Packages) -> list[Attack]:
    """Return attacks by way of the packages; none without packages."""
    if not packages.files:
        return []
    site = packages.sites()[0]
    shown = {path.partition("/")[0] for path, _ in packages.files}
    hidden = sorted({p.parent.name for p in Path(site).glob("*/__init__.py")} - shown)
    cases = [
        Attack("packages: others in their directory", _listing(shown), prints="[]\n"),
        Attack("packages: one made", reaching_program("open(sys.path[-1] + '/made.py', 'x')")),
        Attack("packages: one taken away", reaching_program(
            "d = sys.path[-1]\nos.unlink(os.path.join(d, os.listdir(d)[0]))")),
        Attack("packages: a file changed", reaching_program(_changing(packages.modules[0]))),
        Attack("packages: the environment listed", reaching_program(f"os.listdir({site!r})")),
    ]  # fmt: skip
    for name in hidden[:1]:
        cases += [
            Attack("packages: another imported", reaching_program(f"import {name}")),
            Attack("packages: another read", reaching_program(
                f"open({f'{site}/{name}/__init__.py'!r})")),
            Attack("packages: another on the path", reaching_program(
                f"sys.path.append({site!r})\nimport {name}")),
        ]  # fmt: skip
    if "numpy" in packages.modules:
        head = "import numpy as np\n"
        cases += [
            Attack(f"packages: {name}", head + body, _INPUTS, same=True)
            for name, body in _LEFT.items()
        ]
    return cases


def _listing(shown: set[str]) -> str:
    return (
        f"import os, sys\nmodule = os.path.realpath(sys.path[-1])\n"
        f"print(sorted(set(os.listdir(module)) - {shown!r}))"
    )


def _changing(module: str) -> str:
    return f"import {module}\nopen({module}.__file__, 'r+').write('#')"
