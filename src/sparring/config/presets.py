"""Presets: the method of the paper, of the paper's released code, and ours.

A preset fixes `CHOICES`, the switches in which the three methods differ: rewards of
programs and tests, initial-policy programs, the form of the loss and of its KL term,
passes over a batch, the optimiser's state, hidden tests, and examples in prompts.
DEFAULT has the fields' own defaults; the other two presets have these defaults too,
except in `CHOICES`. A preset never sets a learning rate, a number of programs, tests,
tasks or steps, or a length: these belong to a recipe.

A recipe names a preset (``preset = "paper"``) and may change any field. `departures`
lists the changed fields that belong to the method.

    sparring config --diff paper default
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from sparring.config.settings import EvaluationSettings
from sparring.learner.settings import LearningSettings
from sparring.policy.settings import SamplingSettings
from sparring.prompts.settings import PromptSettings
from sparring.rewards.settings import RewardSettings
from sparring.section import Section
from sparring.tasks.settings import TaskSettings

_SECTIONS: Mapping[str, type[Section]] = {
    "evaluation": EvaluationSettings,
    "learning": LearningSettings,
    "prompts": PromptSettings,
    "reward": RewardSettings,
    "sampling": SamplingSettings,
    "tasks": TaskSettings,
}


class Preset(StrEnum):
    """Method that a recipe starts from."""

    DEFAULT = "default"
    """Ours."""
    PAPER = "paper"
    """The method of arXiv 2506.03136 v2, with Eq 4 in the correct form of the NeurIPS text."""
    OFFICIAL = "official"
    """The method of the released code, Gen-Verse/CURE at 69fe174."""


@dataclass(frozen=True, slots=True)
class PresetSwitch:
    """Switch in which the presets differ."""

    key: str
    """Field of the switch, as ``section.key``."""
    paper: Any
    official: Any
    why: str
    """Reason for the difference, in one line for the user."""

    @property
    def default(self) -> Any:
        """Value in the preset DEFAULT: the field's default."""
        section, key = self.key.split(".")
        return _SECTIONS[section].model_fields[key].default

    def value(self, preset: Preset) -> Any:
        """Return the switch's value in a preset."""
        if preset is Preset.PAPER:
            return self.paper
        return self.official if preset is Preset.OFFICIAL else self.default


CHOICES = (
    PresetSwitch(
        "reward.coder", "count", "share",
        "Eq 3 counts passed tests, the released code takes their share; normalised, both are equal",
    ),
    PresetSwitch(
        "reward.tester", "cure", "scaled",
        "the paper's Eq 4; the released code divides it by the group's number of wrong programs",
    ),
    PresetSwitch(
        "reward.no_wrong_reward", "zero", "sign",
        "without a wrong program Eq 4 gives all tests 0; with ±1 for right or wrong tests they learn",
    ),
    PresetSwitch(
        "reward.invalid_test", "eq4", "eq4",
        "by Eq 4 an unreadable test gets 0, more than a readable test that is wrong",
    ),
    PresetSwitch(
        "reward.validity_bonus", 0.0, 0.0,
        "Eq 4 gives 0 both to a right test that catches nothing and to a test that fails every program",
    ),
    PresetSwitch(
        "reward.difficulty_exponent", 0.0, 0.0,
        "a wrong program that every test catches makes one more catch of it worth little",
    ),
    PresetSwitch(
        "sampling.initial_policy_programs", 0, 0,
        "a better coder's groups run out of wrong programs; initial-policy programs supply them",
    ),
    PresetSwitch(
        "learning.num_minibatches", 1, 1,
        "two smaller optimiser steps learn more than one; only from the second on the clip acts",
    ),
    PresetSwitch(
        "learning.ppo_epochs", 1, 1,
        "a second pass over the batch learns more from the same tokens",
    ),
    PresetSwitch(
        "learning.kl_bound", None, None,
        "the gradient of k3 grows as exp(δ): a token that has become improbable dominates a step",
    ),
    PresetSwitch(
        "learning.mode", "separate", "separate",
        "first the coder learns, then the tester; or one gradient of both, with fewer optimiser steps",
    ),
    PresetSwitch(
        "learning.importance_level", "sequence_product", "token",
        "arXiv v2 prints a ratio per response; the NeurIPS text and the released code have one per token",
    ),
    PresetSwitch(
        "learning.loss_agg_mode", "seq-mean-token-mean", "token-mean",
        "Eq 5 averages per response, the released code over all tokens of the batch",
    ),
    PresetSwitch(
        "learning.old_logprobs", None, "per_step",
        "the released code recomputes them before each optimiser step, so ratio and clip do nothing",
    ),
    PresetSwitch(
        "learning.reference", "initial", "step",
        "the released code takes the KL to the current policy itself, which is always 0",
    ),
    PresetSwitch(
        "learning.optimizer_state", "run", "step",
        "the released code starts a new process at every step, and with it a new AdamW",
    ),
    PresetSwitch(
        "learning.master_weights", "float32", "bfloat16",
        "the released code saves and loads bfloat16 weights at every step, which loses small changes",
    ),
    PresetSwitch(
        "tasks.hidden_tests", 0, 0,
        "a hidden test, which no reward uses, shows whether programs are fitted to the rewarded tests",
    ),
    PresetSwitch(
        "prompts.coder_examples", 0, 0,
        "the CURE data sets have the public examples in the statement already",
    ),
    PresetSwitch(
        "prompts.tester_examples", 0, 1,
        "the released code shows the tester an example in training, which invites copies of it",
    ),
    PresetSwitch(
        "prompts.read_tests", "last", "last",
        "answers to the paper's prompt reason before the final test; our prompt asks for the test alone",
    ),
    PresetSwitch(
        "prompts.read_programs", "task", "cure",
        "the released code takes the last block marked python, whatever its contents",
    ),
    PresetSwitch(
        "evaluation.tester_examples", 0, 0,
        "the released code shows the tester no example in evaluation; unset: as in training",
    ),
)  # fmt: skip


_OF_NO_METHOD = frozenset(
    {
        "learning_rate",
        "warmup_steps",
        "beta1",
        "beta2",
        "weight_decay",
        "max_grad_norm",
        "skip_grad_norm",
        "gap_alarm",
        "max_response_tokens",
        "tokens_per_micro_batch",
        "backend",
        "logprob_chunk",
    }
)
"""Fields of [learning] that belong to no method: step sizes, lengths, limits, and fields that
choose how equal results are computed."""
_METHOD = (
    *(choice.key for choice in CHOICES),
    *(f"reward.{name}" for name in RewardSettings.model_fields),
    *(f"learning.{name}" for name in LearningSettings.model_fields if name not in _OF_NO_METHOD),
)


def preset_values(preset: Preset) -> dict[str, dict[str, Any]]:
    """Return a preset's values of `CHOICES`, by section and key."""
    by_section: dict[str, dict[str, Any]] = {}
    for choice in CHOICES:
        section, key = choice.key.split(".")
        by_section.setdefault(section, {})[key] = choice.value(preset)
    return by_section


def departures(recipe: BaseModel, preset: Preset, unset: Mapping[str, Any]) -> list[str]:
    """Return the fields of a method, as ``section.key``, whose value in ``recipe`` differs from the
    preset's or, where the preset has none, from the field's default.

    ``unset`` holds the effective values of fields that are left unset in this recipe.
    """
    values = preset_values(preset)
    changed = []
    for name in dict.fromkeys(_METHOD):
        section, key = name.split(".")
        theirs = values[section].get(key, _SECTIONS[section].model_fields[key].default)
        own, usual = getattr(getattr(recipe, section), key), unset.get(name)
        if (usual if own is None else own) != (usual if theirs is None else theirs):
            changed.append(name)
    return changed


def method_line(recipe: BaseModel, preset: Preset, unset: Mapping[str, Any]) -> str:
    """Return the recipe's method in a line: the preset's name, and the fields in which the recipe
    departs from the preset."""
    changed = departures(recipe, preset, unset)
    return f"preset {preset}" + (f", departs in: {', '.join(changed)}" if changed else "")


def differences(one: Preset, other: Preset) -> list[str]:
    """Return a line for each switch in which two presets differ: both values and the reason."""
    return [
        f"{c.key}: {_shown(c.value(one))} → {_shown(c.value(other))}   {c.why}"
        for c in CHOICES
        if c.value(one) != c.value(other)
    ]


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)
