"""What a recipe amounts to: the products that nobody wants to multiply by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

from sparring.config.recipe import Recipe
from sparring.config.settings import SupervisionKind
from sparring.learner.settings import OldLogprobs, UpdateMode
from sparring.microworld import NANO_DIR
from sparring.microworld.tasks import TESTS

_OLD = {
    OldLogprobs.SAMPLED: "the sampler's",
    OldLogprobs.TRAINER: "the trainer's own from before a role's first optimiser step",
    OldLogprobs.EACH: "the trainer's own from before each optimiser step",
}


def derived_quantities(recipe: Recipe) -> dict[str, str]:
    """Per training step unless said otherwise. Upper bounds where sampling decides."""
    s, t, e = recipe.sampling, recipe.training, recipe.evaluation
    programs = s.programs + recipe.opponents
    most = t.tasks_per_step * (1 + s.extra_rounds)  # tasks of a step
    tokens = most * (programs * s.coder_max_tokens + s.tests * s.tester_max_tokens)
    steps = recipe.learning.minibatches * recipe.learning.epochs
    if recipe.learning.mode is UpdateMode.SEPARATE:
        steps *= 2
    files = [s for s in recipe.tasks.train if not s.startswith("microworld:")]
    ground_truth = recipe.tasks.max_tests or (8 if files else TESTS)
    reference, validator = ground_truth + s.tests, s.tests
    runs = most * (programs * (ground_truth + s.tests) + reference + validator)
    by = recipe.supervision
    supervised = by.kind is SupervisionKind.TESTER
    if supervised:
        runs += most * by.tests * (programs + 1)
    held_out = recipe.tasks.held_out_count
    exact = "sampler and trainer compute in float32"
    if not recipe.in_float32:
        exact = "sampler or trainer compute in bfloat16"
    evaluations = 1 + -(-t.steps // e.every) + len(e.start_temperatures)
    found = {
        "method": recipe.method,
        "log-probs": (
            f"ratios are to {_OLD[recipe.old_logprobs]}; {exact}: more than {recipe.gap_alarm:g} "
            "between the two, on average, is told"
        ),
        "responses": _responses(recipe),
        "tokens sampled, at most": f"{tokens:,}",
        "runs, at most": (
            f"{runs:,} (if a task has {ground_truth} ground-truth tests; equal ones run once)"
        ),
        "optimiser steps": f"{steps}; {steps * t.steps:,} in the whole run, at most",
        "evaluations": f"{evaluations} × {held_out} tasks × ({e.programs} + {e.tests}) responses",
    }
    if supervised:
        found["supervising tests"] = (
            f"{by.tests} for each task, once, of at most {by.max_tokens:,} tokens each; {by.model}"
        )
    if t.token_budget is not None:
        least = -(-t.token_budget // tokens)
        found["token budget"] = f"{t.token_budget:,}: spent in step {least:,} at the earliest"
    if not files:
        passes = t.steps * t.tasks_per_step / recipe.tasks.train_count
        found["passes over the training tasks"] = f"{passes:.2f} in the whole run"
    if (size := parameters(recipe)) is not None:
        found["parameters"] = f"{size:,}"
    return found


def _responses(recipe: Recipe) -> str:
    s, tasks = recipe.sampling, recipe.training.tasks_per_step
    others = recipe.opponents
    kinds = f"{s.programs} + {s.tests}" + (f" + {others}" if others else "")
    total = tasks * (s.programs + s.tests + others)
    rounds = f"; at most {1 + s.extra_rounds} times, in rounds" if s.extra_rounds else ""
    named = "programs, tests" + (", opponents' programs" if others else "")
    return f"{total:,} ({tasks} tasks × ({kinds}): {named}){rounds}"


def parameters(recipe: Recipe) -> int | None:
    """Parameters of a local checkpoint by its safetensors headers; None if not on this disk."""
    path = NANO_DIR if recipe.model.path == "nano" else Path(recipe.model.path)
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
        return None  # damaged, or no path at all: loading it will say so
    return total or None
