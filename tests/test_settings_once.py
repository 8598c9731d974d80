"""A setting has one default: that of its section.

Found are defaults of dataclasses and functions, outside the sections, that have the name of a
section's field and a value of its kind: a number, a text, or a member of the same enumeration.
What says nothing (None, False, an empty container) repeats nothing, and what is read off a section
is its own. What has a field's name and means something else is listed with what it means.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import sparring
from sparring.config.recipe import Recipe

ROOT = Path(sparring.__file__).parent
OTHER_MEANINGS = {
    "Care.patience": "times the task's own limits",
    "strength.seed": "draws mutants",
    "audit.patience": "times the task's own limits",
    "microworld_build.seed": "of the embedded model",
    "microworld_write_tasks.seed": "of the tasks written",
    "try_command.seed": "of `sparring prompts try`",
    "split.seed": "of `sparring tasks split`",
    "run.memory": "MiB of a program, not a share of a GPU",
    "watch.every": "seconds between looks",
    "HeldOutPlan.seed": "the same in every run, so that runs compare",
    "EvalOptions.programs": "of `sparring eval`, which reads no recipe",
    "EvalOptions.seed": "of `sparring eval`",
    "EvalOptions.tests": "of `sparring eval`",
    "_Reader.patience": "lines of a response",
    "response_logprobs.backend": "one that computes, as AUTO does not",
    "RoleStats.entropy": "a sum that begins at 0",
    "WarmStart.learning_rate": "of the embedded model's pretraining",
    "WarmStart.seed": "of the embedded model's pretraining",
    "ChatParams.max_tokens": "of a chat model",
    "ChatParams.temperature": "of a chat model",
    "__init__.concurrency": "requests to a chat server",
    "excess.max_tokens": "what a response needs: nothing",
    "Limits.idle_seconds": "the default itself, for [sandbox] too",
    "Limits.output_bytes": "the default itself, for [sandbox] too",
    "best_of.seed": "draws subsets",
    "sample.programs": "a session's sampling: none",
    "sample.tests": "a session's sampling: none",
    "subsets.seed": "draws subsets",
    "Rescored.steps": "a count that begins at 0",
}


def kind_of(value: Any) -> str | None:
    """What a default is: the name of its enumeration, "number" or "text"."""
    if isinstance(value, Enum):
        return type(value).__name__
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return "text" if isinstance(value, str) and value else None


def fields_of_sections() -> dict[str, set[str]]:
    """The kinds of every field of a recipe, by name."""
    found: dict[str, set[str]] = {}
    for section in Recipe.model_fields.values():
        for name, field in getattr(section.annotation, "model_fields", {}).items():
            kinds = {kind_of(field.default)} - {None}
            found.setdefault(name, set()).update(k for k in kinds if k)
    return found


def kind_in_source(node: ast.expr) -> str | None:
    """`kind_of` a default as it is written; None also for what is read off something else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id if node.value.id[0].isupper() else None
    try:
        return kind_of(eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}}))
    except Exception:  # noqa: BLE001  # no literal: whatever it needs is not there
        return None


def defaults_in(tree: ast.AST) -> Iterator[tuple[str, str, ast.expr]]:
    """Owner, name and value of every default of a class's fields and a function's arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.AnnAssign) and part.value is not None:
                    yield node.name, ast.unparse(part.target), part.value
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            a = node.args
            plain = [*a.posonlyargs, *a.args]
            given = list(zip(plain[len(plain) - len(a.defaults) :], a.defaults, strict=True))
            given += [(x, d) for x, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d]
            for argument, value in given:
                yield node.name, argument.arg, value


def second_defaults(source: str) -> Iterator[str]:
    """``owner.name`` of what repeats a section's field."""
    fields = fields_of_sections()
    for owner, name, value in defaults_in(ast.parse(source)):
        kind = kind_in_source(value)
        if kind is not None and kind in fields.get(name, ()):
            yield f"{owner}.{name}"


def test_no_setting_has_a_second_default() -> None:
    found = {
        one
        for path in sorted(ROOT.rglob("*.py"))
        if path.name != "settings.py"
        for one in second_defaults(path.read_text(encoding="utf-8"))
    }
    assert found == set(OTHER_MEANINGS)


def test_the_rule_finds_what_it_forbids() -> None:
    assert [*second_defaults("class Mine:\n    ppo_epochs: int = 1")] == ["Mine.ppo_epochs"]
    assert [*second_defaults("def f(*, mode: UpdateMode = UpdateMode.JOINT): ...")] == ["f.mode"]
    assert [*second_defaults("def f(output_bytes=1 << 20): ...")] == ["f.output_bytes"]
    assert not [
        *second_defaults("def f(ppo_epochs=_USUAL.ppo_epochs, seed=None, kind=Kind.STDIN): ...")
    ]
    assert not [*second_defaults("def f(ppo_epochs): ...\ndef g(untold: int = 1): ...")]
