"""Reading of a tester's answer to a function task: one assertion becomes the test.

*Where assertions are looked for.* They are looked for in the fenced blocks; if no block holds one,
in the lines that are code (`bare`); and if no line holds one, between backticks in a sentence.

*Which assertion counts.* Its position alone decides (`TestRule`), before anything is known about
it. An assertion that counts and cannot be read is a refusal, never a reason to take another one.
Every assertion has its position, also one in a loop or about an exception.

- ``only``: the last block with an assertion, or the lines together, must hold exactly one.
- ``first``, ``last``: the first assertion of the first block or the last of the last block; else
  the first or last of the lines.

*Cut-off responses.* The rest of a response that was cut off (`StopReason.LENGTH`) is unknown. Under
``only`` and ``last`` only a closed block counts, and no open block may follow it. Under ``first``
an assertion counts if it is complete: the line after it has begun.

*What an assertion may say.* It may say less than an assertion in a data set, because a tester is
paid for being right. A wide tolerance would be right about anything. So would ``assert f(x)``,
which is therefore read as ``f(x) == True``. Nothing is executed here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sparring.grading.bare import passages, spans
from sparring.prompts.blocks import OTHER_LANGUAGES, PYTHON, FencedBlock, language
from sparring.prompts.layout import AnswerText
from sparring.prompts.mend import session, source_of
from sparring.prompts.rules import Decision, ParsedTest, TestRule
from sparring.schema import ParseFailure, StopReason, Test, TestKind
from sparring.tasks.checkers.checker import CheckerRule, parse_checker
from sparring.tasks.suites.asserts import NotACall, assertion_text, parse_beginning
from sparring.tasks.suites.called import CallTest
from sparring.tasks.suites.scopes import ReadAssertion, assertions

WIDEST = 1e-3
"""Widest tolerance, absolute or relative, that a generated test may ask for."""
_SHOWN = 160
_BEGINS = re.compile(
    r"^[^\w\n]*(?:\d+[.)]\s*)?(?:[A-Z][\w ]{0,30}:[\s*]*)?(?:self\.)?assert", re.MULTILINE
)
_WORDS = re.compile(r"\bassert(?![a-z])")


class AssertionFrom(StrEnum):
    """Place that a test was read from: the name of the decision in the record."""

    BLOCK = "block"
    """A fenced block with one assertion."""
    OPEN_BLOCK = "open_block"
    """A block with one assertion, which the answer does not close."""
    LINES = "lines"
    """Lines of the answer without a fence; one assertion."""
    SENTENCE = "sentence"
    """Between backticks in a sentence; one assertion."""
    FIRST = "first_of_several"
    LAST = "last_of_several"


@dataclass(frozen=True, slots=True)
class _Place:
    """Assertions that stand together. ``mended``: the repairs that made the text readable;
    ``broken``: the reason why the text cannot be read, empty if it can."""

    name: AssertionFrom
    assertions: Sequence[ReadAssertion]
    mended: Sequence[Decision] = ()
    broken: str = ""


def read_assertion(
    answer: AnswerText, function: str, rule: TestRule, stop: StopReason
) -> ParsedTest:
    """Return the test in an answer, or the refusal. ``function`` is the name by which the function
    is called (`called_as`)."""
    cut = stop is StopReason.LENGTH
    places = list(_places(answer, function, cut=cut))
    if cut and not _settled(answer, places, rule):
        return ParsedTest(None, ParseFailure.TRUNCATED, seen=_description(places))
    if not places:
        return _nothing(answer, cut)
    place = places[0 if rule is TestRule.FIRST else -1]
    if place.broken:
        return ParsedTest(None, ParseFailure.SYNTAX_ERROR, seen=place.broken)
    if rule is TestRule.ONLY and len(place.assertions) > 1:
        return ParsedTest(None, ParseFailure.SEVERAL_TESTS, seen=_description([place]))
    several = len(places) > 1 or len(place.assertions) > 1
    first = rule is TestRule.FIRST
    name = place.name
    if several and rule is not TestRule.ONLY:
        name = AssertionFrom.FIRST if first else AssertionFrom.LAST
    chosen = place.assertions[0 if first else -1]
    return _test_of(chosen, "+".join([name, *place.mended]))


def _places(answer: AnswerText, function: str, *, cut: bool) -> Iterator[_Place]:
    """Yield the places with assertions: blocks; if there is none, lines; if none, sentences."""
    fenced = [p for b in answer.blocks if (p := _block(answer, b, function, cut=cut)) is not None]
    if fenced:
        yield from fenced
        return
    # The last line of a response that was cut off may be incomplete.
    text = "\n".join(answer.outside[:-1] if cut else answer.outside)
    for name, trees in (
        (AssertionFrom.LINES, passages(text)),
        (AssertionFrom.SENTENCE, spans(text)),
    ):
        inside = [f for tree in trees for f in assertions(tree, function) if _calls(f)]
        if inside:
            yield _Place(name, inside)
            return


def _block(answer: AnswerText, block: FencedBlock, function: str, *, cut: bool) -> _Place | None:
    """Return a block as a place; None if the block holds no assertion."""
    if language(block.info) in OTHER_LANGUAGES:
        return None
    if block.end is None and cut:
        # The last line may be incomplete, and so may what `parse_beginning` cannot parse.
        tree, _ = parse_beginning("\n".join(block.lines[:-1]) + "\n")
        inside = assertions(tree, function)
        return _Place(AssertionFrom.OPEN_BLOCK, inside) if inside else None
    name = AssertionFrom.BLOCK if block.end is not None else AssertionFrom.OPEN_BLOCK
    raw = list(answer.lines[block.start + 1 : block.end])
    if mended := source_of(block.lines, raw, block.info):
        inside = assertions(mended[0].tree, function)
        return _Place(name, inside, mended[1]) if inside else None
    if source := session(block.lines):
        inside = assertions(source.tree, function)
        return _Place(name, inside, (Decision.SESSION,)) if inside else None
    text = "\n".join(block.lines) + "\n"
    if not _BEGINS.search(text):
        return None
    if language(block.info) not in PYTHON and f"def {function}" not in text:
        inside = [f for tree in passages(text) for f in assertions(tree, function) if _calls(f)]
        if len(inside) == len(_WORDS.findall(text)):  # no assertion was lost
            return _Place(name, inside)
    return _Place(name, [], broken=f"no Python from here on: {_short(parse_beginning(text)[1])}")


def _settled(answer: AnswerText, places: Sequence[_Place], rule: TestRule) -> bool:
    """Return True if the missing rest of a cut-off response could not change the test."""
    if not places:
        return False
    if rule is TestRule.FIRST:
        return places[0].name is not AssertionFrom.SENTENCE
    last = [b for b in answer.blocks if language(b.info) not in OTHER_LANGUAGES][-1:]
    return places[-1].name is AssertionFrom.BLOCK and last[0].end is not None


def _calls(assertion: ReadAssertion) -> bool:
    """Return True for an assertion about a call: ``assert equality`` is a sentence that parses."""
    is_call = isinstance(assertion.read, CallTest)
    return is_call or any(isinstance(n, ast.Call) for n in ast.walk(assertion.node))


def _test_of(assertion: ReadAssertion, how: str) -> ParsedTest:
    """Return an assertion as a test, or the refusal of an assertion that does not count."""
    text = _short(assertion_text(assertion.node))
    call = assertion.read
    if isinstance(call, NotACall):
        return ParsedTest(None, ParseFailure.NOT_A_CALL, how, f"{text}: {call.reason}")
    checker = parse_checker(call.checker)
    own: str | None = None
    if checker.rule is not CheckerRule.TRUTH:
        if max(checker.absolute, checker.relative) > WIDEST:
            return ParsedTest(None, ParseFailure.LOOSE_TOLERANCE, how, text)
        own = None if call.checker == CheckerRule.VALUE else call.checker
    return ParsedTest(Test(call.input, call.output, TestKind.CALL, own), None, how, text)


def _nothing(answer: AnswerText, cut: bool) -> ParsedTest:
    """Return the refusal of an answer without an assertion, by the content of the answer."""
    if not answer.blocks:
        text = _short(" ".join(answer.outside))
        return ParsedTest(None, ParseFailure.NO_CODE_BLOCK, seen=f"text: {text}")
    marked = [b for b in answer.blocks if language(b.info) in PYTHON]
    plain = [b for b in answer.blocks if language(b.info) not in OTHER_LANGUAGES]
    block = (marked or plain or answer.blocks)[-1]
    source = "\n".join(block.lines) + "\n"
    if not source.strip():
        return ParsedTest(None, ParseFailure.EMPTY_BLOCK)
    if block.end is None:
        return ParsedTest(None, ParseFailure.UNCLOSED_BLOCK, seen=_short(source))
    broken = parse_beginning(source)[1].strip()
    if broken and language(block.info) not in OTHER_LANGUAGES and not session(block.lines):
        return ParsedTest(None, ParseFailure.SYNTAX_ERROR, seen=_short(broken))
    return ParsedTest(None, ParseFailure.NO_ASSERTION, seen=_short(source))


def _description(places: Sequence[_Place]) -> str:
    """Return the number of assertions, with the first of them, as a text."""
    every_one = [f for p in places for f in p.assertions]
    return (
        f"{len(every_one)} assertions: {_short(assertion_text(every_one[0].node))}"
        if every_one
        else ""
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
