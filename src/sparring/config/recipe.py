"""The recipe: everything a run depends on, in one typed tree.

Each package defines its own section, in its ``settings.py``, where each field is
documented (`sparring config --fields` lists them). `sparring.config` reads recipes from files and the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from sparring.config.presets import Preset, method_line, preset_values
from sparring.config.settings import (
    EvaluationSettings,
    MonitorSettings,
    SupervisionSettings,
    TrackingSettings,
    TrainingSettings,
)
from sparring.learner.rounding import GAP_ALARM
from sparring.learner.settings import (
    Backend,
    KLPlace,
    LearningSettings,
    Objective,
    OldLogprobs,
    Sharding,
)
from sparring.policy.settings import Engine, ModelSettings, Precision, SamplingSettings
from sparring.policy.vllm.settings import VllmSettings, in_both
from sparring.prompts.settings import PromptSettings
from sparring.rewards.score import Rules
from sparring.rewards.settings import LengthForm, RewardSettings
from sparring.sandbox.settings import SandboxSettings
from sparring.schema import Role
from sparring.section import Section
from sparring.tasks.settings import CheckerSettings, TaskSettings


class Recipe(Section):
    """All of it. Every section may be left out; what is left out is the preset's."""

    preset: Preset = Field(
        Preset.DEFAULT,
        description="Whose method to start from: default, paper, official (`sparring config --diff paper default`)",
    )
    model: ModelSettings = ModelSettings()
    tasks: TaskSettings = TaskSettings()
    prompts: PromptSettings = PromptSettings()
    sampling: SamplingSettings = SamplingSettings()
    vllm: VllmSettings = VllmSettings()
    sandbox: SandboxSettings = SandboxSettings()
    checker: CheckerSettings = CheckerSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    reward: RewardSettings = RewardSettings()
    learning: LearningSettings = LearningSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    monitors: MonitorSettings = MonitorSettings()
    tracking: TrackingSettings = TrackingSettings()

    @property
    def method(self) -> str:
        """The method in force, in a line: the preset, and where this recipe departs from it."""
        return method_line(self, self.preset, self.unset)

    @property
    def in_float32(self) -> bool:
        """Whether sampler and trainer both compute in float32, so that their log-probs of the same
        weights agree up to rounding that nobody notices."""
        served = self.sampling.engine is Engine.VLLM
        types = {self.model.precision.value, *([self.vllm.dtype] if served else [])} - {None}
        return types == {Precision.FLOAT32.value}

    @property
    def unset(self) -> dict[str, Any]:
        """What keys that are not set mean, where that follows from others: by ``section.key``."""
        exact = self.in_float32
        return {
            "learning.old_logprobs": OldLogprobs.SAMPLED if exact else OldLogprobs.TRAINER,
            "learning.gap_alarm": GAP_ALARM[exact],
        }

    @property
    def old_logprobs(self) -> OldLogprobs:
        """`learning.old_logprobs`, or what it means unset: the trainer's where sampler or trainer
        compute in bfloat16, because their distance is then no ratio of policies."""
        given = self.learning.old_logprobs
        return given or OldLogprobs(self.unset["learning.old_logprobs"])

    @property
    def learner(self) -> LearningSettings:
        """[learning] with what is not set in place."""
        return self.learning.model_copy(update={"old_logprobs": self.old_logprobs})

    @property
    def rules(self) -> Rules:
        """What rewards and advantages follow from, apart from a function of the user's."""
        return Rules(
            self.reward,
            self.sampling.coder_max_tokens,
            self.sampling.tester_max_tokens,
            self.learning.objective is Objective.LIKELIHOOD,
        )

    @property
    def gap_alarm(self) -> float:
        """`learning.gap_alarm`, or what it means unset."""
        return self.learning.gap_alarm or float(self.unset["learning.gap_alarm"])

    @property
    def opponents(self) -> int:
        """Programs of the start model that are asked for per task: `sampling.opponents`, but none
        where they can change nothing. They stand in the matrix that the formulas pay tests by,
        and decide, with the group's own, which tasks are asked for tests or followed by others."""
        s = self.sampling
        paid = self.reward.function is None and self.learning.learns(Role.TESTER)
        return s.opponents if paid or s.skip_unlabelled or s.extra_rounds else 0

    @model_validator(mode="before")
    @classmethod
    def _upon_the_preset(cls, data: Any) -> Any:
        """The preset's values under the given ones; ``reward = "file.py:f"`` is its function."""
        if not isinstance(data, Mapping):
            return data
        given = dict(data)
        if isinstance(given.get("reward"), str):
            given["reward"] = {"function": given["reward"]}
        name = given.get("preset", Preset.DEFAULT)
        if name not in list(Preset):
            return given  # the field itself says so
        for section, values in preset_values(Preset(name)).items():
            own = given.get(section, {})
            if isinstance(own, Mapping):
                given[section] = {**values, **own}
        return given

    @model_validator(mode="after")
    def _lengths_are_learned_by_advantages(self) -> Recipe:
        likelihood = self.learning.objective is Objective.LIKELIHOOD
        if likelihood and self.reward.length is not LengthForm.NONE:
            raise ValueError(
                f"reward.length = {self.reward.length} is for advantages, and learning.objective = "
                "likelihood has none"
            )
        return self

    @model_validator(mode="after")
    def _weights_have_a_source(self) -> Recipe:
        cap, old = self.learning.importance_cap, self.old_logprobs
        if cap is not None and old is not OldLogprobs.TRAINER:
            raise ValueError(
                f"learning.importance_cap weighs tokens by the trainer's log-probs, and the ratio is "
                f'against others ({old}): it needs old_logprobs = "trainer"'
            )
        return self

    @model_validator(mode="after")
    def _older_weights_are_weighed(self) -> Recipe:
        """What is sampled ahead comes from weights that are a step older than those that learn from
        it: nothing may take the one for the other."""
        learning = self.learning
        if not self.training.ahead:
            return self
        if learning.importance_cap is None:
            raise ValueError(
                "training.ahead = 1 learns from responses of older weights, which have to be "
                'weighed: set learning.old_logprobs = "trainer" and learning.importance_cap, such '
                "as 2"
            )
        if learning.kl > 0 and learning.kl_place is KLPlace.REWARD:
            raise ValueError(
                "learning.kl_place = reward takes the KL of the weights that sampled, which "
                "training.ahead = 1 leaves a step behind: set learning.kl_place = loss"
            )
        if self.model.offload_reference:
            raise ValueError(
                "model.offload_reference moves weights that training.ahead = 1 samples from at the "
                "same time: leave one of the two out"
            )
        return self

    @model_validator(mode="after")
    def _servers_are_asked(self) -> Recipe:
        if self.vllm.urls and self.sampling.engine is not Engine.VLLM:
            raise ValueError("vllm.urls are given, but sampling.engine is local: set it to vllm")
        if Engine.VLLM not in (self.sampling.engine, self.supervision.engine):
            for name, field in VllmSettings.model_fields.items():
                if getattr(self.vllm, name) != field.default:
                    raise ValueError(
                        f"vllm.{name} is given, but sampling.engine is local: set it to vllm"
                    )
        run = [*self.vllm.urls, *self.vllm.start_urls]
        if (both := in_both(run, self.supervision.urls)) is not None:
            raise ValueError(
                f"{both} is in supervision.urls and in vllm.urls or vllm.start_urls: a server holds "
                "one model; give the frozen tester another server, or leave supervision.urls out"
            )
        if self.vllm.share_gpu and self.training.ahead:
            raise ValueError(
                "vllm.share_gpu puts the server to sleep while a step is learned from, and "
                "training.ahead = 1 samples then: set one of the two"
            )
        return self

    @model_validator(mode="after")
    def _checkpointing_keeps_no_cache(self) -> Recipe:
        wanted = self.learning.backend
        if self.model.gradient_checkpointing and _keeps_cache(wanted):
            raise ValueError(
                f"learning.backend = {wanted} needs a cache, which model.gradient_checkpointing "
                "does not keep: set backend = auto"
            )
        return self

    @model_validator(mode="after")
    def _processes_keep_step(self) -> Recipe:
        if self.training.sharding is not Sharding.FSDP:
            return self
        wanted = self.learning.backend
        if _keeps_cache(wanted):
            raise ValueError(
                f"learning.backend = {wanted} makes two passes of a batch or one, and with "
                "training.sharding = fsdp all processes make the same: set backend = auto"
            )
        if self.model.offload_reference:
            raise ValueError(
                "model.offload_reference moves whole weights, and training.sharding = fsdp splits "
                "the reference as well: leave one of the two out"
            )
        return self


def _keeps_cache(wanted: Backend) -> bool:
    """Whether a backend that is asked for by name needs what an earlier pass has kept."""
    return wanted is not Backend.AUTO and wanted.traits.keeps_cache
