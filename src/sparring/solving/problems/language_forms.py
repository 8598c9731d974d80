"""Names of programming languages, and the forms of sentences and code that ask for one."""

from __future__ import annotations

import re

SUFFIXES = {
    ".java": "Java", ".rs": "Rust", ".c": "C", ".h": "C", ".cpp": "C++", ".cc": "C++",
    ".cxx": "C++", ".hpp": "C++", ".cs": "C#", ".go": "Go", ".js": "JavaScript",
    ".mjs": "JavaScript", ".jsx": "JavaScript", ".ts": "TypeScript", ".tsx": "TypeScript",
    ".kt": "Kotlin", ".scala": "Scala", ".swift": "Swift", ".rb": "Ruby", ".php": "PHP",
    ".pl": "Perl", ".r": "R", ".jl": "Julia", ".lua": "Lua", ".hs": "Haskell", ".ml": "OCaml",
    ".clj": "Clojure", ".ex": "Elixir", ".exs": "Elixir", ".erl": "Erlang", ".dart": "Dart",
    ".sql": "SQL", ".sh": "shell", ".f90": "Fortran", ".pas": "Pascal", ".m": "MATLAB",
    ".vb": "Visual Basic", ".zig": "Zig", ".nim": "Nim", ".fs": "F#", ".cob": "COBOL",
}  # fmt: skip
FENCES = {
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
SHORT = ("C", "R")
"""Names that are also names of variables, and therefore need more around them."""
_LANG = "|".join(re.escape(n) for n in sorted((*_NAMES, "Python"), key=len, reverse=True))
NAME = rf"(?P<lang>(?<![\w+#.-])(?:{_LANG})(?:\s?\d+(?:\.\d+)?)?(?![\w+#-]|\.\w))"
_VERB = (
    r"\b(?:[Ww]rite|[Ii]mplement|[Cc]reate|[Ss]olve|[Dd]evelop|[Bb]uild|[Cc]ode|[Cc]omplete|"
    r"[Pp]rovide|[Dd]efine|[Gg]ive(?:\s+me)?|[Ss]ubmit|[Dd]esign|[Uu]se)\b"
)
_WORK = (
    r"(?:programs?|functions?|code|solutions?|methods?|implementations?|class(?:es)?|scripts?|"
    r"structs?|modules?|quer(?:y|ies)|algorithms?|routines?|procedures?|snippets?|answers?)"
)
_NOT_WORK = rf"(?:(?!{_WORK}\b|that\b|which\b|to\b|for\b)[\w'-]+\s+)"
MOVES = re.compile(
    r"\b(?:[Tt]ranslate|[Cc]onvert|[Pp]ort|[Rr]ewrite)\b[^.\n]{0,80}\b(?:to|into|in)\s+"
    rf"{NAME}"
)
"""A text that asks to translate code into another language."""
_DONE = r"(?:written|implemented|coded|done|solved)"
_MUST = r"(?:must|should|has\s+to|have\s+to|needs\s+to)"
_OBJECT = rf"(?:{_NOT_WORK}{{0,5}}(?:{_WORK}|it|this|following)|it|this)"
ASKS = (
    MOVES,
    *(
        re.compile(form, re.MULTILINE)
        for form in (
            rf"{_VERB}\s+{_NOT_WORK}{{0,5}}{NAME}\s+{_WORK}\b",
            rf"{_VERB}\s+{_OBJECT}\s+(?:\w+\s+)?(?:in|using|with)\s+{NAME}",
            rf"{_VERB}\s+(?:in|using)\s+{NAME}",
            rf"^\s*[#*_]*(?:[Pp]rogramming\s+)?[Ll]anguage\s*[*_]*:\s*[*_]*\s*{NAME}",
            rf"\b{_MUST}\s+be\s+{_DONE}\s+in\s+{NAME}",
            rf"^\s*[Ii]n\s+{NAME}\s*[,:]",
            rf"^\s*{NAME}\s+{_WORK}\s+(?:that|which|to|for)\b",
        )
    ),
)
"""Sentences that surely ask for a language."""
LATE = re.compile(
    rf"{_VERB}\s+(?:an?|the|your|some|this)\s[^.!?\n]{{0,200}}?(?P<before>\S+)\s+in\s+{NAME}"
    r"\s*(?:[.:!]|$|,\s*please)",
    re.MULTILINE,
)
"""A sentence that ends with "in LANGUAGE". It asks, unless the word before is one of `ABOUT`."""
ABOUT = re.compile(
    r"(?:keywords?|identifiers?|comments?|strings?|syntax|statements?|expressions?|types?|"
    r"variables?|operators?|written|as|like|than|code|sources?|files?|literals?|tokens?|"
    r"valid|occurs?|used|allowed|legal|names?|words?)\Z",
    re.IGNORECASE,
)
_LINES = (
    ("C++", r"(?:using namespace std;|#include\s*<(?:bits/|vector|string|iostream|algorithm|map))"),
    ("C", r"#include\s*<\w+\.h>"),
    ("Go", r"(?:package \w+\s*$|func \w+\(.*\).*\{)"),
    ("Rust", r"(?:(?:pub )?fn \w+\s*(?:<[^>]*>)?\(.*\{?\s*$|impl Solution\b)"),
    ("Java", r"(?:public|private|protected)\s+(?:static\s+)?[\w<>\[\], ]+\s+\w+\(.*\)\s*\{"),
    ("Java", r"import java\."),
    ("JavaScript", r"(?:const|let|var) \w+ = (?:async )?(?:function\b|\(.*\)\s*=>)"),
    ("JavaScript", r"(?:async )?function \w+\(.*\)\s*\{"),
    ("C++", r"vector<"),
    ("C++", r"(?:int|bool|string|void|double|long long) \w+\((?:vector|string|int|const)\b.*\{"),
)
CODE = tuple((name, re.compile(rf"^\s*{line}", re.MULTILINE)) for name, line in _LINES)
"""Lines of code by which a language is known."""
