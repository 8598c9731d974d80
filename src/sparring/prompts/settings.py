"""Settings of prompts and of how responses to them are read: the section [prompts]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field, field_validator

from sparring.prompts.opening import ReasoningMode, reasoning_of
from sparring.prompts.rules import ProgramRule, Reading, TestRule
from sparring.prompts.templates import (
    CODER,
    CODER_FUNCTION,
    TESTER,
    TESTER_FUNCTION,
    Templates,
)
from sparring.section import Count, Idle, Section

_USUAL = Reading()


class PromptSettings(Section):
    """[prompts]"""

    coder: str = Field(
        CODER, description="The coder's message; {statement} and {examples} are filled in"
    )
    tester: str = Field(
        TESTER, description="The tester's message; {statement} and {examples} are filled in"
    )
    coder_function: str = Field(
        CODER_FUNCTION,
        description="The coder's message where a function is asked for; {function} is filled in too",
    )
    tester_function: str = Field(
        TESTER_FUNCTION,
        description="The tester's message where a function is to be tested; {function} is filled in too",
    )
    derivation: bool = Field(
        False,
        description="Ask for an approach or a derivation before the answer, where {derivation} stands",
    )
    coder_examples: int = Field(1, ge=0, description="Public examples shown to the coder")
    tester_examples: int = Field(0, ge=0, description="Public examples shown to the tester")
    tester_examples_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of training prompts that show them, drawn by task and step",
    )
    template_options: dict[str, bool | int | float | str] = Field(
        {},
        description="Switches of the model's chat template, such as {enable_thinking = false}",
    )

    @field_validator("template_options", mode="before")
    @classmethod
    def _switches(cls, value: Any) -> Any:
        """One fault each, not one for every kind that it might have been."""
        for name, option in value.items() if isinstance(value, dict) else ():
            if not isinstance(option, (bool, int, float, str)):
                raise ValueError(f"{name} must be true, false, a number or a text")
        return value

    reasoning: ReasoningMode = Field(
        ReasoningMode.AUTO,
        description="Where reasoning begins: in the response or at the prompt's end, as the prompt shows (auto); before every response, so that one without its end is unfinished (open); nowhere (none)",
    )
    reasoning_start: str = Field(
        _USUAL.reasoning.start,
        min_length=1,
        description="Where reasoning begins, as the model writes it",
    )
    reasoning_end: str = Field(
        _USUAL.reasoning.end, min_length=1, description="Where it ends; what follows is the answer"
    )
    max_tokens: Count = Field(
        2048,
        description="Longest prompt; a longer one is never cut: tasks.too_long says what becomes of its task",
    )

    read_programs: ProgramRule = Field(
        _USUAL.programs,
        description="Which block is the program: what the task asks for, or the last one (cure)",
    )
    read_tests: TestRule = Field(
        _USUAL.tests,
        description="Which of several tests in a response counts: first, last, or none (only)",
    )

    def idle(self) -> Iterator[Idle]:
        """The fields that another one leaves without effect."""
        if self.tester_examples == 0:
            why = "prompts.tester_examples = 0 shows none"
            yield Idle(("tester_examples_share",), "tester_examples", why)
        if self.reasoning is ReasoningMode.NONE:
            why = "prompts.reasoning = none looks for no mark"
            yield Idle(("reasoning_start", "reasoning_end"), "reasoning", why)

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of reasoning: a response's text keeps them, also where they are tokens."""
        return self.reasoning_start, self.reasoning_end

    def reading(self, prompt: str, message: str = "") -> Reading:
        """How responses to this prompt, as the model gets it, are read: behind the ``message`` it
        may end inside of reasoning."""
        reasoning = reasoning_of(
            self.reasoning, self.reasoning_start, self.reasoning_end, prompt, message
        )
        return Reading(reasoning, self.read_programs, self.read_tests)

    def templates(self) -> Templates:
        """The messages of this section. Raises `ConfigError` on one that cannot be filled in."""
        return Templates(
            self.coder, self.tester, self.coder_function, self.tester_function, self.derivation
        )
