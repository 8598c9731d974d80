"""No mixture of fences, marks, prose and code breaks the reader, or makes it run a sentence."""

from __future__ import annotations

import ast

import pytest

from sparring.prompts.cure import parse_program
from sparring.prompts.programs import read_source
from sparring.prompts.rules import ParsedProgram, Reasoning
from sparring.prompts.source import Definition, PythonSource, compiles
from sparring.prompts.tests import parse_test
from sparring.schema import ParseFailure, StopReason
from tests.prompts.mixtures import ENTRY, FUNCTION, SCRIPT, SENTENCES, mixture

SHORT, LONG = range(600), range(600, 20_600)


def check(seed: int) -> None:
    """All that holds of one mixture."""
    text = mixture(seed)
    for stop in (StopReason.END_TOKEN, StopReason.LENGTH):
        for entry_point in (ENTRY, None, "Solution.add"):
            sound(read_source(text, entry_point, stop), entry_point)
        by_letter = parse_program(text, stop)  # CURE's rule takes a block as it stands
        assert (by_letter.source is None) != (by_letter.failure is None)
        parsed = parse_test(text, stop)
        assert (parsed.test is None) != (parsed.failure is None)
    unfinished(text)
    canonical(text)


def sound(found: ParsedProgram, entry_point: str | None) -> None:
    """A program compiles, defines what it should and holds no sentence; a refusal has a name."""
    assert (found.source is None) != (found.failure is None)
    if found.source is None:
        assert found.seen
        return
    assert found.how
    assert compiles(found.source)
    if entry_point is not None:
        assert PythonSource(found.source).definition(entry_point) is not Definition.NONE
    run = ast.unparse(ast.parse(found.source))  # without comments
    assert not [s for s in SENTENCES if s in run.split("\n")]


def unfinished(text: str) -> None:
    """Nothing is read of a response that never leaves its reasoning."""
    inside = text.replace("</think>", "")
    for entry_point in (ENTRY, None):
        assert read_source(f"<think>\n{inside}", entry_point).source is None
        opened = read_source(inside, entry_point, StopReason.LENGTH, Reasoning(opened=True))
        assert opened.failure is ParseFailure.TRUNCATED


def canonical(text: str) -> None:
    """The form that is asked for, at the end of the answer, is the program."""
    for code, entry_point in ((FUNCTION, ENTRY), (SCRIPT, None)):
        answer = f"{text}\n</think>\n```python\n{code}\n```"
        found = read_source(answer, entry_point)
        assert found.source is not None, (answer, found)
        assert found.source.endswith(f"{code}\n"), (answer, found)


@pytest.mark.parametrize("first", SHORT[::200])
def test_mixtures_are_read_soundly(first: int) -> None:
    for seed in range(first, first + 200):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", LONG[::1000])
def test_many_mixtures_are_read_soundly(first: int) -> None:
    for seed in range(first, first + 1000):
        check(seed)
