"""The split ``english``: problems in plain English, for models that know the language.

The other splits are written for the nano model, one short line each, and divided by composition.
The english split measures a pretrained model on problems that no training set contains: each seed
combines the same parts (`grammar`) anew, in the form of a contest problem. There are three grades:

easy    keep some values of a list, and answer with one property of them
medium  keep some values, change each, and answer; with a rule for an empty selection
hard    answer a medium problem for every run of neighbours in the list

`English.answer` computes the right output from the meaning of the parts; `English.program` writes
the problem as Python. A test checks each against the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sparring.microworld.choosing import choose_greedily
from sparring.microworld.grammar import (
    COUNTING,
    NUMBER_ANSWERS,
    NUMBER_CHANGES,
    NUMBER_SELECTIONS,
    Interpretation,
    ProblemPart,
    Value,
)
from sparring.schema import Task, Test

ENGLISH = "english"
LOW, HIGH = -20, 20
"""Least and greatest integer of a list."""
LONGEST = 12
"""Most integers of a list."""
CANDIDATES, TESTS = 60, 10
"""Number of candidate inputs, and of the tests chosen among them."""
NOTHING = "none"
"""Output for an empty selection."""
_CHANGES = {
    "same": "",
    "add": ", add {k} to each of them,",
    "sub": ", subtract {k} from each of them,",
    "negate": ", change the sign of each of them,",
    "abs": ", replace each of them by its absolute value,",
    "cap": ", replace those that are larger than {k} by {k},",
    "floor": ", replace the negative ones among them by 0,",
}
_ANSWERS = {
    "sum": "their sum",
    "max": "the largest of them",
    "min": "the smallest of them",
    "count": "how many they are",
    "distinct": "how many different values they have",
    "first": "the first of them",
    "last": "the last of them",
}


class Grade(StrEnum):
    """Grades of a problem, in the order of difficulty; a task's ``difficulty`` is its grade."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


_Readings = tuple[Interpretation, Interpretation, Interpretation]


@dataclass(frozen=True, slots=True)
class English:
    """Problem of three parts: a selection, a change and an answer.

    ``wording`` is the index of the selection's wording. ``window`` is the number of neighbouring
    integers of a run, or None for the whole list.
    """

    grade: Grade
    parts: tuple[ProblemPart, ProblemPart, ProblemPart]
    constants: tuple[Value | None, Value | None, Value | None]
    wording: int
    window: int | None

    @property
    def right(self) -> _Readings:
        """Right reading of each part."""
        keep, change, answer = (part.readings[0] for part in self.parts)
        return keep, change, answer

    @property
    def counts(self) -> bool:
        """True if the answer to an empty selection is the number 0."""
        return self.parts[2].name in COUNTING

    def mistakes(self) -> list[_Readings]:
        """Return the readings in which one part is misread."""
        mistakes = []
        for place, part in enumerate(self.parts):
            for reading in dict.fromkeys(part.readings[1:]):
                keep, change, answer = (
                    reading if i == place else right for i, right in enumerate(self.right)
                )
                mistakes.append((keep, change, answer))
        return mistakes

    def statement(self) -> str:
        """Return the statement in English."""
        keep, change, answer = self.parts
        kept = keep.wordings[self.wording].replace("{k}", str(self.constants[0]))
        then = _CHANGES[change.name].replace("{k}", str(self.constants[1]))
        rule = f"Take the integers that are {kept}{then} and report {_ANSWERS[answer.name]}."
        if self.window is None:
            lines = [f"You are given a list of n integers. {rule}"]
            empty = f"If there is no such integer, print `{NOTHING}`."
            output = "Print the answer on one line."
        else:
            lines = [
                f"You are given a list of n integers. Consider every run of {self.window} "
                "neighbouring integers of the list, from left to right. Within each run: "
                f"{rule[0].lower()}{rule[1:]}"
            ]
            empty = f"For a run without such an integer the answer is `{NOTHING}`."
            output = "Print the answers of all runs, in order, on one line, separated by spaces."
        least = self.window or 1
        return "\n".join(
            [
                *lines,
                "",
                f"Input: the first line holds n ({least} ≤ n ≤ {LONGEST}). The second line holds n "
                f"integers from {LOW} to {HIGH}, separated by spaces.",
                "",
                f"Output: {output}" + ("" if self.counts else f" {empty}"),
            ]
        )

    def answer(self, values: Sequence[int], readings: _Readings | None = None) -> str:
        """Return the output for a list under ``readings``, by default the right ones."""
        if self.window is None:
            return self._output_of(values, readings or self.right)
        runs = range(len(values) - self.window + 1)
        return " ".join(
            self._output_of(values[i : i + self.window], readings or self.right) for i in runs
        )

    def _output_of(self, values: Sequence[int], readings: _Readings) -> str:
        keep, change, answer = readings
        k, c, _ = self.constants
        w = [change.apply(x, c) for x in values if keep.apply(x, k)]
        return str(answer.apply(w)) if w or self.counts else NOTHING

    def program(self) -> str:
        """Return a reference solution in Python."""
        keep, change, answer = (
            r.source.replace("{k}", str(k)) for r, k in zip(self.right, self.constants, strict=True)
        )
        output = answer if self.counts else f'{answer} if w else "{NOTHING}"'
        on_list = (
            "def answer(v):\n"
            f"    w = [{change} for x in v if {keep}]\n"
            f"    return {output}\n"
            "n = int(input())\n"
            "v = list(map(int, input().split()))\n"
        )
        if self.window is None:
            return f"{on_list}print(answer(v))\n"
        size = self.window
        return f"{on_list}print(*[answer(v[i:i + {size}]) for i in range(n - {size} + 1)])\n"

    def validator(self) -> str:
        """Return a program that prints ``valid`` exactly for the inputs the statement allows."""
        return (
            "import sys\n"
            'lines = sys.stdin.read().removesuffix("\\n").split("\\n")\n'
            "ok = len(lines) == 2\n"
            "if ok:\n"
            f"    sizes = {{str(i) for i in range({self.window or 1}, {LONGEST + 1})}}\n"
            f"    allowed = {{str(i) for i in range({LOW}, {HIGH + 1})}}\n"
            '    v = lines[1].split(" ")\n'
            "    ok = lines[0] in sizes and str(len(v)) == lines[0] and set(v) <= allowed\n"
            'print("valid" if ok else "invalid")\n'
        )


def english_tasks(count: int, seed: int) -> list[Task]:
    """Draw ``count`` different tasks, one of each grade in turn. A seed always gives the same
    tasks."""
    rng = np.random.default_rng([seed, *hashlib.sha256(b"english").digest()[:8]])
    tasks: dict[str, Task] = {}
    grades = list(Grade)
    while len(tasks) < count:
        task = task_of(rng, draw_english(rng, grades[len(tasks) % len(grades)]))
        tasks.setdefault(task.id, task)
    return list(tasks.values())


def draw_english(rng: np.random.Generator, grade: Grade) -> English:
    """Draw a problem of this grade."""
    single = [part for part in NUMBER_ANSWERS if part.name in _ANSWERS]
    changes = [part for part in NUMBER_CHANGES if (part.name == "same") == (grade is Grade.EASY)]
    keep, change, answer = (
        parts[int(rng.integers(len(parts)))] for parts in (NUMBER_SELECTIONS, changes, single)
    )
    k, c = (
        part.constants[int(rng.integers(len(part.constants)))] if part.constants else None
        for part in (keep, change)
    )
    wording = int(rng.integers(len(keep.wordings)))
    window = int(rng.integers(2, 5)) if grade is Grade.HARD else None
    return English(grade, (keep, change, answer), (k, c, None), wording, window)


def task_of(rng: np.random.Generator, problem: English) -> Task:
    """Make the task of a problem, with tests chosen among random lists."""
    statement = problem.statement()
    lists = [_draw(rng, problem) for _ in range(CANDIDATES)]
    right = [problem.answer(values) for values in lists]
    caught = np.array(
        [
            [problem.answer(values, mistake) != answer for mistake in problem.mistakes()]
            for values, answer in zip(lists, right, strict=True)
        ]
    )
    tests = [_test(lists[i], right[i]) for i in choose_greedily(caught, TESTS)]
    inputs = {test.input for test in tests}
    while (example := _draw(rng, problem)) and _test(example, "").input in inputs:
        pass
    return Task(
        id=f"english-{hashlib.sha256(statement.encode()).hexdigest()[:12]}",
        statement=statement,
        tests=tuple(tests),
        examples=(_test(example, problem.answer(example)),),
        time_limit=1.0,
        memory_limit=128,
        solutions=(problem.program(),),
        validator=problem.validator(),
        difficulty=problem.grade,
        source=f"english:{problem.grade}/" + "/".join(part.name for part in problem.parts),
    )


def _draw(rng: np.random.Generator, problem: English) -> list[int]:
    """Draw a list. Half of the lists lie near the selection's constant, where mistakes show."""
    size = int(rng.integers(problem.window or 1, LONGEST + 1))
    k = problem.constants[0]
    near = isinstance(k, int) and rng.random() < 0.5
    low, high = (k - 2, k + 2) if near and isinstance(k, int) else (LOW, HIGH)
    return [int(x) for x in rng.integers(low, high + 1, size)]


def _test(values: Sequence[int], answer: str) -> Test:
    return Test(f"{len(values)}\n{' '.join(map(str, values))}\n", f"{answer}\n")
