"""Answers that were made elsewhere, graded like our own: the same runs, figures and files.

    sparring eval TASKS --answers FILE --out DIR

No model is asked and nothing is sampled, so that neither torch nor a server is needed. Every
answer of a task counts; where tasks have different numbers of them, figures go up to the least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError
from sparring.evaluation.collect import Collected
from sparring.evaluation.directory import FIGURES, Found, begin, measured
from sparring.evaluation.elsewhere.items import AnswerSet
from sparring.evaluation.elsewhere.matching import Matched, match
from sparring.evaluation.elsewhere.reading import contents, read_answers, some
from sparring.evaluation.elsewhere.source import Read, read
from sparring.evaluation.ledger import locked
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import Progress
from sparring.evaluation.record import Models
from sparring.files import digest_of_bytes
from sparring.grading.group import ReadGroup
from sparring.policy.chat.base import Answer
from sparring.runs.directory import RunDir
from sparring.schema import Role, Task


@dataclass(frozen=True, slots=True)
class Given:
    """Answers to tasks, read, and what the figures of them depend on."""

    options: EvalOptions
    tasks: Sequence[Task]
    """All that were asked for, answered or not."""
    matched: Matched
    read: Sequence[Read]
    """Of the tasks of ``matched``."""
    models: Models
    notes: Sequence[str]


def given(options: EvalOptions, tasks: Sequence[Task], files: Sequence[Path]) -> Given:
    """What is in ``files``, matched to ``tasks`` and read. Raises `DataError` and `ConfigError`."""
    sets = [read_answers(path) for path in files]
    matched = match(sets, tasks)
    reading = options.asked_by.reading("")
    found = [read(task, matched.answers[task.id], reading) for task in matched.tasks]
    options = replace(
        options,
        programs=min(len(r.programs) for r in found),
        tests=min(len(r.tests) for r in found),
        answers=digest_of_bytes(b"".join(part for path in files for part in contents(path))),
    )
    options.check_scales()
    notes = [*matched.notes, *_uneven(matched.tasks, found)]
    return Given(options, tasks, matched, found, _models(sets, files, options), notes)


def grade(answers: Given, out: Path, progress: Progress) -> Found:
    """Run and measure the answers in the directory ``out``. Raises `SparringError`."""
    with locked(out):
        directory = RunDir(out, locked=False)
        options, models, tasks = answers.options, answers.models, answers.tasks
        begin(directory, options, models, tasks, begun=directory.has(FIGURES))
        groups = (
            ReadGroup(task, one.coder, one.programs, one.tester, one.tests)
            for task, one in zip(answers.matched.tasks, answers.read, strict=True)
        )
        collected = _collected(answers)
        record = measured(
            directory, options, models, tasks, groups, collected, answers.notes, progress
        )
    return Found(record, _complaint(answers))


def _complaint(answers: Given) -> str | None:
    wanting = answers.matched.wanting
    if not wanting:
        return None
    return (
        f"{'; '.join(wanting)}; the figures are over {len(answers.matched.tasks):,} of "
        f"{len(answers.tasks):,} tasks"
    )


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


def _models(sets: Sequence[AnswerSet], files: Sequence[Path], options: EvalOptions) -> Models:
    """The files in the place of the models. Raises `ConfigError` for a name that cannot be
    written."""
    found: dict[Role, dict[str, Any]] = {}
    for role in Role:
        if not options.wanted[role]:
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
        identity = {"kind": "answers", "digest": options.answers}
        found[role] = {"name": name, "identity": identity}
    return found


def _collected(answers: Given) -> Collected:
    found = Collected()
    for one in answers.read:
        for response in (*one.coder, *one.tester):
            answer = Answer(response.text, response.stop, None, None)
            found.answers[response.task_id, response.role, response.index] = answer
    return found
