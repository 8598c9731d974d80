"""Responses that hold no program: refusals, chats, data, shells, other languages, half sentences.

`nothing` makes them of parts, so that each kind comes in several forms; none of them may be read
as a program, of a function task (`solve`, `add`, `Solution.add`) or of one on standard input.
"""

from __future__ import annotations

_PROSE = """
I cannot help with that.
The answer is to print the sum of the two numbers.
Let me think about it
We can not extract the code.
First, read n. Then, for each of the n numbers, add it to the total; print the total.
def is a keyword of Python, and return gives back a value.
You could import math and call math.gcd, but I would rather not.
for each line in the input: print its length
if the list is empty, return 0
Done
Yes.
no, sorry
Note: this is hard
Output: 6
The function add(a, b) returns a + b
print the result of input times two
class Solution is what LeetCode asks for
return a + b
while true do nothing
x
See above
This is a test of the emergency broadcast system
I would write `def add(a, b): return a + b` if I were allowed to.
Use `print(input())` and you are done, more or less.
lambda calculus was invented by Church
import duties are high this year
from here to eternity
try again later
add = plus
Step 1: read the input. Step 2: solve the problem. Step 3: print the output.
<think>I have to find the sum
assert your rights
with great power comes great responsibility
pass
...
42
[1, 2, 3]
"hello"
{"answer": 6}
None
"""
PROSE = _PROSE.strip().split("\n")
"""Lines that are no program, though some of them are Python."""

_SHELL = ("pip install numpy", "python main.py < input.txt", "$ ./a.out\n6", "cd src && make", "ls")
_DATA = (
    "3\n1 2 3",
    "6",
    "1 2\n3 4",
    "a,b\n1,2",
    "Input: 3\nOutput: 6",
    '{"input": "3", "output": "6"}',
    "[1, 2, 3]",
    "True",
    "YES\nNO",
    "x y z",
)
_OTHER = (
    ("cpp", '#include <cstdio>\nint main() { int n; scanf("%d", &n); printf("%d", n); }'),
    ("java", "class Solution { int add(int a, int b) { return a + b; } }"),
    ("javascript", "function add(a, b) { return a + b; }\nconsole.log(add(1, 2));"),
    ("js", "const add = (a, b) => a + b;"),
    ("rust", "fn add(a: i32, b: i32) -> i32 { a + b }"),
    ("go", "func add(a int, b int) int { return a + b }"),
    ("ruby", "def add(a, b)\n  a + b\nend"),
    ("haskell", "add a b = a + b"),
    ("sql", "SELECT a + b FROM numbers;"),
    ("r", "add <- function(a, b) a + b"),
    ("php", "<?php function add($a, $b) { return $a + $b; }"),
    ("html", "<p>print(input())</p>"),
    ("yaml", "name: add\nargs: [a, b]"),
    ("makefile", "all:\n\tpython main.py"),
    ("kotlin", "fun add(a: Int, b: Int) = a + b"),
    ("lua", "function add(a, b) return a + b end"),
)
_PSEUDO = (
    "function add(a, b)\n    return the sum of a and b\nend function",
    "READ n\nSET total TO 0\nFOR EACH number: ADD number TO total\nPRINT total",
    "def add(a, b)\n    result <- a plus b\n    return result",
    "1. read the input\n2. add the numbers\n3. print the sum",
    "input n\nprint n * 2",
    "def add(a, b):",
    "def add(a, b):\n    # TODO\n",
    "add(a, b):\n    return a + b",
    "for i in range(n) do\n    print(i)\nod",
    "total := 0; while input: total += input",
    "if a > b then print(a) else print(b)",
    "I would start with a loop over input() and print() each line",
    "class Solution:\n    # your code here",
    "# only a comment",
    '"""only a docstring"""',
    "result",
    "a + b",
    ">>> add(1, 2)\n3",
    "Traceback (most recent call last):\n  NameError: name 'add' is not defined",
    "add(1, 2) -> 3",
)


def fenced(code: str, info: str = "", mark: str = "```") -> str:
    """A block."""
    return f"{mark}{info}\n{code}\n{mark}"


def nothing() -> dict[str, str]:
    """Responses without a program, by a name that says what they are."""
    found = {f"prose: {line}": line for line in PROSE}
    found |= {f"prose in a fence: {line}": fenced(line) for line in PROSE[:26]}
    found |= {f"prose marked python: {line}": fenced(line, "python") for line in PROSE[:26]}
    for text in _SHELL:
        found[f"shell: {text}"] = "Run it:\n" + fenced(text, "bash")
        found[f"shell unmarked: {text}"] = fenced(text)
        found[f"shell marked python: {text}"] = fenced(text, "python")
    for text in _DATA:
        found[f"data: {text}"] = f"For example:\n{fenced(text, 'text')}\nThat is the form."
        found[f"data unmarked: {text}"] = f"Input:\n\n{fenced(text)}"
        found[f"data marked python: {text}"] = fenced(text, "python")
        found[f"data in tildes: {text}"] = fenced(text, "", "~~~")
    for language, code in _OTHER:
        found[f"{language}"] = f"In {language}:\n{fenced(code, language)}"
        found[f"{language} unmarked"] = fenced(code)
        found[f"{language} marked python"] = fenced(code, "python")
    for code in _PSEUDO:
        found[f"pseudo: {code}"] = fenced(code, "python")
        found[f"pseudo unclosed: {code}"] = f"```python\n{code}"
        found[f"pseudo in text: {code}"] = f"The idea:\n\n{code}\n\nThat is all."
    found["two fences of prose"] = "```\nfirst\n```\nand\n```\nsecond\n```"
    found["a fence and no more"] = "```"
    found["an open mark"] = "```python"
    found["empty"] = ""
    found["blank"] = " \n\n \t\n"
    found["a draft in open reasoning"] = "<think>\n" + fenced(
        "def add(a, b):\n    return a + b\nprint(input())", "python"
    )
    found["an open draft in open reasoning"] = "<think>\n```python\nprint(int(input()))"
    return found
