"""The split in plain English: fresh by seed, in three grades, with an oracle of its own."""

from __future__ import annotations

import numpy as np
import pytest

from sparring.errors import ConfigError
from sparring.microworld.english import Grade, draw_english, english_tasks, task_of
from sparring.sandbox import Job, Sandbox
from sparring.schema import Verdict
from sparring.tasks.sources import tasks_of


def test_programs_and_answers_agree_and_inputs_are_allowed() -> None:
    """The reference program knows nothing of `English.answer`, which wrote the tests."""
    tasks = english_tasks(60, 5)
    with Sandbox(2) as sandbox:
        jobs = [
            Job(program, tuple(t.input for t in (*task.tests, *task.examples)))
            for task in tasks
            for program in (task.solutions[0], task.validator or "")
        ]
        found = iter(sandbox.run(jobs))
    for task in tasks:
        wanted = [t.output for t in (*task.tests, *task.examples)]
        assert [o.output for o in next(found)] == wanted, task.statement
        assert {o.output for o in next(found)} == {"valid\n"}


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "2\n1 2 3\n",
        "3\n1 2\n",
        "1\n21\n",
        "1\n+1\n",
        "1\n1\n\n",
        "0\n\n",
        "1\n01\n",
        "13\n1" + 12 * " 1",
    ],
)  # fmt: skip
def test_what_the_statement_does_not_allow_is_invalid(bad: str) -> None:
    [task] = english_tasks(1, 0)
    with Sandbox(1) as sandbox:
        [[outcome]] = sandbox.run([Job(task.validator or "", (bad,))])
    assert outcome.verdict is Verdict.FINISHED
    assert outcome.output == "invalid\n"


def test_a_seed_gives_the_same_tasks_and_another_gives_others() -> None:
    one, again, other = english_tasks(30, 1), english_tasks(30, 1), english_tasks(30, 2)
    assert one == again
    assert one[:12] == english_tasks(12, 1)
    assert len({t.id for t in one}) == 30
    assert len({t.id for t in one} & {t.id for t in other}) < 10
    assert [t.difficulty for t in one[:6]] == [*Grade, *Grade]


def test_tests_catch_mistakes() -> None:
    """A mistake that shows on any of the candidates shows on one of the ten tests."""
    rng = np.random.default_rng(0)
    shown = missed = 0
    for grade in Grade:
        for _ in range(15):
            problem = draw_english(rng, grade)
            task = task_of(rng, problem)
            lists = [list(map(int, t.input.split()[1:])) for t in task.tests]
            probes = [list(map(int, rng.integers(-6, 7, 8))) for _ in range(200)]
            for mistake in problem.mistakes():
                if any(problem.answer(v, mistake) != problem.answer(v) for v in probes):
                    shown += 1
                    missed += all(problem.answer(v, mistake) == problem.answer(v) for v in lists)
    assert shown > 150
    assert missed <= shown / 50


def test_the_split_is_a_source_by_name() -> None:
    assert len(tasks_of(["microworld:english"], 4, 1, 2)[0].tests) == 2
    with pytest.raises(ConfigError, match="microworld:english"):
        tasks_of(["microworld:inglish"], 4, 1, None)
