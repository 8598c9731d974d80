"""A model that a run of ours has trained, asked by that run's messages, lengths and temperature.

A model trained on one form of message is another model on the next. Who
evaluates the checkpoint just made means the same messages, and should not
have to look them up. Only what the user leaves open is filled in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sparring.config.load import recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.evaluation.authors import Named
from sparring.evaluation.plan import Given, Protocol
from sparring.prompts.settings import PromptSettings
from sparring.runs.reader import RunReader
from sparring.schema import Role

_RECIPE = "recipe.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """A checkpoint inside the directory of a run, and the run's recipe."""

    run: Path
    checkpoint: Path
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Filled:
    """What is asked for with what a run says of the rest, and what is to be told of it."""

    named: dict[Role, Named]
    prompts: PromptSettings | None
    given: Given
    told: tuple[str, ...]


def trained(place: str) -> Trained | None:
    """What a run has trained, by its place: the run's directory (its newest checkpoint), or
    checkpoints/step-N in it. None for any other place. Raises `RunError` for a run without a
    checkpoint, `ConfigError` for a recipe that this version cannot read."""
    path = Path(place)
    if (path / _RECIPE).is_file():
        run = RunReader(path)
        checkpoint = run.newest_checkpoint()
        if checkpoint is None:
            raise RunError(f"{place}: has no checkpoint yet; --resume the run, or name its model")
        return Trained(path, checkpoint, recorded_recipe(run))
    holder = path.absolute().parent
    if path.is_dir() and holder.name == "checkpoints" and (holder.parent / _RECIPE).is_file():
        run = RunReader(holder.parent)
        return Trained(run.path, path, recorded_recipe(run))
    return None


def filled(
    named: Mapping[Role, Named],
    prompts: PromptSettings | None,
    given: Given,
    protocol: Protocol | None,
) -> Filled:
    """The models at their checkpoints; prompts, temperature and length as their run has them,
    where they are not given. A ``protocol`` says the latter two itself.

    Both roles are asked in one form: that of the coder's run, or, where only the tester is of a
    run, of the tester's.
    """
    found = {r: t for r, n in named.items() if not n.distant and (t := trained(n.place))}
    models = {
        r: replace(n, place=str(found[r].checkpoint)) if r in found else n for r, n in named.items()
    }
    if not found:
        return Filled(models, prompts, given, ())
    own = found.get(Role.CODER) or found[Role.TESTER]
    parts = []
    if prompts is None:
        prompts = own.recipe.prompts
        parts.append("prompts")
    if protocol is None and given.temperature is None:
        given = replace(given, temperature=own.recipe.evaluation.temperature)
        parts.append(f"temperature {given.temperature:g}")
    if protocol is None and given.max_tokens is None:
        sampling = own.recipe.sampling
        longest = max(sampling.coder_max_tokens, sampling.tester_max_tokens)
        given = replace(given, max_tokens=longest)
        parts.append(f"up to {longest} tokens")
    told = [f"as the run {own.run} has it: {', '.join(parts)}"] if parts else []
    other = found.get(Role.TESTER, own)
    if "prompts" in parts and other.recipe.prompts != own.recipe.prompts:
        told.append(
            f"the tester's run {other.run} has other prompts; --tester-prompts {other.run} takes "
            "them"
        )
    return Filled(models, prompts, given, tuple(told))
