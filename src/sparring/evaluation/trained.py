"""Evaluation options taken from the run that trained a model: prompts, lengths, temperature.

A model trained on one form of prompt behaves differently on another form. A user who evaluates a
run's checkpoint means the run's prompts, and should not have to look the prompts up. Options that
the user sets are never replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sparring.config.load import recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, RunError
from sparring.evaluation.options import EvalOptions, with_protocol
from sparring.runs.reader import RunReader
from sparring.schema import Role

_RECIPE = "recipe.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """Checkpoint in the directory of a run, with the run's recipe."""

    run: Path
    checkpoint: Path
    recipe: Recipe


def trained_checkpoint(place: str) -> Trained | None:
    """Return the checkpoint that ``place`` names if a run trained it, else None.

    ``place`` is the directory of a run, which names its newest checkpoint, or checkpoints/step-N
    in that directory. Raises `RunError` for a run without a checkpoint, and `ConfigError` for a
    recipe that this version cannot read.
    """
    path = Path(place)
    if (path / _RECIPE).is_file():
        run = RunReader(path)
        checkpoint = run.newest_checkpoint()
        if checkpoint is None:
            raise RunError(
                f"{place}: has no checkpoint yet; resume the run, or name its initial model"
            )
        return Trained(path, checkpoint, recorded_recipe(run))
    holder = path.absolute().parent
    if path.is_dir() and holder.name == "checkpoints" and (holder.parent / _RECIPE).is_file():
        run = RunReader(holder.parent)
        return Trained(run.path, path, recorded_recipe(run))
    return None


def resolve_options(options: EvalOptions) -> tuple[EvalOptions, list[str]]:
    """Fill in open options from the models' runs and the protocol; return notes for the user too.

    Raises `ConfigError` for options that exclude each other.
    """
    options, notes = with_run_defaults(options)
    options = with_protocol(options)
    options.check_scales()
    for role in Role:
        _ = options.params_for(role)  # raises for values out of range
    of_servers = bool(options.extra) or options.per_minute is not None
    if of_servers and not any(named.is_served for named in options.models.values()):
        raise ConfigError(
            "--extra and --rpm are for servers, and no model is at one; leave them out"
        )
    return options, notes


def with_run_defaults(options: EvalOptions) -> tuple[EvalOptions, list[str]]:
    """Put checkpoints in the place of runs, and take the runs' prompts, temperature and length.

    Returns the options and notes for the user. A run's value is taken where the user leaves the
    option open; a protocol sets temperature and length itself. Both roles get the prompts of one
    run: the coder's run, or the tester's run where only the tester has one.
    """
    o = options
    trained_by = {
        r: t for r, n in o.models.items() if not n.is_served and (t := trained_checkpoint(n.place))
    }
    if not trained_by:
        return o, []
    o = replace(
        o,
        models={
            r: replace(n, place=str(trained_by[r].checkpoint)) if r in trained_by else n
            for r, n in o.models.items()
        },
    )
    own = trained_by.get(Role.CODER) or trained_by[Role.TESTER]
    parts = []
    if o.prompts is None:
        o = replace(o, prompts=own.recipe.prompts)
        parts.append("prompts")
    if o.protocol is None and o.temperature is None:
        o = replace(o, temperature=own.recipe.evaluation.temperature)
        parts.append(f"temperature {o.temperature:g}")
    if o.protocol is None and o.max_tokens is None:
        tester_own = trained_by.get(Role.TESTER) or own
        most = own.recipe.sampling.coder_max_tokens
        of_tests = o.tester_max_tokens or tester_own.recipe.sampling.tester_max_tokens
        o = replace(o, max_tokens=most, tester_max_tokens=of_tests if of_tests != most else None)
        parts.append(f"up to {most} tokens" + (f", tests {of_tests}" if of_tests != most else ""))
    notes = [f"taken from the run {own.run}: {', '.join(parts)}"] if parts else []
    other = trained_by.get(Role.TESTER, own)
    if "prompts" in parts and other.recipe.prompts != own.recipe.prompts:
        notes.append(
            f"the tester's run {other.run} has other prompts; add --tester-prompts {other.run} to "
            "use them"
        )
    return o, notes
