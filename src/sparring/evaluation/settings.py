"""Settings of evaluations during training: the section [evaluation]."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sparring.section import Count, Responses, Section


class EvaluationSettings(Section):
    """[evaluation]"""

    every: Count = Field(
        50, description="Training steps between evaluations; one comes before and one after"
    )
    programs: Responses = Field(8, description="Programs per held-out task")
    tests: Responses = Field(8, description="Tests per held-out task")
    temperature: float = Field(1.0, ge=0, description="Sampling temperature of both roles")
    tester_examples: int | None = Field(
        None, ge=0, description="Public examples shown to the tester; default: as in training"
    )
    start_temperatures: list[Annotated[float, Field(ge=0)]] = Field(
        [],
        description="Temperatures at which the start model is evaluated as well, for an honest comparison",
    )
