"""The setting: model, tasks, prompts, sampling, sandbox, schedule, evaluation."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from sparring.config.engine import Engine
from sparring.learner.settings import (
    Adapters,
    Precision,
    Sharding,
)
from sparring.policy.place import NANO
from sparring.prompts.opening import ReasoningMode, reasoning_of
from sparring.prompts.parse import ProgramRule, Reading, TestRule
from sparring.prompts.templates import (
    CODER,
    CODER_FUNCTION,
    TESTER,
    TESTER_FUNCTION,
    Templates,
)
from sparring.sandbox.types import Fork, Level, SandboxEngine
from sparring.section import Count, Few, Heat, Length, Responses, Section, Seed
from sparring.tasks.checkers import Rule, parse_checker


class ModelSection(Section):
    """[model]"""

    path: str = Field(
        NANO,
        min_length=1,
        description="Directory or hub id of a causal language model; 'nano' is in the package",
    )
    end_tokens: list[Annotated[str, Field(min_length=1)]] = Field(
        [],
        description="Tokens that end a response beside those of its files, such as <|im_end|>; checkpoints name them",
    )
    precision: Precision = Field(
        Precision.FLOAT32,
        description="Of all weights that are computed with; what learns has float32 masters either way",
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
    adapters: Adapters = Field(
        Adapters.SHARED, description="One LoRA adapter for both roles, or one for each (per_role)"
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute activations again on the way back: less memory, more time"
    )

    offload_reference: bool = Field(
        False,
        description="Keep the KL term's reference in the CPU's memory but while it is computed",
    )

    @model_validator(mode="after")
    def _something_to_offload(self) -> ModelSection:
        if self.offload_reference and self.lora_rank:
            raise ValueError(
                "offload_reference is for a second model; with lora_rank the reference is the "
                "model without its adapter: leave it out"
            )
        return self

    @model_validator(mode="after")
    def _something_to_adapt(self) -> ModelSection:
        if self.adapters is Adapters.PER_ROLE and not self.lora_rank:
            raise ValueError("adapters = per_role needs a LoRA adapter: set lora_rank")
        return self


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


class TasksSection(Section):
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


class PromptsSection(Section):
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
        "<think>", min_length=1, description="Where reasoning begins, as the model writes it"
    )
    reasoning_end: str = Field(
        "</think>", min_length=1, description="Where it ends; what follows is the answer"
    )
    max_tokens: Count = Field(
        2048,
        description="Longest prompt; a longer one is never cut: tasks.too_long says what becomes of its task",
    )

    read_programs: ProgramRule = Field(
        ProgramRule.TASK,
        description="Which block is the program: what the task asks for, or the last one (cure)",
    )
    read_tests: TestRule = Field(
        TestRule.FIRST,
        description="Which of several tests in a response counts: first, last, or none (only)",
    )

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


class SamplingSection(Section):
    """[sampling]"""

    engine: Engine = Field(
        Engine.LOCAL, description="What samples: this process (local), or vLLM servers ([vllm])"
    )
    programs: Responses = Field(16, description="n: programs per task")
    tests: Responses = Field(16, description="m: tests per task")
    coder_temperature: Heat = Field(1.0, description="Divides the coder's logits")
    tester_temperature: Heat = Field(1.0, description="Divides the tester's logits")
    coder_max_tokens: Length = Field(
        1024, description="Longest program response, end token included"
    )
    tester_max_tokens: Length = Field(1024, description="Longest test response, end token included")
    max_rows: Length = Field(512, description="Responses sampled at once")
    opponents: int = Field(
        6,
        ge=0,
        le=4096,
        description="Programs of the start model per task, by which tests are judged beside the group's own: wrong programs do not run out",
    )
    skip_unlabelled: bool = Field(
        False,
        description="Sample tests only where a program (own or opponent's) is correct: elsewhere a test has no label",
    )
    extra_rounds: int = Field(
        0,
        ge=0,
        le=16,
        description="Times that tasks whose tests have no label are followed by as many others in the same step",
    )


class SandboxSection(Section):
    """[sandbox]"""

    engine: SandboxEngine = Field(
        SandboxEngine.POOL,
        description="Processes of this machine (pool), or the nodes of a Ray cluster",
    )
    ray_address: str | None = Field(
        None, description="With engine = ray: auto, local, or HOST:PORT of the cluster's head"
    )
    workers: Few | None = Field(
        None, description="Parallel workers; default: one per core (of the cluster)"
    )
    level: Level | None = Field(
        None, description="Isolation to insist on; default: the strongest the host gives"
    )
    fork: Fork = Field(Fork.PER_PROGRAM, description="Whether a program's inputs share a process")
    packages: list[str] = Field(
        [], description="Packages that programs may import beside the standard library: numpy, …"
    )
    packages_from: str | None = Field(
        None,
        description="Environment that has them: its directory, python or site-packages; default: that of sparring",
    )
    idle_seconds: float = Field(2.0, gt=0, description="Longest wait of a run without computing")
    output_bytes: Count = Field(1 << 20, description="Longest output of a run")
    max_infra_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Stop the run when our own failures exceed this share of a step's runs",
    )

    @field_validator("ray_address")
    @classmethod
    def _nothing_is_none(cls, value: str | None) -> str | None:
        """So that a resumed run can take it back on the command line."""
        return value or None

    @model_validator(mode="after")
    def _a_cluster_has_an_address(self) -> SandboxSection:
        address = self.ray_address
        if self.packages and self.engine is SandboxEngine.RAY:
            raise ValueError("packages are for engine = pool: nodes of a cluster are given none")
        if self.packages_from and not self.packages:
            raise ValueError("packages_from is without a name in packages: name what it is to give")
        if self.engine is not SandboxEngine.RAY:
            if address is not None:
                raise ValueError('ray_address is for engine = ray; leave it out, or set it to ""')
            return self
        host, _, port = (address or "").rpartition(":")
        if address not in ("auto", "local") and not (
            host and "/" not in host and port.isdecimal() and 0 < int(port) < 1 << 16
        ):
            raise ValueError(
                "engine = ray needs ray_address: auto (the cluster of this machine), local (one "
                f"for this run) or HOST:PORT{f', not {address!r}' if address else ''}"
            )
        return self


class CheckerSection(Section):
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


class TrainingSection(Section):
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


class EvaluationSection(Section):
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
