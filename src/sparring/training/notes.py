"""What is said of a run before it spends anything: notes to the user, and ``environment.json``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from sparring import __version__
from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.config.recipe import Recipe
from sparring.grading.marks import mark_faults, turn_end
from sparring.microworld import NANO_DIR
from sparring.prompts.opening import ReasoningMode
from sparring.schema import Role
from sparring.tasks.checkers.checker import VERSION as CHECKERS_VERSION
from sparring.tasks.preambles import versions as preamble_versions
from sparring.training.rollouts.context import RolloutContext
from sparring.training.state.trainer import Trainer


def notes(context: RolloutContext, trainer: Trainer) -> list[str]:
    """What a user should know before the run spends anything on it."""
    recipe, prompts, tokenizer = context.recipe, context.prompts, trainer.tokenizer
    told = prompts.left_out_notes()
    shared = {t.statement for t in prompts.tasks} & {t.statement for t in prompts.held_out}
    if shared:
        told.append(f"{len(shared)} held-out statements are trained on as well")
    if not tokenizer.chat_template:
        told.append("the model has no chat template; prompts take the plain form")
    if short := embedded_prompts(recipe, tokenizer):
        told.append(short)
    told += _endings(recipe, tokenizer, context.policies.end_ids)
    if (served := context.policies.served) and served.merged:
        told.append(
            f"vLLM cannot serve the adapter as one ({served.merged}): it travels merged into the "
            "weights"
        )
    if recipe.sampling.opponents and not recipe.opponents:
        why = "reward.function is not shown them"
        if recipe.reward.function is None:
            why = "no test is learned from"
        told.append(f"no opponents' programs are sampled: {why}")
    return [f"note: {line}" for line in told]


def _endings(recipe: Recipe, tokenizer: Any, end_ids: Collection[int]) -> list[str]:
    """Faults of how a turn and its reasoning end by the chat template."""
    p, told = recipe.prompts, []
    end = turn_end(tokenizer, end_ids, p.template_options)
    if end is not None and end.doubtful:
        why = f'model.end_tokens = ["{end.text}"] makes it one' if end.token else "or token"
        told.append(f"the chat template ends a turn with {end.text}, which is no end token: {why}")
    if p.reasoning is not ReasoningMode.NONE:
        told += mark_faults(tokenizer, end_ids, p.marks)
    return told


def environment(context: RolloutContext, trainer: Trainer) -> dict[str, Any]:
    """What the results depend on besides the recipe."""
    packages = {}
    for name in ("torch", "transformers", "numpy", "tokenizers"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    prompts, served = context.prompts, context.policies.served
    return {
        "sparring": __version__,
        "python": platform.python_version(),
        "packages": packages,
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "torch_threads": torch.get_num_threads(),
        "device": str(trainer.model.device),
        "checkers": CHECKERS_VERSION,
        "preambles": preamble_versions([*prompts.tasks, *prompts.held_out]),
        "sandbox": dict(context.sandbox.report()),
        **({"tasks_left_out": prompts.too_long} if any(prompts.too_long.values()) else {}),
        **({"vllm": served.about()} if served else {}),
    }


def embedded_prompts(recipe: Recipe, tokenizer: Any) -> str | None:
    """What to say where a model with another vocabulary gets the embedded recipe's short messages,
    which no other model knows. None where all is well."""
    own, other = load_recipe(NANO_RECIPE), recipe.prompts
    names = [r for r in Role if getattr(other, r) == getattr(own.prompts, r)]
    if not names or _embedded(tokenizer):
        return None
    s = recipe.sampling
    same = [
        f"sampling.{r}_max_tokens = {getattr(s, f'{r}_max_tokens')}"
        for r in names
        if getattr(s, f"{r}_max_tokens") == getattr(own.sampling, f"{r}_max_tokens")
    ]
    return (
        f"{' and '.join(f'prompts.{r}' for r in names)}{''.join(f', {x}' for x in same)} are the "
        "embedded recipe's, made for its own model: give this one a recipe (those in recipes/ have "
        "the usual prompts), or set them"
    )


def _embedded(tokenizer: Any) -> bool:
    """Whether a tokenizer has the embedded model's vocabulary."""
    held = json.loads((NANO_DIR / "tokenizer.json").read_text(encoding="utf-8"))
    return set(held["model"]["vocab"]) <= set(tokenizer.get_vocab())
