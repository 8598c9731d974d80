"""The ring: where the model plays. Tasks, rendered prompts, sampler, sandbox, evaluation plan.

Made once from a recipe and a trainer's model. The loops ask it for batches
and prompts and hold no set-up code of their own.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch

from sparring import __version__
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError
from sparring.evaluation.held_out import Plan
from sparring.grading.marks import mark_faults, turn_end
from sparring.policy.base import Prompt, SamplingParams, sampling_seed
from sparring.prompts.opening import ReasoningMode
from sparring.sandbox import ClusterSandbox, Limits, Runner, Sandbox
from sparring.sandbox.caller.packages import given
from sparring.sandbox.cluster.ray_nodes import RayNodes
from sparring.schema import Role, Task
from sparring.tasks.checkers.checker import VERSION as CHECKERS_VERSION
from sparring.tasks.preambles import versions as preamble_versions
from sparring.tasks.settings import Curriculum
from sparring.tasks.sources import tasks_of
from sparring.tasks.withhold import withhold
from sparring.training.cast import Cast
from sparring.training.embedded import embedded_prompts
from sparring.training.prompts import TaskPrompts, left_out_note
from sparring.training.supervision import Supervisor
from sparring.training.trainer import Trainer


class Ring:
    """All parts of a run. Use it as a context manager: it owns the processes of the sandbox and of
    a vLLM server."""

    def __init__(self, recipe: Recipe, trainer: Trainer, log: Path | None = None) -> None:
        """``log`` is where a vLLM server of our own writes; default: in the temporary directory."""
        self.recipe = recipe
        self.trainer = trainer
        self.templates = recipe.prompts.templates()
        t = recipe.tasks
        self.tasks = [
            withhold(task, t.withheld_tests)
            for task in tasks_of(t.train, t.train_count, recipe.training.seed, t.max_tests)
        ]
        self.held_out = tasks_of(t.held_out, t.held_out_count, t.held_out_seed, t.max_tests)[
            : t.held_out_count
        ]
        if (rule := recipe.checker.rule) is not None:
            self.tasks = [_compared_by(rule, x) for x in self.tasks]
            self.held_out = [_compared_by(rule, x) for x in self.held_out]
        self.sampler = Cast.of(recipe, trainer, log)
        self.limits = Limits(
            idle_seconds=recipe.sandbox.idle_seconds, output_bytes=recipe.sandbox.output_bytes
        )
        p = recipe.prompts
        # All at once, so that a prompt that is too long shows now and not in the step that comes
        # to it.
        room = getattr(trainer.model.config, "max_position_embeddings", None)
        training, held_out = (TaskPrompts(recipe, trainer.tokenizer, room) for _ in range(2))
        first = self.tasks[0]
        self.reading = {
            role: p.reading(training.text(first, role, 0), self.templates.fill(first, role))
            for role in Role
        }
        shown = {Role.CODER: p.coder_examples, Role.TESTER: p.tester_examples}
        self._prompts = training.rendered(self.tasks, shown)
        self._bare = (
            training.rendered(self.tasks, {Role.TESTER: 0})
            if p.tester_examples and p.tester_examples_share < 1
            else {}
        )
        e = recipe.evaluation
        if e.tester_examples is not None:
            shown[Role.TESTER] = e.tester_examples
        held_out_ids = held_out.rendered(self.held_out, shown)
        every = len(self.tasks), len(self.held_out)
        self.tasks, self.held_out = training.fitting(self.tasks), held_out.fitting(self.held_out)
        self.supervisor = None
        if self.tasks:
            self.supervisor = Supervisor.of(
                recipe, self.tasks, trainer.compute_dtype, trainer.world.device
            )
        if self.supervisor:
            training.too_long |= self.supervisor.too_long
            self.tasks = training.fitting(self.tasks)
        self.too_long = {"training": training.too_long, "held-out": held_out.too_long}
        """Why tasks are left out, by their id."""
        self.left_out = [
            left_out_note(kind, left, count)
            for (kind, left), count in zip(self.too_long.items(), every, strict=True)
            if left
        ]
        self._check_number()
        self.plan = Plan(
            tasks=self.held_out,
            prompt_ids=held_out_ids,
            programs=e.programs,
            tests=e.tests,
            temperature=e.temperature,
            max_tokens={role: self._max_tokens(role) for role in Role},
            limits=self.limits,
            reading=self.reading,
            seed=t.held_out_seed,
        )
        b = recipe.sandbox
        self.sandbox: Runner = (
            Sandbox(
                b.workers,
                level=b.level,
                fork=b.fork,
                packages=given(b.packages, b.packages_from),
            )
            if b.ray_address is None
            else ClusterSandbox(
                RayNodes(b.ray_address, b.workers), b.workers, level=b.level, fork=b.fork
            )
        )

    def _check_number(self) -> None:
        """Raises `ConfigError` where there are too few tasks."""
        wanted = self.recipe.training.tasks_per_step
        more = "".join(f"; {told}" for told in self.left_out)
        if wanted > len(self.tasks):
            raise ConfigError(
                f"training.tasks_per_step is {wanted}, but there are {len(self.tasks)} tasks to "
                f"train on{more}"
            )
        if not self.held_out:
            raise ConfigError(f"there is no task to evaluate on{more}")

    def batch(self, step: int, pass_rates: Mapping[str, float] | None = None) -> list[Task]:
        """The tasks of a step, all different: no task twice per pass, each pass in an order of
        its own. What does not fill a step is left out of that pass; it is other tasks each time.

        A function of the seed and the step alone, so a resumed run needs no cursor. With a
        curriculum, of the pass rates so far as well, which are in the checkpoint: the trainer's,
        unless others are given.
        """
        count = self.recipe.training.tasks_per_step
        if self.recipe.tasks.curriculum is Curriculum.PASS_RATE:
            return self._drawn([self.recipe.training.seed, 7, step], self.tasks, count, pass_rates)
        turn, place = divmod(step - 1, len(self.tasks) // count)
        rng = np.random.default_rng([self.recipe.training.seed, 7, turn])
        order = rng.permutation(len(self.tasks))[place * count : (place + 1) * count]
        return [self.tasks[int(i)] for i in order]

    def further(
        self,
        step: int,
        taken: Collection[str],
        count: int,
        pass_rates: Mapping[str, float] | None = None,
    ) -> list[Task]:
        """Up to ``count`` other tasks for the same step, a function of the seed, the step, those
        ``taken`` and, as in `batch`, the pass rates."""
        left = [t for t in self.tasks if t.id not in taken]
        seed = [self.recipe.training.seed, 8, step, len(taken)]
        return self._drawn(seed, left, min(count, len(left)), pass_rates)

    def upcoming(self, first: int) -> list[Task]:
        """The training tasks that steps from ``first`` on may have, in the order in which they
        come up; all of them, where that depends on what is sampled."""
        t = self.recipe
        if t.tasks.curriculum is not Curriculum.NONE or t.sampling.extra_rounds:
            return list(self.tasks)
        found: dict[str, Task] = {}
        for step in range(first, t.training.steps + 1):
            found |= {task.id: task for task in self.batch(step)}
            if len(found) == len(self.tasks):
                break
        return list(found.values())

    def _drawn(
        self,
        seed: Sequence[int],
        tasks: Sequence[Task],
        count: int,
        pass_rates: Mapping[str, float] | None,
    ) -> list[Task]:
        """``count`` different tasks, by the curriculum's weights."""
        weight = np.ones(len(tasks))
        if self.recipe.tasks.curriculum is Curriculum.PASS_RATE:
            rates = self.trainer.pass_rates if pass_rates is None else pass_rates
            rate = np.array([rates.get(t.id, 0.5) for t in tasks])
            weight = 0.1 + 4 * rate * (1 - rate)
        if not count:
            return []
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(tasks), size=count, replace=False, p=weight / weight.sum())
        return [tasks[int(i)] for i in chosen]

    def notes(self) -> list[str]:
        """What a user should know before the run spends anything on it."""
        found = [f"note: {told}" for told in self.left_out]
        shared = {t.statement for t in self.tasks} & {t.statement for t in self.held_out}
        if shared:
            found.append(f"note: {len(shared)} held-out statements are trained on as well")
        if not self.trainer.tokenizer.chat_template:
            found.append("note: the model has no chat template; prompts take the plain form")
        if told := embedded_prompts(self.recipe, self.trainer.tokenizer):
            found.append(f"note: {told}")
        p, tokenizer, ends = self.recipe.prompts, self.trainer.tokenizer, self.sampler.end_ids
        end = turn_end(tokenizer, ends, p.template_options)
        if end is not None and end.doubtful:
            why = f'model.end_tokens = ["{end.text}"] makes it one' if end.token else "or token"
            found.append(
                f"note: the chat template ends a turn with {end.text}, which is no end token: {why}"
            )
        if p.reasoning is not ReasoningMode.NONE:
            found += [f"note: {fault}" for fault in mark_faults(tokenizer, ends, p.marks)]
        if (served := self.sampler.served) and served.merged:
            found.append(
                f"note: vLLM cannot serve the adapter as one ({served.merged}): it travels merged "
                "into the weights"
            )
        if self.recipe.sampling.opponents and not self.recipe.opponents:
            why = "reward.function is not shown them"
            if self.recipe.reward.function is None:
                why = "no test is learned from"
            found.append(f"note: no opponents' programs are sampled: {why}")
        return found

    def prompts(self, tasks: Sequence[Task], role: Role, step: int) -> list[Prompt]:
        """The prompts of a step for one role."""
        params = SamplingParams(self.trainer.temperature(role), self._max_tokens(role))
        seed = self.recipe.training.seed
        return [
            Prompt(t.id, role, self._shown(t.id, role, s), s, params)
            for t in tasks
            for s in [sampling_seed(seed, step, t.id, role)]
        ]

    def opponents_prompts(self, tasks: Sequence[Task], step: int) -> list[Prompt]:
        """The coder's prompts, with seeds of their own."""
        seed = self.recipe.training.seed
        return [
            replace(p, seed=sampling_seed(seed, step, p.task_id, "opponent"))
            for p in self.prompts(tasks, Role.CODER, step)
        ]

    def _shown(self, task_id: str, role: Role, seed: int) -> tuple[int, ...]:
        """The prompt with its examples, or for a share of the tester's without."""
        if role is Role.TESTER and self._bare:
            drawn = np.random.default_rng([seed, 11]).random()
            if drawn >= self.recipe.prompts.tester_examples_share:
                return self._bare[task_id, role]
        return self._prompts[task_id, role]

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
            "device": str(self.trainer.model.device),
            "checkers": CHECKERS_VERSION,
            "preambles": preamble_versions([*self.tasks, *self.held_out]),
            "sandbox": dict(self.sandbox.report()),
            **({"tasks_left_out": self.too_long} if self.left_out else {}),
            **({"vllm": served.about()} if (served := self.sampler.served) else {}),
        }

    def _max_tokens(self, role: Role) -> int:
        s = self.recipe.sampling
        return s.coder_max_tokens if role is Role.CODER else s.tester_max_tokens

    def __enter__(self) -> Ring:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sandbox.close()
        self.sampler.close()


def _compared_by(rule: str, task: Task) -> Task:
    """The task with this rule for printed text. A function task has values, and keeps its own."""
    return task if task.entry_point is not None else replace(task, checker=rule)
