"""Settings of tasks, and of the comparison of outputs: the sections [tasks] and [checker]."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, field_validator

from sparring.section import Count, Length, Section, Seed
from sparring.tasks.checkers.checker import CheckerRule, parse_checker


class Curriculum(StrEnum):
    """Order of the training tasks."""

    NONE = "none"
    """Each task once per pass, in a random order."""
    PASS_RATE = "pass_rate"
    """Tasks are drawn ∝ 0.1 + 4p(1−p), where p is the share of correct programs at the task's
    last visit, and 1/2 before the first: tasks that are sometimes solved come more often."""


class TooLong(StrEnum):
    """Treatment of a task whose prompt is too long."""

    STOP = "stop"
    """The task ends the run before anything is sampled."""
    DROP = "drop"
    """The task is left out; the run prints and records its id."""


class TaskSettings(Section):
    """[tasks]"""

    curriculum: Curriculum = Field(
        Curriculum.NONE,
        description="Order of training tasks: each once per pass (none), or drawn by the share of correct programs at the last visit (pass_rate)",
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
    held_out_count: Length = Field(
        300, description="Number of tasks evaluated; of a file, the first ones"
    )
    held_out_seed: Seed = Field(
        1,
        description="Seed of the microworld's held-out tasks; equal seeds make runs comparable",
    )
    max_tests: Count | None = Field(
        None,
        description="Most ground-truth tests of a task; the first ones are used (the paper: 8)",
    )
    too_long: TooLong = Field(
        TooLong.STOP,
        description="Treatment of a task whose prompt exceeds prompts.max_tokens or leaves no room for a response: end the run (stop), or leave the task out of training or evaluation (drop)",
    )
    hidden_tests: int = Field(
        1,
        ge=0,
        le=1_000_000,
        strict=True,
        description="Ground-truth tests of a training task that are hidden from the reward and watch it; at most a quarter of them",
    )


class CheckerSettings(Section):
    """[checker]"""

    rule: str | None = Field(
        None,
        description="Rule that compares printed outputs instead of the rules that tasks name (calls keep their own)",
    )

    @field_validator("rule")
    @classmethod
    def _known_rule(cls, rule: str | None) -> str | None:
        if rule is not None:
            checker = parse_checker(rule)
            if checker.of_calls or checker.rule is CheckerRule.PROGRAM:
                raise ValueError(
                    f"{rule!r} is not for all tasks alike; name a rule for printed text"
                )
        return rule
