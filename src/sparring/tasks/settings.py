"""Settings of tasks and of how their outputs are compared: the sections [tasks] and [checker]."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, field_validator

from sparring.section import Count, Length, Section, Seed
from sparring.tasks.checkers.checker import Rule, parse_checker


class Curriculum(StrEnum):
    """In which order tasks come."""

    NONE = "none"
    """Each once per pass, in a random order."""
    PASS_RATE = "pass_rate"
    """Drawn ∝ 0.1 + 4p(1−p), with p the share of correct programs when the task was last met and
    1/2 before that: tasks that are sometimes solved come more often."""


class TooLong(StrEnum):
    """What becomes of a task with a prompt that is too long."""

    STOP = "stop"
    """It ends the run before anything is sampled."""
    DROP = "drop"
    """It is left out, which the run says and has on record."""


class TaskSettings(Section):
    """[tasks]"""

    curriculum: Curriculum = Field(
        Curriculum.NONE,
        description="Each task once per pass, or drawn by how often it was solved when last met",
    )

    train: list[str] = Field(
        ["microworld:train"], description="Task files to train on, or microworld:SPLIT"
    )
    held_out: list[str] = Field(
        ["microworld:held_out"], description="Task files to evaluate on, or microworld:SPLIT"
    )
    train_count: Length = Field(
        1600, description="Tasks drawn from a microworld split for training"
    )
    held_out_count: Length = Field(300, description="Tasks evaluated; of a file, the first so many")
    held_out_seed: Seed = Field(
        1,
        description="Seed of the microworld's held-out tasks; the same for every run, so that runs compare",
    )
    max_tests: Count | None = Field(
        None, description="Use only the first so many ground-truth tests (the paper: 8)"
    )
    too_long: TooLong = Field(
        TooLong.STOP,
        description="A task whose prompt is over prompts.max_tokens, or leaves no room for a response: it ends the run, or is left out of training or evaluation (drop)",
    )
    withheld_tests: int = Field(
        1,
        ge=0,
        le=1_000_000,
        strict=True,
        description="Of these, kept out of a training task's reward to watch it by; at most a quarter",
    )


class CheckerSettings(Section):
    """[checker]"""

    rule: str | None = Field(
        None,
        description="Compare printed outputs by this rule, whatever the tasks name (calls keep their own)",
    )

    @field_validator("rule")
    @classmethod
    def _known(cls, rule: str | None) -> str | None:
        if rule is not None:
            checker = parse_checker(rule)
            if checker.of_calls or checker.rule is Rule.PROGRAM:
                raise ValueError(
                    f"{rule!r} is not for all tasks alike; name a rule for printed text"
                )
        return rule
