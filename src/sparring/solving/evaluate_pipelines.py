"""Evaluation of pipelines in the directory of an evaluation of the same tasks.

    sparring eval TASKS --coder MODEL --pipeline NAME --out DIR

The evaluation comes first: its programs and tests are the pool from which Best-of-N at equal tokens
is computed. Then each pipeline solves each task without its ground truth (`measure`), and the
chosen programs are graded. The same command in the same directory continues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.evaluation.chat_models import RoleModel, reading_of
from sparring.evaluation.collect import RESPONSES, CollectedResponses, collect_responses
from sparring.evaluation.directory import FIGURES, OUTCOMES, cache_of
from sparring.evaluation.evaluator import graded
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import EvaluationProgress
from sparring.evaluation.response_store import ResponseStore, locked
from sparring.evaluation.run import groups_of
from sparring.grading import test_jobs
from sparring.grading.comparison import Grader
from sparring.grading.group import GroupResult, ReadGroup
from sparring.grading.limits import limits
from sparring.grading.test_jobs import ExecutionRequest
from sparring.matrix import Floats
from sparring.policy.chat.base import StopAsking
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.runs.directory import RunDir
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Role, Task, Verdict
from sparring.selection import default
from sparring.solving.equal_tokens import SampledTask
from sparring.solving.measure import MeasuredPipelines, measure_pipelines
from sparring.solving.pipeline_figures import GradedRun, figures_of, in_compare, single_figures
from sparring.solving.pipeline_runs import PipelineRun


def evaluate_pipelines(
    wanted: MeasuredPipelines,
    options: EvalOptions,
    tasks: Sequence[Task],
    models: Mapping[Role, RoleModel],
    out: Path,
    progress: EvaluationProgress,
    stop: StopAsking = lambda: False,
) -> tuple[dict[str, Any], str | None]:
    """Measure the pipelines, and add their figures to eval.json; return the figures, and what is
    missing. Raises `SparringError`."""
    with ExitStack() as resources:
        resources.enter_context(locked(out))
        for model in models.values():
            resources.callback(model.chat_model.close)
        directory = RunDir(out, locked=False)
        record = directory.read_json(FIGURES)
        known = {t["id"] for t in record["tasks"]}
        tasks = [t for t in tasks if t.id in known]
        store = ResponseStore(out / RESPONSES)
        outcomes = (cache_of(options.cache) or out) / OUTCOMES
        sandbox = resources.enter_context(
            Sandbox(options.workers, level=options.level, store=outcomes, packages=options.packages)
        )
        progress.start_counting(len(wanted.keys(tasks)), 0, "pipeline runs")
        runs, why = measure_pipelines(
            wanted, options, tasks, models, directory, store, sandbox, progress.advance, stop
        )
        keys = wanted.keys(tasks)
        complete = [t for t in tasks if all(key in runs for key in wanted.keys([t]))]
        if not complete:
            raise RunError(
                f"no task has been solved by every pipeline ({why}); repeat the command to continue"
            )
        sampled = _sampled(options, complete, models, store, sandbox, progress)
        most = min(options.programs, options.tests)
        figures = {}
        for pipeline in wanted.pipelines:
            of_pipeline = [
                runs[key] for t in complete for key in wanted.keys([t]) if key[0] is pipeline
            ]
            graded_runs = _graded(of_pipeline, complete, sandbox)
            figures[str(pipeline)] = figures_of(graded_runs, sampled, default.SELECTOR, most)
        by_pipeline = {
            "size": wanted.size,
            "selector": str(default.SELECTOR),
            "tasks": [t.id for t in complete],
            "left_out": len(tasks) - len(complete),
            "single": single_figures(sampled),
            "figures": figures,
        }
        directory.write_json(FIGURES, in_compare(record, by_pipeline))
    missing = sum(key not in runs for key in keys)
    complaint = (
        f"{missing:,} of {len(keys):,} pipeline runs are missing ({why}); repeat the command to "
        "continue"
        if missing
        else None
    )
    return by_pipeline, complaint


def _sampled(
    options: EvalOptions,
    tasks: Sequence[Task],
    models: Mapping[Role, RoleModel],
    store: ResponseStore,
    sandbox: Sandbox,
    progress: EvaluationProgress,
) -> list[SampledTask]:
    """Return the evaluation's responses to the tasks, graded, from its record."""
    requests = options.requests(tasks)
    collected = collect_responses(requests, models, store, None, progress, stop=lambda: True)
    readings = {
        role: reading_of(
            model.chat_model,
            options.prompts_for(role),
            next(r.message for r in requests if r.role is role),
        )
        for role, model in models.items()
    }
    groups = graded(groups_of(options, tasks, collected, readings), sandbox, Limits())
    return [
        SampledTask.of(group, _public_P(group, sandbox), _tokens(options, collected, group.task.id))
        for group in groups
    ]


def _public_P(group: GroupResult, sandbox: Sandbox) -> Floats:
    """Return the number of public examples that each program passes [P]."""
    task, passed_P = group.task, np.zeros(len(group.programs))
    if not task.examples:
        return passed_P
    places = [p for p, program in enumerate(group.programs) if program.source is not None]
    requests = [
        ExecutionRequest(
            task,
            group.programs[p].source or "",
            task.examples,
            limits(task, Limits()),
            of_task=False,
        )
        for p in places
    ]
    raw = test_jobs.run(sandbox, requests)
    rows = test_jobs.graded(Grader(sandbox), list(zip(requests, raw, strict=True)))
    for p, row in zip(places, rows, strict=True):
        passed_P[p] = sum(o.verdict is Verdict.ACCEPTED for o in row)
    return passed_P


def _tokens(options: EvalOptions, collected: CollectedResponses, task: str) -> tuple[float, float]:
    """Return the mean tokens of a program's and of a test's response to a task."""
    means = []
    for role, count in ((Role.CODER, options.programs), (Role.TESTER, options.tests)):
        counts = []
        for index in range(count):
            reply = collected.answers[task, role, index]
            if reply.prompt_tokens is None or reply.completion_tokens is None:
                return np.nan, np.nan
            counts.append(reply.prompt_tokens + reply.completion_tokens)
        means.append(fmean(counts))
    return means[0], means[1]


def _graded(
    runs: Sequence[PipelineRun], tasks: Sequence[Task], sandbox: Sandbox
) -> list[GradedRun]:
    """Return the runs, one for each task, graded on the ground truth."""
    groups = [
        ReadGroup(
            task,
            (),
            [ParsedProgram(run.source)] if run.source is not None else [],
            (),
            [ParsedTest(test) for test in run.tests],
        )
        for run, task in zip(runs, tasks, strict=True)
    ]
    return [
        _graded_run(*pair) for pair in zip(runs, graded(groups, sandbox, Limits()), strict=True)
    ]


def _graded_run(run: PipelineRun, group: GroupResult) -> GradedRun:
    right = group.right_U
    counts = (np.nan, np.nan) if right is None else (float(right.sum()), float(len(right)))
    if not group.programs:
        return GradedRun(run, 0.0, *counts)
    matrix = group.matrix
    correct, wrong = bool(matrix.correct_P[0]), bool(matrix.wrong_P[0])
    return GradedRun(run, float(correct) if correct or wrong else np.nan, *counts)
