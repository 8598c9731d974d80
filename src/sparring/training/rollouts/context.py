"""Everything a rollout needs: tasks in order, prompts, policies, sandbox, run directory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from sparring.config.recipe import Recipe
from sparring.config.settings import SupervisionKind
from sparring.runs.directory import RunDir
from sparring.runs.progress import Progress
from sparring.runs.timeline import Timeline
from sparring.sandbox import ClusterSandbox, Limits, Runner, Sandbox
from sparring.sandbox.caller.packages import given
from sparring.sandbox.cluster.ray_nodes import RayNodes
from sparring.training.prompting.prompt_builder import PromptBuilder
from sparring.training.prompting.task_order import TaskOrder
from sparring.training.state.trainer import Trainer
from sparring.training.supervision.pseudo_labels import PseudoLabels
from sparring.training.supervision.supervisor import Supervisor
from sparring.training.weights.policies import RolePolicies


@dataclass(frozen=True, slots=True)
class RolloutContext:
    """What the rollouts of a run have in common.

    ``lane`` names them in the timeline, where they are made beside other things; once ``abandoned``
    is set, they end with the next response.
    """

    recipe: Recipe
    run: RunDir
    progress: Progress
    order: TaskOrder
    prompts: PromptBuilder
    policies: RolePolicies
    sandbox: Runner
    limits: Limits
    pseudo_labels: PseudoLabels | None
    """The tests of a frozen tester, where they stand in for ground truth."""
    timeline: Timeline = field(default_factory=Timeline)
    """Where the run's time goes."""
    lane: str = ""
    abandoned: threading.Event = field(default_factory=threading.Event)

    def phase(self, name: str) -> None:
        """Tell the user, unless something else is going on before his eyes."""
        if not self.lane:
            self.progress.phase(name)


@contextmanager
def rollout_context(
    recipe: Recipe, trainer: Trainer, run: RunDir, progress: Progress, log: Path | None
) -> Iterator[RolloutContext]:
    """The context of a run, within the block: the processes of the sandbox and of a vLLM server,
    which writes to ``log`` (default: in the temporary directory), end with it.

    Raises `ConfigError`, `ModelError` and `RunError` for what cannot be made."""
    config = trainer.model.config
    prompts = PromptBuilder(
        recipe, trainer.tokenizer, getattr(config, "max_position_embeddings", None)
    )
    limits = Limits(
        idle_seconds=recipe.sandbox.idle_seconds, output_bytes=recipe.sandbox.output_bytes
    )
    with closing(RolePolicies.of(recipe, trainer, log)) as policies:
        pseudo_labels = None
        if prompts.tasks and recipe.supervision.kind is not SupervisionKind.GROUND_TRUTH:
            supervisor = Supervisor(
                recipe, prompts.tasks, trainer.compute_dtype, trainer.world.device
            )
            prompts.leave_out(supervisor.too_long)
            pseudo_labels = PseudoLabels(supervisor, run)
        prompts.check_number()
        with closing(_sandbox(recipe)) as sandbox:
            yield RolloutContext(
                recipe,
                run,
                progress,
                TaskOrder(recipe, prompts.tasks),
                prompts,
                policies,
                sandbox,
                limits,
                pseudo_labels,
            )


@contextmanager
def trial_context(recipe: Recipe, trainer: Trainer) -> Iterator[RolloutContext]:
    """The context of a run that nobody keeps, for a look at a recipe."""
    progress = Progress(recipe.training.steps, 0, Console(quiet=True))
    with (
        TemporaryDirectory(prefix="sparring-") as place,
        closing(RunDir(Path(place))) as run,
        rollout_context(recipe, trainer, run, progress, log=None) as context,
    ):
        yield context


def _sandbox(recipe: Recipe) -> Runner:
    """The recipe's sandbox: of this machine, or on a Ray cluster."""
    b = recipe.sandbox
    if b.ray_address is None:
        packages = given(b.packages, b.packages_from)
        return Sandbox(b.workers, level=b.level, fork=b.fork, packages=packages)
    nodes = RayNodes(b.ray_address, b.workers)
    return ClusterSandbox(nodes, b.workers, level=b.level, fork=b.fork)
