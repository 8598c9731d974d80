"""The ring: everything that a run of a recipe takes place in.

Model, tokenizer, sampler, learner, sandbox, tasks and rendered prompts, made
once from a recipe. The loops ask the ring for batches, prompts and settings
and hold no set-up code of their own.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any

import numpy as np
import torch

from sparring import __version__
from sparring.config import NANO, Recipe
from sparring.errors import ConfigError
from sparring.evaluate import Plan
from sparring.learning.model import load_model
from sparring.learning.settings import LearningSettings, LossSettings
from sparring.learning.update import Learner
from sparring.microworld import NANO_DIR
from sparring.microworld.problem import Split
from sparring.microworld.tasks import microworld_tasks
from sparring.prompts.render import prompt_ids
from sparring.prompts.templates import Templates
from sparring.sampling.base import Prompt, SamplingParams, sampling_seed
from sparring.sampling.local import LocalSampler
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Role, Task
from sparring.scoring.rewards import RewardSettings
from sparring.tasks.checkers import VERSION as CHECKERS_VERSION
from sparring.tasks.load import load_tasks

MICROWORLD = "microworld:"


class Ring:
    """All parts of a run. Use it as a context manager: it owns the sandbox's processes."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        if recipe.training.threads:
            torch.set_num_threads(recipe.training.threads)
        torch.manual_seed(recipe.training.seed)
        self.templates = Templates(recipe.prompts.coder, recipe.prompts.tester)
        t = recipe.tasks
        self.tasks = tasks_of(t.train, t.train_count, recipe.training.seed, t.max_tests)
        self.held_out = tasks_of(t.held_out, t.held_out_count, t.held_out_seed, t.max_tests)[
            : t.held_out_count
        ]
        self.model, self.tokenizer = load_model(model_path(recipe))
        self.learner = Learner(self.model, learning_settings(recipe))
        self.sampler = LocalSampler(self.model, self.tokenizer, recipe.sampling.max_rows)
        self.rewards = RewardSettings(
            recipe.reward.coder,
            recipe.reward.tester,
            recipe.reward.no_wrong,
            recipe.reward.invalid_test,
            recipe.reward.validity,
        )
        self.limits = Limits(
            idle_seconds=recipe.sandbox.idle_seconds, output_bytes=recipe.sandbox.output_bytes
        )
        self._rendered: dict[tuple[str, Role], tuple[int, ...]] = {}
        e = recipe.evaluation
        self.plan = Plan(
            tasks=self.held_out,
            prompt_ids={(x.id, r): self._prompt_ids(x, r) for x in self.held_out for r in Role},
            programs=e.programs,
            tests=e.tests,
            temperature=e.temperature,
            max_tokens={role: self._max_tokens(role) for role in Role},
            limits=self.limits,
            seed=t.held_out_seed,
        )
        self.sandbox = Sandbox(
            recipe.sandbox.workers, level=recipe.sandbox.level, fork=recipe.sandbox.fork
        )

    def batch(self, step: int) -> list[Task]:
        """The tasks of a step: every task once per pass, each pass in an order of its own.

        A function of the seed and the step alone, so a resumed run needs no cursor.
        """
        count = min(self.recipe.training.tasks_per_step, len(self.tasks))
        chosen = []
        for position in range((step - 1) * count, step * count):
            turn, place = divmod(position, len(self.tasks))
            rng = np.random.default_rng([self.recipe.training.seed, 7, turn])
            chosen.append(self.tasks[int(rng.permutation(len(self.tasks))[place])])
        return chosen

    def prompts(self, tasks: Sequence[Task], role: Role, step: int) -> list[Prompt]:
        """The prompts of a step for one role."""
        params = SamplingParams(self.temperature(role), self._max_tokens(role))
        seed = self.recipe.training.seed
        return [
            Prompt(
                t.id, role, self._prompt_ids(t, role), sampling_seed(seed, step, t.id, role), params
            )
            for t in tasks
        ]

    def temperature(self, role: Role) -> float:
        s = self.recipe.sampling
        return s.coder_temperature if role is Role.CODER else s.tester_temperature

    def set_learning_rate(self, step: int) -> None:
        """The step size of a training step: linear warm-up, then constant."""
        rise = self.recipe.learning.warmup_steps
        scale = min(1.0, step / rise) if rise else 1.0
        for group in self.learner.optimizer.param_groups:
            group["lr"] = self.recipe.learning.learning_rate * scale

    def start_sampler(self) -> LocalSampler:
        """A sampler of the start model, whatever has been learned since."""
        model, _ = load_model(model_path(self.recipe))
        return LocalSampler(model, self.tokenizer, self.recipe.sampling.max_rows)

    def environment(self) -> dict[str, Any]:
        """What the results depend on besides the recipe."""
        packages = {}
        for name in ("torch", "transformers", "numpy", "tokenizers"):
            try:
                packages[name] = version(name)
            except PackageNotFoundError:
                packages[name] = "not installed"
        return {
            "sparring": __version__,
            "python": platform.python_version(),
            "packages": packages,
            "machine": platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "torch_threads": torch.get_num_threads(),
            "device": str(self.model.device),
            "checkers": CHECKERS_VERSION,
            "sandbox": dict(self.sandbox.report()),
        }

    def _max_tokens(self, role: Role) -> int:
        s = self.recipe.sampling
        return s.coder_max_tokens if role is Role.CODER else s.tester_max_tokens

    def _prompt_ids(self, task: Task, role: Role) -> tuple[int, ...]:
        key = (task.id, role)
        if key not in self._rendered:
            p = self.recipe.prompts
            examples = p.coder_examples if role is Role.CODER else p.tester_examples
            message = self.templates.fill(task, role, examples)
            self._rendered[key] = prompt_ids(self.tokenizer, message, p.max_tokens, task.id)
        return self._rendered[key]

    def __enter__(self) -> Ring:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sandbox.close()


def model_path(recipe: Recipe) -> str:
    """The model's directory or hub id; the name ``nano`` is the one in the package."""
    return str(NANO_DIR) if recipe.model.path == NANO else recipe.model.path


def learning_settings(recipe: Recipe) -> LearningSettings:
    """The recipe's [learning] as the learner takes it."""
    s = recipe.learning
    return LearningSettings(
        mode=s.mode,
        minibatches=s.minibatches,
        learning_rate=s.learning_rate,
        beta1=s.beta1,
        beta2=s.beta2,
        weight_decay=s.weight_decay,
        max_grad_norm=s.max_grad_norm,
        tokens_per_micro_batch=s.tokens_per_micro_batch,
        coder_weight=s.coder_weight,
        tester_weight=s.tester_weight,
        loss=LossSettings(clip=s.clip, kl=s.kl),
    )


def tasks_of(sources: Sequence[str], count: int, seed: int, max_tests: int | None) -> list[Task]:
    """Tasks of files and microworld splits. ``count`` and ``seed`` are for the microworld."""
    files = [s for s in sources if not s.startswith(MICROWORLD)]
    tasks = load_tasks(files, max_tests) if files else []
    for source in sources:
        if source.startswith(MICROWORLD):
            name = source.removeprefix(MICROWORLD)
            if name not in list(Split):
                raise ConfigError(
                    f"{source}: unknown split; there are "
                    + ", ".join(f"{MICROWORLD}{s}" for s in Split)
                )
            tasks += microworld_tasks(Split(name), count, seed)
    if not tasks:
        raise ConfigError("tasks: there is none; name files or microworld:SPLIT")
    return tasks
