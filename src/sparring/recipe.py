"""The recipe: everything a run depends on, in one typed tree.

Each field is documented where it is defined (`sparring config --fields` lists
them). `sparring.config` reads recipes from files and the command line.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from sparring.learning.settings import Precision, UpdateMode
from sparring.prompts.templates import CODER, TESTER
from sparring.sandbox.types import Fork, Level
from sparring.scoring.advantages import Normalisation
from sparring.scoring.rewards import CoderReward, InvalidTest, NoWrong, TesterReward
from sparring.tasks.checkers import Rule, parse_checker

Count = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Length = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Responses = Annotated[int, Field(ge=1, le=4096, strict=True)]
Few = Annotated[int, Field(ge=1, le=1024, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=1 << 63, strict=True)]
Heat = Annotated[float, Field(ge=0.01, le=100)]
_SURROGATE = re.compile("[\ud800-\udfff]")
NANO = "nano"
"""Name of the model in the package."""


def _kinds(annotation: Any) -> set[Any]:
    """The plain types that a field may hold; empty for containers."""
    if get_origin(annotation) in (list, dict, tuple):
        return set()
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    parts = [a for a in get_args(annotation) if a is not type(None)]
    return set().union(*map(_kinds, parts)) if parts else {annotation}


class Section(BaseModel):
    """A part of a recipe: immutable, and closed against unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_own_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """true is no number and "8" is none either: what looks like a slip is one."""
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if kinds == {bool} and not isinstance(value, bool):
            raise ValueError("must be true or false")
        if isinstance(value, bool) and bool not in kinds:
            raise ValueError("must not be true or false")
        if isinstance(value, str) and kinds and all(k in (bool, int, float) for k in kinds):
            raise ValueError("must not be in quotes")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.isascii() and _SURROGATE.search(text):
                raise ValueError("holds half a surrogate pair, which is no text")
        return value


class ModelSection(Section):
    """[model]"""

    path: str = Field(
        NANO,
        min_length=1,
        description="Directory or hub id of a causal language model; 'nano' is in the package",
    )
    precision: Precision = Field(
        Precision.FLOAT32,
        description="Of forward and backward passes; weights and optimiser are float32 either way",
    )
    lora_rank: int = Field(
        0,
        ge=0,
        le=8192,
        description="Rank of a LoRA adapter that is trained instead; 0: all weights",
    )
    lora_alpha: float = Field(32.0, gt=0, description="LoRA's scale, divided by the rank")
    lora_targets: list[str] = Field(
        ["all-linear"], description="Names of the layers that LoRA adapts, or all-linear"
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute activations again on the way back: less memory, more time"
    )


class TasksSection(Section):
    """[tasks]"""

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


class PromptsSection(Section):
    """[prompts]"""

    coder: str = Field(
        CODER, description="The coder's message; {statement} and {examples} are filled in"
    )
    tester: str = Field(
        TESTER, description="The tester's message; {statement} and {examples} are filled in"
    )
    coder_examples: int = Field(1, ge=0, description="Public examples shown to the coder")
    tester_examples: int = Field(0, ge=0, description="Public examples shown to the tester")
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

    reasoning_start: str = Field(
        "<think>", min_length=1, description="Where a response's reasoning begins"
    )
    reasoning_end: str = Field(
        "</think>", min_length=1, description="Where it ends; what follows is the answer"
    )
    max_tokens: Count = Field(
        2048, description="Longest prompt; a longer one is an error, never cut"
    )


class SamplingSection(Section):
    """[sampling]"""

    programs: Responses = Field(16, description="n: programs per task")
    tests: Responses = Field(16, description="m: tests per task")
    coder_temperature: Heat = Field(1.0, description="Divides the coder's logits")
    tester_temperature: Heat = Field(1.0, description="Divides the tester's logits")
    coder_max_tokens: Length = Field(
        1024, description="Longest program response, end token included"
    )
    tester_max_tokens: Length = Field(1024, description="Longest test response, end token included")
    max_rows: Length = Field(512, description="Responses sampled at once")


class SandboxSection(Section):
    """[sandbox]"""

    workers: Few | None = Field(None, description="Parallel workers; default: one per core")
    level: Level | None = Field(
        None, description="Isolation to insist on; default: the strongest the host gives"
    )
    fork: Fork = Field(Fork.PER_PROGRAM, description="Whether a program's inputs share a process")
    idle_seconds: float = Field(2.0, gt=0, description="Longest wait of a run without computing")
    output_bytes: Count = Field(1 << 20, description="Longest output of a run")
    max_infra_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Stop the run when our own failures exceed this share of a step's runs",
    )


class CheckerSection(Section):
    """[checker]"""

    rule: str | None = Field(
        None, description="Compare outputs by this rule, whatever the tasks name"
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


class RewardSection(Section):
    """[reward]; ``reward = "file.py:function"`` is short for its ``function``."""

    function: str | None = Field(
        None,
        description="A reward of your own, file.py:function (`sparring new reward` writes one to start from)",
    )

    coder: CoderReward = Field(
        CoderReward.COUNT,
        description="Programs: ground-truth tests passed (Eq 3), or all or nothing",
    )
    tester: TesterReward = Field(TesterReward.CURE, description="Tests: Eq 4, or mere correctness")
    no_wrong: NoWrong = Field(
        NoWrong.ZERO, description="Tests of a group without a wrong program: nothing, or ±1"
    )
    invalid_test: InvalidTest = Field(
        InvalidTest.LOWEST,
        description="Unparsable or forbidden tests: the lowest reward, or as Eq 4 has it",
    )
    validity: float = Field(
        0.0,
        ge=0,
        description="Added to Eq 4 for accepting every correct program, in units of the wrong programs; 0: Eq 4 as it is",
    )
    normalisation: Normalisation = Field(
        Normalisation.STD, description="Advantages: divided by the group's deviation or not"
    )
    shuffle: bool = Field(
        False, description="Control experiment: deal rewards out at random within each group"
    )


class LearningSection(Section):
    """[learning]"""

    mode: UpdateMode = Field(
        UpdateMode.JOINT, description="Both roles in one gradient, or coders first, then testers"
    )
    minibatches: Responses = Field(
        1, description="Optimiser steps per batch (per role if separate)"
    )
    learning_rate: float = Field(1e-6, gt=0, le=1, description="AdamW's step size")
    warmup_steps: int = Field(
        0, ge=0, description="Training steps over which the step size rises linearly"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's first moment")
    beta2: float = Field(0.95, ge=0, lt=1, description="AdamW's second moment")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decoupled decay")
    max_grad_norm: float = Field(1.0, gt=0, description="Longer gradients are scaled down to this")
    refuse_norm: float = Field(
        1e6,
        gt=0,
        description="A gradient longer than this, or not finite, is not applied; the second time the run stops",
    )
    clip: float = Field(0.2, gt=0, lt=1, description="ε of the clipped surrogate")
    kl: float = Field(
        0.01, ge=0, description="β of the KL term to the fixed reference; 0: no reference is kept"
    )
    gap_alarm: float = Field(
        0.01,
        gt=0,
        description="Say so when the log-probs of sampling and training differ by more, on average",
    )
    coder_weight: float = Field(
        1.0, ge=0, description="Weight of the coder's loss in a joint update"
    )
    tester_weight: float = Field(
        1.0, ge=0, description="Weight of the tester's loss in a joint update"
    )
    tokens_per_micro_batch: Count = Field(
        16384, description="Positions of one forward and backward pass"
    )

    @model_validator(mode="after")
    def _somebody_learns(self) -> LearningSection:
        if self.mode is UpdateMode.JOINT and self.coder_weight == self.tester_weight == 0:
            raise ValueError("coder_weight and tester_weight are both 0: nobody would learn")
        return self


class TrainingSection(Section):
    """[training]"""

    steps: Count = Field(350, description="Training steps")
    tasks_per_step: Length = Field(16, description="Tasks sampled in each step")
    seed: Seed = Field(0, description="Seed of task order and sampling")
    threads: Few | None = Field(None, description="Torch threads on a CPU; default: torch's")
    checkpoint_every: Count = Field(
        50, description="Steps between checkpoints; one is always written at the end"
    )
    keep_checkpoints: Count = Field(2, description="Newest checkpoints kept")


class EvaluationSection(Section):
    """[evaluation]"""

    every: Count = Field(
        50, description="Training steps between evaluations; one comes before and one after"
    )
    programs: Responses = Field(8, description="Programs per held-out task")
    tests: Responses = Field(8, description="Tests per held-out task")
    temperature: float = Field(1.0, ge=0, description="Sampling temperature of both roles")
    start_temperatures: list[Annotated[float, Field(ge=0)]] = Field(
        [],
        description="Temperatures at which the start model is evaluated as well, for an honest comparison",
    )


class Recipe(Section):
    """All of it. Every section may be left out."""

    @field_validator("reward", mode="before")
    @classmethod
    def _named_function(cls, value: Any) -> Any:
        return {"function": value} if isinstance(value, str) else value

    model: ModelSection = ModelSection()
    tasks: TasksSection = TasksSection()
    prompts: PromptsSection = PromptsSection()
    sampling: SamplingSection = SamplingSection()
    sandbox: SandboxSection = SandboxSection()
    checker: CheckerSection = CheckerSection()
    reward: RewardSection = RewardSection()
    learning: LearningSection = LearningSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
