"""Notes to the user before a run spends anything, and the contents of ``environment.json``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

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
from sparring.version import __version__


def notes(context: RolloutContext, trainer: Trainer) -> list[str]:
    """Return notes on doubtful points of a run, shown before the run spends anything."""
    recipe, prompts, tokenizer = context.recipe, context.prompts, trainer.tokenizer
    lines = prompts.left_out_notes()
    shared = {t.statement for t in prompts.tasks} & {t.statement for t in prompts.held_out}
    if shared:
        lines.append(f"{len(shared)} held-out statements are also in the training tasks")
    if not tokenizer.chat_template:
        lines.append("the model has no chat template; prompts take the plain form")
    if short := embedded_prompts(recipe, tokenizer):
        lines.append(short)
    lines += _endings(recipe, tokenizer, context.policies.end_ids)
    if (served := context.policies.served) and served.merged:
        lines.append(
            f"vLLM cannot serve the adapter as an adapter ({served.merged}); servers get the full "
            "weights with the adapter merged in"
        )
    if recipe.sampling.initial_policy_programs and not recipe.initial_policy_programs:
        why = "reward.function does not get them"
        if recipe.reward.function is None:
            why = "the tester does not learn"
        lines.append(f"no initial-policy programs are sampled: {why}")
    return [f"note: {line}" for line in lines]


def _endings(recipe: Recipe, tokenizer: Any, end_ids: Collection[int]) -> list[str]:
    """Return notes on faults in how the chat template ends a turn and its reasoning."""
    p, lines = recipe.prompts, []
    end = turn_end(tokenizer, end_ids, p.template_options)
    if end is not None and end.doubtful:
        why = (
            f'set model.end_tokens = ["{end.text}"] to make it one'
            if end.token
            else "it is not a single token either"
        )
        lines.append(f"the chat template ends a turn with {end.text}, which is no end token; {why}")
    if p.reasoning is not ReasoningMode.NONE:
        lines += mark_faults(tokenizer, end_ids, p.marks)
    return lines


def environment(context: RolloutContext, trainer: Trainer) -> dict[str, Any]:
    """Return the facts that results depend on besides the recipe: versions, machine, device."""
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
        **({"vllm": served.record()} if served else {}),
    }


def embedded_prompts(recipe: Recipe, tokenizer: Any) -> str | None:
    """Return a note if a model with another vocabulary gets the embedded recipe's short messages,
    which only the embedded model understands; else None."""
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
        "embedded recipe's, made for its own model; start from a file in recipes/, which have the "
        "usual prompts, or set these keys"
    )


def _embedded(tokenizer: Any) -> bool:
    """Return True if a tokenizer has the embedded model's vocabulary."""
    held = json.loads((NANO_DIR / "tokenizer.json").read_text(encoding="utf-8"))
    return set(held["model"]["vocab"]) <= set(tokenizer.get_vocab())
