"""Which answer is for which task: by id, by an id of another form, or by prompt.

An id that is no task's own may still name one: ``0``, ``HumanEval_0`` and ``humaneval/0`` are
``HumanEval/0`` where no other task could be meant. Such answers are taken, and it is said; nothing
is dropped without a word, and nothing is guessed between two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sparring.errors import DataError
from sparring.evaluation.elsewhere.items import AnswerSet, Item
from sparring.evaluation.elsewhere.reading import some
from sparring.schema import Role, Task


@dataclass(frozen=True, slots=True)
class Matched:
    """The tasks that can be graded, with their answers by role; ``notes`` on what was done;
    ``wanting``: tasks that have no answers, or those of one role only."""

    tasks: Sequence[Task]
    answers: Mapping[str, Mapping[Role, Sequence[Item]]]
    notes: Sequence[str]
    wanting: Sequence[str]


def match(sets: Sequence[AnswerSet], tasks: Sequence[Task]) -> Matched:
    """Answers of all ``sets`` to ``tasks``. Raises `DataError` where none is for any of them, and
    where two sets have answers of the same role to a task."""
    notes = [note for one in sets for note in one.notes]
    by_task: dict[str, dict[Role, list[Item]]] = {t.id: {role: [] for role in Role} for t in tasks}
    foreign: list[str] = []
    for one in sets:
        places = _by_prompt(one, tasks) if one.by_prompt else _by_id(one, tasks, notes)
        given: dict[str, list[Item]] = {}
        for name, items in one.items.items():
            if name in places:
                given.setdefault(places[name], []).extend(items)
            else:
                foreign.append(name)
        for task_id, items in given.items():
            for role in Role:
                more = [i for i in items if i.role is role]
                if more and by_task[task_id][role]:
                    raise DataError(
                        f"--answers: two files have {role} answers to {task_id}; a file holds one "
                        "model's"
                    )
                by_task[task_id][role] += more
    roles = [r for r in Role if any(found[r] for found in by_task.values())]
    if not roles:
        names = list(dict.fromkeys(n for one in sets for n in one.items))
        raise DataError(
            "--answers: no answer is for any of these tasks: ids there are such as "
            f"{_shown(names)}, the tasks' are such as {_shown([t.id for t in tasks])}"
        )
    if foreign:
        notes.append(f"answers for {some([_flat(n) for n in foreign])} that are not among these")
    whole = [t for t in tasks if all(by_task[t.id][role] for role in roles)]
    wanting = []
    for role in roles:
        if lacking := [t.id for t in tasks if not by_task[t.id][role]]:
            wanting.append(f"no {role} answer to {some(lacking)}")
    if not whole:
        raise DataError(f"--answers: no task has answers of both roles: {'; '.join(wanting)}")
    matched = Matched(whole, {t.id: by_task[t.id] for t in whole}, notes, wanting)
    notes += _equal(matched, roles)
    return matched


def _equal(matched: Matched, roles: Iterable[Role]) -> list[str]:
    found = []
    for role in roles:
        twice = sum(
            n - 1
            for task in matched.tasks
            for n in Counter(i.text for i in matched.answers[task.id][role]).values()
        )
        if twice:
            found.append(
                f"{twice:,} {role} answers are equal to another one of their task; each counts"
            )
    return found


def _by_id(one: AnswerSet, tasks: Sequence[Task], notes: list[str]) -> dict[str, str]:
    """The task of each id that names one."""
    own = {t.id for t in tasks}
    found = {name: name for name in one.items if name in own}
    names = [n for n in one.items if n not in own]
    rest = [t.id for t in tasks if t.id not in found]
    for tails in (False, True):
        more = _unambiguous(names, rest, tails)
        found |= more
        names = [n for n in names if n not in found]
        rest = [t for t in rest if t not in more.values()]
    guessed = {n: t for n, t in found.items() if n != t}
    if guessed:
        name, task_id = next(iter(guessed.items()))
        notes.append(
            f"{len(guessed):,} ids have another form than the tasks', such as {name} for {task_id}"
        )
    return found


def _unambiguous(names: Sequence[str], task_ids: Sequence[str], tails: bool) -> dict[str, str]:
    """Names that can mean one task only, which no other name can mean: the same parts, or with
    ``tails`` the last parts of one are all of the other (``0`` of ``HumanEval/0``)."""
    own: dict[tuple[str, ...], set[str]] = {}
    ends: dict[tuple[str, ...], set[str]] = {}
    for task_id in task_ids:
        parts = _parts(task_id)
        own.setdefault(parts, set()).add(task_id)
        for i in range(len(parts)):
            ends.setdefault(parts[i:], set()).add(task_id)
    meant: dict[str, set[str]] = {}
    for name in names:
        parts = _parts(name)
        meant[name] = set(own.get(parts, ()))
        if tails:
            meant[name] |= ends.get(parts, set())
            meant[name] = meant[name].union(*(own.get(parts[i:], ()) for i in range(len(parts))))
    by = Counter(task_id for some_ids in meant.values() for task_id in some_ids)
    return {
        name: next(iter(ids)) for name, ids in meant.items() if len(ids) == 1 and by[min(ids)] == 1
    }


def _parts(name: str) -> tuple[str, ...]:
    """An id without what people write differently: case, what stands between its parts, zeros in
    front of a number."""
    parts = re.split(r"[\s/_\-:.]+", name.strip().casefold())
    return tuple(p.lstrip("0") or "0" if p.isdecimal() else p for p in parts if p)


def _by_prompt(one: AnswerSet, tasks: Sequence[Task]) -> dict[str, str]:
    """The task whose statement a prompt is, or begins with (CodeT's for tests)."""
    found = {}
    for name in one.items:
        fits = [t for t in tasks if name.strip().startswith(t.statement.strip())]
        if fits:
            found[name] = max(fits, key=lambda t: len(t.statement)).id
    return found


def _flat(text: str) -> str:
    return " ".join(text.split())


def _shown(names: Sequence[str]) -> str:
    return ", ".join(_flat(n)[:60] for n in names[:3]) or "none"
