"""Start of a run: new, resumed or replayed, with checks before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sparring.config.load import differing, load_recipe, make_recipe, recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, SparringError, Stopped, well_formed
from sparring.learner.distributed.context import DistributedContext
from sparring.runs.directory import RunDir
from sparring.runs.reader import RunReader, open_run
from sparring.training.memory import enough_memory
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
    "sampling.max_batch_size",
    "vllm",
    "pseudo_labels.urls",
    "model.precision",
    "model.offload_reference",
    "learning.tokens_per_micro_batch",
    "learning.backend",
    "learning.logprob_chunk",
    "model.gradient_checkpointing",
)
"""Keys and sections that a resumed run may change: none changes what a step computes.

The keys from training.threads on change the rounding, so the resumed run no longer equals an
unchanged run to the byte. These keys may change nevertheless, because a run whose hundredth step
does not fit into memory would otherwise be lost."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Open and locked run directory with its recipe, and for a replay the source run."""

    recipe: Recipe
    run: RunDir
    source: RunReader | None = None
    from_step: int = 0


def new_run(path: Path, recipe: Recipe) -> Launch:
    """Create a run of this recipe in the new directory ``path``."""
    run = RunDir.create(path)
    _write_recipe(run, recipe)
    return Launch(recipe, run)


def resumed_run(path: Path, recipe: Recipe | None, changes: Sequence[str]) -> Launch:
    """Open the run in ``path`` with the ``recipe`` or, without one, with its recorded recipe and
    ``changes`` of the form ``section.key=value``.

    Raises `ConfigError` where another key than those of `MAY_CHANGE` would change.
    """
    run = RunDir.open(path)
    try:
        recorded = recorded_recipe(run)
        wanted = recipe or make_recipe(recorded.model_dump(mode="json"), changes, str(path))
        changed = differing(recorded, wanted)
        if refused := [k for k in changed if not {k, k.split(".")[0]} & {*MAY_CHANGE}]:
            raise ConfigError(
                f"--resume: {', '.join(refused)} cannot change in the middle of a run; keys that "
                f"can: {', '.join(MAY_CHANGE)}; to change another key start a new run, or --replay "
                "this run"
            )
        newest = max(run.steps("checkpoints"), default=0)
        if wanted.training.steps < newest:
            raise ConfigError(
                f"--resume: training.steps is {wanted.training.steps}, but the run has a "
                f"checkpoint of step {newest}; set more steps, or remove the later checkpoints"
            )
        if changed:
            run.write_json("recipe.json", wanted.model_dump(mode="json"))
        if run.has("replay.json"):
            with well_formed(f"{path}: replay.json"):
                replayed = run.read_json("replay.json")
                source, from_step = Path(replayed["source"]), int(replayed["from_step"])
            return Launch(wanted, run, open_run(source), from_step)
    except BaseException:  # raised again: the run is not left locked
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
    """Create a run that learns from the rollouts of ``source_path``, starting after ``from_step``.
    See `sparring.training.replay`."""
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
            f"--replay: nothing to replay after step {from_step}: {source_path} has rollouts up to "
            f"step {last[0]}; choose an earlier --from-step"
        )
    training = recipe.training.model_copy(update={"steps": steps})
    recipe = recipe.model_copy(update={"training": training})
    run = RunDir.create(path)
    _write_recipe(run, recipe)
    run.write_json("replay.json", {"source": str(source_path.resolve()), "from_step": from_step})
    return Launch(recipe, run, source, from_step)


@contextmanager
def carried_out(launch: Launch, context: DistributedContext) -> Iterator[None]:
    """Carry out a run within the block, in the first process, and close its directory.

    An error that ends the run early says how to resume it. Raises `SparringError`; Ctrl-C raises
    `Stopped`. The directory of a run without any result is left empty.
    """
    run = launch.run
    resume = f"--resume --run-dir {run.path}"
    try:
        with (
            context.loss_told(f"; nothing is lost: continue with {resume}"),
            enough_memory(f"; nothing is lost: add these to {resume}"),
        ):
            yield
    except SparringError:
        run.discard_unused()
        raise
    except KeyboardInterrupt:
        run.discard_unused()
        advice = f"; continue with {resume}" if run.has("recipe.json") else ""
        raise Stopped(f"stopped{advice}") from None
    finally:
        run.close()


def _write_recipe(run: RunDir, recipe: Recipe) -> None:
    """Write the resolved recipe, and a copy of the file of the user's reward function."""
    run.write_json("recipe.json", recipe.model_dump(mode="json"))
    file = Path((recipe.reward.function or "").rpartition(":")[0])
    if file.is_file():
        run.write_bytes("reward_function.py", file.read_bytes())


def ended(recipe: Recipe, run: RunDir) -> bool:
    """Return True if a run has reached the end of its recipe and has the checkpoint of its end."""
    newest = run.newest_checkpoint()
    if newest is None or not run.has("summary.json"):
        return False
    summary = run.read_json("summary.json")
    with well_formed(f"{run.path}: summary.json"):
        step, tokens = int(summary["steps"]), int(summary["tokens"])
    return int(newest.name[5:]) == step and recipe.training.finished(step, tokens)
