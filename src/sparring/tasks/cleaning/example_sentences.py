"""Take examples out of prose: sentences such as ``For example, f(14) should return 15.``

- A sentence goes as a whole if it opens with *For example* and has a number, quotes or brackets,
  or if it begins with a call that gives values.
- Of another sentence with such a call, the part in parentheses goes, or the part after
  ``, for example``. A sentence without such a part stays: to cut it would change what it says.
"""

from __future__ import annotations

import re

from sparring.tasks.cleaning.calls_in_text import FunctionInText, calls, closed, is_example

_ENDS = re.compile(
    r"(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)(?<=[.!?])['\")\]]*\s+(?=\S)"
    r"|:[ \t]*\n\s*|\n\s*(?=[*+•-] )"
)
_OPENS = re.compile(r"(?:for example|for instance|examples?(?=\s*[,:]))\b", re.IGNORECASE)
_VALUE = re.compile(r"""[\d\[('"]""")
_TAIL = re.compile(
    r"\s*[,;:–—]\s*(?:e\.g\.|i\.e\.|for example|for instance|such as|so that|so|thus|hence|that is)"
    r"(?=[\s,:])",
    re.IGNORECASE,
)
_LEAD = re.compile(r"(?:(?:so|thus|hence|then|here|note that|e\.g\.|i\.e\.)[,:]?\s+)?[`'\"]?", re.I)
_BRACKETS = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}")
_LONGEST_RESULT = 60
"""Most characters after a call, brackets aside, that are read as its result."""


def without_example_sentences(paragraph: str, function: FunctionInText) -> str:
    """Return a paragraph without the sentences, or parts of sentences, that hold examples."""
    kept: list[str] = []
    start = 0
    for end in [*(m.end() for m in _ENDS.finditer(paragraph)), len(paragraph)]:
        kept.append(_without_example(paragraph[start:end], function))
        start = end
    joined = "".join(kept)
    lines = joined.split("\n") if joined != paragraph else []
    return "\n".join(x.rstrip() for x in lines if x.strip()) if lines else paragraph


def _without_example(sentence: str, function: FunctionInText) -> str:
    body = sentence.lstrip()
    lead = sentence[: len(sentence) - len(body)]
    examples = [c for c in calls(body, function.name) if is_example(c, function)]
    if _OPENS.match(body) and _VALUE.search(body):
        return lead
    if not examples:
        return sentence
    first, last = examples[0], examples[-1]
    opened = _LEAD.match(body)
    if opened is not None and opened.end() >= first.start:
        return lead
    for match in re.finditer(r"\s+\(", body[: first.start]):
        end = closed(body, match.end() - 1)
        if end is not None and end > first.end:
            return lead + _without_example(body[: match.start()] + body[end:], function)
    tails = [m for m in _TAIL.finditer(body) if m.end() <= first.start]
    if tails and _is_result(body[last.end :]):
        return lead + body[: tails[-1].start()] + "." + body[len(body.rstrip()) :]
    return sentence


def _is_result(text: str) -> bool:
    """Return True if what follows a call is its result, and says nothing more."""
    text = _BRACKETS.sub("", text).strip()
    return len(text) <= _LONGEST_RESULT and not re.search("[,;]", text)
