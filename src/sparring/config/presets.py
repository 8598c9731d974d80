"""Presets: what the paper says, what the released code does, what we do.

A preset fixes `CHOICES`, the switches in which the three differ: what programs
and tests are paid, opponents, the form of the loss and of its KL, the passes
over a batch, the optimiser's memory, withheld tests and the examples in
prompts. DEFAULT has the fields' own defaults, and so have all three where they do
alike. A preset never sets a step size, numbers of programs, tests, tasks or
steps, nor lengths: these are a recipe's. A recipe names one
(``preset = "paper"``) and may change any field of it; `departures` says which it
has changed, of all that belong to a method, so that nothing else is taken for
the preset's.

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
    """Whose choices a recipe starts from."""

    DEFAULT = "default"
    """Ours."""
    PAPER = "paper"
    """arXiv 2506.03136 v2, its Eq 4 in the form that holds (that of the NeurIPS text)."""
    OFFICIAL = "official"
    """The released code, Gen-Verse/CURE at 69fe174."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One switch: its value where a preset departs from the field's own, and why they differ."""

    key: str
    paper: Any
    official: Any
    why: str

    @property
    def default(self) -> Any:
        """The field's own."""
        section, key = self.key.split(".")
        return _SECTIONS[section].model_fields[key].default

    def value(self, preset: Preset) -> Any:
        """Its value in a preset."""
        if preset is Preset.PAPER:
            return self.paper
        return self.official if preset is Preset.OFFICIAL else self.default


CHOICES = (
    Choice(
        "reward.coder", "count", "share",
        "Eq 3 counts tests, the released code takes their share; normalised, both are the same",
    ),
    Choice(
        "reward.tester", "cure", "scaled",
        "Eq 4, which the released code divides by the number of wrong programs of the group",
    ),
    Choice(
        "reward.no_wrong", "zero", "sign",
        "without a wrong program Eq 4 pays 0 to all; ±1 for being right keeps the group learning",
    ),
    Choice(
        "reward.invalid_test", "eq4", "eq4",
        "by Eq 4 a test that cannot be read earns 0, more than an honest one that misses something",
    ),
    Choice(
        "reward.validity", 0.0, 0.0,
        "Eq 4 pays a right test that catches nothing as much as a wrong one that fails everybody",
    ),
    Choice(
        "reward.difficulty", 0.0, 0.0,
        "what every test catches tells programs apart no better when one more test catches it",
    ),
    Choice(
        "sampling.opponents", 0, 0,
        "a better coder's groups run out of wrong programs; those of the start model do not",
    ),
    Choice(
        "learning.minibatches", 1, 1,
        "two smaller optimiser steps go further than one; the second's ratio and clip are real",
    ),
    Choice(
        "learning.epochs", 1, 1,
        "a second pass over the batch learns more from the same tokens",
    ),
    Choice(
        "learning.kl_bound", None, None,
        "the gradient of k3 grows as exp(δ): a token that has become improbable takes over a step",
    ),
    Choice(
        "learning.mode", "separate", "separate",
        "coders first and testers after, or one gradient of both: one optimiser step fewer",
    ),
    Choice(
        "learning.ratio", "sequence", "token",
        "arXiv v2 prints the ratio of whole responses, the NeurIPS text and the code of tokens",
    ),
    Choice(
        "learning.average", "response_mean", "tokens",
        "per response, as Eq 5 is printed, or over all tokens of the batch",
    ),
    Choice(
        "learning.old_logprobs", None, "each",
        "the released code computes them anew before each step, so that ratio and clip do nothing",
    ),
    Choice(
        "learning.reference", "start", "step",
        "the released code's KL is to the policy itself: it is always 0",
    ),
    Choice(
        "learning.optimizer_state", "run", "step",
        "the released code starts a new process, and with it a new AdamW, at every step",
    ),
    Choice(
        "learning.master_weights", "float32", "bfloat16",
        "it also saves and loads bfloat16 weights at every step, which loses small changes",
    ),
    Choice(
        "tasks.withheld_tests", 0, 0,
        "a ground-truth test that no reward knows of shows whether rewards are being gamed",
    ),
    Choice(
        "prompts.coder_examples", 0, 0,
        "their data has the public examples in the statement already",
    ),
    Choice(
        "prompts.tester_examples", 0, 1,
        "the released code shows the tester an example in training, which invites copying",
    ),
    Choice(
        "prompts.read_tests", "last", "last",
        "the paper's answers derive before they commit; ours are asked for the test alone",
    ),
    Choice(
        "prompts.read_programs", "task", "cure",
        "the released code takes the last block marked python, whatever it holds",
    ),
    Choice(
        "evaluation.tester_examples", 0, 0,
        "and none in evaluation; unset means: as in training",
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
        "refuse_norm",
        "gap_alarm",
        "max_response_tokens",
        "tokens_per_micro_batch",
        "backend",
        "logprob_chunk",
    }
)
"""Fields of [learning] that are step sizes, lengths, limits, or ways to compute the same."""
_METHOD = (
    *(choice.key for choice in CHOICES),
    *(f"reward.{name}" for name in RewardSettings.model_fields),
    *(f"learning.{name}" for name in LearningSettings.model_fields if name not in _OF_NO_METHOD),
)


def preset_values(preset: Preset) -> dict[str, dict[str, Any]]:
    """A preset's values by section and key."""
    found: dict[str, dict[str, Any]] = {}
    for choice in CHOICES:
        section, key = choice.key.split(".")
        found.setdefault(section, {})[key] = choice.value(preset)
    return found


def departures(recipe: BaseModel, preset: Preset, unset: Mapping[str, Any]) -> list[str]:
    """The fields of a method, ``section.key``, that have another value in ``recipe`` than in its
    preset; where that has none of its own, the field's default is meant. ``unset``: what fields
    mean in this recipe where they are not set, if that is a value too."""
    values = preset_values(preset)
    found = []
    for name in dict.fromkeys(_METHOD):
        section, key = name.split(".")
        theirs = values[section].get(key, _SECTIONS[section].model_fields[key].default)
        own, usual = getattr(getattr(recipe, section), key), unset.get(name)
        if (usual if own is None else own) != (usual if theirs is None else theirs):
            found.append(name)
    return found


def method_line(recipe: BaseModel, preset: Preset, unset: Mapping[str, Any]) -> str:
    """The method in force in a line: the preset's name, and where the recipe leaves it."""
    changed = departures(recipe, preset, unset)
    return f"preset {preset}" + (f", departs in: {', '.join(changed)}" if changed else "")


def differences(one: Preset, other: Preset) -> list[str]:
    """A line for each switch in which two presets differ."""
    return [
        f"{c.key}: {_shown(c.value(one))} → {_shown(c.value(other))}   {c.why}"
        for c in CHOICES
        if c.value(one) != c.value(other)
    ]


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)
