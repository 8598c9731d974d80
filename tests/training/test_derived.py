"""What a recipe is said to amount to, against what the loops do with it."""

from __future__ import annotations

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.training.planning.derived import derived_quantities

PLAIN = (
    "training.steps=70",
    "learning.ppo_epochs=1",
    "learning.num_minibatches=2",
    "sampling.initial_policy_programs=0",
)


def derived(*changes: str) -> dict[str, str]:
    return derived_quantities(load_recipe(NANO_RECIPE, [*PLAIN, *changes]))


def test_initial_policy_programs_and_extra_attempts_are_in_the_bounds() -> None:
    found = derived("sampling.initial_policy_programs=5", "sampling.extra_attempts=2")
    # 16 tasks × 3 rounds × (10 + 5 programs of 64 tokens, 14 tests of 72)
    assert found["responses"].startswith(f"{16 * (15 + 14):,} ")
    assert found["responses"].endswith("; in at most 3 attempts")
    assert found["tokens sampled, at most"] == f"{48 * (15 * 64 + 14 * 72):,}"
    assert found["executions, at most"].startswith(f"{48 * (15 * (10 + 14) + 10 + 14 + 14):,} ")


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ((), 2),
        (("learning.ppo_epochs=3",), 6),
        (("learning.mode=separate",), 4),
    ],
)
def test_optimiser_steps_are_those_of_the_learner(changes: tuple[str, ...], steps: int) -> None:
    assert derived(*changes)["optimiser steps"].startswith(f"{steps}; {70 * steps} in")


def test_a_budget_says_when_it_may_be_spent() -> None:
    most = 16 * (10 * 64 + 14 * 72)
    found = derived(f"training.token_budget={3 * most + 1}")
    assert found["token budget"].endswith("spent in step 4 at the earliest")
