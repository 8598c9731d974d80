"""Other languages than Python: refused by name where a problem asks for one, not where it only
mentions one."""

from __future__ import annotations

import re
from pathlib import Path

from sparring.errors import DataError
from sparring.prompts.blocks import PYTHON, blocks, language

_SUFFIXES = {
    ".java": "Java", ".rs": "Rust", ".c": "C", ".h": "C", ".cpp": "C++", ".cc": "C++",
    ".cxx": "C++", ".hpp": "C++", ".cs": "C#", ".go": "Go", ".js": "JavaScript",
    ".mjs": "JavaScript", ".jsx": "JavaScript", ".ts": "TypeScript", ".tsx": "TypeScript",
    ".kt": "Kotlin", ".scala": "Scala", ".swift": "Swift", ".rb": "Ruby", ".php": "PHP",
    ".pl": "Perl", ".r": "R", ".jl": "Julia", ".lua": "Lua", ".hs": "Haskell", ".ml": "OCaml",
    ".clj": "Clojure", ".ex": "Elixir", ".exs": "Elixir", ".erl": "Erlang", ".dart": "Dart",
    ".sql": "SQL", ".sh": "shell", ".f90": "Fortran", ".pas": "Pascal", ".m": "MATLAB",
    ".vb": "Visual Basic", ".zig": "Zig", ".nim": "Nim", ".fs": "F#", ".cob": "COBOL",
}  # fmt: skip
_FENCES = {
    "java": "Java", "rust": "Rust", "rs": "Rust", "c": "C", "cpp": "C++", "c++": "C++",
    "csharp": "C#", "cs": "C#", "c#": "C#", "go": "Go", "golang": "Go", "javascript": "JavaScript",
    "js": "JavaScript", "typescript": "TypeScript", "ts": "TypeScript", "kotlin": "Kotlin",
    "scala": "Scala", "swift": "Swift", "ruby": "Ruby", "php": "PHP", "perl": "Perl",
    "julia": "Julia", "lua": "Lua", "haskell": "Haskell", "dart": "Dart", "elixir": "Elixir",
}  # fmt: skip
_NAMES = (
    "C++", "C#", "F#", "Java", "JavaScript", "TypeScript", "Rust", "Go", "Golang", "Kotlin",
    "Scala", "Swift", "Ruby", "PHP", "Perl", "Julia", "Lua", "Haskell", "OCaml", "Clojure",
    "Elixir", "Erlang", "Dart", "Fortran", "Pascal", "MATLAB", "COBOL", "Zig", "Nim", "Racket",
    "SQL", "Bash", "C", "R",
)  # fmt: skip
_SHORT = ("C", "R")
"""Names that are also names of variables, and therefore need more around them."""
_LANG = "|".join(re.escape(n) for n in sorted((*_NAMES, "Python"), key=len, reverse=True))
_NAME = rf"(?P<lang>(?<![\w+#.-])(?:{_LANG})(?:\s?\d+(?:\.\d+)?)?(?![\w+#-]|\.\w))"
_VERB = (
    r"\b(?:[Ww]rite|[Ii]mplement|[Cc]reate|[Ss]olve|[Dd]evelop|[Bb]uild|[Cc]ode|[Cc]omplete|"
    r"[Pp]rovide|[Dd]efine|[Gg]ive(?:\s+me)?|[Ss]ubmit|[Dd]esign|[Uu]se)\b"
)
_WORK = r"(?:programs?|functions?|code|solutions?|methods?|implementations?|class(?:es)?|scripts?|structs?|modules?|quer(?:y|ies)|algorithms?|routines?|procedures?|snippets?|answers?)"
_NOT_WORK = rf"(?:(?!{_WORK}\b|that\b|which\b|to\b|for\b)[\w'-]+\s+)"
_ASKS = tuple(
    re.compile(form)
    for form in (
        rf"{_VERB}\s+{_NOT_WORK}{{0,5}}{_NAME}\s+{_WORK}\b",
        rf"{_VERB}\s+(?:{_NOT_WORK}{{0,5}}(?:{_WORK}|it|this|following)|(?:it|this))\s+(?:\w+\s+){{0,1}}(?:in|using|with)\s+{_NAME}",
        rf"{_VERB}\s+(?:in|using)\s+{_NAME}",
        rf"\b(?:[Tt]ranslate|[Cc]onvert|[Pp]ort|[Rr]ewrite)\b[^.\n]{{0,80}}\b(?:to|into|in)\s+{_NAME}",
        rf"^\s*[#*_]*(?:[Pp]rogramming\s+)?[Ll]anguage\s*[*_]*:\s*[*_]*\s*{_NAME}",
        rf"\b(?:must|should|has to|have to|needs to)\s+be\s+(?:written|implemented|coded|done|solved)\s+in\s+{_NAME}",
        rf"^\s*[Ii]n\s+{_NAME}\s*[,:]",
        rf"^\s*{_NAME}\s+{_WORK}\s+(?:that|which|to|for)\b",
    )
)
_LATE = re.compile(
    rf"{_VERB}\s+(?:an?|the|your|some|this)\s[^.!?\n]{{0,200}}?(?P<before>\S+)\s+in\s+{_NAME}"
    r"\s*(?:[.:!]|$|,\s*please)"
)
_ABOUT = re.compile(
    r"(?:keywords?|identifiers?|comments?|strings?|syntax|statements?|expressions?|types?|"
    r"variables?|operators?|written|as|like|than|code|sources?|files?|literals?|tokens?|"
    r"valid|occurs?|used|allowed|legal|names?|words?)\Z",
    re.IGNORECASE,
)
_CODE = (
    ("C++", re.compile(r"^\s*(?:using namespace std;|#include\s*<(?:bits/|vector|string|iostream|algorithm|map|set)|std::\w+.*\()", re.M)),
    ("C", re.compile(r"^\s*#include\s*<\w+\.h>", re.M)),
    ("Go", re.compile(r"^\s*(?:package \w+\s*$|func \w+\(.*\).*\{)", re.M)),
    ("Rust", re.compile(r"^\s*(?:pub )?fn \w+\s*(?:<[^>]*>)?\(.*\{?\s*$|^\s*impl Solution\b", re.M)),
    ("Java", re.compile(r"^\s*(?:public|private|protected)\s+(?:static\s+)?[\w<>\[\], ]+\s+\w+\(.*\)\s*\{|^\s*import java\.", re.M)),
    ("JavaScript", re.compile(r"^\s*(?:(?:const|let|var) \w+ = (?:async )?(?:function\b|\(.*\)\s*=>)|(?:async )?function \w+\(.*\)\s*\{)", re.M)),
    ("C++", re.compile(r"^\s*(?:vector<|(?:int|bool|string|void|double|long long) \w+\((?:vector|string|int|const)\b.*\)\s*\{)", re.M)),
)  # fmt: skip
_LONGEST = 200_000


def check_suffix(path: Path) -> None:
    """Raise `DataError` for a file of another language than Python."""
    if name := _SUFFIXES.get(path.suffix.lower()):
        raise DataError(_refusal(f"{path}: is a file of {name}", name))


def check_language(text: str, place: str, *, has_head: bool) -> str | None:
    """Raise `DataError` if a text asks for another language than Python. Return the name of a
    language that it only mentions, None without one. ``has_head``: the text has the head of a
    Python function, which asks for Python as well."""
    text = text[:_LONGEST]
    asked = _asked_for(text)
    others = [name for name in asked if not name.startswith("Python")]
    if others and (len(asked) == len(others)) and not (has_head and not _is_moved(text)):
        raise DataError(_refusal(f"{place}: asks for {others[0]}", others[0]))
    if not asked and not has_head and (name := _by_code(text)):
        raise DataError(_refusal(f"{place}: asks for {name}, by its code", name))
    mentions = re.search(rf"(?<![\w+#.-]){_NAME.replace('?P<lang>', '')}", text)
    name = mentions[0] if mentions else None
    return None if name is None or name in _SHORT or name.startswith("Python") else name


def _asked_for(text: str) -> list[str]:
    """Return the languages that sentences ask for, in the order of the forms."""
    names = []
    for form in _ASKS:
        for match in re.finditer(form.pattern, text, re.MULTILINE):
            names.append(match["lang"])
    for match in re.finditer(_LATE.pattern, text, re.MULTILINE):
        if not _ABOUT.match(match["before"]) and match["lang"] not in _SHORT:
            names.append(match["lang"])
    return [re.sub(r"[\s\d.]+\Z", "", name) for name in names]


def _is_moved(text: str) -> bool:
    """Return True if a text asks to translate code into another language."""
    return bool(re.search(_ASKS[3].pattern, text, re.MULTILINE))


def _by_code(text: str) -> str | None:
    """Return the language of a text's code, by fences or by the code's own lines."""
    marks = [language(block.info) for block in blocks(text.split("\n"))]
    if any(mark in PYTHON for mark in marks):
        return None
    fenced = [_FENCES[mark] for mark in marks if mark in _FENCES]
    return fenced[-1] if fenced else next((n for n, form in _CODE if form.search(text)), None)


def _refusal(problem: str, name: str) -> str:
    return f"{problem}; Sparring writes and runs Python: say so in the problem, or leave {name} out"
