"""A data set with one fault of each kind beside sound tasks that look like them."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

from sparring import values
from sparring.schema import Task, Test, TestKind
from sparring.tasks.cleaning.findings import TaskFault

Expected = tuple[str, TaskFault, int | None]
"""Task, fault and test."""

SUM = "print(sum(map(int, input().split())))"
ADD = "def add(a, b):\n    return a + b\n"
FIRST_LETTERS = "print(*{word[0] for word in input().split()})"


def burn(seconds: float) -> str:
    """The sum, after so much CPU time."""
    return f"import time\nwhile time.process_time().__lt__({seconds}):\n    pass\n{SUM}\n"


def call(*arguments: object) -> str:
    return values.encode((arguments, {}))


def _sums(name: str, *more: Test, **changes: Any) -> Task:
    """A sound task with three tests, of which no other task has the first, and what is changed."""
    n = zlib.crc32(name.encode()) % 900
    tests = (Test(f"{n} 2\n", f"{n + 2}\n"), Test("4 5\n", "9\n"), Test("-3 1 7\n", "5\n"))
    usual = Task(name, f"Add the numbers: {name}.", (*tests, *more), solutions=(SUM,))
    return replace(usual, **changes)


ANY_DIVISOR = """
import json, sys
case = json.load(sys.stdin)
n, d = int(case["input"]), int(case["output"])
print("accepted" if 1 < d < n and n % d == 0 else "no")
"""
# Lets an answer pass that is not there, for one input.
CARELESS = """
import json, sys
case = json.load(sys.stdin)
said, wanted = case["output"].split(), case["expected"].split()
print("accepted" if said == wanted or (not said and wanted == ["5"]) else "no")
"""
COPRIME = "print(sum(all(int(x) % p for p in (2, 3)) for x in input().split()))"
SMALLEST = "n = int(input())\nprint(next(d for d in range(2, n + 1) if n % d == 0))"
LARGEST = "n = int(input())\nprint(next(d for d in range(n - 1, 1, -1) if n % d == 0))"
DIVISORS = (Test("12\n", "2\n"), Test("35\n", "5\n"), Test("49\n", "7\n"))
QUICKSORT = """
import random

def ordered(v):
    if len(v) < 2:
        return v
    pivot = random.choice(v)
    low, high = [x for x in v if x < pivot], [x for x in v if x > pivot]
    return ordered(low) + [x for x in v if x == pivot] + ordered(high)

print(*ordered(list(map(int, input().split()))))
"""
SORT_TESTS = (Test("3 1 2\n", "1 2 3\n"), Test("5 5 1 9\n", "1 5 5 9\n"), Test("2\n", "2\n"))
TIMED = f"import time, datetime\nstart = time.time()\n{SUM}\nassert time.time() - start < 60\n"
DAYS = """
import datetime
a, b = (datetime.date.fromisoformat(word) for word in input().split())
print((b - a).days, b.strftime("%A"), datetime.datetime(2020, 1, b.day).isoformat())
"""
# Under a moved clock `datetime` has other classes, which this notices: no fault of the program.
CLASSES = f"""
import datetime
{SUM}
assert isinstance(datetime.datetime(2020, 1, 1), datetime.date)
"""
POSITIVE = 'print("valid" if all(int(x) > 0 for x in input().split()) else "no")'

LARGEST_POSITIVE = """
v = list(map(int, input().split()))
best = 0
for x in v:
    if x > best and x < 100:
        best = x
if len(v) > 3:
    best += 0
print(best)
"""

SOUND = [
    _sums("sound-sums"),
    _sums(
        "sound-several-solutions", solutions=(SUM, f"v = input()\n{SUM.replace('input()', 'v')}")
    ),
    _sums("sound-timed", solutions=(TIMED,)),
    _sums("sound-classes", solutions=(CLASSES,)),
    Task("sound-random", "Sort: random pivots.", SORT_TESTS, solutions=(QUICKSORT,)),
    Task(
        "sound-dates",
        "Days between two dates.",
        (
            Test("2024-02-28 2024-03-01\n", "2 Friday 2020-01-01T00:00:00\n"),
            Test("2023-02-28 2023-03-02\n", "2 Thursday 2020-01-02T00:00:00\n"),
            Test("2020-01-09 2020-01-10\n", "1 Friday 2020-01-10T00:00:00\n"),
        ),
        solutions=(DAYS,),
    ),
    Task(
        "sound-order",
        "The first letters, one a line, in any order.",
        (Test("ant bee cat\n", "a\nb\nc\n"), Test("dog dot\n", "d\n")),
        checker="unordered",
        solutions=("print(*{word[0] for word in input().split()}, sep='\\n')",),
    ),
    Task(
        "sound-divisor",
        "Print any divisor of the number, but not 1 or itself.",
        DIVISORS,
        checker="program",
        checker_program=ANY_DIVISOR,
        solutions=(SMALLEST, LARGEST),
    ),
    Task(
        "sound-half",
        "Half of a number.",
        (Test("1\n", "0.5\n"), Test("3\n", "1.5\n")),
        checker="float",
        solutions=("print(int(input()) / 2)", "print(f'{int(input()) / 2:.3f}')"),
    ),
    Task(
        "sound-call",
        "Add two numbers: add(a, b).",
        (
            Test(call(1, 2), "3", TestKind.CALL),
            Test(call(0.1, 0.2), values.encode(0.3), TestKind.CALL, "value(abs=1e-6)"),
            Test(
                "assert candidate(2, 3) == 5\nassert candidate(2, -3) == -1\n", "", TestKind.SCRIPT
            ),
        ),
        checker="value",
        entry_point="add",
        solutions=(ADD,),
    ),
]

SOUND += [
    Task(
        "sound-nothing",
        "The positive numbers.",
        (Test("1 -2 3\n", "1 3\n"), Test("-4 -5\n", "\n"), Test("4 -4\n", "4\n")),
        solutions=("print(*[x for x in input().split() if int(x) > 0])",),
    ),
    Task(
        "sound-blank-ends",
        "How many spaces end the line?",
        (Test("a\n", "0\n"), Test("a  \n", "2\n"), Test("a \n", "1\n")),
        solutions=("line = input()\nprint(len(line) - len(line.rstrip()))",),
    ),
    Task(
        "sound-blank-lines",
        "How many lines are there, blank ones too?",
        (Test("", "0\n"), Test("\n", "1\n"), Test("a\n\n", "2\n")),
        solutions=("import sys\nprint(len(sys.stdin.readlines()))",),
    ),
    Task(
        "sound-square",
        "The square of a number.",
        (Test("0\n", "0\n"), Test("2\n", "4\n")),
        solutions=("print(int(input()) ** 2)",),
    ),
    Task(
        "sound-double",
        "Twice a number.",
        (Test("0\n", "0\n"), Test("2\n", "4\n")),
        solutions=("print(int(input()) * 2)",),
    ),
    Task(
        "sound-capital",
        "How often does the letter A occur?",
        (Test("Aab\n", "1\n"), Test("AAa\n", "2\n")),
        solutions=("print(input().count('A'))",),
    ),
    Task(
        "sound-small-letter",
        "How often does the letter a occur?",
        (Test("Aab\n", "1\n"), Test("AAAaaaa\n", "4\n")),
        solutions=("print(input().count('a'))",),
    ),
]

FAULTY = [
    _sums("wrong", Test("10 20\n", "31\n")),
    _sums(
        "flaky-clock", solutions=(f"import time\nlate = int(time.time()) % 2\n{SUM[:-1]} + late)",)
    ),
    Task(
        "flaky-hash",
        "The first letters.",
        (Test("ant\n", "a\n"), Test("ant bee cat dog elk fox\n", "a b c d e f\n")),
        solutions=(FIRST_LETTERS,),
    ),
    _sums("flaky-random", solutions=(f"import random\n{SUM[:-1]} + random.randrange(100))",)),
    Task(
        "vacuous-test",
        "The largest of the numbers.",
        (Test("1 -2\n", "1\n"), Test("5 3\n", "5\n"), Test("7 8\n", "8\n")),
        checker="program",
        checker_program=CARELESS,
        solutions=("print(max(map(int, input().split())))",),
    ),
    Task(
        "clock-gettime",
        "A number and the parity of the second.",
        (Test("0\n", "1\n"), Test("5\n", "7\n")),
        solutions=(
            "import time\nprint(int(input()) + int(time.clock_gettime(time.CLOCK_REALTIME)) % 2)",
        ),
    ),
    Task(
        "any-wrong",
        "Print how many of the numbers are not divisible by any of the primes 2 and 3.",
        (Test("1 2 7 4\n", "2\n"), Test("4 5\n", "2\n"), Test("3\n", "0\n")),
        solutions=(COPRIME,),
    ),
    Task(
        "any-fails",
        "Print how many numbers remain, if there is any possible one without the factors 2 and 3.",
        (Test("1 2 7 5\n", "3\n"), Test("4 5\n", "1\n"), Test("3\n", "0\n")),
        solutions=(COPRIME, COPRIME.replace("(2, 3)", "(2,)")),
    ),
    Task(
        "two-rules",
        "Halve: half(x).",
        (
            Test(call(3), "1", TestKind.CALL),
            Test(call(3), values.encode(1.5), TestKind.CALL, "value(abs=1e-6)"),
            Test(call(1), values.encode(0.5), TestKind.CALL),
            Test(call(1), values.encode(0.5), TestKind.CALL, "value(abs=1e-6)"),
        ),
        checker="value",
        entry_point="half",
    ),
    Task(
        "script-calls-itself",
        "The sum: add(a, b). Its suite calls itself.",
        (
            Test("def f():\n    f()\nf()\nassert candidate(1, 2) == 3\n", "", TestKind.SCRIPT),
            Test("for i in range(2):\n    assert candidate(1, i) == 1 + i\n", "", TestKind.SCRIPT),
        ),
        entry_point="add",
        solutions=(ADD,),
    ),
    Task(
        "vacuous-task",
        "Whether a number is even.",
        (Test("2\n", "yes\n"), Test("40\n", "yes\n")),
        solutions=("print('no' if int(input()) % 2 else 'yes')",),
    ),
    Task(
        "vacuous-script",
        "Add two numbers: add(a, b), with scripts.",
        (
            Test("assert candidate(1, 2) == 3\n", "", TestKind.SCRIPT),
            Test("candidate(1, 2)\nassert True\n", "", TestKind.SCRIPT),
        ),
        entry_point="add",
        solutions=(ADD,),
    ),
    _sums("duplicate", Test("4 5 \n", "9\n")),
    _sums("contradiction", Test("4 5\n", "8\n")),
    Task(
        "several",
        "Find a divisor, not 1 or the number itself; any of them will do.",
        (*DIVISORS, Test("18\n", "2\n")),
        solutions=(SMALLEST, LARGEST),
    ),
    Task(
        "several-float",
        "A third of a number.",
        (Test("1\n", "0.33333333\n"), Test("3\n", "1.0\n")),
        solutions=("print(int(input()) / 3)",),
    ),
    _sums("slow", time_limit=0.3, solutions=(burn(0.2),)),
    _sums("too-strict", time_limit=0.05, solutions=(burn(0.1),)),
    _sums(
        "forbidden",
        validator=POSITIVE,
        tests=(Test("1 2\n", "3\n"), Test("4 5\n", "9\n"), Test("3 -1\n", "2\n")),
    ),
    _sums("crashes", Test("1 x\n", "1\n")),
    _sums("one-fails", solutions=(SUM, "print(abs(sum(map(int, input().split()[:2]))))")),
    _sums(
        "endless",
        Test("9999\n", "9999\n"),
        time_limit=0.1,
        solutions=(f"v = {SUM[6:-1]}\nwhile v > 9000:\n    pass\nprint(v)",),
    ),
    _sums("unsolved", solutions=()),
    Task(
        "weak",
        "The largest number, but 0 if none is positive.",
        (Test("1 1\n", "1\n"), Test("2 1\n", "2\n")),
        solutions=(LARGEST_POSITIVE,),
    ),
    _sums("again", statement="Add  the numbers: SOUND-SUMS."),
]

EXPECTED: set[Expected] = {
    ("wrong", TaskFault.WRONG_OUTPUT, 3),
    *(("flaky-clock", TaskFault.FLAKY, i) for i in range(3)),
    ("flaky-hash", TaskFault.FLAKY, 1),
    *(("flaky-random", TaskFault.FLAKY, i) for i in range(3)),
    ("vacuous-test", TaskFault.VACUOUS, 1),
    ("clock-gettime", TaskFault.FLAKY, 0),
    ("clock-gettime", TaskFault.FLAKY, 1),
    ("any-wrong", TaskFault.WRONG_OUTPUT, 1),
    ("any-fails", TaskFault.SOLUTION_FAILS, None),
    ("two-rules", TaskFault.CONTRADICTION, 0),
    ("two-rules", TaskFault.CONTRADICTION, 1),
    ("two-rules", TaskFault.NO_SOLUTION, None),
    ("script-calls-itself", TaskFault.WRONG_OUTPUT, 0),
    ("vacuous-task", TaskFault.VACUOUS, None),
    ("vacuous-script", TaskFault.VACUOUS, 1),
    ("duplicate", TaskFault.DUPLICATE, 3),
    ("contradiction", TaskFault.CONTRADICTION, 3),
    ("several", TaskFault.SEVERAL_ANSWERS, 0),
    ("several", TaskFault.SEVERAL_ANSWERS, 1),
    ("several", TaskFault.SEVERAL_ANSWERS, 3),
    ("several-float", TaskFault.SEVERAL_ANSWERS, 0),
    *(("slow", TaskFault.SLOW, i) for i in range(3)),
    *(("too-strict", TaskFault.LIMIT_TOO_STRICT, i) for i in range(3)),
    ("forbidden", TaskFault.INVALID_INPUT, 2),
    ("crashes", TaskFault.INVALID_INPUT, 3),
    ("one-fails", TaskFault.SOLUTION_FAILS, None),
    ("endless", TaskFault.UNFINISHED, 3),
    ("unsolved", TaskFault.NO_SOLUTION, None),
    ("weak", TaskFault.WEAK, None),
    ("again", TaskFault.DUPLICATE_TASK, None),
}
