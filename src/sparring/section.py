"""Base class of the sections of a recipe, and the ranges of the numbers in them.

A package defines its settings in its ``settings.py`` as a `Section`, with the only default of each.
`sparring.config.recipe` puts the sections together. A caller who uses a package alone constructs
its section: ``RewardSettings(validity_bonus=0)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Count = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Length = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Responses = Annotated[int, Field(ge=1, le=4096, strict=True)]
Few = Annotated[int, Field(ge=1, le=1024, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=1 << 63, strict=True)]
Share = Annotated[float, Field(ge=0, le=1)]
_SURROGATE = re.compile("[\ud800-\udfff]")
Temperature = Annotated[float, Field(ge=0.01, le=100)]


def _kinds(annotation: Any) -> set[Any]:
    """Return the plain types that a field may hold; empty for containers."""
    if get_origin(annotation) in (list, dict, tuple):
        return set()
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    parts = [a for a in get_args(annotation) if a is not type(None)]
    return set().union(*map(_kinds, parts)) if parts else {annotation}


@dataclass(frozen=True, slots=True)
class IdleFields:
    """Fields of a section that its field ``by`` leaves without effect, and the reason."""

    names: tuple[str, ...]
    by: str
    why: str


class Section(BaseModel):
    """Part of a recipe. A section is immutable and refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def changed(self, **values: Any) -> Self:
        """Return a copy of the section with other values, which are checked like all values."""
        return type(self).model_validate({**dict(self), **values})

    def idle(self) -> Iterable[IdleFields]:
        """Return the fields that another field leaves without effect, whatever their values."""
        return ()

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_own_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse values that pydantic would convert, because they look like slips: true for a
        number, "8" for 8, half a surrogate pair in a text."""
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if kinds == {bool} and not isinstance(value, bool):
            raise ValueError("must be true or false")
        if isinstance(value, bool) and bool not in kinds:
            raise ValueError("must not be true or false")
        if isinstance(value, str) and kinds and all(k in (bool, int, float) for k in kinds):
            raise ValueError("must be a number, without quotes")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.isascii() and _SURROGATE.search(text):
                raise ValueError("holds half a surrogate pair, which is no text")
        return value
