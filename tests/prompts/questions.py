"""Tests of our own for the questions of `real_answers_shown` (can-ai-code), by their names."""

from __future__ import annotations

_FACTORIAL = (
    "import math\nfor n in (1, 2, 3, 5, 7, 10, 12):\n    assert candidate(n) == math.factorial(n)"
)
_GCD = """\
import math
for a, b in ((48, 18), (18, 48), (17, 5), (100, 75), (270, 192), (7, 7), (12, 8), (1, 9)):
    assert candidate(a, b) == math.gcd(a, b)"""
_FIB = """\
a, b = 0, 1
for n in range(14):
    assert candidate(n) == a or n == 0
    a, b = b, a + b"""
_FIBS = """\
full = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
for n in (2, 3, 5, 7, 10, 12):
    assert list(candidate(n)) == full[:n]"""
_ASSEMBLE = """\
codes = {"CONTROL": 0, "COND": 128, "LOAD": 4, "SWP": 8, "PUSH": 32, "POP": 33}
program = ["LOAD 10", "PUSH 1", "CONTROL 3", "COND 2", "SWP 0", "POP 1", "LOAD -1"]
expected = []
for line in program:
    name, argument = line.split()
    expected += [codes[name], int(argument) % 256]
assert list(candidate(program)) == expected"""
_FLATTEN = """\
assert candidate({"a": 1, "b": "x"}) == {"a": 1, "b": "x"}
assert candidate({"a": {"b": 1, "c": {"d": 2}}}) == {"a.b": 1, "a.c.d": 2}
assert candidate({"a": [1, {"b": 2}]}) == {"a.0": 1, "a.1.b": 2}"""
_IDENTITIES = """\
found = {str(k).lower().replace("-", "").replace(" ", ""): v for k, v in candidate().items()}
assert found == {"superman": "Clark Kent", "batman": "Bruce Wayne", "spiderman": "Peter Parker"}"""
_COUNT = """\
assert candidate("hello world", "o") == 2
assert candidate("one two one", "one") == 2
assert candidate("abc", "x") == 0
assert candidate("foobar", "foobar") == 1"""

QUESTIONS: dict[str, str] = {
    "FactorialZeroShot": _FACTORIAL,
    "FactorialRecursiveZeroShot": _FACTORIAL,
    "FactorialMisnamed": _FACTORIAL,
    "GCDZeroShot": _GCD,
    "GCDAlternative": _GCD,
    "GCDMisnamed": _GCD,
    "FibonacciZeroShot": _FIB,
    "FibonacciMisnamed": _FIB,
    "FibonacciListZeroShot": _FIBS,
    "FibonacciListMisnamed": _FIBS,
    "SanityList": 'assert list(candidate()) == [5, "foobar", "Madrid"]',
    "SanityMeaningOfLife": "assert candidate() == 42",
    "SanitySecretIdentityMap": _IDENTITIES,
    "StringCountTokens": _COUNT,
    "VMAssemblerSimple": _ASSEMBLE,
    "VMAssemblerSimple2": _ASSEMBLE,
    "FlattenZeroShot": _FLATTEN,
}
