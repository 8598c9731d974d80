"""Sparring: reinforcement learning of a coder and a unit tester that train each other.

    from sparring import evaluate, load_tasks

    tasks = load_tasks("microworld:held_out", count=20)
    result = evaluate(tasks, coder="http://127.0.0.1:8000/v1", n=4, m=4)
    print(result.figures["pass@1"])

The names below are the library; ``docs/api.md`` documents them, and the packages hold the rest. A
name is loaded when it is first used: ``import sparring`` loads neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sparring.version import __version__

if TYPE_CHECKING:  # `X as X` is an export for type checkers
    from sparring.config.load import load_recipe as load_recipe
    from sparring.config.recipe import Recipe as Recipe
    from sparring.evaluation.api import evaluate as evaluate
    from sparring.evaluation.options import ModelSpec as ModelSpec
    from sparring.grading.reward_group import RewardGroup as RewardGroup
    from sparring.integrations.pair import PairRewards as PairRewards
    from sparring.integrations.pair import pair_rewards as pair_rewards
    from sparring.sandbox.caller.pool import Sandbox as Sandbox
    from sparring.solving.api import solve as solve
    from sparring.tasks.sources import load_tasks as load_tasks
    from sparring.training.api import train as train

_WHEN_ASKED_FOR = {
    "load_tasks": "tasks.sources",
    "evaluate": "evaluation.api",
    "train": "training.api",
    "solve": "solving.api",
    "pair_rewards": "integrations.pair",
    "load_recipe": "config.load",
    "Recipe": "config.recipe",
    "ModelSpec": "evaluation.options",
    "RewardGroup": "grading.reward_group",
    "PairRewards": "integrations.pair",
    "Sandbox": "sandbox.caller.pool",
}
"""Public names, and the module of each, in the order of docs/api.md. A name is no package or module
of `sparring` too. The imports above say the same to type checkers."""

__all__ = [*_WHEN_ASKED_FOR, "__version__"]

if not TYPE_CHECKING:  # a type checker would otherwise accept any name

    def __getattr__(name: str) -> object:
        """Load a public name on demand."""
        if name not in _WHEN_ASKED_FOR:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_WHEN_ASKED_FOR[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return sorted(__all__)
