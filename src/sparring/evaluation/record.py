"""eval.json: the figures of an evaluation and the conditions that they depend on."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

from sparring.evaluation.collect import CollectedResponses
from sparring.evaluation.conditions import conditions, task_digest
from sparring.evaluation.evaluator import Evaluation
from sparring.evaluation.figures import as_officially_counted, counts, verdicts
from sparring.evaluation.options import EvalOptions
from sparring.grading.grade import infra_share
from sparring.grading.missing_packages import missing_packages
from sparring.policy.chat.base import ChatReply
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Role, Task
from sparring.tasks.checkers.checker import VERSION as GRADER
from sparring.tasks.preambles import versions as preamble_versions
from sparring.version import __version__

Models = Mapping[Role, Mapping[str, Any]]
"""``name`` and ``identity`` of the model that answered, by role."""


def record_of(
    options: EvalOptions,
    models: Models,
    tasks: Sequence[Task],
    evaluation: Evaluation,
    collected: CollectedResponses,
    limits: Limits,
    sandbox: Sandbox,
) -> dict[str, Any]:
    """Return the whole record. ``tasks`` are all tasks that the user asked for, graded or not."""
    results, summary = evaluation.results, evaluation.summary
    inside = {r.task.id for r in results}
    of_role: dict[Role, list[ChatReply]] = {role: [] for role in models}
    for (task_id, role, _), answer in collected.answers.items():
        if task_id in inside and role in of_role:
            of_role[role].append(answer)
    official = {}
    if options.protocol:
        official = {"official": as_officially_counted(evaluation.facts, options.scaled)}
    return {
        "kind": "evaluation",
        "version": 1,
        "models": {role: dict(model) for role, model in models.items()},
        "figures": {name: e.as_dict() for name, e in summary.estimates.items()},
        **official,
        "conditions": _conditions_record(options, models, tasks, limits, sandbox),
        "responses": {r: counts(results, r, of_role[r]).record() for r in models},
        "verdicts": verdicts(results),
        "infra_share": infra_share(results),
        "needs": {
            p: w.record() for p, w in missing_packages(r.outcomes_PT for r in results).items()
        },
        "tokens_spent": collected.spent,
        "missing": [
            {"task": task, "role": role, "index": index, "why": why}
            for (task, role, index), why in collected.missing.items()
        ],
        "left_out": [t.id for t in tasks if t.id not in inside],
        "tasks": [
            {"id": r.task.id, "digest": task_digest(r.task), "checker": r.task.checker}
            for r in results
        ],
        "per_task": {k: v.tolist() for k, v in summary.per_task.items()},
        "ratios": {k: v.as_dict() for k, v in summary.ratios.items()},
        "complete": len(results) == len(tasks),
        "protocol": options.protocol or "",
    }


def _conditions_record(
    options: EvalOptions,
    models: Models,
    tasks: Sequence[Task],
    limits: Limits,
    sandbox: Sandbox,
) -> dict[str, Any]:
    data = conditions(options, tasks)
    return {
        **data["fixed"],
        "reasoning": data["reasoning"],
        "programs": options.programs,
        "tests": options.tests,
        "mutants": options.mutants,
        "sources": list(options.sources),
        "grader": GRADER,
        "templates": options.default_prompts.templates().version,
        "preambles": preamble_versions(tasks),
        "checkers": sorted({t.checker for t in tasks}),
        "limits": {"idle_seconds": limits.idle_seconds, "output_bytes": limits.output_bytes},
        "sandbox": dict(sandbox.report()),
        "sparring": __version__,
        "python": platform.python_version(),
        "top_k_sent": {
            role: bool(model["identity"].get("takes_top_k", True)) for role, model in models.items()
        },
    }
