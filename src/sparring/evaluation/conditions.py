"""Conditions that an evaluation's figures depend on, as data to record and to compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sparring.evaluation.options import EvalOptions
from sparring.files import digest
from sparring.schema import Role, Task


def conditions(options: EvalOptions, tasks: Sequence[Task]) -> dict[str, Any]:
    """Return the conditions as JSON-able data.

    A change of any value under ``fixed`` makes another evaluation. The other values may change
    when an evaluation is continued: counts may grow, and recorded responses may be read again with
    another ``reasoning``.
    """
    o = options
    fixed: dict[str, Any] = {
        "tasks": digest([task_digest(t) for t in tasks]),
        "params": asdict(o.params),
        "seed": o.seed,
        "max_tests": o.max_tests,
        "checker": o.checker,
        "prompts": o.default_prompts.model_dump(mode="json", exclude={"reasoning"}),
        "protocol": o.protocol,
    }
    if o.tester_max_tokens is not None:
        fixed["tester_max_tokens"] = o.tester_max_tokens
    if o.tester_prompts is not None:
        fixed["tester_prompts"] = o.tester_prompts.model_dump(mode="json", exclude={"reasoning"})
    if o.answers is not None:
        fixed |= {"params": None, "seed": None, "prompts": None, "answers": o.answers}
        fixed["reading"] = asdict(o.default_prompts.reading(""))
    return {
        "fixed": fixed,
        "reasoning": {str(r): str(o.prompts_for(r).reasoning) for r in Role},
        "sources": list(o.sources),
        "limit_tasks": o.limit_tasks,
        "programs": o.programs,
        "tests": o.tests,
        "mutants": o.mutants,
        "scales": [f"{n}x{m}" for n, m in o.scaled],
    }


def task_digest(task: Task) -> str:
    """Return a hash of a task's contents. The task's place in a file is no part of the hash."""
    contents = asdict(task)
    del contents["source"]
    # Recorded hashes must stay valid when names and fields change. When the first were recorded,
    # hidden tests were called withheld, and tasks had no preamble and no head.
    contents["withheld"] = contents.pop("hidden")
    for name in ("preamble", "head"):
        if not contents[name]:
            del contents[name]
    return digest(contents)


def differing_conditions(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the names that differ between two tables ``fixed``, with their values if short.

    A table inside gives the names of its differing keys, such as ``params.temperature``.
    """
    differences = []
    for name in sorted(old.keys() | new.keys()):
        value, other = old.get(name), new.get(name)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            differences += [f"{name}.{key}" for key in differing_conditions(value, other)]
        elif value != other:
            texts = [json.dumps(x, default=str) for x in (value, other)]
            short = max(map(len, texts)) <= 120
            differences.append(f"{name} ({texts[0]}, now {texts[1]})" if short else name)
    return differences
