"""Rewards of both roles for any trainer: texts in, rewards, advantages and reasons out.

    from sparring import load_tasks, pair_rewards

    tasks = load_tasks("tasks.jsonl")
    for one in pair_rewards(tasks, programs, tests):
        print(one.coder, one.tester, one.tester_reasons)

``programs[k]`` and ``tests[k]`` are a model's answers to task k in the two roles, as it wrote them.
Grading, rewards and advantages are those of our own training. This module imports no trainer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, DataError
from sparring.grading.grade import grade_each
from sparring.grading.group import GroupResult, ReadGroup, read_group
from sparring.grading.reading import read_program
from sparring.grading.scorer import facts_of
from sparring.learner.settings import Objective
from sparring.rewards.advantages import Advantages, DropReason
from sparring.rewards.settings import LengthForm, Overlong
from sparring.rewards.terms import MatrixNames, Rewards, effect_text
from sparring.sandbox import Runner, Sandbox
from sparring.schema import ParseFailure, Response, Role, StopReason, Task

_USUAL = Recipe()


@dataclass(frozen=True, slots=True)
class PairRewards:
    """Rewards of one task's answers, programs [P] and tests [U].

    A reward is None where there is no label: an execution failed on our side, or no program is
    correct, so that nothing is known about the tests. Such an answer should have no part in its
    group's mean nor in the loss, and its advantage is 0. An answer without a program or a test has
    a reward like any other. ``reasons`` name program i as Pi, a program of ``others`` as Ii, and
    ground-truth test i as Gi.
    """

    task_id: str
    """Id of the task."""
    coder: tuple[float | None, ...]
    """Rewards of the programs [P]."""
    tester: tuple[float | None, ...]
    """Rewards of the tests [U]."""
    coder_advantages: tuple[float, ...]
    """Rewards of the programs, normalised in their group [P]."""
    tester_advantages: tuple[float, ...]
    """Rewards of the tests, normalised in their group [U]."""
    coder_reasons: tuple[str, ...]
    """For each program what its reward is made of, in words [P]."""
    tester_reasons: tuple[str, ...]
    """For each test what its reward is made of, in words [U]."""
    coder_dropped: DropReason | None
    """Reason why the group of programs teaches nothing, if so: all advantages are 0."""
    tester_dropped: DropReason | None
    """The same of the group of tests."""
    graded: GroupResult
    """Everything behind the rewards: the programs and tests that were read, and all outcomes."""


def pair_rewards(
    tasks: Sequence[Task],
    programs: Sequence[Sequence[str]],
    tests: Sequence[Sequence[str]],
    *,
    others: Sequence[Sequence[str]] | None = None,
    recipe: Recipe | None = None,
    sandbox: Runner | None = None,
) -> list[PairRewards]:
    """Run every program on every test of its task, and return the rewards of both roles.

    Args:
        tasks: The statements with their ground truth, as `load_tasks` returns them.
        programs: For each task the coder's answers, each a whole text as the model wrote it. A
            role that did not answer has an empty list.
        tests: For each task the tester's answers.
        others: For each task further answers with programs, such as those of the initial policy.
            Tests are paid on them too; they earn nothing.
        recipe: Its sections [reward] and [prompts] say how answers are paid and read. By default
            the recipe without any change; `load_recipe` reads one, with a preset.
        sandbox: A sandbox that the caller closes. By default one is opened for this call, which
            takes half a second.

    Returns:
        For each task the rewards, advantages and reasons of its answers.

    Raises:
        ConfigError: For a recipe whose rewards need more than texts.
        DataError: For answers that do not fit the tasks.
        SandboxError: If the host gives no isolation.
    """
    recipe = recipe or _USUAL
    _check_recipe(recipe)
    _check_answers(tasks, {"programs": programs, "tests": tests, "others": others})
    pools = others if others is not None else [None] * len(tasks)
    groups = (
        _read(task, recipe, of_coder, of_tester, pool)
        for task, of_coder, of_tester, pool in zip(tasks, programs, tests, pools, strict=True)
    )
    with ExitStack() as stack:
        runner = sandbox or stack.enter_context(Sandbox(skip_after_timeout=True))
        return [_paid(group, recipe) for group in grade_each(runner, groups, recipe.limits)]


def _check_recipe(recipe: Recipe) -> None:
    reward = recipe.reward
    if recipe.learning.objective is Objective.LIKELIHOOD:
        raise ConfigError(
            f"learning.objective: {recipe.learning.objective} has no advantages; leave it out"
        )
    for field, differs in (
        ("length", reward.length is not LengthForm.NONE),
        ("overlong", reward.overlong is not Overlong.KEEP),
        ("function", reward.function is not None),
        ("shuffle", reward.shuffle),
    ):
        if differs:
            raise ConfigError(
                f"reward.{field}: pair_rewards has texts alone, without tokens, steps or a run; "
                "leave the field out"
            )


def check_examples(recipe: Recipe) -> None:
    """Raise `ConfigError` for prompts that a data set cannot have, because they differ by step."""
    if recipe.prompts.tester_examples and recipe.prompts.tester_examples_share < 1:
        raise ConfigError(
            "prompts.tester_examples_share: is drawn by step, which a data set does not have; set "
            "it to 1"
        )


def _check_answers(
    tasks: Sequence[Task], answers: dict[str, Sequence[Sequence[str]] | None]
) -> None:
    for name, per_task in answers.items():
        if per_task is None:
            continue
        if len(per_task) != len(tasks):
            raise DataError(
                f"{name}: has {len(per_task)} lists for {len(tasks)} tasks; give a list of answers "
                "for each task"
            )
        for k, texts in enumerate(per_task):
            if isinstance(texts, str):
                raise DataError(f"{name}[{k}]: is one text; give a list of answers")
            for i, text in enumerate(texts):
                if not isinstance(text, str):
                    raise DataError(
                        f"{name}[{k}][{i}]: is {type(text).__name__}; give the answer's text"
                    )


def _read(
    task: Task,
    recipe: Recipe,
    programs: Sequence[str],
    tests: Sequence[str],
    others: Sequence[str] | None,
) -> ReadGroup:
    rules = recipe.prompts.reading("")
    pool = None
    if others is not None:
        pool = [read_program(task, r, rules) for r in _responses(task, Role.CODER, others)]
    return read_group(
        task,
        _responses(task, Role.CODER, programs),
        _responses(task, Role.TESTER, tests),
        dict.fromkeys(Role, rules),
        pool,
    )


def _responses(task: Task, role: Role, texts: Sequence[str]) -> list[Response]:
    return [
        Response(task.id, role, index, (), (), (), StopReason.END_TOKEN, text)
        for index, text in enumerate(texts)
    ]


def _paid(group: GroupResult, recipe: Recipe) -> PairRewards:
    facts = facts_of(group)
    earned = recipe.rules.score(facts)
    others = len(facts.tester_matrix.passed_PT) - len(group.programs)
    names = MatrixNames(
        [*(f"P{i}" for i in range(len(group.programs))), *(f"I{i}" for i in range(others))],
        [f"G{i}" for i in range(len(group.task.tests))],
    )
    failures = {
        Role.CODER: [p.failure for p in group.programs],
        Role.TESTER: [t.failure for t in group.tests],
    }
    reasons = {
        role: tuple(
            "; ".join(_reasons(failure, earned.rewards(role), earned.advantages(role), i, names))
            for i, failure in enumerate(failures[role])
        )
        for role in Role
    }
    return PairRewards(
        group.task.id,
        _labels(earned.coder_rewards),
        _labels(earned.tester_rewards),
        tuple(earned.coder.value.tolist()),
        tuple(earned.tester.value.tolist()),
        reasons[Role.CODER],
        reasons[Role.TESTER],
        earned.coder.dropped,
        earned.tester.dropped,
        group,
    )


def _labels(rewards: Rewards) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(value) else value for value in rewards.value.tolist())


def _reasons(
    failure: ParseFailure | None,
    rewards: Rewards,
    gains: Advantages,
    i: int,
    names: MatrixNames,
) -> Iterator[str]:
    if failure is not None:
        yield f"nothing could be read ({failure})"
    for term in rewards.terms:
        if term.where[i]:
            yield f"{effect_text(term.effect, float(term.value[i]))} {term.why(i, names)}".strip()
    if gains.dropped is not None:
        yield f"advantage 0 ({gains.dropped})"
