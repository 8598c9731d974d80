"""Answers that were made elsewhere, graded like our own: the same runs, figures and files.

    sparring eval TASKS --answers FILE --out DIR

No model is asked and nothing is sampled, so that neither torch nor a server is needed. Every
answer of a task counts; where tasks have different numbers of them, figures go up to the least.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError
from sparring.evaluation.collect import Collected
from sparring.evaluation.elsewhere.items import AnswerSet
from sparring.evaluation.elsewhere.matching import Matched, match
from sparring.evaluation.elsewhere.reading import contents, read_answers, some
from sparring.evaluation.elsewhere.source import Read, read
from sparring.evaluation.ledger import locked
from sparring.evaluation.plan import USUAL_SCALES, Plan, Scale, scales_of
from sparring.evaluation.progress import Progress
from sparring.evaluation.run import (
    FIGURES,
    OUTCOMES,
    Bench,
    Found,
    Models,
    begin,
    cache_of,
    record_of,
    write,
)
from sparring.grading.grade import grade_each
from sparring.grading.group import GroupResult, ReadGroup
from sparring.policy.chat.base import Answer
from sparring.runs.directory import RunDir
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Role, Task


@dataclass(frozen=True, slots=True)
class Given:
    """Answers to tasks, read, and what the figures of them depend on."""

    plan: Plan
    tasks: Sequence[Task]
    """All that were asked for, answered or not."""
    matched: Matched
    read: Sequence[Read]
    """Of the tasks of ``matched``."""
    models: Models
    notes: Sequence[str]


def given(
    plan: Plan, tasks: Sequence[Task], files: Sequence[Path], scales: Sequence[Scale] | None
) -> Given:
    """What is in ``files``, matched to ``tasks`` and read; ``scales`` None for the usual ones.
    Raises `DataError` and `ConfigError`."""
    sets = [read_answers(path) for path in files]
    matched = match(sets, tasks)
    reading = plan.prompts.reading("")
    found = [read(task, matched.answers[task.id], reading) for task in matched.tasks]
    programs, tests = min(len(r.programs) for r in found), min(len(r.tests) for r in found)
    scaled = _fitting(programs, tests) if scales is None else tuple(scales)
    digest = hashlib.sha256(b"".join(part for path in files for part in contents(path)))
    plan = replace(
        plan, programs=programs, tests=tests, scales=scaled, answers=digest.hexdigest()[:32]
    )
    notes = [*matched.notes, *_uneven(matched.tasks, found)]
    return Given(plan, tasks, matched, found, _models(sets, files, plan), notes)


def grade(answers: Given, out: Path, bench: Bench, progress: Progress) -> Found:
    """Run and measure the answers in the directory ``out``. Raises `SparringError`."""
    plan, tasks = answers.plan, answers.matched.tasks
    with ExitStack() as held:
        held.enter_context(locked(out))
        directory = RunDir(out, locked=False)
        begin(directory, plan, answers.models, answers.tasks, begun=directory.has(FIGURES))
        shared = cache_of(bench.cache)
        sandbox = held.enter_context(
            Sandbox(bench.workers, level=bench.level, store=(shared or out) / OUTCOMES)
        )
        limits = Limits()
        collected = _collected(answers)
        judged = _judged(sandbox, tasks, answers.read, limits, progress)
        record = record_of(
            plan, answers.models, answers.tasks, judged, collected, limits, sandbox
        ) | {"notes": list(answers.notes)}
        write(directory, record, judged, collected)
    return Found(record, _complaint(answers))


def _complaint(answers: Given) -> str | None:
    wanting = answers.matched.wanting
    if not wanting:
        return None
    return (
        f"{'; '.join(wanting)}; the figures are over {len(answers.matched.tasks):,} of "
        f"{len(answers.tasks):,} tasks"
    )


def _judged(
    sandbox: Sandbox,
    tasks: Sequence[Task],
    answers: Sequence[Read],
    limits: Limits,
    progress: Progress,
) -> list[GroupResult]:
    found: list[GroupResult] = []
    progress.begin(len(tasks), 0, "tasks judged")
    groups = (
        ReadGroup(task, one.coder, one.programs, one.tester, one.tests)
        for task, one in zip(tasks, answers, strict=True)
    )
    for result in grade_each(sandbox, groups, limits):
        found.append(result)
        progress.advance(1)
    return found


def _uneven(tasks: Sequence[Task], found: Sequence[Read]) -> list[str]:
    """What is left out where tasks have different numbers of answers."""
    told = []
    for what, counts in (
        ("programs", [len(r.programs) for r in found]),
        ("tests", [len(r.tests) for r in found]),
    ):
        least = min(counts)
        if least < max(counts):
            few = [t.id for t, n in zip(tasks, counts, strict=True) if n == least]
            told.append(
                f"{least:,} to {max(counts):,} {what} per task, the fewest in {some(few)}: every "
                f"one counts, and figures of more than {least:,} {what} are left out"
            )
    return told


def _fitting(programs: int, tests: int) -> tuple[Scale, ...]:
    """The usual scales that there are answers for, and all that every task has."""
    if not programs or not tests:
        return ()
    usual = [(n, m) for n, m in scales_of(USUAL_SCALES) if n <= programs and m <= tests]
    return tuple(dict.fromkeys([*usual, (programs, tests)]))


def _models(sets: Sequence[AnswerSet], files: Sequence[Path], plan: Plan) -> Models:
    """The files in the place of the models. Raises `ConfigError` for a name that cannot be
    written."""
    found: dict[Role, dict[str, Any]] = {}
    for role in Role:
        if not (plan.programs if role is Role.CODER else plan.tests):
            continue
        by = [
            (one.shape, path)
            for one, path in zip(sets, files, strict=True)
            if any(i.role is role for items in one.items.values() for i in items)
        ]
        name = ", ".join(f"{path} ({shape})" for shape, path in by)
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ConfigError("--answers: the name of a file is not UTF-8; rename it") from None
        identity = {"kind": "answers", "digest": plan.answers}
        found[role] = {"name": name, "identity": identity}
    return found


def _collected(answers: Given) -> Collected:
    found = Collected()
    for one in answers.read:
        for response in (*one.coder, *one.tester):
            answer = Answer(response.text, response.stop, None, None)
            found.answers[response.task_id, response.role, response.index] = answer
    return found
