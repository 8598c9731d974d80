"""Shapes: ordinary ways to write a program down, and ordinary ways in which a model answers."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.graders.case import (
    CaseKind,
    GraderCase,
    Submission,
    answer,
    call,
    script,
    stdin,
)

_PAIRS = {"5\n": "10\n", "21\n": "42\n"}
_CALLS = [((5,), 10), ((21,), 42)]
_WRONG = "print(int(input()) * 3)"
_WRONG_FUNCTION = "def f(n):\n    return n * 3"

_OPEN_TEXTS = {"a byte order mark": "\ufeffPROGRAM\n"}
# Texts of a program; PROGRAM stands for a right one. Lines around it change nothing.
_TEXTS = {
    "no newline at the end": "PROGRAM",
    "many blank lines": "\n\n\nPROGRAM\n\n\n\n",
    "Windows line ends": "x = 1\nif x:\n    y = 2\nPROGRAM\n".replace("\n", "\r\n"),
    "a coding line": "# -*- coding: utf-8 -*-\nPROGRAM\n",
    "a first line for a shell": "#!/usr/bin/env python3\nPROGRAM\n",
    "a docstring first": '"""Doubles a number: it\'s "easy"."""\nPROGRAM\n',
    "an import from the future": "from __future__ import annotations\nPROGRAM\n",
    "a docstring, then an import from the future": (
        '"""Doubles."""\nfrom __future__ import division, annotations\nPROGRAM\n'
    ),
    "a form feed between parts": "import sys\n\x0c\nPROGRAM\n",
    "letters of other languages": "größe = '漢字 ñ \U0001f600'\nPROGRAM\n",
    "quotes of all kinds": "a = '''it's \"here\"'''\nb = \"\"\"and 'there'\"\"\"\nPROGRAM\n",
    "a fence within a string": 'text = """\n```python\nx\n```\n"""\nPROGRAM\n',
    "escapes in strings": "a = '\\n\\t\\\\'\nassert len(a) == 3\nPROGRAM\n",
    "braces and percent signs": "a = '{x} %s %d {0}'.replace('{', '')\nPROGRAM\n",
    "a name that a harness might use": (
        "check = test = solution = result = inputs = outputs = candidate = None\nPROGRAM\n"
    ),
    "a comment at the end": "PROGRAM\n# done",
    "an open continuation in a comment": "PROGRAM\n# the end \\",
}

_FENCED = "```python\nPROGRAM\n```"
# Answers of a model; PROGRAM stands for the program, which any reader should find.
_ANSWERS = {
    "a fence": _FENCED,
    "a fence and prose": f"Here is the program:\n\n{_FENCED}\n\nIt doubles the number.",
    "a fence without a language": "```\nPROGRAM\n```",
    "a fence that says py": "```py\nPROGRAM\n```",
    "a fence that says Python": "```Python\nPROGRAM\n```",
    "a fence that says python3": "```python3\nPROGRAM\n```",
    "a space before the language": "``` python\nPROGRAM\n```",
    "Windows line ends": "```python\r\nPROGRAM\r\n```\r\n",
    "reasoning before it": f"<think>Read a number, double it.</think>\n{_FENCED}",
    "a wrong program in the reasoning": (
        "<think>\nFirst idea:\n```python\nprint(0)\n```\nNo, that is wrong.\n</think>\n" + _FENCED
    ),
}
_OPEN_ANSWERS = {
    "a sample of output after it": f"{_FENCED}\n\nFor 5 it prints:\n\n```\n10\n```",
    "a command after it": f"{_FENCED}\n\nRun it:\n\n```bash\npython program.py\n```",
    "bare code": "PROGRAM",
    "two programs, the second one better": (
        "```python\nprint(0)\n```\nThat is wrong. Better:\n```python\nPROGRAM\n```"
    ),
    "a fence that is not closed": "```python\nPROGRAM\n",
    "a fence of tildes": "~~~python\nPROGRAM\n~~~",
    "an indented fence": "1. The program:\n\n   ```python\n   PROGRAM\n   ```\n",
}
_RIGHT = "print(int(input()) * 2)"
_RIGHT_FUNCTION = "def f(n):\n    return n * 2"


def cases() -> Iterator[GraderCase]:
    """Yield the shapes of programs, then those of answers."""
    for name, text in {**_TEXTS, **_OPEN_TEXTS}.items():
        for tests, right, wrong in (
            (stdin(_PAIRS), _RIGHT, _WRONG),
            (call(_CALLS), _RIGHT_FUNCTION, _WRONG_FUNCTION),
            (script(_CALLS), _RIGHT_FUNCTION, _WRONG_FUNCTION),
        ):
            # A program of several lines has the line ends of the text around it.
            body, other = (p.replace("\n", "\r\n") if "\r\n" in text else p for p in (right, wrong))
            yield GraderCase(
                CaseKind.SHAPE,
                name,
                (Submission(text.replace("PROGRAM", body), tests),),
                None if name in _OPEN_TEXTS else True,
                Submission(text.replace("PROGRAM", other), tests),
            )
    for answers, wanted in ((_ANSWERS, True), (_OPEN_ANSWERS, None)):
        for name, text in answers.items():
            yield GraderCase(
                CaseKind.ANSWER,
                name,
                (Submission(text.replace("PROGRAM", _RIGHT), answer(_PAIRS)),),
                wanted,
                Submission(text.replace("PROGRAM", _WRONG), answer(_PAIRS)) if wanted else None,
            )
