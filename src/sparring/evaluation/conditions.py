"""What an evaluation's figures hold under, as data: written down, and compared with what was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sparring.evaluation.options import EvalOptions
from sparring.files import digest
from sparring.schema import Role, Task


def conditions(options: EvalOptions, tasks: Sequence[Task]) -> dict[str, Any]:
    """As JSON-able data. What is under ``fixed`` makes another evaluation when it changes; counts
    may grow, and responses may be read again with their reasoning in another place."""
    o = options
    fixed: dict[str, Any] = {
        "tasks": digest([task_digest(t) for t in tasks]),
        "params": asdict(o.params),
        "seed": o.seed,
        "max_tests": o.max_tests,
        "checker": o.checker,
        "prompts": o.asked_by.model_dump(mode="json", exclude={"reasoning"}),
        "protocol": o.protocol,
    }
    if o.tester_prompts is not None:
        held = o.tester_prompts.model_dump(mode="json", exclude={"reasoning"})
        fixed["tester_prompts"] = held
    if o.answers is not None:
        fixed |= {"params": None, "seed": None, "prompts": None, "answers": o.answers}
        fixed["reading"] = asdict(o.asked_by.reading(""))
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
    """A hash of all that a task is, its place in a file left out."""
    held = asdict(task)
    del held["source"]
    for name in ("preamble", "head"):  # a task without them is what it was before there were any
        if not held[name]:
            del held[name]
    return digest(held)


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The names under ``fixed`` that differ between two records, with their values if short; of
    a table (``params``) the keys in it, as ``params.temperature``."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        was, is_now = before.get(name), now.get(name)
        if isinstance(was, Mapping) and isinstance(is_now, Mapping):
            found += [f"{name}.{key}" for key in changed(was, is_now)]
        elif was != is_now:
            texts = [json.dumps(x, default=str) for x in (was, is_now)]
            short = max(map(len, texts)) <= 120
            found.append(f"{name} ({texts[0]}, now {texts[1]})" if short else name)
    return found
