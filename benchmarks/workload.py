"""What the executor benchmarks run: ten small tasks, sixteen programs each, known verdicts.

Programs are of the kind that models write for such tasks: reading with ``input()`` or from
``sys.stdin``, a loop or a comprehension, one `print`. Each is different from all others, and so
is each input, so that nothing can be answered from a memo. A quarter of the programs is wrong in
a way that every test of their task shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PROGRAMS = 16
TESTS = 24
LOOPS = "\nwhile True: pass\n"

_READ = (
    "n = int(input())\nxs = list(map(int, input().split()))\n",
    "import sys\nn, *xs = [int(x) for x in sys.stdin.read().split()]\n",
    "import sys\nlines = sys.stdin.readlines()\nn = int(lines[0])\n"
    "xs = list(map(int, lines[1].split()))\n",
    "import sys\nread = sys.stdin.readline\nn = int(read())\n"
    "xs = [int(x) for x in read().split()]\n",
)
_SOLVE: tuple[tuple[Callable[[list[int]], object], str], ...] = (
    (sum, "total = 0\nfor x in xs:\n    total += x\nprint(total)"),
    (max, "best = xs[0]\nfor x in xs:\n    if x > best:\n        best = x\nprint(best)"),
    (lambda xs: len(set(xs)), "seen = {}\nfor x in xs:\n    seen[x] = 1\nprint(len(seen))"),
    (lambda xs: sorted(xs)[len(xs) // 2], "xs.sort()\nprint(xs[n // 2])"),
    (lambda xs: sum(x * x for x in xs), "print(sum([x * x for x in xs]))"),
    (
        lambda xs: sum(a > b for i, a in enumerate(xs) for b in xs[i + 1 :]),
        "c = 0\nfor i in range(n):\n    for j in range(i):\n        c += xs[j] > xs[i]\nprint(c)",
    ),
    (
        lambda xs: max(b - a for a, b in zip(sorted(xs), sorted(xs)[1:], strict=False)),
        "xs.sort()\nprint(max(xs[i + 1] - xs[i] for i in range(n - 1)))",
    ),
    (
        lambda xs: sum(xs[::2]) - sum(xs[1::2]),
        "def f(v):\n    return sum(x if i % 2 == 0 else -x for i, x in enumerate(v))\nprint(f(xs))",
    ),
    (
        lambda xs: sum(1 for x in xs if x % 3 == 0),
        "from collections import Counter\nprint(Counter(x % 3 for x in xs)[0])",
    ),
    (
        lambda xs: " ".join(map(str, sorted(xs, reverse=True))),
        "print(*sorted(xs, key=lambda x: -x))",
    ),
)


@dataclass(frozen=True)
class Workload:
    """Programs, inputs and expected outputs by task, and whether a program is right."""

    programs: list[list[str]]
    inputs: list[list[str]]
    expected: list[list[str]]
    right: list[list[bool]]

    @property
    def runs(self) -> int:
        return sum(len(p) * len(i) for p, i in zip(self.programs, self.inputs, strict=True))


def workload(loop_share: float = 0.0, salt: str = "") -> Workload:
    """Ten tasks × 16 programs × 24 tests; `loop_share` of the programs never end.

    `salt` makes the programs differ from those of another workload.
    """
    rng = random.Random(0)
    programs, inputs, expected, right = [], [], [], []
    for task, (solve, body) in enumerate(_SOLVE):
        lists = _lists(rng)
        inputs.append([f"{len(xs)}\n{' '.join(map(str, xs))}\n" for xs in lists])
        expected.append([str(solve(xs)) for xs in lists])
        sources, good = [], []
        for k in range(PROGRAMS):
            wrong = k % 4 == 3
            source = f"# task {task}, program {k}{salt}\n{_READ[k % 4]}{body}\n"
            sources.append(source + ("print('and more')\n" if wrong else ""))
            good.append(not wrong)
        programs.append(sources)
        right.append(good)
    for number in range(round(loop_share * PROGRAMS * len(programs))):
        task, k = divmod(7 * number, PROGRAMS)
        programs[task % len(programs)][k] += LOOPS
        right[task % len(programs)][k] = False
    return Workload(programs, inputs, expected, right)


def _lists(rng: random.Random) -> Sequence[list[int]]:
    return [[rng.randrange(10**6) for _ in range(rng.randint(5, 40))] for _ in range(TESTS)]
