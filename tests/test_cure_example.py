"""`examples/cure.py`: on the same responses it gives what the library gives."""

from __future__ import annotations

import copy
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.config.recipe import Recipe
from sparring.grading.grade import grade
from sparring.grading.group import read_group
from sparring.grading.record import ScoredGroup
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.update import Learner
from sparring.prompts.rules import ReadingRules
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Response, Role, StopReason
from sparring.tasks.sources import tasks_of
from sparring.training.scoring import scorer_of
from tests.nano import nano

EXAMPLE = Path(__file__).parents[1] / "examples" / "cure.py"
TASKS = 3


def example() -> ModuleType:
    """The file, as a module."""
    spec = importlib.util.spec_from_file_location("examples_cure", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their own up
    spec.loader.exec_module(module)
    return module


cure = example()
# AdamW's first steps divide a gradient by its own size: where it is near rounding, 1e-8 here, the
# weights of two ways to compute the same end up apart by a part of the step size.
SETTINGS = cure.Settings(programs=5, tests=6, learning_rate=1e-5)


def recipe() -> Recipe:
    """What the file does, as a recipe."""
    s = SETTINGS
    return load_recipe(
        NANO_RECIPE,
        [
            "preset=paper",
            "learning.mode=joint",
            "learning.importance_level=token",
            "learning.loss_agg_mode=token-mean",
            "learning.num_minibatches=1",
            f"learning.ppo_epochs={s.passes}",
            f"learning.clip_eps_low={s.clip}",
            f"learning.kl_coef={s.kl}",
            "learning.kl_bound=80",
            f"learning.learning_rate={s.learning_rate}",
            f"learning.max_grad_norm={s.max_grad_norm}",
            "learning.backend=padded",
        ],
    )


def as_read(group: Any) -> list[list[Response]]:
    """Both roles' responses of the file as the library has them."""
    return [
        [
            Response(
                "",
                role,
                i,
                tuple(r.prompt_ids),
                tuple(r.token_ids),
                tuple(r.logprobs),
                StopReason.END_TOKEN,
                r.text,
            )
            for i, r in enumerate(responses)
        ]
        for role, responses in ((Role.CODER, group.coder), (Role.TESTER, group.tester))
    ]


@pytest.fixture(scope="module")
def played() -> tuple[list[Any], list[ScoredGroup]]:
    """The groups of a step by the file, and the same responses judged by the library."""
    model, tokenizer = nano()
    torch.manual_seed(1)
    tasks = tasks_of(["microworld:train"], TASKS, 0, None)
    reading = {role: ReadingRules() for role in Role}
    # The file has no validators, and the paper lets a reference solution refuse no test.
    bare = [replace(task, validator=None, solutions=()) for task in tasks]
    with Sandbox(workers=1) as sandbox:
        groups = cure.play(model, tokenizer, sandbox, tasks, SETTINGS)
        results = [
            grade(sandbox, read_group(task, *as_read(group), reading), Limits())
            for task, group in zip(bare, groups, strict=True)
        ]
    scorer = scorer_of(recipe())
    return groups, [scorer.score(result, 1, i) for i, result in enumerate(results)]


def test_programs_and_tests_are_read_and_run_alike(
    played: tuple[list[Any], list[ScoredGroup]],
) -> None:
    for group, scored in zip(*played, strict=True):
        assert (group.passed_PG == scored.group.matrix.passed_PG).all()
        assert (group.passed_PU == scored.group.matrix.passed_PU).all()
    every = np.concatenate([group.passed_PU.ravel() for group in played[0]])
    assert 0 < every.mean() < 1


def test_rewards_and_advantages_are_alike(played: tuple[list[Any], list[ScoredGroup]]) -> None:
    unlike = 0
    for group, scored in zip(*played, strict=True):
        coder = cure.coder_reward(group.passed_PG)
        tester = cure.tester_reward(group.passed_PG, group.passed_PU)
        for role, reward in ((Role.CODER, coder), (Role.TESTER, tester)):
            theirs = scored.earned.rewards(role).value
            advantage = scored.earned.advantages(role)
            np.testing.assert_allclose(np.nan if reward is None else reward, theirs, atol=1e-6)
            normalised = cure.advantages(reward)
            assert (normalised is None) == (advantage.dropped is not None)
            if normalised is not None:
                np.testing.assert_allclose(normalised, advantage.value, atol=1e-6)
                unlike += 1
    assert unlike > TASKS  # both roles learn something


def test_losses_and_weights_after_a_step_are_alike(
    played: tuple[list[Any], list[ScoredGroup]],
) -> None:
    groups, scored = played
    model = copy.deepcopy(nano()[0])
    learner = Learner(copy.deepcopy(model), recipe().learner)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=SETTINGS.learning_rate, betas=(0.9, 0.95), weight_decay=0
    )
    losses = cure.learn(model, nano()[0], optimizer, cure.batches(groups), SETTINGS)
    stats = learner.update(
        [
            SampleGroup(
                role,
                responses[0].prompt_ids,
                SETTINGS.temperature,
                tuple(
                    Sample(r.token_ids, r.logprobs, float(a))
                    for r, a in zip(responses, advantages.value, strict=True)
                ),
            )
            for s in scored
            for role, responses in ((Role.CODER, s.group.coder), (Role.TESTER, s.group.tester))
            if (advantages := s.earned.advantages(role)).dropped is None
        ]
    )
    assert losses == {role: pytest.approx(stats[role].loss, abs=1e-6) for role in Role}
    start, ours, theirs = (
        torch.cat([p.detach().flatten() for p in m.parameters()])
        for m in (nano()[0], model, learner.model)
    )
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    assert (ours - theirs).norm() < 1e-3 * (theirs - start).norm()


def test_a_group_that_teaches_nothing_is_left_out() -> None:
    passed = np.zeros((2, 3), dtype=bool)
    assert cure.tester_reward(passed, passed) is None  # nobody is correct
    assert cure.advantages(cure.coder_reward(passed)) is None  # all programs earn the same
    nothing = cure.Group([], [], passed, passed, passed[0])
    assert cure.learn(None, None, None, cure.batches([nothing]), SETTINGS) == {}
