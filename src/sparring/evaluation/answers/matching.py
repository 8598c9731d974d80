"""Matching of answers to tasks: by id, by an id of another form, or by prompt.

An id that is no task's own may still name a task: ``0``, ``HumanEval_0`` and ``humaneval/0`` all
mean ``HumanEval/0`` where no other task fits. Such answers are used, and a note says so. An id that
fits several tasks is not used, and a note or an error names every answer that is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sparring.errors import DataError
from sparring.evaluation.answers.items import AnswerSet, Item
from sparring.evaluation.answers.reading import count_with_names
from sparring.schema import Role, Task


@dataclass(frozen=True, slots=True)
class Matched:
    """Tasks that can be graded, with their answers by role.

    ``notes`` say how ids were matched. ``incomplete`` names the tasks that lack answers of a role.
    """

    tasks: Sequence[Task]
    answers: Mapping[str, Mapping[Role, Sequence[Item]]]
    notes: Sequence[str]
    incomplete: Sequence[str]


def match(sets: Sequence[AnswerSet], tasks: Sequence[Task]) -> Matched:
    """Match the answers of all ``sets`` to ``tasks``.

    Raises `DataError` where no answer is for any of the tasks, and where two sets have answers of
    one role to the same task.
    """
    notes = [note for one in sets for note in one.notes]
    by_task: dict[str, dict[Role, list[Item]]] = {t.id: {role: [] for role in Role} for t in tasks}
    unmatched: list[str] = []
    for one in sets:
        task_ids = _by_prompt(one, tasks) if one.by_prompt else _by_id(one, tasks, notes)
        items_by_task: dict[str, list[Item]] = {}
        for name, items in one.items.items():
            if name in task_ids:
                items_by_task.setdefault(task_ids[name], []).extend(items)
            else:
                unmatched.append(name)
        for task_id, items in items_by_task.items():
            for role in Role:
                more = [i for i in items if i.role is role]
                if more and by_task[task_id][role]:
                    raise DataError(
                        f"--answers: two files have {role} answers to {task_id}; give files of one "
                        "model"
                    )
                by_task[task_id][role] += more
    roles = [r for r in Role if any(answers[r] for answers in by_task.values())]
    if not roles:
        names = list(dict.fromkeys(n for one in sets for n in one.items))
        raise DataError(
            "--answers: no answer is for any of the tasks: the answers have ids such as "
            f"{_some_ids(names)}, the tasks have ids such as {_some_ids([t.id for t in tasks])}"
        )
    if unmatched:
        notes.append(
            f"left out: answers for {count_with_names([_flat(n) for n in unmatched])} "
            "not among these"
        )
    answered = [t for t in tasks if all(by_task[t.id][role] for role in roles)]
    incomplete = []
    for role in roles:
        if unanswered := [t.id for t in tasks if not by_task[t.id][role]]:
            incomplete.append(f"no {role} answer to {count_with_names(unanswered)}")
    if not answered:
        raise DataError(f"--answers: no task has answers of both roles: {'; '.join(incomplete)}")
    matched = Matched(answered, {t.id: by_task[t.id] for t in answered}, notes, incomplete)
    notes += _repeat_notes(matched, roles)
    return matched


def _repeat_notes(matched: Matched, roles: Iterable[Role]) -> list[str]:
    """Return notes on answers that are equal to another answer of their task."""
    notes = []
    for role in roles:
        repeated = sum(
            n - 1
            for task in matched.tasks
            for n in Counter(i.text for i in matched.answers[task.id][role]).values()
        )
        if repeated:
            notes.append(
                f"{repeated:,} {role} answers repeat another answer of their task; each counts"
            )
    return notes


def _by_id(one: AnswerSet, tasks: Sequence[Task], notes: list[str]) -> dict[str, str]:
    """Return the task's id for each id of the file that names a task."""
    own = {t.id for t in tasks}
    task_ids = {name: name for name in one.items if name in own}
    names = [n for n in one.items if n not in own]
    unmatched_tasks = [t.id for t in tasks if t.id not in task_ids]
    for tails in (False, True):
        more = _unambiguous(names, unmatched_tasks, tails)
        task_ids |= more
        names = [n for n in names if n not in task_ids]
        unmatched_tasks = [t for t in unmatched_tasks if t not in more.values()]
    renamed = {n: t for n, t in task_ids.items() if n != t}
    if renamed:
        name, task_id = next(iter(renamed.items()))
        notes.append(
            f"{len(renamed):,} ids have another form than the tasks' ids, such as {name} for "
            f"{task_id}"
        )
    return task_ids


def _unambiguous(names: Sequence[str], task_ids: Sequence[str], tails: bool) -> dict[str, str]:
    """Return the task's id for each name that fits one task only, where no other name fits it.

    A name fits a task if both have the same parts. With ``tails`` a name also fits if the name and
    the task's id end alike: one of them is the end of the other (``0`` fits ``HumanEval/0``).
    """
    own: dict[tuple[str, ...], set[str]] = {}
    ends: dict[tuple[str, ...], set[str]] = {}
    for task_id in task_ids:
        parts = _parts(task_id)
        own.setdefault(parts, set()).add(task_id)
        for i in range(len(parts)):
            ends.setdefault(parts[i:], set()).add(task_id)
    fitting: dict[str, set[str]] = {}
    for name in names:
        parts = _parts(name)
        fitting[name] = set(own.get(parts, ()))
        if tails:
            fitting[name] |= ends.get(parts, set())
            fitting[name] = fitting[name].union(
                *(own.get(parts[i:], ()) for i in range(len(parts)))
            )
    uses = Counter(task_id for some_ids in fitting.values() for task_id in some_ids)
    return {
        name: next(iter(ids))
        for name, ids in fitting.items()
        if len(ids) == 1 and uses[min(ids)] == 1
    }


def _parts(name: str) -> tuple[str, ...]:
    """Split an id into parts, in lower case, without leading zeros of numbers.

    People write the same id with other separators, another case, and other zeros.
    """
    parts = re.split(r"[\s/_\-:.]+", name.strip().casefold())
    return tuple(p.lstrip("0") or "0" if p.isdecimal() else p for p in parts if p)


def _by_prompt(one: AnswerSet, tasks: Sequence[Task]) -> dict[str, str]:
    """Return the task's id for each prompt that is, or begins with, the task's statement.

    CodeT's prompts for tests continue the statement.
    """
    task_ids = {}
    for prompt in one.items:
        fits = [t for t in tasks if prompt.strip().startswith(t.statement.strip())]
        if fits:
            task_ids[prompt] = max(fits, key=lambda t: len(t.statement)).id
    return task_ids


def _flat(text: str) -> str:
    return " ".join(text.split())


def _some_ids(names: Sequence[str]) -> str:
    return ", ".join(_flat(n)[:60] for n in names[:3]) or "none"
