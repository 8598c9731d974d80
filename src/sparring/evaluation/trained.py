"""A model that a run of ours has trained, asked by that run's messages, lengths and temperature.

A model trained on one form of message is another model on the next. Who
evaluates the checkpoint just made means the same messages, and should not
have to look them up. Only what the user leaves open is filled in here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sparring.config.load import recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, RunError
from sparring.evaluation.options import EvalOptions, under
from sparring.runs.reader import RunReader
from sparring.schema import Role

_RECIPE = "recipe.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """A checkpoint inside the directory of a run, and the run's recipe."""

    run: Path
    checkpoint: Path
    recipe: Recipe


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


def resolved(options: EvalOptions) -> tuple[EvalOptions, list[str]]:
    """The options with all that the models' runs and the protocol say of what is left open, and
    what is to be told of it. Raises `ConfigError` for what does not go together."""
    options, told = as_trained(options)
    options = under(options)
    options.check_scales()
    _ = options.params  # checks them
    of_servers = bool(options.extra) or options.per_minute is not None
    if of_servers and not any(named.distant for named in options.models.values()):
        raise ConfigError("--extra and --rpm are for servers, and none is asked")
    return options, told


def as_trained(options: EvalOptions) -> tuple[EvalOptions, list[str]]:
    """The options with models at their checkpoints, and with prompts, temperature and length as
    their run has them where they are left open, unless a protocol says the latter two itself; and
    what is to be told of it.

    Both roles are asked in one form: that of the coder's run, or, where only the tester is of a
    run, of the tester's.
    """
    o = options
    found = {r: t for r, n in o.models.items() if not n.distant and (t := trained(n.place))}
    if not found:
        return o, []
    o = replace(
        o,
        models={
            r: replace(n, place=str(found[r].checkpoint)) if r in found else n
            for r, n in o.models.items()
        },
    )
    own = found.get(Role.CODER) or found[Role.TESTER]
    parts = []
    if o.prompts is None:
        o = replace(o, prompts=own.recipe.prompts)
        parts.append("prompts")
    if o.protocol is None and o.temperature is None:
        o = replace(o, temperature=own.recipe.evaluation.temperature)
        parts.append(f"temperature {o.temperature:g}")
    if o.protocol is None and o.max_tokens is None:
        sampling = own.recipe.sampling
        o = replace(o, max_tokens=max(sampling.coder_max_tokens, sampling.tester_max_tokens))
        parts.append(f"up to {o.max_tokens} tokens")
    told = [f"as the run {own.run} has it: {', '.join(parts)}"] if parts else []
    other = found.get(Role.TESTER, own)
    if "prompts" in parts and other.recipe.prompts != own.recipe.prompts:
        told.append(
            f"the tester's run {other.run} has other prompts; --tester-prompts {other.run} takes "
            "them"
        )
    return o, told
