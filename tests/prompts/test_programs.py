"""Programs in answers as real models write them: what is read, and by which decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparring.evaluation.options import EvalOptions, Protocol, with_protocol
from sparring.grading.reading import read_program
from sparring.prompts.programs import read_source
from sparring.prompts.rules import ProgramRule, ReadingRules
from sparring.schema import ParseFailure, Response, Role, StopReason, Task, Test

T = "```"
ADD = "def add(a, b):\n    return a + b"
SUB = "def add(a, b):\n    return a - b"
IO = "n = int(input())\nprint(sum(map(int, input().split())))"


def block(code: str, info: str = "python", mark: str = T) -> str:
    return f"{mark}{info}\n{code}\n{mark}"


def indented(text: str, by: str) -> str:
    return "\n".join(by + line for line in text.split("\n"))


def escaped(code: str) -> str:
    return code.replace("<", "&lt;").replace(">", "&gt;")


LESS = "def add(a, b):\n    return a if b < 1 and a > 0 else b"
HELPER = "def plus(a, b):\n    return a + b"
USES = "def add(a, b):\n    return plus(a, b)"

FUNCTIONS: dict[str, tuple[str, str, str]] = {
    # what stands behind the function (case 02)
    "a usage block": (block(ADD) + "\nUse it:\n" + block("print(add(1, 2))"), ADD, "earlier_block"),
    "a session": (block(ADD) + "\nE.g.:\n" + block(">>> add(1, 2)\n3"), ADD, "earlier_block"),
    "an output": (block(ADD) + "\nprints\n" + block("3"), ADD, "earlier_block"),
    "an unmarked output": (block(ADD, "") + "\nOutput:\n" + block("3", ""), ADD, "earlier_block"),
    "an import of itself": (
        block(ADD) + "\nTests:\n" + block("from solution import add\nassert add(1, 2) == 3"),
        ADD,
        "earlier_block",
    ),
    "unittest": (
        block(ADD) + block("import unittest\nclass T(unittest.TestCase):\n    pass").join("\n\n"),
        ADD,
        "earlier_block",
    ),
    "a variable of its name": (
        block(ADD) + "\nso\n" + block("add = add(1, 2)\nprint(add)"),
        ADD,
        "earlier_block",
    ),
    "a constant of its name": (block(ADD) + "\n" + block("add = [0, 1]"), ADD, "earlier_block"),
    "the head alone": (block(ADD) + "\nwhere\n" + block("def add(a, b):"), ADD, "earlier_block"),
    "a stub": (block(ADD) + "\nlike\n" + block("def add(a, b):\n    ..."), ADD, "earlier_block"),
    "an excerpt": (
        block("def add(a, b):\n    c = a\n    return c + b")
        + "\nfirst\n"
        + block("def add(a, b):\n    c = a"),
        "def add(a, b):\n    c = a\n    return c + b",
        "earlier_block",
    ),
    "shell": (
        block(ADD) + "\nRun:\n" + block("python -c 'add(1, 2)'", "bash"),
        ADD,
        "earlier_block",
    ),
    "prose": (block(ADD) + "\nThis adds them.", ADD, "only_block"),
    "a guard": (
        block(ADD + "\n\nif __name__ == '__main__':\n    print(add(1, 2))"),
        ADD + "\n\nif __name__ == '__main__':\n    print(add(1, 2))",
        "only_block",
    ),
    # several definitions: the last whole one
    "two versions": (block(SUB) + "\nfixed:\n" + block(ADD), ADD, "last_block"),
    "alternatives": (block(SUB) + "\nor\n" + block(ADD) + "\nor not", ADD, "last_block"),
    "a repetition cut off": (
        block(ADD) + "\nAgain:\n```python\ndef add(a, b):\n    ret",
        ADD,
        "earlier_block",
    ),
    # blocks that it needs
    "a helper before": (
        block(HELPER) + "\nand\n" + block(USES),
        f"{HELPER}\n\n{USES}",
        "last_block+helpers",
    ),
    "a helper behind": (
        block(USES) + "\nwith\n" + block(HELPER),
        f"{HELPER}\n\n{USES}",
        "earlier_block+helpers",
    ),
    "imports before": (
        block("from math import fsum") + "\n" + block("def add(a, b):\n    return fsum([a, b])"),
        "from math import fsum\n\ndef add(a, b):\n    return fsum([a, b])",
        "last_block+helpers",
    ),
    "a helper of a helper": (
        block("ZERO = 0")
        + block("def plus(a, b):\n    return a + b + ZERO").join("\n\n")
        + block(USES),
        f"ZERO = 0\n\ndef plus(a, b):\n    return a + b + ZERO\n\n{USES}",
        "last_block+helpers",
    ),
    "an import from the future": (
        block(HELPER) + "\n" + block(f"from __future__ import annotations\n{USES}"),
        f"from __future__ import annotations\n{HELPER}\n\n{USES}",
        "last_block+helpers",
    ),
    # how a function can be defined
    "lambda": (block("add = lambda a, b: a + b"), "add = lambda a, b: a + b", "only_block"),
    "annotated": (
        block("from typing import Callable\nadd: Callable = lambda a, b: a + b"),
        "from typing import Callable\nadd: Callable = lambda a, b: a + b",
        "only_block",
    ),
    "partial": (
        block("import functools, operator\nadd = functools.partial(operator.add)"),
        "import functools, operator\nadd = functools.partial(operator.add)",
        "only_block",
    ),
    "imported": (
        block("from operator import add"),
        "from operator import add",
        "only_block",
    ),
    "decorated": (
        block("from functools import cache\n\n@cache\n" + ADD),
        "from functools import cache\n\n@cache\n" + ADD,
        "only_block",
    ),
    "under a condition": (
        block("if True:\n" + indented(ADD, "    ")),
        "if True:\n" + indented(ADD, "    "),
        "only_block",
    ),
    "under try": (
        block("try:\n    import numpy\nexcept ImportError:\n" + indented(ADD, "    ")),
        "try:\n    import numpy\nexcept ImportError:\n" + indented(ADD, "    "),
        "only_block",
    ),
    "async": (block("async " + ADD), "async " + ADD, "only_block"),
    "by exec": (
        block("exec('def add(a, b): return a + b')"),
        "exec('def add(a, b): return a + b')",
        "only_block+dynamic",
    ),
    "only a stub": (
        block("def add(a, b):\n    pass"),
        "def add(a, b):\n    pass",
        "only_block+stub",
    ),
    "in a session": (
        block(">>> def add(a, b):\n...     return a + b\n...\n>>> add(1, 2)\n3"),
        "def add(a, b):\n    return a + b\n\nadd(1, 2)",
        "only_block+session",
    ),
    # marks and fences (cases 06, 07)
    "another language's mark": (block(ADD, "scss"), ADD, "only_block+other_mark"),
    "no closing fence": (f"So:\n{T}python\n{ADD}", ADD, "only_block+unclosed"),
    "no closing fence, prose": (
        f"So:\n{T}python\n{ADD}\n\nThis adds two numbers.",
        ADD,
        "code_lines",
    ),
    "the language on a line": (block(f"python\n{ADD}", ""), ADD, "only_block+language_line"),
    "code on the fence": (
        f"{T}python def add(a, b):\n    return a + b\n{T}",
        ADD,
        "only_block+code_on_fence",
    ),
    "a fence behind text": (f"The code: {T}python\n{ADD}\n{T}", ADD, "only_block+fence_on_line"),
    "a fence behind the code": (f"{T}python\n{ADD}{T}", ADD, "only_block+fence_on_line"),
    "two backticks": (f"``python\n{ADD}\n``", ADD, "code_lines"),
    "a block in a longer fence": (
        block(f"# Answer\n{block(ADD)}", "markdown", "````"),
        ADD,
        "only_block",
    ),
    "indented in its block": (block(indented(ADD, "    ")), ADD, "only_block+dedented"),
    "in a list": ("1. So:\n" + indented(block(ADD), "   "), ADD, "only_block"),
    "on a list's line": ("- " + block(ADD).replace("\n", "\n  "), ADD, "only_block"),
    "deep in a list": ("- a\n  - b\n" + indented(block(ADD), "      "), ADD, "only_block"),
    "by tabs": (indented(block(ADD), "\t"), ADD, "only_block"),
    "quoted": (indented(block(ADD), "> "), ADD, "only_block"),
    "only the fences indented": (
        f"   {T}python\n{ADD}\n   {T}",
        "def add(a, b):\n return a + b",
        "only_block",
    ),
    # without a fence
    "bare": (ADD, ADD, "whole_text"),
    "bare in prose": (f"Here is the code:\n\n{ADD}\n\nIt adds two numbers.", ADD, "code_lines"),
    "bare and indented": (
        f"Here is the code:\n\n{indented(ADD, '    ')}\n\nDone.",
        ADD,
        "code_lines",
    ),
    "CodeLlama's tags": (f"[PYTHON]\n{ADD}\n[/PYTHON]", ADD, "whole_text"),
    "tags of HTML": (f"<pre><code>\n{escaped(LESS)}\n</code></pre>", LESS, "whole_text"),
    "an answer's tag": (f"<answer>\n{ADD}\n</answer>", ADD, "whole_text"),
    "Alpaca's heading": (f"### Response:\n{ADD}\n\n### Explanation:\nIt adds.", ADD, "code_lines"),
    "a stray sentence in the block": (
        block(f"Here is the function:\n\n{ADD}\n\nIt adds two numbers.", ""),
        ADD,
        "code_lines",
    ),
    # characters
    "a byte order mark": (block("\ufeff" + ADD), ADD, "only_block+characters"),
    "hard blanks": (block(ADD.replace("    ", "\u00a0" * 4)), ADD, "only_block+characters"),
    "zero width": (block(ADD.replace("return", "return\u200b")), ADD, "only_block+characters"),
    "typographic quotes": (
        block("def add(a, b):\n    return a or “b”"),
        'def add(a, b):\n    return a or "b"',
        "only_block+characters",
    ),
    "HTML escapes": (block(escaped(LESS)), LESS, "only_block+characters"),
    "full-width punctuation": (
        block("def add（a，b）：\n    return a + b"),
        "def add(a,b):\n    return a + b",
        "only_block+characters",
    ),
    "Windows line ends": (block(ADD).replace("\n", "\r\n"), ADD, "only_block"),
    "old line ends": (block(ADD).replace("\n", "\r"), ADD, "only_block"),
    "an end token": (block(ADD) + "<|im_end|>", ADD, "only_block"),
    "end tokens in a row": (block(ADD) + "</s>\n<|endoftext|>", ADD, "only_block"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_function_is_found(name: str) -> None:
    text, expected, how = FUNCTIONS[name]
    found = read_source(text, "add")
    assert (found.source or "").strip() == expected.strip(), found
    assert found.how == how


INFO = (
    "py|python3|Python|PYTHON| python|python  |py3|python3.11|python-3|cpython|ipython|Python 3|"
    'python main.py|python title="main.py"|python:main.py|{python}|{.python}|{.python .lines}|'
    'python {linenums="1"}|python3 -u|language-python|python\u00a0|text|code|plaintext|'
    "Solution 1|main.py|python (final version)"
)


@pytest.mark.parametrize("mark", ["```", "````", "~~~", "~~~~~"])
@pytest.mark.parametrize("info", ["", *INFO.split("|")])
def test_any_info_string_opens_a_block(info: str, mark: str) -> None:
    for code, entry_point in ((ADD, "add"), (IO, None)):
        for text in (
            block(code, info, mark),
            f"So:\n\n{block(code, info, mark)}\nThat is it.",
            f"{block('3', info, mark)}\nis the input.\n\n{block(code)}",
        ):
            assert (read_source(text, entry_point).source or "").strip() == code, text


CLOSINGS = (
    "```<|im_end|>¦```</s>¦``` That is all.¦```ി¦```<step>¦``` This function works as follows:¦"
    "````¦``` ¦   ```¦\t```¦```\r¦```python"
)


@pytest.mark.parametrize("closing", CLOSINGS.split("¦"))
def test_what_closes_a_block(closing: str) -> None:
    for code, entry_point in ((ADD, "add"), (IO, None)):
        text = f"```python\n{code}\n{closing}"
        assert (read_source(text, entry_point).source or "").strip() == code
        text += "\nAnd so it is: nothing (else) to say."
        assert (read_source(text, entry_point).source or "").strip() == code


SCRIPTS: dict[str, tuple[str, str, str]] = {
    "a usage behind": (block(IO) + "\nso\n" + block("print(sum([1, 2]))"), IO, "earlier_block"),
    "an input behind": (block(IO) + "\non\n" + block("3\n1 2 3"), IO, "earlier_block"),
    "comments behind": (block(IO) + "\non\n" + block("# 3\n# 1 2 3"), IO, "earlier_block"),
    "an unmarked output behind": (block(IO, "") + "\n" + block("6", ""), IO, "earlier_block"),
    "an unmarked program, a usage": (
        block("def main():\n    print(input())\n\nmain()", "") + "\n" + block("main()"),
        "def main():\n    print(input())\n\nmain()",
        "earlier_block",
    ),
    "a draft": (block("print(0)") + "\nno:\n" + block(IO), IO, "last_block"),
    "two programs": (block("print(input())") + "\nbetter:\n" + block(IO), IO, "last_block"),
    "a program in C++": (block("int main(){}", "c++ 17") + "\n" + block(IO), IO, "last_block"),
    "an example of input": (block("3\n1 2 3", "Input 1") + "\n" + block(IO), IO, "last_block"),
    "its function in another block": (
        block("def f():\n    print(input())") + "\nand\n" + block("f()"),
        "def f():\n    print(input())\n\nf()",
        "last_block+helpers",
    ),
    "a fence in its docstring": (
        block(f'"""\nUsage:\n{T}\nmain\n{T}\n"""\n{IO}'),
        f'"""\nUsage:\n{T}\nmain\n{T}\n"""\n{IO}',
        "only_block+fence_inside",
    ),
    "a marked fence in its docstring": (
        block(f'"""\nUsage:\n{T}python\nmain\n{T}\n"""\n{IO}'),
        f'"""\nUsage:\n{T}python\nmain\n{T}\n"""\n{IO}',
        "only_block+fence_inside",
    ),
    "without a fence": (IO, IO, "whole_text"),
    "without a fence, in prose": (f"Here:\n\n{IO}\n\nIt adds them.", IO, "code_lines"),
    "a stray fence before": (f"{T}\nLet me write:\n{block(IO)}", IO, "only_block"),
    "a stray fence behind": (f"{block(IO)}\n{T}", IO, "earlier_block"),
    "no print": (block("n = int(input())"), "n = int(input())", "only_block"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_program_on_standard_input_is_found(name: str) -> None:
    text, expected, how = SCRIPTS[name]
    found = read_source(text, None)
    assert (found.source or "").strip() == expected, found
    assert found.how == how


METHODS: dict[str, tuple[str, bool]] = {
    "its class": (f"class Solution:\n{indented(ADD, '    ')}", True),
    "with a helper class": (
        f"class Node:\n    pass\n\nclass Solution:\n{indented(ADD, '    ')}",
        True,
    ),
    "inherited": (f"class Base:\n{indented(ADD, '    ')}\n\nclass Solution(Base):\n    pass", True),
    "assigned": ("class Solution:\n    add = lambda self, a, b: a + b", True),
    "the function alone": (ADD, False),
    "another class": (f"class Adder:\n{indented(ADD, '    ')}", False),
    "another method": ("class Solution:\n    def plus(self, a, b):\n        return a + b", False),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_asked_for_with_its_class(name: str) -> None:
    code, whole = METHODS[name]
    found = read_source(block(code) + "\n" + block("print(Solution().add(1, 2))"), "Solution.add")
    assert (found.source or "").strip() == (code if whole else "")
    assert found.failure is (None if whole else ParseFailure.NO_FUNCTION)


def test_the_released_codes_protocol_reads_by_its_own_rule() -> None:
    usual = EvalOptions(sources=("tasks.jsonl",))
    official = with_protocol(replace(usual, protocol=Protocol.OFFICIAL))
    assert official.default_prompts.read_programs is ProgramRule.CURE
    assert with_protocol(usual).default_prompts.read_programs is ProgramRule.TASK
    task = Task("t", "Add.", (Test("1\n", "1\n"),), entry_point="add")
    text = block(ADD) + "\nso\n" + block("print(add(1, 2))")
    said = Response("t", Role.CODER, 0, (), (), (), StopReason.END_TOKEN, text)
    by_cure = read_program(task, said, ReadingRules(programs=ProgramRule.CURE))
    assert (by_cure.source, by_cure.how) == ("print(add(1, 2))\n", "last_marked")
    assert read_program(task, said).source == f"{ADD}\n"
