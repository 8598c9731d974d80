"""Names that recipe keys have elsewhere, or had here: the message says the name in a recipe."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from sparring.config.load import load_recipe
from sparring.config.other_names import KEY_BY_OTHER_NAME
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError
from tests.test_names import table


def keys() -> set[str]:
    """Return all ``section.key`` of a recipe."""
    return {
        f"{name}.{key}"
        for name, field in Recipe.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for key in field.annotation.model_fields
    }


def test_other_names_are_no_keys_and_lead_to_keys() -> None:
    known = keys() | {f"[{name}]" for name in Recipe.model_fields}
    assert not KEY_BY_OTHER_NAME.keys() & known
    assert set(KEY_BY_OTHER_NAME.values()) <= known


def test_every_old_key_of_the_changelog_is_among_them() -> None:
    for section, pairs in table("Recipe keys").items():
        name = section.rpartition("`[")[2]
        for old, new in pairs:
            if not old.startswith("["):
                assert KEY_BY_OTHER_NAME[f"{name}.{old}"] == f"{name}.{new}"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("learning.beta=0.04", "its name in a recipe is learning.kl_coef"),
        ("training.ahead=1", "its name in a recipe is training.max_async_level"),
        ("supervision.kind=tester", r"its name in a recipe is \[pseudo_labels\]"),
        ("learning.kl_coeff=0.1", "did you mean learning.kl_coef?"),
    ],
)
def test_the_message_says_the_name_in_a_recipe(change: str, name: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        load_recipe(None, [change])
    assert "\n" not in str(caught.value)
