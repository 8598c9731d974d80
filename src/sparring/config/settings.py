"""Settings of a run as a whole, for the packages above the recipe.

These are the sections [training], [pseudo_labels], [monitors], [tracking] and [evaluation]. Other
packages have their sections in their own ``settings.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from sparring.learner.settings import Sharding
from sparring.policy.settings import SamplingEngine
from sparring.policy.vllm.settings import each_once
from sparring.section import (
    Count,
    Few,
    IdleFields,
    Length,
    Responses,
    Section,
    Seed,
    Share,
    Temperature,
)
from sparring.selection.consensus import TestFilter


class TrainingSettings(Section):
    """Section [training]."""

    steps: Count = Field(350, description="Training steps")
    token_budget: Count | None = Field(
        None,
        description="Number of sampled tokens, discarded ones included, after which the run ends at the end of the step",
    )
    tasks_per_step: Length = Field(16, description="Tasks sampled in each step")
    seed: Seed = Field(0, description="Seed of the order of tasks and of sampling")
    max_async_level: int = Field(
        0,
        ge=0,
        le=1,
        strict=True,
        description="1: sample the next step during the update of the current step, from the weights before the update (needs learning.tis_cap); 0: sample after the update",
    )
    sharding: Sharding = Field(
        Sharding.NONE,
        description="Distribution of the model over the processes that torchrun starts: the whole model on each (ddp) or a shard on each (fsdp); without effect for a single process",
    )
    threads: Few | None = Field(
        None, description="Number of torch's threads on a CPU; default: torch's own choice"
    )
    device_tflops: float | None = Field(
        None,
        gt=0,
        description="Peak of a learning device in 10¹² operations per second, for MFU (the used share of the peak); default: the dense bfloat16 peak of the GPU, by its name",
    )
    checkpoint_every: Count = Field(
        50, description="Steps between checkpoints; the last step always writes a checkpoint"
    )
    keep_checkpoints: Count = Field(2, description="Number of newest checkpoints that are kept")

    def finished(self, step: int, tokens: int) -> bool:
        """Return True if a run with that number of steps and of sampled tokens is at its end."""
        spent = self.token_budget is not None and tokens >= self.token_budget
        return spent or step >= self.steps


class PseudoLabelSource(StrEnum):
    """Source of the tests from which rewards are computed in training. Evaluation always uses
    ground truth."""

    NONE = "none"
    """The tasks' own tests: no pseudo-labels."""
    TESTER = "tester"
    """Tests of a frozen tester model (pseudo-labels): no ground truth enters a reward."""


class PseudoLabelSettings(Section):
    """Section [pseudo_labels]."""

    source: PseudoLabelSource = Field(
        PseudoLabelSource.NONE,
        description="Source of the tests from which rewards are computed: the tasks themselves, or a frozen tester model (pseudo-labels)",
    )
    model: str | None = Field(
        None,
        min_length=1,
        description="Directory or hub id of the frozen tester; 'nano': the embedded model",
    )
    engine: SamplingEngine = Field(
        SamplingEngine.LOCAL,
        description="Sampler of the frozen tester: the first process (local), or vLLM servers before the first step, by the settings of [vllm]",
    )
    urls: list[str] = Field(
        [],
        description="With engine = vllm: URLs of servers that you run with the frozen tester; empty: a server is started, and ended when all tests are generated",
    )
    tests: Responses = Field(
        8,
        description="Number of the frozen tester's tests per task, generated when the task first comes up",
    )
    temperature: Temperature = Field(1.0, description="Sampling temperature of the frozen tester")
    max_tokens: Length = Field(
        1024, description="Maximum tokens of the frozen tester's response, end token included"
    )
    template_options: dict[str, bool | int | float | str] = Field(
        {},
        description="Switches of the frozen tester's chat template, such as {enable_thinking = false}",
    )
    end_tokens: list[Annotated[str, Field(min_length=1)]] = Field(
        [],
        description="Tokens that end the frozen tester's responses, beside the end tokens in its files",
    )
    filter: TestFilter = Field(
        TestFilter.NONE,
        description="The frozen tester's tests that count: all, or those that the programs' consensus passes (CodeT's agreement)",
    )

    def idle(self) -> Iterator[IdleFields]:
        """Yield the fields that another field leaves without effect."""
        if self.source is PseudoLabelSource.NONE:
            names = ("tests", "temperature", "max_tokens", "template_options", "end_tokens")
            why = "pseudo_labels.source = none asks no model for tests"
            yield IdleFields(names, "source", why)

    @field_validator("urls")
    @classmethod
    def _web_addresses(cls, urls: list[str]) -> list[str]:
        return each_once(urls)

    @model_validator(mode="after")
    def _whole(self) -> PseudoLabelSettings:
        if self.source is PseudoLabelSource.TESTER:
            if self.model is None:
                raise ValueError("source = tester needs a frozen tester: set model")
        else:
            for name in ("model", "filter", "engine"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} is set, but source is none: set source = tester")
        if self.urls and self.engine is not SamplingEngine.VLLM:
            raise ValueError("urls are set, but engine is local: set engine = vllm")
        return self


class MonitorSettings(Section):
    """Section [monitors]: limits beyond which a monitor's mean over five steps raises an alarm.

    The value 1 silences a share; the value 0 silences entropy and gradient_share."""

    hidden_gap: Share = Field(
        0.1,
        description="Limit on the share of failed executions on hidden tests, of programs that pass all rewarded tests",
    )
    estimate_gap: Share = Field(
        0.2,
        description="Limit on the test accuracy estimated by the programs less the accuracy by reference",
    )
    duplicate_tests: Share = Field(
        0.5,
        description="Limit on the share of generated tests that repeat an input of their group",
    )
    copied_tests: Share = Field(
        0.5,
        description="Limit on the share of generated tests with the input of a public example",
    )
    invalid_tests: Share = Field(
        0.5,
        description="Limit on the share of generated tests that are unreadable, refused by the validator, or stop the reference solution",
    )
    trivial_inputs: Share = Field(
        0.5,
        description="Limit on the share of generated tests with under half the values of their task's median input",
    )
    suspect_tests: Share = Field(
        0.25,
        description="Limit on the share of ground-truth tests that all programs fail, though some program passes half of the others",
    )
    reference_failures: Share = Field(
        0.05,
        description="Limit on the share of ground-truth tests that the reference solution fails",
    )
    checker_leniency: Share = Field(
        0.1,
        description="Limit on the share of other tests' expected outputs that the checker accepts",
    )
    violations: Share = Field(
        0.05,
        description="Limit on the share of executions on ground-truth tests that tried something the sandbox forbids",
    )
    gradient_share: Share = Field(
        0.02, description="Least share of a role's responses that carry a gradient"
    )
    truncated_share: Share = Field(
        0.9, description="Limit on the share of a role's responses that end at its token limit"
    )
    entropy: float = Field(
        0.1,
        ge=0,
        description="Least entropy of a role, as a share of its entropy in the first five steps",
    )
    length: float = Field(
        2.0,
        gt=0,
        description="Limit on the mean length of a role's responses, as a multiple of their mean length in the first five steps",
    )
    gap_drift: float = Field(
        2.0,
        gt=0,
        description="Limit on the mean gap between sampler's and trainer's log-probs of a role, as a multiple of the gap in the first five steps",
    )


class Tracker(StrEnum):
    """Program that records figures of runs, by the name of its package."""

    TENSORBOARD = "tensorboard"
    """TensorBoard, with files in the run directory under tracking/."""
    WANDB = "wandb"
    TRACKIO = "trackio"


class TrackingSettings(Section):
    """Section [tracking]. Keys and passwords stay in the environment (WANDB_API_KEY)."""

    trackers: list[Tracker] = Field(
        [],
        description="Programs that get every step's figures: tensorboard, wandb, trackio",
    )
    project: str = Field(
        "sparring",
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$",
        description="Project of the run in the trackers; the run itself is named after its directory",
    )

    @field_validator("trackers")
    @classmethod
    def _each_once(cls, trackers: list[Tracker]) -> list[Tracker]:
        if len(set(trackers)) < len(trackers):
            raise ValueError("names a tracker twice")
        return trackers


class EvaluationSettings(Section):
    """Section [evaluation]."""

    every: Count = Field(
        50,
        description="Training steps between evaluations; the model is also evaluated before the first and after the last step",
    )
    programs: Responses = Field(8, description="Programs per held-out task")
    tests: Responses = Field(8, description="Tests per held-out task")
    temperature: float = Field(1.0, ge=0, description="Sampling temperature of both roles")
    tester_examples: int | None = Field(
        None,
        ge=0,
        description="Public examples in the tester's prompt; default: as in training",
    )
    initial_temperatures: list[Annotated[float, Field(ge=0)]] = Field(
        [],
        description="Further temperatures at which the initial model is evaluated, so that training is compared with the initial model at its best temperature",
    )
