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
from sparring.config.schedule import run_schedule
from sparring.config.settings import PseudoLabelSource
from sparring.runs.directory import RunDir
from sparring.runs.progress import RunProgress
from sparring.runs.timeline import Timeline
from sparring.sandbox import ClusterSandbox, Limits, Runner, Sandbox
from sparring.sandbox.caller.packages import find_packages
from sparring.sandbox.cluster.ray_nodes import RayNodes
from sparring.training.prompting.prompt_builder import PromptBuilder
from sparring.training.prompting.task_order import TaskOrder
from sparring.training.pseudo_labels.frozen_tester import FrozenTester
from sparring.training.pseudo_labels.store import PseudoLabelStore
from sparring.training.state.trainer import Trainer
from sparring.training.weights.policies import RolePolicies


@dataclass(frozen=True, slots=True)
class RolloutContext:
    """Everything that the rollouts of a run share."""

    recipe: Recipe
    run: RunDir
    progress: RunProgress
    order: TaskOrder
    prompts: PromptBuilder
    policies: RolePolicies
    sandbox: Runner
    limits: Limits
    pseudo_labels: PseudoLabelStore | None
    """Tests of a frozen tester that replace ground truth in the reward; None for ground truth."""
    timeline: Timeline = field(default_factory=Timeline)
    """Record of the seconds that each phase of the run takes."""
    lane: str = ""
    """Prefix of these rollouts' lanes in the timeline, where the rollouts run beside learning."""
    abandoned: threading.Event = field(default_factory=threading.Event)
    """Event that ends the rollouts at the next response once the event is set."""

    def phase(self, name: str, total: int = 0, unit: str = "", count: int = 0) -> None:
        """Show the phase to the user, unless the rollouts run in the background; see
        `RunProgress.phase`."""
        if not self.lane:
            self.progress.phase(name, total, unit, count)

    def advance(self) -> None:
        """Count one more in the current phase, unless the rollouts run in the background."""
        if not self.lane:
            self.progress.advance()


@contextmanager
def rollout_context(
    recipe: Recipe, trainer: Trainer, run: RunDir, progress: RunProgress, log: Path | None
) -> Iterator[RolloutContext]:
    """Yield the context of a run. The processes of the sandbox and of our own vLLM servers, which
    write to ``log`` (default: a file in the temporary directory), end with the block.

    Raises `ConfigError`, `ModelError` or `RunError` where a part cannot be made.
    """
    config = trainer.model.config
    prompts = PromptBuilder(
        recipe, trainer.tokenizer, getattr(config, "max_position_embeddings", None)
    )
    with closing(RolePolicies.of(recipe, trainer, log)) as policies:
        pseudo_labels = None
        if prompts.tasks and recipe.pseudo_labels.source is not PseudoLabelSource.NONE:
            frozen_tester = FrozenTester(
                recipe, prompts.tasks, trainer.compute_dtype, trainer.distributed.device
            )
            prompts.leave_out(frozen_tester.too_long)
            pseudo_labels = PseudoLabelStore(frozen_tester, run)
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
                recipe.limits,
                pseudo_labels,
            )


@contextmanager
def trial_context(recipe: Recipe, trainer: Trainer) -> Iterator[RolloutContext]:
    """Yield the context of a run in a temporary directory, to try a recipe out."""
    progress = RunProgress(run_schedule(recipe), 0, Console(quiet=True))
    with (
        TemporaryDirectory(prefix="sparring-") as place,
        closing(RunDir(Path(place))) as run,
        rollout_context(recipe, trainer, run, progress, log=None) as context,
    ):
        yield context


def _sandbox(recipe: Recipe) -> Runner:
    """Return the recipe's sandbox: on this machine, or on a Ray cluster."""
    s = recipe.sandbox
    if s.ray_address is None:
        packages = find_packages(s.packages, s.packages_from)
        return Sandbox(s.workers, level=s.level, fork=s.fork, packages=packages)
    nodes = RayNodes(s.ray_address, s.workers)
    return ClusterSandbox(nodes, s.workers, level=s.level, fork=s.fork)
