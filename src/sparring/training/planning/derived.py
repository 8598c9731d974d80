"""Derived quantities of a recipe: responses, tokens, executions and optimiser steps."""

from __future__ import annotations

import json
import math
from pathlib import Path

from sparring.config.recipe import Recipe
from sparring.config.settings import PseudoLabelSource
from sparring.learner.settings import OldLogprobs, UpdateMode
from sparring.microworld.tasks import TESTS
from sparring.policy.place import model_place

_OLD = {
    OldLogprobs.ROLLOUT: "the sampler's log-probs",
    OldLogprobs.RECOMPUTED: "the trainer's log-probs, before a role's first optimiser step",
    OldLogprobs.PER_STEP: "the trainer's log-probs, before each optimiser step",
}


def derived_quantities(recipe: Recipe) -> dict[str, str]:
    """Return the derived quantities of a recipe, by name, as text.

    Quantities are per training step unless their text says otherwise. Where sampling decides, the
    quantity is an upper bound.
    """
    s, t, e = recipe.sampling, recipe.training, recipe.evaluation
    programs = s.programs + recipe.initial_policy_programs
    tasks = t.tasks_per_step * (1 + s.extra_attempts)
    tokens = tasks * (programs * s.coder_max_tokens + s.tests * s.tester_max_tokens)
    steps = recipe.learning.num_minibatches * recipe.learning.ppo_epochs
    if recipe.learning.mode is UpdateMode.SEPARATE:
        steps *= 2
    files = [s for s in recipe.tasks.train if not s.startswith("microworld:")]
    ground_truth = recipe.tasks.max_tests or (8 if files else TESTS)
    reference, validator = ground_truth + s.tests, s.tests
    executions = tasks * (programs * (ground_truth + s.tests) + reference + validator)
    labels = recipe.pseudo_labels
    label_free = labels.source is PseudoLabelSource.TESTER
    if label_free:
        executions += tasks * labels.tests * (programs + 1)
    held_out = recipe.tasks.held_out_count
    precision = "sampler and trainer compute in float32"
    if not recipe.in_float32:
        precision = "sampler or trainer computes in bfloat16"
    evaluations = 1 + -(-t.steps // e.every) + len(e.initial_temperatures)
    quantities = {
        "method": recipe.method,
        "log-probs": (
            f"ratios are to {_OLD[recipe.old_logprobs]}; {precision}: a mean difference above "
            f"{recipe.gap_alarm:g} raises an alarm"
        ),
        "responses": _responses(recipe),
        "tokens sampled, at most": f"{tokens:,}",
        "executions, at most": (
            f"{executions:,} (if a task has {ground_truth} ground-truth tests; equal programs and "
            "inputs run once)"
        ),
        "optimiser steps": f"{steps}; {steps * t.steps:,} in the whole run, at most",
        "evaluations": f"{evaluations} × {held_out} tasks × ({e.programs} + {e.tests}) responses",
    }
    if label_free:
        quantities["pseudo-labels"] = (
            f"{labels.tests} tests for each task, once, of at most {labels.max_tokens:,} tokens "
            f"each, by {labels.model}"
        )
    if t.token_budget is not None:
        least = -(-t.token_budget // tokens)
        quantities["token budget"] = f"{t.token_budget:,}: spent in step {least:,} at the earliest"
    if not files:
        passes = t.steps * t.tasks_per_step / recipe.tasks.train_count
        quantities["passes over the training tasks"] = f"{passes:.2f} in the whole run"
    if (size := parameters(recipe)) is not None:
        quantities["parameters"] = f"{size:,}"
    return quantities


def _responses(recipe: Recipe) -> str:
    s, tasks = recipe.sampling, recipe.training.tasks_per_step
    others = recipe.initial_policy_programs
    kinds = f"{s.programs} + {s.tests}" + (f" + {others}" if others else "")
    total = tasks * (s.programs + s.tests + others)
    attempts = f"; in at most {1 + s.extra_attempts} attempts" if s.extra_attempts else ""
    named = "programs, tests" + (", initial-policy programs" if others else "")
    return f"{total:,} ({tasks} tasks × ({kinds}): {named}){attempts}"


def parameters(recipe: Recipe) -> int | None:
    """Return the number of parameters of a local model, read from its safetensors headers; None for
    a model that is not on this disk."""
    path = Path(model_place(recipe.model.path))
    total = 0
    try:
        for file in sorted(path.glob("*.safetensors")) if path.is_dir() else []:
            with file.open("rb") as stream:
                header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
            total += sum(
                math.prod(tensor["shape"])
                for name, tensor in header.items()
                if name != "__metadata__"
            )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, MemoryError):
        return None  # damaged, or not a path: loading the model reports the fault
    return total or None
