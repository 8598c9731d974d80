"""Write the page of the library from its docstrings: docs/api.md.

    python tools/api_page.py              # writes docs/api.md
    python tools/api_page.py --out FILE

The page has every name of ``sparring.__all__``, and the classes of `RESULTS`, which the functions
return or take. Signatures, arguments, fields and errors are those of the code. A test compares the
page with what this tool makes.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import sparring

NAMES = tuple(name for name in sparring.__all__ if name != "__version__")
RESULTS = (
    "sparring.schema.Task",
    "sparring.schema.Test",
    "sparring.evaluation.api.EvaluationResult",
    "sparring.metrics.intervals.Estimate",
    "sparring.training.api.TrainingRun",
    "sparring.solving.engine.Solved",
    "sparring.solving.candidates.Solution",
    "sparring.solving.budget.Costs",
    "sparring.grading.reward_group.GradedExecution",
    "sparring.schema.Verdict",
    "sparring.sandbox.Job",
    "sparring.sandbox.Limits",
    "sparring.schema.Outcome",
)
ERRORS = "sparring.errors"
OUT = Path(__file__).parents[1] / "docs" / "api.md"
HEAD = (
    "# The library",
    "This page documents the names that `from sparring import …` gives. `tools/api_page.py` makes "
    "the page from their docstrings.",
    "- A name loads when it is first used: `import sparring` loads neither torch nor numpy.\n"
    "- Every mistake of a caller is a [`SparringError`](#errors) with a message of one line.\n"
    "- `train` needs the extra `train`, and so does `evaluate` for a local model. A served model "
    "needs no extra.",
    "[`examples/library.py`](../examples/library.py) as a whole:",
)
EXAMPLE = Path(__file__).parents[1] / "examples" / "library.py"
_PART = re.compile(r"^(Args|Returns|Raises):$", re.MULTILINE)
_ITEM = re.compile(r"^    (\w+): (.*(?:\n        .*)*)$", re.MULTILINE)


def page() -> str:
    """Return the whole page."""
    example = EXAMPLE.read_text(encoding="utf-8").partition('"""\n\n')[2]
    parts = [*HEAD, f"```python\n{example}```"]
    for name in NAMES:
        parts += section(getattr(sparring, name), name, "from sparring import " + name)
    parts.append("## Results and arguments")
    for path in RESULTS:
        module, _, name = path.rpartition(".")
        value = getattr(import_module(module), name)
        parts += section(value, name, f"from {module} import {name}", "###")
    parts += errors()
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def section(value: Any, name: str, where: str, level: str = "##") -> Iterator[str]:
    """Yield the parts of a function or a class."""
    yield f"{level} {name}"
    yield f"`{where}`"
    if not inspect.isclass(value):
        yield f"```python\n{signature(value, name)}\n```"
    elif "__init__" in vars(value) and not dataclasses.is_dataclass(value):
        yield f"```python\n{signature(value.__init__, name)}\n```"
    yield from prose(documented(value))
    if inspect.isclass(value):
        yield from members(value)


def signature(function: Any, name: str) -> str:
    """Return a signature as it is written, with an argument on each line."""
    found = inspect.signature(function)
    parameters = [p for p in found.parameters.values() if p.name != "self"]
    lines = [f"    {parameter}," for parameter in map(shown, parameters)]
    kinds = [p.kind for p in parameters]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        lines.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "    *,")
    result = "" if found.return_annotation == "None" else f" -> {found.return_annotation}"
    return f"def {name}(\n" + "\n".join(lines) + f"\n){result}: ..."


def shown(parameter: inspect.Parameter) -> str:
    """Return a parameter with its type and default."""
    star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
    text = f"{star}{parameter.name}: {annotation(parameter.annotation)}"
    if parameter.default is not parameter.empty:
        text += f" = {default(parameter.default)}"
    return text


def default(value: Any) -> str:
    """Return a default as it is written in Python."""
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return json.dumps(value, ensure_ascii=False)  # double quotes, as the formatter wants them
    return str(value) if isinstance(value, enum.Enum) else repr(value)


def annotation(kind: Any) -> str:
    """Return a type as it is written in the source."""
    return kind if isinstance(kind, str) else inspect.formatannotation(kind)


def documented(value: Any) -> str:
    """Return the docstring of a class or a function; of a class, that of its constructor too."""
    text = inspect.getdoc(value) or ""
    own = vars(value).get("__init__") if inspect.isclass(value) else None
    if own is not None and own.__doc__ and not dataclasses.is_dataclass(value):
        text += f"\n\n{inspect.cleandoc(own.__doc__)}"
    return text


def prose(docstring: str) -> Iterator[str]:
    """Yield a docstring as Markdown: paragraphs, and its parts Args, Returns and Raises."""
    text, *parts = _PART.split(docstring)
    yield from (paragraph(p) for p in text.split("\n\n") if p.strip())
    for kind, body in zip(parts[::2], parts[1::2], strict=True):
        if kind == "Returns":
            yield "Returns: " + paragraph(textwrap.dedent(body))
            continue
        head = {"Args": "argument", "Raises": "error"}[kind]
        rows = [f"| `{name}` | {cell(text)} |" for name, text in _ITEM.findall(body)]
        yield "\n".join([f"| {head} | |", "|---|---|", *rows])


def paragraph(text: str) -> str:
    """Return a paragraph in one line, and a list in a line for each item; code, which is indented,
    as a block."""
    if text.startswith("- "):
        return "\n".join(f"- {marked(' '.join(x.split()))}" for x in text[2:].split("\n- "))
    if all(line.startswith("    ") for line in text.splitlines() if line):
        return f"```python\n{textwrap.dedent(text)}\n```"
    return marked(" ".join(text.split()))


def marked(text: str) -> str:
    """Return a docstring's text with the code marks and the links of Markdown."""
    return re.sub(r"\bdocs/(\w+\.md)", r"[\1](\1)", text.replace("``", "`"))


def cell(text: str) -> str:
    """Return a text as a cell of a table."""
    return marked(" ".join(text.split())).replace("|", "\\|")


def members(kind: type) -> Iterator[str]:
    """Yield a table of a class's fields or values, and one of its properties and methods."""
    notes = field_notes(kind)
    if issubclass(kind, enum.Enum):
        yield table("value", [(m.name, "", notes.get(m.name, "")) for m in kind])
        return
    if issubclass(kind, BaseModel):
        sections = kind.model_fields.items()
        yield table(
            "section", [(n, f.annotation.__name__, f.description or "") for n, f in sections]
        )
        yield "`sparring config --fields` lists the keys of every section."
        return
    if dataclasses.is_dataclass(kind):
        yield table("field", [(f.name, typed(f), notes.get(f.name, "")) for f in public(kind)])
    rows = [
        (name + ("" if isinstance(member, property) else arguments(member)), "",
         inspect.getdoc(member) or "")
        for base in reversed(kind.__mro__)
        if base.__module__.startswith("sparring")
        for name, member in vars(base).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    ]  # fmt: skip
    if rows:
        yield table("property or method", rows)


def public(kind: Any) -> list[dataclasses.Field[Any]]:
    """Return the fields of a dataclass that a caller sets or reads."""
    return [f for f in dataclasses.fields(kind) if not f.name.startswith("_") and f.compare]


def typed(field: dataclasses.Field[Any]) -> str:
    """Return the type of a field, and its default if it has one."""
    if field.default is not dataclasses.MISSING:
        return f"{field.type} = {default(field.default)}"
    return (
        f"{field.type} = …" if field.default_factory is not dataclasses.MISSING else f"{field.type}"
    )


def table(head: str, rows: list[tuple[str, str, str]]) -> str:
    """Return a table of names, types and texts, without a column that is empty."""
    with_types, with_texts = any(r[1] for r in rows), any(r[2] for r in rows)
    heads = [head, *(["type"] if with_types else []), *([""] if with_texts else [])]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, kind, text in rows:
        cells = [f"`{cell(name)}`"]
        cells += [f"`{cell(kind)}`"] if with_types else []
        cells += [cell(text)] if with_texts else []
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def arguments(method: Any) -> str:
    """Return the arguments of a method in one line, without ``self``."""
    parameters = list(inspect.signature(method).parameters.values())[1:]  # without self
    return f"({', '.join(map(shown, parameters))})"


def field_notes(kind: type) -> dict[str, str]:
    """Return the texts that stand below the fields of a class in its source."""
    source = textwrap.dedent(inspect.getsource(kind))
    found = re.findall(
        r'^    (\w+)(?::|\s=).*\n    """((?:[^"]|"(?!""))*)"""', source, re.MULTILINE
    )
    return dict(found)


def errors() -> Iterator[str]:
    """Yield the errors of the package."""
    yield "## Errors"
    yield "`from sparring.errors import SparringError`; all others are subclasses of it."
    module = import_module(ERRORS)
    rows = []
    for name, value in vars(module).items():
        if inspect.isclass(value) and value.__module__ == ERRORS:
            rows.append(f"| `{name}` | {cell(inspect.getdoc(value) or '')} |")
    incomplete = import_module("sparring.evaluation.api").IncompleteEvaluation
    rows.append(f"| `sparring.evaluation.api.{incomplete.__name__}` | {cell(incomplete.__doc__)} |")
    yield "\n".join(["| error | |", "|---|---|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
