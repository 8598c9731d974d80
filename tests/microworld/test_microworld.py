"""The microworld: splits that don't leak, tasks that are right, players that err as planned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sparring.microworld.corpus import corpus
from sparring.microworld.grammar import InputShape, line
from sparring.microworld.players import derive, draw_input, draw_readings, write_program
from sparring.microworld.problem import (
    PARTS,
    SIZES,
    Problem,
    Split,
    compositions,
    draw_problem,
    parse_line,
)
from sparring.microworld.tasks import microworld_tasks, single_mistakes
from sparring.prompts.cure import parse_program
from sparring.prompts.tests import parse_test
from sparring.sandbox import Job, Sandbox
from sparring.schema import Role, Verdict


def problems(count: int, seed: int = 0, split: Split | None = None) -> Iterator[Problem]:
    rng = np.random.default_rng(seed)
    pool = {s: compositions(s, split) for s in InputShape}
    for _ in range(count):
        yield draw_problem(rng, pool)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2) as s:
        yield s


def test_every_composition_is_in_exactly_one_split() -> None:
    by_split = {s: {c.key for c in compositions(split=s)} for s in Split}
    every = [c.key for c in compositions()]
    assert len(every) == len(set(every)) == sum(len(keys) for keys in by_split.values())
    assert set().union(*by_split.values()) == set(every)
    for shape in InputShape:
        for split in Split:
            assert compositions(shape, split), (shape, split)


def test_no_held_out_composition_occurs_in_the_warm_start_or_in_training() -> None:
    """By statement, not by the split's own word: every phrase of every statement is looked up."""
    tasks = microworld_tasks(Split.HELD_OUT, 300, 1)
    held_out = {t.source for t in tasks}
    trained = {t.source for t in microworld_tasks(Split.TRAIN, 400, 0)}
    assert not held_out & trained
    statements = {c.prompt.split(": ", 1)[1] for c in corpus(0, 3000)}
    assert not statements & {t.statement for t in tasks}
    possible = {(p.phrases(), p.size) for p in problems(4000, 3, Split.HELD_OUT)} & {
        (p.phrases(), p.size) for p in problems(4000, 3, Split.WARM)
    }
    assert not possible


def test_there_are_hundreds_of_thousands_of_tasks() -> None:
    total = 0
    for c in compositions():
        parts = c.parts()
        count = 3 * len(SIZES[c.shape])
        for part in parts:
            count *= len(part.wordings) * max(1, len(part.constants))
        total += count
    assert total > 300_000


def test_programs_print_what_the_readings_mean(sandbox: Sandbox) -> None:
    """`Problem.answer` is what the generated source does, for right and mistaken readings."""
    rng = np.random.default_rng(5)
    jobs, expected = [], []
    for problem in problems(60, 5):
        values = [draw_input(rng, problem, aim=0.6) for _ in range(6)]
        for readings in (problem.right, *single_mistakes(problem)):
            for style in (0, 1):
                source = problem.program(readings, style)
                jobs.append(Job(source, tuple(line(v) + "\n" for v in values)))
                expected.append([problem.answer(v, readings) for v in values])
    for job, row, outcomes in zip(jobs, expected, sandbox.run(jobs), strict=True):
        for answer, outcome in zip(row, outcomes, strict=True):
            if answer is None:
                assert outcome.verdict is Verdict.RUNTIME_ERROR, job.program
            else:
                assert outcome.output.strip() == answer, job.program


def test_derivations_without_slips_end_in_the_answer() -> None:
    rng = np.random.default_rng(1)
    for problem in problems(300, 1):
        values = draw_input(rng, problem, aim=0.5)
        readings = draw_readings(rng, problem, Role.TESTER)
        _, output = derive(rng, problem, values, readings, slip_rate=0.0)
        if not readings.guarded and problem.needs_guard and not problem.steps(values, readings)[1]:
            assert output == "0"  # the program prints nothing or crashes; a test must say something
        else:
            assert output == problem.answer(values, readings)


def test_tasks_are_solved_by_their_reference_and_their_inputs_allowed(sandbox: Sandbox) -> None:
    tasks = microworld_tasks(Split.TRAIN, 40, 3)
    inputs = [tuple(t.input for t in task.tests) for task in tasks]
    references = sandbox.run([Job(t.solutions[0], i) for t, i in zip(tasks, inputs, strict=True)])
    validators = sandbox.run(
        [Job(t.validator or "", i) for t, i in zip(tasks, inputs, strict=True)]
    )
    for task, right, valid in zip(tasks, references, validators, strict=True):
        assert [o.output for o in right] == [t.output for t in task.tests]
        assert {o.output for o in valid} == {"valid\n"}
        assert len({t.input for t in task.tests}) >= 4


def test_the_validator_program_agrees_with_the_problem(sandbox: Sandbox) -> None:
    from sparring.microworld.tasks import validator

    lines = [
        "1 2 3 4",
        "1  2 3 4",
        "1 2 3",
        "1 1 1 1",
        "1 1 2 2",
        "01 2 3 4",
        "10 2 3 4",
        "-0 1 2 3",
    ]
    lines += [
        "a b c d",
        "a b a b",
        "a b c i",
        "ab c d e",
        "0 0 1",
        "5 5 5",
        "-1 2 3",
        "",
        " 1 2 3 4",
    ]
    lines += ["1 2 3 4 5", "-9 9 0 1", "1 2 3 4\n", "1 2 3 4 ", "1\t2 3 4", "a b c d e f"]
    for problem in problems(40, 7):
        [outcomes] = sandbox.run([Job(validator(problem), tuple(x + "\n" for x in lines))])
        for text, outcome in zip(lines, outcomes, strict=True):
            assert (outcome.output == "valid\n") == problem.allows(text + "\n"), (
                problem.statement(),
                text,
            )


def test_ground_truth_tests_leave_no_visible_single_mistake_unnoticed() -> None:
    rng = np.random.default_rng(2)
    missed = 0
    total = 0
    for task, problem in _tasks_with_problems(80):
        for readings in single_mistakes(problem):
            probes = [draw_input(rng, problem, aim=0.8) for _ in range(60)]
            if all(problem.answer(v, readings) == problem.answer(v) for v in probes):
                continue  # says the same everywhere: not a mistake here
            total += 1
            given = [parse_line(problem.composition.shape, t.input) or [] for t in task.tests]
            missed += all(problem.answer(v, readings) == problem.answer(v) for v in given)
    assert total > 200
    assert missed / total < 0.02


def _tasks_with_problems(count: int) -> Iterator[tuple[object, Problem]]:
    from sparring.microworld.tasks import make_task

    rng = np.random.default_rng(9)
    for problem in problems(count, 9):
        yield make_task(rng, problem), problem


def test_subtle_mistakes_are_rarely_shown_by_random_inputs_and_often_by_chosen_ones() -> None:
    """What gives a good test an advantage over a merely right one."""
    rng = np.random.default_rng(4)
    by_chance, by_choice = [], []
    for problem in problems(150, 4):
        for readings in single_mistakes(problem)[:1]:  # the commonest mistake with the selection
            plain = [draw_input(rng, problem) for _ in range(20)]
            probing = [draw_input(rng, problem, aim=1.0) for _ in range(60)]
            caught = [problem.answer(v, readings) != problem.answer(v) for v in probing]
            if any(caught):
                by_chance.append(
                    np.mean([problem.answer(v, readings) != problem.answer(v) for v in plain])
                )
                by_choice.append(max(np.mean(caught[i::3]) for i in range(3)))
    assert np.mean(by_chance) < 0.4
    assert np.mean(by_choice) > np.mean(by_chance) + 0.1


def test_players_write_what_the_parser_reads() -> None:
    rng = np.random.default_rng(6)
    failures = 0
    for c in corpus(6, 600):
        if c.role is Role.CODER:
            failures += parse_program(c.answer).failure is not None
        else:
            assert parse_test(c.answer).test is not None
    assert 0 < failures < 20  # the planted syntax slips
    assert write_program(rng, next(problems(1)))


def test_tasks_repeat_for_a_seed_and_differ_between_seeds() -> None:
    one, again = microworld_tasks(Split.TRAIN, 20, 0), microworld_tasks(Split.TRAIN, 20, 0)
    assert one == again
    assert {t.id for t in one} != {t.id for t in microworld_tasks(Split.TRAIN, 20, 1)}
    assert len({t.id for t in one}) == 20


def test_every_wording_is_unlike_every_other_of_its_place() -> None:
    for shape, places in PARTS.items():
        for parts in places:
            wordings = [w for p in parts for w in p.wordings]
            assert len(wordings) == len(set(wordings)), shape
