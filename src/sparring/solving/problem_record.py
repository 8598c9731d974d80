"""config.json of a session: the problem, the models and the options, to continue or replay it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sparring.errors import RunError, well_formed
from sparring.evaluation.conditions import conditions, differing_conditions
from sparring.evaluation.options import EvalOptions
from sparring.grading.entries import pairs_of, tests_from
from sparring.policy.chat.base import ChatParams
from sparring.prompts.rules import ProgramRule, ReadingRules, Reasoning, TestRule
from sparring.prompts.settings import PromptSettings
from sparring.runs.lines import clean
from sparring.runs.session import CONFIG, KIND
from sparring.schema import Role, Task
from sparring.selection.calibration import calibration_from
from sparring.selection.selectors import Selector
from sparring.solving.budget import Budget
from sparring.solving.options import Sizes, SolveOptions

_TASK_FIELDS = (
    "id",
    "statement",
    "time_limit",
    "memory_limit",
    "checker",
    "checker_program",
    "source",
    "entry_point",
    "preamble",
    "head",
)


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """Contents of config.json. ``models``: name and identity by role. ``strategy``: its name."""

    task: Task
    options: SolveOptions
    models: Mapping[Role, Mapping[str, Any]]
    readings: Mapping[Role, ReadingRules]
    strategy: str

    def record(self) -> dict[str, Any]:
        """Return the contents as JSON-able data."""
        asking = self.options.asking
        return {
            "kind": KIND,
            "version": 1,
            "task": task_record(self.task),
            "fixed": conditions(asking, [self.task])["fixed"],
            "prompts": {r: asking.prompts_for(r).model_dump(mode="json") for r in Role},
            "readings": {role: asdict(rules) for role, rules in self.readings.items()},
            "models": {role: dict(model) for role, model in self.models.items()},
            "sizes": asdict(self.options.sizes),
            "budget": asdict(self.options.budget),
            "select": self.options.select,
            "threshold": self.options.threshold,
            "calibration": (own := self.options.calibration) and own.record(),
            "strategy": self.strategy,
        }

    def check_continues(self, old: Mapping[str, Any], where: str) -> None:
        """Raise `RunError` if the record ``old`` is of another session. Sizes, budget and the rules
        of the decision may change. The parts of the problem that differ are named."""
        with well_formed(f"{where}: {CONFIG}"):
            new = json.loads(json.dumps(clean(self.record())))
            before, now = (
                {**one["fixed"], **{r: one["models"][r]["identity"] for r in Role}}
                for one in (old, new)
            )
            if before["tasks"] != now["tasks"] and old["task"] != new["task"]:
                del before["tasks"], now["tasks"]
                before["problem"], now["problem"] = old["task"], new["task"]
        if differ := differing_conditions(before, now):
            raise RunError(
                f"{where}: was begun with another {'; another '.join(differ)}; choose another --out"
            )


def session_from(record: Mapping[str, Any], where: str) -> RecordedSession:
    """Return the session of a record. Raises `RunError` for a record of another form."""
    with well_formed(f"{where}: {CONFIG}"):
        if record.get("kind") != KIND:
            raise RunError(f"{where}: holds no session of sparring solve; name its --out directory")
        params = ChatParams(**{**record["fixed"]["params"], "stop": ()})
        prompts = {r: PromptSettings(**record["prompts"][r]) for r in Role}
        asking = EvalOptions(
            sources=(),
            temperature=params.temperature,
            top_p=params.top_p,
            top_k=params.top_k,
            max_tokens=params.max_tokens,
            stop=tuple(record["fixed"]["params"]["stop"]),
            seed=record["fixed"]["seed"],
            prompts=prompts[Role.CODER],
            tester_prompts=prompts[Role.TESTER],
            extra=_extra(record["models"]),
        )
        options = SolveOptions(
            asking=asking,
            sizes=Sizes(**record["sizes"]),
            budget=Budget(**record["budget"]),
            select=None if record["select"] is None else Selector(record["select"]),
            threshold=record["threshold"],
            calibration=(own := record["calibration"]) and calibration_from(own),
        )
        return RecordedSession(
            task_from(record["task"]),
            options,
            {
                r: {
                    "name": str((m := record["models"][r])["name"]),
                    "identity": dict(m["identity"]),
                }
                for r in Role
            },
            {r: _reading_from(record["readings"][r]) for r in Role},
            str(record["strategy"]),
        )


def task_record(task: Task) -> dict[str, Any]:
    """Return a problem as JSON-able data: the statement, what runs it, examples, binding tests."""
    return {
        **{name: getattr(task, name) for name in _TASK_FIELDS},
        "tests": pairs_of(task.tests),
        "examples": pairs_of(task.examples),
    }


def task_from(record: Mapping[str, Any]) -> Task:
    """Return the problem that `task_record` wrote. Raises `TypeError` for fields of other types."""
    for name in _TASK_FIELDS:
        kinds = (int, float, type(None)) if name.endswith("_limit") else (str, type(None))
        if not isinstance(record[name], kinds):
            raise TypeError(f"{name} is a {type(record[name]).__name__}")
    return Task(
        **{name: record[name] for name in _TASK_FIELDS},
        tests=tests_from(record["tests"]),
        examples=tests_from(record["examples"]),
    )


def _extra(models: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields of the user's own in each request; models in this process have none."""
    extras = [dict(model["identity"].get("extra", {})) for model in models.values()]
    return max(extras, key=len)


def _reading_from(record: Mapping[str, Any]) -> ReadingRules:
    marks = record["reasoning"]
    return ReadingRules(
        Reasoning(str(marks["start"]), str(marks["end"]), bool(marks["opened"])),
        ProgramRule(record["programs"]),
        TestRule(record["tests"]),
    )
