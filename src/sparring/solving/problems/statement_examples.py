"""Public examples that a statement holds, of every form, with what was refused and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.schema import Test
from sparring.solving.problems.argument_examples import argument_examples
from sparring.solving.problems.asserted_examples import asserted_examples
from sparring.solving.problems.call_examples import calls_with_values
from sparring.solving.problems.described_examples import described_examples
from sparring.solving.problems.doctests import doctest_examples
from sparring.solving.problems.found_example import WORD_WITHOUT_QUOTES, FoundExample
from sparring.solving.problems.printed_examples import printed_examples
from sparring.solving.problems.signatures import FunctionSignature

_SEVERAL = re.compile(
    r"(?<!not )(?<!n't )(?<!cannot )\b(?:print|output|return|report|find|give|choose)\s+any\b"
    r"(?!\s*(?:thing|where|number of))"
    r"|\b(?:print|output|return|denoting|find|give)\b[^.]{0,60}\bany\s+(?:valid|correct|such)\b"
    r"|\bany\s+(?:one\s+)?of\s+(?:them|those|these)\b"
    r"|\b(?:return|print|output|answers?|results?|solutions?|lists?|them|it)\b[^.]{0,60}"
    r"\bin\s+any\s+order\b"
    r"|\bany\s+(?:valid|correct|possible|such)\s+(?:answer|solution|output|one|array|string|list|"
    r"permutation|order(?:ing)?)"
    r"|\b(?:multiple|several|many|more\s+than\s+one)\s+(?:possible\s+|valid\s+|correct\s+)?"
    r"(?:answers?|solutions?|outputs?)\b[^.]{0,60}\bany\b",
    re.IGNORECASE,
)
_INTERACTIVE = re.compile(r"\binteractive\s+(?:problem|task)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StatementExamples:
    """Examples of a statement that can be used, and those that were refused."""

    read: tuple[FoundExample, ...]
    refused: tuple[FoundExample, ...]


def statement_examples(text: str, signature: FunctionSignature | None) -> StatementExamples:
    """Return the examples of a text. ``signature`` is the function that it asks for; None for a
    whole program.

    An input with two different outputs refuses both. Where the text allows several answers, none
    of its examples is used: a right program may give another answer.
    """
    if signature is None:
        found = list(printed_examples(text))
    else:
        found = [
            *doctest_examples(text, signature),
            *asserted_examples(text, signature),
            *calls_with_values(text, signature),
            *argument_examples(text, signature),
            *described_examples(text, signature),
        ]
        found = _of_texts(sorted(found, key=lambda one: one.line))
    if reason := _undecided(text):
        found = [FoundExample(f.line, f.text, None, reason) if f.test else f for f in found]
    return _without_contradictions(found)


def _of_texts(found: list[FoundExample]) -> list[FoundExample]:
    """Refuse numbers where the text shows words without quotes: they may be texts of digits."""
    if all(one.refusal != WORD_WITHOUT_QUOTES for one in found):
        return found
    return [
        FoundExample(one.line, one.text, None, "a number among texts without quotes")
        if one.test is not None and not one.test.output.startswith(("[", "{", '"'))
        else one
        for one in found
    ]


def _undecided(text: str) -> str:
    """Return why no example of a text decides, "" if they do."""
    if match := _SEVERAL.search(" ".join(text.split())):
        return f"the text allows several answers ({match[0]!r})"
    return "the problem is interactive" if _INTERACTIVE.search(text) else ""


def _without_contradictions(found: Sequence[FoundExample]) -> StatementExamples:
    by_input: dict[tuple[str, str], list[FoundExample]] = {}
    for one in found:
        if one.test is not None:
            by_input.setdefault((one.test.kind, one.test.input), []).append(one)
    read: list[FoundExample] = []
    refused = [one for one in found if one.test is None]
    for same in by_input.values():
        outputs = {one.test.output for one in same if one.test}
        if len(outputs) == 1:
            read.append(same[0])
        else:
            reason = "the text has another output for this input"
            refused += [FoundExample(one.line, one.text, None, reason) for one in same]
    return StatementExamples(tuple(read), tuple(_unread(refused, read)))


def _unread(refused: Sequence[FoundExample], read: Sequence[FoundExample]) -> list[FoundExample]:
    """Return the refused passages in order, without those on the line of an example that was read
    in another form."""
    lines = {one.line for one in read}
    kept = {one.line: one for one in reversed(refused) if one.line not in lines}
    return [kept[line] for line in sorted(kept)]


def tests_of(examples: StatementExamples) -> tuple[Test, ...]:
    """Return the examples that can be used, as tests."""
    return tuple(one.test for one in examples.read if one.test is not None)
