"""How a run begins: new, taken up again, or as a replay. Checks before anything is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparring.config.load import NANO_RECIPE, differing, load_recipe, make_recipe, recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, well_formed
from sparring.runs.directory import RunDir
from sparring.runs.reader import RunReader, open_run
from sparring.training.replay import refuse_other_changes, replay_recipe

MAY_CHANGE = (
    "training.steps",
    "training.token_budget",
    "training.checkpoint_every",
    "training.keep_checkpoints",
    "evaluation.every",
    "sandbox.workers",
    "sandbox.engine",
    "sandbox.ray_address",
    "sandbox.max_infra_share",
    "monitors",
    "tracking",
    "training.device_tflops",
    "training.threads",
    "training.sharding",
    "sampling.max_rows",
    "vllm",
    "supervision.urls",
    "model.precision",
    "model.offload_reference",
    "learning.tokens_per_micro_batch",
    "learning.backend",
    "learning.logprob_chunk",
    "model.gradient_checkpointing",
)
"""Keys and sections that a resumed run may change: none of them changes what a step does. Those
from training.threads on change its rounding, so that such a run is no longer equal to the byte;
without them, a run that does not fit into memory in its hundredth step would be lost."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A run directory that is open and locked, its recipe, and for a replay its source."""

    recipe: Recipe
    run: RunDir
    source: RunReader | None = None
    from_step: int = 0


def new_run(path: Path, recipe_file: Path | None, changes: Sequence[str]) -> Launch:
    """A run in a directory of its own."""
    recipe = load_recipe(recipe_file or NANO_RECIPE, changes)
    run = RunDir.create(path)
    _write_recipe(run, recipe)
    return Launch(recipe, run)


def resumed_run(path: Path, recipe_file: Path | None, changes: Sequence[str]) -> Launch:
    """The run in ``path``, with its own recipe but for the keys of `MAY_CHANGE`.

    Raises `ConfigError` when the recipe and changes given differ in others.
    """
    run = RunDir.open(path)
    try:
        recorded = recorded_recipe(run)
        wanted = make_recipe(recorded.model_dump(mode="json"), changes, str(path))
        if recipe_file is not None:
            wanted = load_recipe(recipe_file, changes)
        changed = differing(recorded, wanted)
        if refused := [k for k in changed if not {k, k.split(".")[0]} & {*MAY_CHANGE}]:
            raise ConfigError(
                f"--resume: {', '.join(refused)} cannot change in the middle of a run; keys "
                f"that can: {', '.join(MAY_CHANGE)}. For others start a new run, or --replay this"
            )
        newest = max(run.steps("checkpoints"), default=0)
        if wanted.training.steps < newest:
            raise ConfigError(
                f"--resume: training.steps is {wanted.training.steps}, but the run has got to step "
                f"{newest} already; give more steps, or remove the checkpoints beyond it"
            )
        if changed:
            run.write_json("recipe.json", wanted.model_dump(mode="json"))
        if run.has("replay.json"):
            with well_formed(f"{path}: replay.json"):
                replayed = run.read_json("replay.json")
                source, from_step = Path(replayed["source"]), int(replayed["from_step"])
            return Launch(wanted, run, open_run(source), from_step)
    except BaseException:
        run.close()
        raise
    return Launch(wanted, run)


def replayed_run(
    path: Path,
    source_path: Path,
    from_step: int,
    recipe_file: Path | None,
    changes: Sequence[str],
) -> Launch:
    """A run that learns from the rollouts of ``source_path``. See `sparring.training.replay`."""
    source = open_run(source_path)
    recorded = recorded_recipe(source)
    other = load_recipe(recipe_file) if recipe_file else None
    base = replay_recipe(recorded, other)
    recipe = make_recipe(base.model_dump(mode="json"), changes, "recipe")
    refuse_other_changes(differing(base, recipe))
    last = source.recorded_steps()[-1:] or [0]
    steps = min(recipe.training.steps, last[0])
    if steps <= from_step:
        raise ConfigError(
            f"--replay: {source_path} has rollouts up to step {last[0]}, so there is nothing to "
            f"replay after step {from_step}"
        )
    training = recipe.training.model_copy(update={"steps": steps})
    recipe = recipe.model_copy(update={"training": training})
    run = RunDir.create(path)
    _write_recipe(run, recipe)
    run.write_json("replay.json", {"source": str(source_path.resolve()), "from_step": from_step})
    return Launch(recipe, run, source, from_step)


def _write_recipe(run: RunDir, recipe: Recipe) -> None:
    """The resolved recipe, and the source of a reward of the user's own: part of the record."""
    run.write_json("recipe.json", recipe.model_dump(mode="json"))
    file = Path((recipe.reward.function or "").rpartition(":")[0])
    if file.is_file():
        run.write_bytes("reward_function.py", file.read_bytes())


def ended(recipe: Recipe, run: RunDir) -> bool:
    """Whether a run has come to the end that its recipe asks for, with its checkpoint in place."""
    newest = run.newest_checkpoint()
    if newest is None or not run.has("summary.json"):
        return False
    summary = run.read_json("summary.json")
    with well_formed(f"{run.path}: summary.json"):
        step, tokens = int(summary["steps"]), int(summary["tokens"])
    return int(newest.name[5:]) == step and recipe.training.finished(step, tokens)
