"""Programs in answers that were once refused, or of which something else was read."""

import pytest

from sparring.grading.reading import read_program, read_test
from sparring.prompts.programs import read_source
from sparring.schema import ParseFailure, Response, Role, StopReason, Task, Test, TestKind

RIGHT = "def f(x):\n    return x + 1\n"
WRONG = "def f(x):\n    return x - 1\n"
FENCED = '''def f(x):
    """Adds.

    ```python
    >>> f(1)
    2
    ```
    """
    return x + 1
'''
CUT = StopReason.LENGTH


def block(source: str) -> str:
    return f"```python\n{source}```\n"


def test_cut_off_code_without_a_fence_is_no_program() -> None:
    for text in (
        "def f(x):\n    y = x + 1\n    return y",
        "Here it is:\n\ndef f(x):\n    y = x + 1\n    z = 3",
        "[PYTHON]\ndef f(x):\n    y = x + 1\n",
        "import sys\n\nn = int(input())\nprint(n)",
    ):
        entry_point = None if "input" in text else "f"
        assert read_source(text, entry_point, CUT).failure is ParseFailure.TRUNCATED
        assert read_source(text, entry_point).source


def test_code_without_a_fence_is_whole_where_something_stands_behind_it() -> None:
    for behind in ("[/PYTHON]\nThis", "\nThis function adds on"):
        assert read_source(f"[PYTHON]\n{RIGHT}{behind}", "f", CUT).source


@pytest.mark.parametrize(
    "later",
    [
        "def f(x):\n    if x < 0:\n        raise ValueError\n    ...\n",
        "def f(x):\n    print(x)\n    # ... rest as before\n    return g\n",
        "def f(x):\n    check(x)\n    # rest of the code remains the same\n    return y\n",
    ],
)
def test_a_definition_with_parts_left_out_stands_behind_a_whole_one(later: str) -> None:
    assert read_source(block(RIGHT) + "Add a guard:\n" + block(later), "f").source == RIGHT
    assert read_source(block(later), "f").source == later


@pytest.mark.parametrize(
    "before",
    ["Don't do this:", "A common mistake is to subtract", "**Wrong:**", "The wrong way to do it:"],
)
def test_what_the_text_warns_of_is_not_the_program(before: str) -> None:
    assert read_source(f"{block(RIGHT)}{before}\n{block(WRONG)}", "f").source == RIGHT
    scripts = "n = int(input())\nprint(n + 1)\n", "n = int(input())\nprint(n - 1)\n"
    text = f"{block(scripts[0])}{before}\n{block(scripts[1])}"
    assert read_source(text, None).source == scripts[0]


@pytest.mark.parametrize(
    "before",
    [
        "The code above is wrong:",
        "Here is a fixed version of the buggy code:",
        "Avoid the wrong way:",
        "It will not work for 0. So",
    ],
)
def test_a_correction_is_the_program(before: str) -> None:
    assert read_source(f"{block(WRONG)}{before}\n{block(RIGHT)}", "f").source == RIGHT


@pytest.mark.parametrize(
    "text",
    [
        FENCED,
        f"[PYTHON]\n{FENCED}[/PYTHON]",
        f"Here it is:\n\n{FENCED}\nThis adds one.",
        f"```python\n{FENCED}",
        f"{block(FENCED)}Its stub:\n{block('def f(x: int) -> int: ...' + chr(10))}",
    ],
)
def test_a_fence_in_a_docstring_ends_nothing(text: str) -> None:
    assert (read_source(text, "f").source or "").strip() == FENCED.strip()


@pytest.mark.parametrize(
    "text",
    [
        f'<pre><code class="language-python">{RIGHT}</code></pre>',
        f"<|channel|>final<|message|>{RIGHT}<|return|>",
        f"[PYTHON] {RIGHT}[/PYTHON]",
    ],
)
def test_tags_and_special_tokens_are_borders(text: str) -> None:
    assert (read_source(text, "f").source or "").strip() == RIGHT.strip()


def test_a_tag_in_a_text_of_a_program_stays() -> None:
    source = 'def f(x):\n    return """\n<code>\n""" + x\n'
    assert read_source(source, "f").source == source


def test_escapes_that_happen_to_be_python_are_escapes() -> None:
    read = read_source(block("def f(a, b):\n    return a &lt; b\n"), "f")
    assert (read.source, read.how) == ("def f(a, b):\n    return a < b\n", "only_block+characters")
    own = "def f(a, lt):\n    return a &lt; a\n"
    assert read_source(block(own), "f").source == own


MARKS = [
    ("[THINK]", "[/THINK]"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
]


@pytest.mark.parametrize(("start", "end"), MARKS)
@pytest.mark.parametrize("role", Role)
def test_drafts_between_another_familys_marks_are_not_read(
    role: Role, start: str, end: str
) -> None:
    tests = (Test("[]", "1", TestKind.CALL),)
    task = Task(id="t", statement="s", tests=tests, entry_point="f")
    read = read_program if role is Role.CODER else read_test
    draft, answer = block(WRONG), block(RIGHT)
    if role is Role.TESTER:
        draft, answer = "assert f(1) == 0\n", "assert f(1) == 2\n"

    def failure(text: str, stop: StopReason = StopReason.END_TOKEN) -> ParseFailure | None:
        return read(task, Response("t", role, 0, (), (), (), stop, text)).failure

    assert failure(f"{start}{draft}") is ParseFailure.UNFINISHED_REASONING
    assert failure(f"{start}{draft}", CUT) is ParseFailure.TRUNCATED
    assert failure(f"{start}{draft}{end}I cannot.") is ParseFailure.NO_CODE_BLOCK
    assert failure(f"{start}{draft}{end}{answer}") is None
