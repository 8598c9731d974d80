"""Settings of prompts and of the reading of responses: the section [prompts]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field, field_validator

from sparring.prompts.opening import ReasoningMode, reasoning_of
from sparring.prompts.rules import ProgramRule, ReadingRules, TestRule
from sparring.prompts.templates import (
    CODER,
    CODER_FUNCTION,
    TESTER,
    TESTER_FUNCTION,
    Templates,
)
from sparring.section import Count, IdleFields, Section

_USUAL = ReadingRules()


class PromptSettings(Section):
    """The section [prompts]."""

    coder: str = Field(
        CODER, description="Message to the coder; {statement} and {examples} are filled in"
    )
    tester: str = Field(
        TESTER, description="Message to the tester; {statement} and {examples} are filled in"
    )
    coder_function: str = Field(
        CODER_FUNCTION,
        description="Message to the coder for a function task; {function} is filled in too",
    )
    tester_function: str = Field(
        TESTER_FUNCTION,
        description="Message to the tester for a function task; {function} is filled in too",
    )
    derivation: bool = Field(
        False,
        description="Ask for an approach or a derivation before the answer, in the place of {derivation}",
    )
    coder_examples: int = Field(1, ge=0, description="Number of public examples shown to the coder")
    tester_examples: int = Field(
        0, ge=0, description="Number of public examples shown to the tester"
    )
    tester_examples_share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the tester's training prompts that show public examples, drawn by task and step",
    )
    template_options: dict[str, bool | int | float | str] = Field(
        {},
        description="Switches of the model's chat template, such as {enable_thinking = false}",
    )

    @field_validator("template_options", mode="before")
    @classmethod
    def _switches(cls, value: Any) -> Any:
        """Report one fault for each value, not one for every type that it might have been."""
        for name, option in value.items() if isinstance(value, dict) else ():
            if not isinstance(option, (bool, int, float, str)):
                raise ValueError(f"{name} must be true, false, a number or a text")
        return value

    reasoning: ReasoningMode = Field(
        ReasoningMode.AUTO,
        description="Place where reasoning begins: in the response or at the prompt's end, as the prompt shows (auto); before every response, so that a response without its end is unfinished (open); nowhere (none)",
    )
    reasoning_start: str = Field(
        _USUAL.reasoning.start,
        min_length=1,
        description="Text with which the model begins its reasoning",
    )
    reasoning_end: str = Field(
        _USUAL.reasoning.end,
        min_length=1,
        description="Text with which the model ends its reasoning; the answer follows",
    )
    max_tokens: Count = Field(
        2048,
        description="Longest prompt, in tokens. A longer one is never cut: tasks.too_long decides about its task",
    )

    read_programs: ProgramRule = Field(
        _USUAL.programs,
        description="Block that is the program: the code that the task asks for (task), or the last block marked python (cure)",
    )
    read_tests: TestRule = Field(
        _USUAL.tests,
        description="Test that counts among several in a response: the first, the last, or none (only)",
    )

    def idle(self) -> Iterator[IdleFields]:
        """Yield the fields that have no effect because of another field."""
        if self.tester_examples == 0:
            why = "prompts.tester_examples = 0 shows none"
            yield IdleFields(("tester_examples_share",), "tester_examples", why)
        if self.reasoning is ReasoningMode.NONE:
            why = "prompts.reasoning = none looks for no mark"
            yield IdleFields(("reasoning_start", "reasoning_end"), "reasoning", why)

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of reasoning. A response's text keeps them, also where they are tokens."""
        return self.reasoning_start, self.reasoning_end

    def reading(self, prompt: str, message: str = "") -> ReadingRules:
        """Return the rules by which responses to this prompt are read. The prompt, as the model
        receives it, may end inside of reasoning behind the ``message``."""
        reasoning = reasoning_of(
            self.reasoning, self.reasoning_start, self.reasoning_end, prompt, message
        )
        return ReadingRules(reasoning, self.read_programs, self.read_tests)

    def templates(self) -> Templates:
        """Return the messages of this section. Raises `ConfigError` for one that cannot be filled
        in."""
        return Templates(
            self.coder, self.tester, self.coder_function, self.tester_function, self.derivation
        )
