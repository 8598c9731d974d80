"""Whose tests rewards go by: [supervision]."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from sparring.config.engine import Engine, each_once
from sparring.section import Heat, Length, Responses, Section
from sparring.selection.agreement import TestFilter


class SupervisionKind(StrEnum):
    """Whose tests the rewards go by in training. Evaluation is always by ground truth."""

    GROUND_TRUTH = "ground_truth"
    """The task's own."""
    TESTER = "tester"
    """Those of a frozen tester model: no ground truth enters a reward (label-free)."""


class SupervisionSection(Section):
    """[supervision]"""

    kind: SupervisionKind = Field(
        SupervisionKind.GROUND_TRUTH,
        description="Tests that rewards go by: the tasks' own, or those of a frozen tester model",
    )
    model: str | None = Field(
        None,
        min_length=1,
        description="Directory or hub id of the frozen tester; 'nano' is in the package",
    )
    engine: Engine = Field(
        Engine.LOCAL,
        description="What samples it: the first process (local), or vLLM servers, before the first step, as [vllm] says",
    )
    urls: list[str] = Field(
        [],
        description="With engine = vllm: servers that you run with this model; none: one is started, and ended when all tests are written",
    )
    tests: Responses = Field(
        8, description="k: tests that it writes for a task, when the task first comes up"
    )
    temperature: Heat = Field(1.0, description="Divides its logits")
    max_tokens: Length = Field(1024, description="Its longest response, end token included")
    template_options: dict[str, bool | int | float | str] = Field(
        {}, description="Switches of its chat template, such as {enable_thinking = false}"
    )
    end_tokens: list[Annotated[str, Field(min_length=1)]] = Field(
        [], description="Tokens that end its responses beside those of its files"
    )
    filter: TestFilter = Field(
        TestFilter.NONE,
        description="Its tests that count: all, or those that the programs' consensus passes (CodeT's agreement)",
    )

    @field_validator("urls")
    @classmethod
    def _web_addresses(cls, urls: list[str]) -> list[str]:
        return each_once(urls)

    @model_validator(mode="after")
    def _whole(self) -> SupervisionSection:
        if self.kind is SupervisionKind.TESTER:
            if self.model is None:
                raise ValueError("kind = tester needs the model that writes the tests: set model")
        else:
            for name in ("model", "filter", "engine"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(
                        f"{name} is given, but kind is ground_truth: set kind = tester"
                    )
        if self.urls and self.engine is not Engine.VLLM:
            raise ValueError("urls are given, but engine is local: set engine = vllm")
        return self
