"""Repair of a block's lines so that they compile as Python source.

Lines that compile are taken to the letter. Other lines are tried again without the parts that are
no Python but are common in models' answers. Each repair has a name (`Decision`), and is made only
if the source then compiles.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator

from sparring.prompts.blocks import PYTHON, language
from sparring.prompts.rules import Decision
from sparring.prompts.source import PythonSource

_LANGUAGE_LINE = re.compile(r"\s*(?:python[\d.]*|py[\d.]*)\s*:?\s*", re.IGNORECASE)
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009", " "),
        **dict.fromkeys("\u200a\u202f\u205f\u3000", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", ""),
        **dict.fromkeys("\u2028\u2029\u0085", "\n"),
        **dict.fromkeys("“”„‟″＂", '"'),
        **dict.fromkeys("‘’‚‛′＇", "'"),
        "：": ":",
        "，": ",",
        "；": ";",
        "（": "(",
        "）": ")",
        "＝": "=",
        "−": "-",
    }
)
_ESCAPE = re.compile(r"&(?:lt|gt|amp|quot|#3[49]|#x2[27]);")
_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.)(?: |$)")

Mended = tuple[PythonSource, tuple[Decision, ...]]
"""Source, and the repairs that made it."""


def to_the_letter(lines: list[str]) -> PythonSource | None:
    """Return the lines as Python source; None if they are not Python, or hold a sentence."""
    text = "\n".join(lines) + "\n"
    if not text.strip():
        return None
    try:
        source = PythonSource(text)
    except SyntaxError:
        return None
    return None if source.has_sentence else source


def source_of(lines: list[str], raw: list[str], info: str) -> Mended | None:
    """Return the source in a block of these lines; None if they are not Python. ``raw``: the lines
    as they stand in the answer, indented like the block. ``info``: the block's info string."""
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    decisions: tuple[Decision, ...] = ()
    if first is not None and _LANGUAGE_LINE.fullmatch(lines[first]) and any(lines[first + 1 :]):
        lines, raw = lines[first + 1 :], raw[first + 1 :]
        decisions = (Decision.LANGUAGE_LINE,)
    elif (head := _code_on_fence(info)) and (source := to_the_letter([head, *lines])):
        return source, (Decision.CODE_ON_FENCE,)
    if source := to_the_letter(lines):
        return _unescaped(source) or (source, decisions)
    if (raw != lines and (source := to_the_letter(raw))) or (source := dedented(lines)):
        return source, (*decisions, Decision.DEDENTED)
    for plain in _plain_versions("\n".join(lines)):
        if source := to_the_letter(plain) or dedented(plain):
            return source, (*decisions, Decision.CHARACTERS)
    return None


def _unescaped(source: PythonSource) -> Mended | None:
    """Return source without HTML escapes that happen to be Python: ``a &lt; b`` parses as
    ``(a & lt); b``."""
    if not _ESCAPE.search(source.text) or not source.needed & {"lt", "gt", "amp", "quot"}:
        return None
    plain = to_the_letter(html.unescape(source.text).rstrip("\n").split("\n"))
    return (plain, (Decision.CHARACTERS,)) if plain else None


def session(lines: list[str]) -> PythonSource | None:
    """Return the source of an interactive session, without its prompts and printed output."""
    if not any(_PROMPT.match(line) for line in lines):
        return None
    typed = [line[m.end() :] for line in lines if (m := _PROMPT.match(line))]
    return to_the_letter(typed) or dedented(typed)


def dedented(lines: list[str]) -> PythonSource | None:
    """Return the lines as Python source without their common indentation. If only the first line is
    not indented, the common indentation of the other lines is removed."""
    text = textwrap.dedent("\n".join(lines))
    if text == "\n".join(lines):
        return None
    return to_the_letter(text.split("\n"))


def _plain_versions(text: str) -> Iterator[list[str]]:
    """Yield the text with plain characters, then also without HTML escapes; each only if it
    differs."""
    plain = text.translate(_PLAIN)
    if plain != text:
        yield plain.split("\n")
    if _ESCAPE.search(plain):
        yield html.unescape(plain).split("\n")


def _code_on_fence(info: str) -> str | None:
    """Return Python that stands behind the language on an opening fence, or None. It is a call, an
    import or the head of a definition, so that no title or file name is taken for it."""
    word, _, rest = info.partition(" ")
    rest = rest.strip()
    if language(word) not in PYTHON:
        return None
    if re.match(r"(?:async\s+def|def|class|import|from)\s+\w|@\w", rest):
        return rest
    source = to_the_letter([rest])
    return rest if source and source.acts else None
