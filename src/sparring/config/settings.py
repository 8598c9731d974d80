"""Settings of a run as a whole: what the packages above the recipe are told by it.

The sections [training], [supervision], [monitors], [tracking] and [evaluation]. Other packages
have their sections in their own ``settings.py``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from sparring.learner.settings import Sharding
from sparring.policy.settings import Engine
from sparring.policy.vllm.settings import each_once
from sparring.section import Count, Few, Heat, Length, Responses, Section, Seed, Share
from sparring.selection.consensus import TestFilter


class TrainingSettings(Section):
    """[training]"""

    steps: Count = Field(350, description="Training steps")
    token_budget: Count | None = Field(
        None,
        description="End with the step in which this many tokens have been sampled, discarded ones included",
    )
    tasks_per_step: Length = Field(16, description="Tasks sampled in each step")
    seed: Seed = Field(0, description="Seed of task order and sampling")
    ahead: int = Field(
        0,
        ge=0,
        le=1,
        strict=True,
        description="1: sample the next step while one is learned from, with the weights from before it (needs learning.importance_cap)",
    )
    sharding: Sharding = Field(
        Sharding.NONE,
        description="How processes that torchrun starts learn together: the whole model on each (ddp), or a part (fsdp); one process alone is as none",
    )
    threads: Few | None = Field(None, description="Torch threads on a CPU; default: torch's")
    device_tflops: float | None = Field(
        None,
        gt=0,
        description="What MFU is a share of: a learning device's peak in 10¹² operations a second; default: the GPU's, dense bfloat16, by its name",
    )
    checkpoint_every: Count = Field(
        50, description="Steps between checkpoints; one is always written at the end"
    )
    keep_checkpoints: Count = Field(2, description="Newest checkpoints kept")

    def finished(self, step: int, tokens: int) -> bool:
        """Whether a run that has made so many steps and sampled so many tokens is at its end."""
        spent = self.token_budget is not None and tokens >= self.token_budget
        return spent or step >= self.steps


class SupervisionKind(StrEnum):
    """Whose tests the rewards go by in training. Evaluation is always by ground truth."""

    GROUND_TRUTH = "ground_truth"
    """The task's own."""
    TESTER = "tester"
    """Those of a frozen tester model: no ground truth enters a reward (label-free)."""


class SupervisionSettings(Section):
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
    def _whole(self) -> SupervisionSettings:
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


class MonitorSettings(Section):
    """[monitors]: where alarms begin, of means over five steps. 1 (entropy and
    gradient_share: 0) silences one."""

    withheld_gap: Share = Field(
        0.1, description="Failed runs on withheld tests of programs that pass the rewarded ones"
    )
    estimate_gap: Share = Field(
        0.2, description="Tests right by the programs, less those right by the reference"
    )
    duplicate_tests: Share = Field(0.5, description="Tests that repeat an input of their group")
    copied_tests: Share = Field(0.5, description="Tests with the input of a public example")
    invalid_tests: Share = Field(
        0.5, description="Tests unread, refused by the validator, or that stop the reference"
    )
    trivial_inputs: Share = Field(
        0.5, description="Tests with under half the values of their task's median input"
    )
    suspect_tests: Share = Field(
        0.25,
        description="Ground-truth tests that all programs fail, though one passes half of the others",
    )
    reference_failures: Share = Field(
        0.05, description="Ground-truth tests that the reference solution fails"
    )
    foreign_outputs: Share = Field(
        0.1, description="Expected outputs of other tests that the checker accepts"
    )
    violations: Share = Field(
        0.05, description="Runs on ground-truth tests that tried what the sandbox forbids"
    )
    gradient_share: Share = Field(
        0.02, description="Least share of a role's responses that carry gradient; 0 silences it"
    )
    truncated_share: Share = Field(
        0.9, description="Responses of a role that end at its token limit"
    )
    entropy: float = Field(
        0.1, ge=0, description="Least entropy of a role, as a share of that of the first five steps"
    )
    length: float = Field(
        2.0,
        gt=0,
        description="Greatest mean length of a role's responses, in those of the first five steps",
    )
    gap_drift: float = Field(
        2.0,
        gt=0,
        description="Greatest mean distance of a role's log-probs in training from those in sampling, in that of the first five steps",
    )


class Tracker(StrEnum):
    """A program that keeps figures of runs, each under its package's name."""

    TENSORBOARD = "tensorboard"
    """Files in the run directory, under tracking/."""
    WANDB = "wandb"
    TRACKIO = "trackio"


class TrackingSettings(Section):
    """[tracking]: keys and passwords are the environment's (WANDB_API_KEY), never the recipe's."""

    trackers: list[Tracker] = Field(
        [],
        description="Programs that are given every step's figures: tensorboard, wandb, trackio",
    )
    project: str = Field(
        "sparring",
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$",
        description="Their name for what the run belongs to; the run has its directory's name",
    )

    @field_validator("trackers")
    @classmethod
    def _each_once(cls, trackers: list[Tracker]) -> list[Tracker]:
        if len(set(trackers)) < len(trackers):
            raise ValueError("names a tracker twice")
        return trackers


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
