"""One evaluation, from tasks and models to a directory of figures.

    sparring eval TASKS --coder MODEL --out DIR

An evaluation asks for the responses that are not recorded yet, grades the tasks whose responses are
complete, computes the figures and writes them. The same command in the same directory continues the
evaluation: no response is asked for twice, no program runs twice. A task counts when all its
responses are recorded. A missing response is never counted as wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from sparring.errors import RunError
from sparring.evaluation.chat_models import RoleModel, reading_of, response_text
from sparring.evaluation.collect import (
    LOCKS,
    RESPONSES,
    CollectedResponses,
    SharedCache,
    collect_responses,
)
from sparring.evaluation.directory import (
    MeasuredEvaluation,
    begin_evaluation,
    cache_of,
    evaluate_and_write,
)
from sparring.evaluation.notes import notes_after, notes_before
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import EvaluationProgress
from sparring.evaluation.request_locks import RequestLocks
from sparring.evaluation.response_store import ResponseStore, locked
from sparring.grading.group import ReadGroup, read_group
from sparring.prompts.rules import ReadingRules
from sparring.runs.directory import RunDir
from sparring.schema import Response, Role, Task

Readings = Mapping[Role, ReadingRules]


def evaluate_models(
    options: EvalOptions,
    tasks: Sequence[Task],
    role_models: Mapping[Role, RoleModel],
    out: Path,
    progress: EvaluationProgress,
    stop: Callable[[], bool] = lambda: False,
) -> MeasuredEvaluation:
    """Evaluate the models on ``tasks`` in the directory ``out``, or continue an evaluation there.

    ``stop`` is called between requests; if it returns True, no more requests are sent. Raises
    `SparringError`; the responses recorded by then are kept.
    """
    with ExitStack() as resources:
        for role_model in role_models.values():
            resources.callback(role_model.chat_model.close)
        resources.enter_context(locked(out))
        directory = RunDir(out, locked=False)
        response_store = ResponseStore(out / RESPONSES)
        models = {
            role: {
                "name": role_models[role].name,
                "identity": dict(role_models[role].chat_model.identity),
            }
            for role in Role
            if options.wanted[role]
        }
        begin_evaluation(directory, options, models, tasks, has_responses=len(response_store) > 0)
        shared = None
        if (cache := cache_of(options.cache)) is not None:
            locks = resources.enter_context(RequestLocks(cache / LOCKS))
            shared = SharedCache(ResponseStore(cache / RESPONSES), locks)
        requests = options.requests(tasks)
        readings = {
            role: reading_of(
                role_model.chat_model,
                options.prompts_for(role),
                next((a.message for a in requests if a.role is role), ""),
            )
            for role, role_model in role_models.items()
        }
        notes = _notes(options, role_models, None)
        for line in notes:
            progress.note(f"note: {line}")
        collected = collect_responses(
            requests, role_models, response_store, shared, progress, options.budget, stop
        )
        complete_tasks = complete(options, tasks, collected)
        missing = _missing_line(options, tasks, complete_tasks, collected)
        if not complete_tasks:
            raise RunError(f"{missing}; no task is complete yet")
        later_notes = _notes(options, role_models, collected)
        for line in later_notes:
            progress.note(line)
        groups = groups_of(options, complete_tasks, collected, readings)
        record = evaluate_and_write(
            directory, options, models, tasks, groups, collected, [*notes, *later_notes], progress
        )
    return MeasuredEvaluation(record, missing)


def complete(
    options: EvalOptions, tasks: Sequence[Task], collected: CollectedResponses
) -> list[Task]:
    """Return the tasks whose responses are all recorded."""
    slots = [(role, i) for role, count in options.wanted.items() for i in range(count)]
    return [t for t in tasks if all((t.id, *slot) in collected.answers for slot in slots)]


def groups_of(
    options: EvalOptions, tasks: Iterable[Task], collected: CollectedResponses, readings: Readings
) -> Iterable[ReadGroup]:
    """Yield each task with its responses read as programs and tests. No response has token ids."""
    for task in tasks:
        coder, tester = (
            [
                Response(task.id, role, i, (), (), (), a.stop, response_text(a, readings[role]))
                for i in range(options.wanted[role])
                for a in [collected.answers[task.id, role, i]]
            ]
            for role in (Role.CODER, Role.TESTER)
        )
        yield read_group(task, coder, tester, readings)


def _notes(
    options: EvalOptions,
    role_models: Mapping[Role, RoleModel],
    collected: CollectedResponses | None,
) -> list[str]:
    """Return notes on the models: before any request (None), or from the collected answers."""
    notes: list[str] = []
    for role, role_model in role_models.items():
        if not options.wanted[role]:
            continue
        prompts = options.prompts_for(role)
        if collected is None:
            notes += notes_before(role_model.chat_model, role_model.name, prompts)
        else:
            answers = [a for (_, r, _), a in collected.answers.items() if r is role]
            notes += notes_after(
                role_model.chat_model, f"{role} {role_model.name}", prompts, answers
            )
    return list(dict.fromkeys(notes))  # a model in both roles gives its notes twice


def _missing_line(
    options: EvalOptions,
    tasks: Sequence[Task],
    complete: Sequence[Task],
    collected: CollectedResponses,
) -> str | None:
    """Return one line on the missing responses and the reason, or None if none is missing."""
    wanted = len(tasks) * sum(options.wanted.values())
    missing = wanted - len(collected.answers)
    if not missing:
        return None
    reason = "stopped"
    if collected.exhausted:
        reason = f"the token budget is spent ({collected.spent:,} tokens)"
    elif collected.missing:
        last = list(collected.missing.values())[-1]
        reason = f"{len(collected.missing):,} requests failed, the last with: {last}"
    return (
        f"{missing:,} of {wanted:,} responses are missing ({reason}); the figures are over "
        f"{len(complete):,} of {len(tasks):,} tasks; repeat the command to continue"
    )
