"""Random mixtures of fences, marks, prose and code, as no model writes them and any might.

`mixture` is a function of a seed. Sentences are `SENTENCES`: none of their lines may ever be a
line of a program that is read, but in a comment or a text.
"""

from __future__ import annotations

import random

ENTRY = "add"
FUNCTION = "def add(a, b):\n    return a + b  # the canonical one"
SCRIPT = "first, second = input(), input()\nprint(first + second)  # the canonical one"
SENTENCES = (
    "The sum is what we want.",
    "Let me think about it",
    "So the answer must be six",
    "First we read the input and print it",
    "print the result now",
    "import it from here",
    "for each of them, add one",
    "if you like, return zero",
    "A function called add(a, b) does it",
    "See: below",
    "def of the word",
    "return to sender",
    "It holds, then:",
)
_CODE = (
    "def add(a, b):\n    return a - b",
    "def add(a, b):\n    return a +",
    "def helper(x):\n    return x * 2",
    "def add(a, b):\n    return helper(a) + b",
    "print(add(1, 2))",
    ">>> add(1, 2)\n3",
    "n = int(input())\nprint(n)",
    "import math",
    "x = 1",
    "class Solution:\n    def add(self, a, b):\n        return a",
    '"""\n```\nadd(1, 2)\n```\n"""\ndef add(a, b):\n    return 0',
    "    return a + b",
    "# </think>",
    "s = '<think>'",
    "3\n1 2 3",
    "6",
    "add = lambda a, b: 0",
    "from math import *",
)
_FENCES = (
    "```", "```python", "```py", "````", "````python", "~~~", "~~~python", "```bash", "```text",
    "  ```python", "    ```", "\t```", "> ```python", "- ```python", "1. ```", "```python main.py",
    "```{.python}", "```<|im_end|>", "``` That is all.", "So: ```python", "x```", "``", "`",
    "\\`\\`\\`",
)  # fmt: skip
_MARKS = (
    "<think>", "</think>", "<answer>", "</answer>", "[PYTHON]", "[/PYTHON]", "<code>", "</code>",
    "<|im_end|>", "</s>", "**Test Input:**", "**Test Output:**", "### Response:", "---", "",
    "\ufeff", "\u200b", "\u00a0", "\0", "\ud800", "\x0c", "\u2028", "&lt;", "“", "| a | b |",
)  # fmt: skip
_JOINTS = ("\n", "\n", "\n", "\n\n", "\r\n", " ", "", "\n  ", "\r")


def mixture(seed: int) -> str:
    """Up to 30 parts, most of them on lines of their own."""
    source = random.Random(seed)
    kinds = (SENTENCES, _CODE, _FENCES, _FENCES, _MARKS)
    parts = []
    for _ in range(source.randrange(1, 31)):
        parts += [source.choice(source.choice(kinds)), source.choice(_JOINTS)]
    return "".join(parts)
