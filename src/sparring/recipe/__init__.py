"""The recipe: everything a run depends on, in one typed tree.

Each field is documented where it is defined (`sparring config --fields` lists
them). `sparring.config` reads recipes from files and the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from sparring.learning.settings import Backend, Objective
from sparring.recipe.method import LearningSection, RewardSection
from sparring.recipe.monitors import MonitorsSection
from sparring.recipe.presets import Preset, preset_values
from sparring.recipe.section import Section
from sparring.recipe.setting import (
    NANO,
    CheckerSection,
    Curriculum,
    EvaluationSection,
    ModelSection,
    PromptsSection,
    SamplingSection,
    SandboxSection,
    TasksSection,
    TrainingSection,
)
from sparring.recipe.supervision import SupervisionKind, SupervisionSection
from sparring.scoring.lengths import LengthForm

__all__ = [
    "NANO",
    "Curriculum",
    "MonitorsSection",
    "Preset",
    "Recipe",
    "RewardSection",
    "SupervisionKind",
]


class Recipe(Section):
    """All of it. Every section may be left out; what is left out is the preset's."""

    preset: Preset = Field(
        Preset.DEFAULT,
        description="Whose method to start from: default, paper, official (`sparring config --diff paper default`)",
    )
    model: ModelSection = ModelSection()
    tasks: TasksSection = TasksSection()
    prompts: PromptsSection = PromptsSection()
    sampling: SamplingSection = SamplingSection()
    sandbox: SandboxSection = SandboxSection()
    checker: CheckerSection = CheckerSection()
    supervision: SupervisionSection = SupervisionSection()
    reward: RewardSection = RewardSection()
    learning: LearningSection = LearningSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    monitors: MonitorsSection = MonitorsSection()

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
    def _checkpointing_keeps_no_cache(self) -> Recipe:
        if self.model.gradient_checkpointing and self.learning.backend is Backend.PROMPT_CACHE:
            raise ValueError(
                "learning.backend = prompt_cache needs a cache, which model.gradient_checkpointing "
                "does not keep: set backend = auto"
            )
        return self
