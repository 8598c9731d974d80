"""Embedded tasks from problems: ground-truth tests, reference solution, validator.

Ground-truth tests are chosen greedily from random candidates: each catches the most single mistakes
that no earlier test caught. So ten tests, of which a run may hide two from the reward, leave few
wrong programs uncaught.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from sparring.microworld.choosing import choose_greedily
from sparring.microworld.english import ENGLISH, english_tasks
from sparring.microworld.grammar import HIGH, LOW, SCALAR_HIGH, SCALAR_LOW, InputShape, Value, line
from sparring.microworld.players import draw_input
from sparring.microworld.problem import (
    Composition,
    Interpretations,
    Problem,
    Split,
    compositions,
    draw_problem,
)
from sparring.schema import Task, Test

CANDIDATES = 48
"""Inputs from which the ground-truth tests of a task are chosen."""
TESTS = 10
"""Ground-truth tests of a task."""


SPLITS = (*map(str, Split), ENGLISH)
"""Names of splits: the splits of compositions, and `english`, which each seed draws anew."""


def tasks_of_split(name: str, count: int, seed: int) -> list[Task]:
    """Draw ``count`` different tasks of a split, the same for a seed. ``name`` is in `SPLITS`."""
    return (
        english_tasks(count, seed)
        if name == ENGLISH
        else microworld_tasks(Split(name), count, seed)
    )


def microworld_tasks(split: Split, count: int, seed: int) -> list[Task]:
    """Draw ``count`` different tasks over the compositions of ``split``, the same for a seed."""
    rng = np.random.default_rng([seed, *hashlib.sha256(split.encode()).digest()[:8]])
    pool: dict[InputShape, list[Composition]] = {s: compositions(s, split) for s in InputShape}
    tasks: dict[str, Task] = {}
    while len(tasks) < count:
        task = make_task(rng, draw_problem(rng, pool))
        tasks.setdefault(task.id, task)
    return list(tasks.values())


def make_task(rng: np.random.Generator, problem: Problem) -> Task:
    """Make the task of a problem. The id is a hash of the statement: equal tasks have equal ids."""
    statement = problem.statement()
    digest = hashlib.sha256(statement.encode()).hexdigest()[:12]
    return Task(
        id=f"micro-{digest}",
        statement=statement,
        tests=tuple(choose_tests(rng, problem)),
        time_limit=1.0,
        memory_limit=128,
        solutions=(problem.program(),),
        validator=validator(problem),
        source=problem.composition.key,
    )


def single_mistakes(problem: Problem) -> list[Interpretations]:
    """Return the readings with a single mistake: a misread part, or a forgotten empty selection."""
    right = problem.right.chosen
    mistakes = []
    for place, part in enumerate(problem.composition.parts()):
        for reading in dict.fromkeys(part.readings[1:]):
            readings = [*right]
            readings[place] = reading
            mistakes.append(Interpretations((readings[0], readings[1], readings[2])))
    if problem.needs_guard:
        mistakes.append(Interpretations(right, guarded=False))
    return mistakes


def choose_tests(rng: np.random.Generator, problem: Problem) -> Iterable[Test]:
    """Choose `TESTS` ground-truth tests among candidates, half of which probe subtle mistakes."""
    candidates: list[list[Value]] = [
        draw_input(rng, problem, aim=float(i % 2)) for i in range(CANDIDATES)
    ]
    mistakes = single_mistakes(problem)
    right = [problem.answer(values) for values in candidates]
    caught = np.array(
        [
            [problem.answer(values, m) != answer for m in mistakes]
            for values, answer in zip(candidates, right, strict=True)
        ]
    ).reshape(CANDIDATES, len(mistakes))
    for i in choose_greedily(caught, TESTS):
        answer = right[i]
        assert answer is not None
        yield Test(line(candidates[i]) + "\n", answer + "\n")


def validator(problem: Problem) -> str:
    """Return a program that prints ``valid`` exactly for the inputs that the statement allows."""
    if problem.composition.shape is InputShape.LETTERS:
        allowed = 'set("abcdefgh")'
    else:
        scalars = problem.composition.shape is InputShape.SCALARS
        low, high = (SCALAR_LOW, SCALAR_HIGH) if scalars else (LOW, HIGH)
        allowed = f"{{str(i) for i in range({low}, {high + 1})}}"
    needed = 2 if problem.composition.shape is InputShape.SCALARS else 3
    return (
        "import sys\n"
        "text = sys.stdin.read()\n"
        'v = text.removesuffix("\\n").split(" ")\n'
        f"ok = len(v) == {problem.size} and len(set(v)) >= {needed} and set(v) <= {allowed}\n"
        'print("valid" if ok else "invalid")\n'
    )
