"""Grading of answers made elsewhere, with the same executions, figures and files as our own.

    sparring eval TASKS --answers FILE --out DIR

No model is asked and nothing is sampled, so neither torch nor a server is needed. Every answer of a
task counts. Where tasks have different numbers of answers, figures at a scale go up to the smallest
number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError
from sparring.evaluation.answers.items import AnswerSet
from sparring.evaluation.answers.matching import Matched, match
from sparring.evaluation.answers.reading import contents, count_with_names, read_answers
from sparring.evaluation.answers.source import ReadAnswers, read
from sparring.evaluation.collect import CollectedResponses
from sparring.evaluation.directory import (
    FIGURES,
    MeasuredEvaluation,
    begin_evaluation,
    evaluate_and_write,
)
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import EvaluationProgress
from sparring.evaluation.record import Models
from sparring.evaluation.response_store import locked
from sparring.files import digest_of_bytes
from sparring.grading.group import ReadGroup
from sparring.policy.chat.base import ChatReply
from sparring.runs.directory import RunDir
from sparring.schema import Role, Task


@dataclass(frozen=True, slots=True)
class AnswersToGrade:
    """Answers to tasks, read as programs and tests, with the conditions of their figures."""

    options: EvalOptions
    tasks: Sequence[Task]
    """Tasks that the user asked for, answered or not."""
    matched: Matched
    read: Sequence[ReadAnswers]
    """Answers in the order of the tasks of ``matched``."""
    models: Models
    """Files of answers in the place of the models."""
    notes: Sequence[str]
    """Notes for the user."""


def answers_to_grade(
    options: EvalOptions, tasks: Sequence[Task], files: Sequence[Path]
) -> AnswersToGrade:
    """Read the answers in ``files`` and match them to ``tasks``.

    Raises `DataError` and `ConfigError`.
    """
    sets = [read_answers(path) for path in files]
    matched = match(sets, tasks)
    reading = options.default_prompts.reading("")
    answers = [read(task, matched.answers[task.id], reading) for task in matched.tasks]
    options = replace(
        options,
        programs=min(len(r.programs) for r in answers),
        tests=min(len(r.tests) for r in answers),
        answers=digest_of_bytes(b"".join(part for path in files for part in contents(path))),
    )
    options.check_scales()
    notes = [*matched.notes, *_uneven(matched.tasks, answers)]
    return AnswersToGrade(options, tasks, matched, answers, _models(sets, files, options), notes)


def grade(answers: AnswersToGrade, out: Path, progress: EvaluationProgress) -> MeasuredEvaluation:
    """Run and measure the answers; write the results to ``out``. Raises `SparringError`."""
    with locked(out):
        directory = RunDir(out, locked=False)
        options, models, tasks = answers.options, answers.models, answers.tasks
        begin_evaluation(directory, options, models, tasks, has_responses=directory.has(FIGURES))
        groups = (
            ReadGroup(task, one.coder, one.programs, one.tester, one.tests)
            for task, one in zip(answers.matched.tasks, answers.read, strict=True)
        )
        collected = _collected(answers)
        record = evaluate_and_write(
            directory, options, models, tasks, groups, collected, answers.notes, progress
        )
    return MeasuredEvaluation(record, _complaint(answers))


def _complaint(answers: AnswersToGrade) -> str | None:
    incomplete = answers.matched.incomplete
    if not incomplete:
        return None
    return (
        f"{'; '.join(incomplete)}; the figures are over {len(answers.matched.tasks):,} of "
        f"{len(answers.tasks):,} tasks"
    )


def _uneven(tasks: Sequence[Task], answers: Sequence[ReadAnswers]) -> list[str]:
    """Return notes on figures left out because tasks have different numbers of answers."""
    notes = []
    for unit, counts in (
        ("programs", [len(r.programs) for r in answers]),
        ("tests", [len(r.tests) for r in answers]),
    ):
        least = min(counts)
        if least < max(counts):
            few = [t.id for t, n in zip(tasks, counts, strict=True) if n == least]
            notes.append(
                f"{least:,} to {max(counts):,} {unit} per task, the fewest in "
                f"{count_with_names(few)}; all {unit} count, and figures of more than "
                f"{least:,} {unit} are left out"
            )
    return notes


def _models(sets: Sequence[AnswerSet], files: Sequence[Path], options: EvalOptions) -> Models:
    """Return the files of each role in the place of its model.

    Raises `ConfigError` for a file name that is not UTF-8 and so cannot be written to a record.
    """
    models: dict[Role, dict[str, Any]] = {}
    for role in Role:
        if not options.wanted[role]:
            continue
        shape_and_path = [
            (one.shape, path)
            for one, path in zip(sets, files, strict=True)
            if any(i.role is role for items in one.items.values() for i in items)
        ]
        name = ", ".join(f"{path} ({shape})" for shape, path in shape_and_path)
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ConfigError("--answers: the name of a file is not UTF-8; rename it") from None
        identity = {"kind": "answers", "digest": options.answers}
        models[role] = {"name": name, "identity": identity}
    return models


def _collected(answers: AnswersToGrade) -> CollectedResponses:
    collected = CollectedResponses()
    for one in answers.read:
        for response in (*one.coder, *one.tester):
            answer = ChatReply(response.text, response.stop, None, None)
            collected.answers[response.task_id, response.role, response.index] = answer
    return collected
