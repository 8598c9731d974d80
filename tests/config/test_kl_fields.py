"""Fields of the KL term that have no effect are refused, with the field that leaves them idle."""

from __future__ import annotations

import pytest

from sparring.config.load import load_recipe
from sparring.errors import ConfigError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["kl_coef=0", "kl_estimator=k2"], "kl_estimator = k2 is without effect: .*kl_coef = 0"),
        (["kl_coef=0", "kl_bound=5"], r"kl_bound = 5\.0 is without effect: .*kl_coef = 0"),
        (["kl_coef=0", "kl_place=reward"], "kl_place = reward is without effect: .*kl_coef = 0"),
        (["kl_coef=0", "reference=step"], "reference = step is without effect: .*kl_coef = 0"),
        (["kl_estimator=k2", "kl_bound=5"], r"kl_bound = 5\.0 is without effect: .*= k2 has no"),
    ],
)
def test_a_field_without_effect_is_refused(changes: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(None, [f"learning.{change}" for change in changes])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [["kl_coef=0"], ["kl_estimator=k2"], ["kl_bound=5"]])
def test_the_others_are_taken(changes: list[str]) -> None:
    load_recipe(None, [f"learning.{change}" for change in changes])
