"""The recipe: all settings of a run, in one typed tree.

Each package defines its own section in its ``settings.py`` and documents each field
there; `sparring config --fields` lists all fields. `sparring.config.load` reads recipes
from files and the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from sparring.config.presets import Preset, method_line, preset_values
from sparring.config.settings import (
    EvaluationSettings,
    MonitorSettings,
    PseudoLabelSettings,
    TrackingSettings,
    TrainingSettings,
)
from sparring.learner.rounding import GAP_ALARM
from sparring.learner.settings import (
    KLPlace,
    LearningSettings,
    LogprobBackend,
    Objective,
    OldLogprobs,
    Sharding,
)
from sparring.policy.settings import ModelSettings, Precision, SamplingEngine, SamplingSettings
from sparring.policy.vllm.settings import VllmSettings, in_both
from sparring.prompts.settings import PromptSettings
from sparring.rewards.score import RewardRules
from sparring.rewards.settings import LengthForm, RewardSettings
from sparring.sandbox import Limits
from sparring.sandbox.settings import SandboxSettings
from sparring.schema import Role
from sparring.section import Section
from sparring.tasks.settings import CheckerSettings, TaskSettings


class Recipe(Section):
    """Settings of a run. Any section or field may be left out; then the preset's value holds.

    `load_recipe` makes a recipe and reports faults in one line each. The constructor takes the
    sections as keywords and raises pydantic's ValidationError.
    """

    preset: Preset = Field(
        Preset.DEFAULT,
        description="Method to start from: default, paper or official (`sparring config --diff paper default` lists the differences)",
    )
    model: ModelSettings = ModelSettings()
    tasks: TaskSettings = TaskSettings()
    prompts: PromptSettings = PromptSettings()
    sampling: SamplingSettings = SamplingSettings()
    vllm: VllmSettings = VllmSettings()
    sandbox: SandboxSettings = SandboxSettings()
    checker: CheckerSettings = CheckerSettings()
    pseudo_labels: PseudoLabelSettings = PseudoLabelSettings()
    reward: RewardSettings = RewardSettings()
    learning: LearningSettings = LearningSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    monitors: MonitorSettings = MonitorSettings()
    tracking: TrackingSettings = TrackingSettings()

    @property
    def method(self) -> str:
        """Return the recipe's method in a line: the preset, and the fields that depart from it."""
        return method_line(self, self.preset, self.unset)

    @property
    def in_float32(self) -> bool:
        """Return True if sampler and trainer both compute in float32. Then their log-probs of equal
        weights differ only by rounding too small to matter."""
        served = self.sampling.engine is SamplingEngine.VLLM
        types = {self.model.precision.value, *([self.vllm.dtype] if served else [])} - {None}
        return types == {Precision.FLOAT32.value}

    @property
    def unset(self) -> dict[str, Any]:
        """Return the effective values of unset keys that follow from other keys, by
        ``section.key``."""
        exact = self.in_float32
        return {
            "learning.old_logprobs": OldLogprobs.ROLLOUT if exact else OldLogprobs.RECOMPUTED,
            "learning.gap_alarm": GAP_ALARM[exact],
        }

    @property
    def old_logprobs(self) -> OldLogprobs:
        """Return `learning.old_logprobs`. If it is unset, float32 means the sampler's log-probs,
        and bfloat16 means the trainer's recomputed log-probs: otherwise the different rounding of
        sampler and trainer would count as a change of the policy."""
        wanted = self.learning.old_logprobs
        return wanted or OldLogprobs(self.unset["learning.old_logprobs"])

    @property
    def learner(self) -> LearningSettings:
        """Return [learning] with its unset fields filled in."""
        return self.learning.model_copy(update={"old_logprobs": self.old_logprobs})

    @property
    def limits(self) -> Limits:
        """Return the limits that tasks do not set: idle time and output."""
        return Limits(
            idle_seconds=self.sandbox.idle_seconds, output_bytes=self.sandbox.output_bytes
        )

    @property
    def rules(self) -> RewardRules:
        """Return the rules of rewards and advantages, apart from a reward function of the user."""
        return RewardRules(
            self.reward,
            self.sampling.coder_max_tokens,
            self.sampling.tester_max_tokens,
            self.learning.objective is Objective.LIKELIHOOD,
        )

    @property
    def gap_alarm(self) -> float:
        """Return `learning.gap_alarm`, or its value if unset."""
        return self.learning.gap_alarm or float(self.unset["learning.gap_alarm"])

    @property
    def initial_policy_programs(self) -> int:
        """Return the number of initial-policy programs per task:
        `sampling.initial_policy_programs`, or 0 where these programs would change nothing.

        Initial-policy programs are in the matrix from which the formulas compute tests' rewards.
        Together with the group's own programs they decide for which tasks tests are sampled
        (`sampling.skip_unlabelled`) and which tasks are replaced (`sampling.extra_attempts`).
        """
        s = self.sampling
        rewarded = self.reward.function is None and self.learning.learns(Role.TESTER)
        return s.initial_policy_programs if rewarded or s.skip_unlabelled or s.extra_attempts else 0

    @model_validator(mode="before")
    @classmethod
    def _upon_the_preset(cls, data: Any) -> Any:
        """Put the preset's values under the user's. A text as ``reward`` is its function."""
        if not isinstance(data, Mapping):
            return data
        merged = dict(data)
        if isinstance(merged.get("reward"), str):
            merged["reward"] = {"function": merged["reward"]}
        name = merged.get("preset", Preset.DEFAULT)
        if name not in list(Preset):
            return merged  # validation of the field `preset` reports the unknown name
        for section, values in preset_values(Preset(name)).items():
            own = merged.get(section, {})
            if isinstance(own, Mapping):
                merged[section] = {**values, **own}
        return merged

    @model_validator(mode="after")
    def _lengths_are_learned_by_advantages(self) -> Recipe:
        likelihood = self.learning.objective is Objective.LIKELIHOOD
        if likelihood and self.reward.length is not LengthForm.NONE:
            raise ValueError(
                f"reward.length = {self.reward.length} needs advantages, which learning.objective = "
                "likelihood does not have: leave one of the two out"
            )
        return self

    @model_validator(mode="after")
    def _weights_have_a_source(self) -> Recipe:
        cap, old = self.learning.tis_cap, self.old_logprobs
        if cap is not None and old is not OldLogprobs.RECOMPUTED:
            raise ValueError(
                f"learning.tis_cap weighs tokens by the trainer's recomputed log-probs, but "
                f'learning.old_logprobs = {old}: set learning.old_logprobs = "recomputed"'
            )
        return self

    @model_validator(mode="after")
    def _older_weights_are_weighed(self) -> Recipe:
        """Refuse settings that would take the older weights of asynchronous rollouts for the
        learner's weights."""
        learning = self.learning
        if not self.training.max_async_level:
            return self
        if learning.tis_cap is None:
            raise ValueError(
                "training.max_async_level = 1 learns from responses of older weights, which need "
                'truncated importance sampling: set learning.old_logprobs = "recomputed" and '
                "learning.tis_cap, such as 2"
            )
        if learning.kl_coef > 0 and learning.kl_place is KLPlace.REWARD:
            raise ValueError(
                "learning.kl_place = reward takes the KL of the weights that sampled, which are a "
                "step old with training.max_async_level = 1: set learning.kl_place = loss"
            )
        if self.model.offload_reference:
            raise ValueError(
                "model.offload_reference moves weights that training.max_async_level = 1 samples "
                "from at the same time: leave one of the two out"
            )
        return self

    @model_validator(mode="after")
    def _servers_are_asked(self) -> Recipe:
        if self.vllm.urls and self.sampling.engine is not SamplingEngine.VLLM:
            raise ValueError(
                "vllm.urls are set, but sampling.engine is local: set sampling.engine = vllm"
            )
        if SamplingEngine.VLLM not in (self.sampling.engine, self.pseudo_labels.engine):
            for name, field in VllmSettings.model_fields.items():
                if getattr(self.vllm, name) != field.default:
                    raise ValueError(
                        f"vllm.{name} is set, but sampling.engine is local: set sampling.engine = "
                        "vllm"
                    )
        run = [*self.vllm.urls, *self.vllm.initial_urls]
        if (both := in_both(run, self.pseudo_labels.urls)) is not None:
            raise ValueError(
                f"{both} is in pseudo_labels.urls and in vllm.urls or vllm.initial_urls: a server "
                "holds one model; give the frozen tester another server, or leave pseudo_labels.urls out"
            )
        if self.vllm.share_gpu and self.training.max_async_level:
            raise ValueError(
                "vllm.share_gpu puts the server to sleep during learning, but "
                "training.max_async_level = 1 samples during learning: leave one of the two out"
            )
        return self

    @model_validator(mode="after")
    def _checkpointing_keeps_no_cache(self) -> Recipe:
        wanted = self.learning.backend
        if self.model.gradient_checkpointing and _keeps_cache(wanted):
            raise ValueError(
                f"learning.backend = {wanted} needs a cache, which model.gradient_checkpointing "
                "does not keep: set learning.backend = auto"
            )
        return self

    @model_validator(mode="after")
    def _processes_keep_step(self) -> Recipe:
        if self.training.sharding is not Sharding.FSDP:
            return self
        wanted = self.learning.backend
        if _keeps_cache(wanted):
            raise ValueError(
                f"learning.backend = {wanted} makes one or two passes over a batch, but with "
                "training.sharding = fsdp all processes must make equally many: set "
                "learning.backend = auto"
            )
        if self.model.offload_reference:
            raise ValueError(
                "model.offload_reference moves whole weights, but training.sharding = fsdp splits "
                "the reference too: leave one of the two out"
            )
        return self


def _keeps_cache(wanted: LogprobBackend) -> bool:
    """Return True if the backend named in the recipe needs the cache of an earlier pass."""
    return wanted is not LogprobBackend.AUTO and wanted.traits.keeps_cache
