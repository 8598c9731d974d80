"""Frozen tester: a model that generates pseudo-labels, which replace ground truth in the reward.

The frozen tester has its own model, tokenizer and chat template, and gets the
tester's prompt. The tests of a task are generated once, from a seed made of the
run's seed and the task's id. They are on disk before they are used
(`sparring.training.pseudo_labels.store`), so a resumed run reads them and
samples no test twice.

A small frozen tester is sampled in this process, when a task first comes up. A
frozen tester on vLLM is sampled before the first step
(`sparring.training.pseudo_labels.by_servers`); this process loads only its
tokenizer and configuration.

`sparring.grading.pseudo_labels` grades by the tests.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sparring.config.recipe import Recipe
from sparring.errors import ModelError
from sparring.policy.base import Prompt, SamplingParams, sampling_seed
from sparring.policy.ends import end_ids_on_disk
from sparring.policy.local.sampler import LocalSampler
from sparring.policy.model import load_frozen
from sparring.policy.outline import Outline
from sparring.policy.settings import SamplingEngine
from sparring.prompts.render import encoded, prompt_text
from sparring.schema import Response, Role, Task
from sparring.training.prompting.rendering import too_long

_STEP = -2
"""Stands in the seed where rollouts have their step; different from every step and from the -1 of
evaluations."""


class FrozenTester:
    """Frozen tester and its prompts for all training tasks.

    ``sampler`` is set if this process samples the frozen tester, ``outline`` if servers do.
    """

    def __init__(
        self,
        recipe: Recipe,
        tasks: Sequence[Task],
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        """Load the model, or only its tokenizer and configuration if servers sample it, and render
        every prompt. A prompt that is too long is therefore reported before training starts.

        All weights have the type ``dtype``, because the model never learns. Raises `ModelError`
        for a model that cannot be loaded; the message names ``pseudo_labels.model``.
        """
        s = recipe.pseudo_labels
        if s.model is None:
            raise ValueError("the recipe has no pseudo_labels.model")
        self.recipe = recipe
        self.tasks = tasks
        self.sampler: LocalSampler | None = None
        self.outline: Outline | None = None
        try:
            if s.engine is SamplingEngine.LOCAL:
                model, self.tokenizer = load_frozen(
                    s.model, s.end_tokens, "end_tokens", dtype, device
                )
                self.sampler = LocalSampler(
                    model,
                    self.tokenizer,
                    recipe.sampling.max_batch_size,
                    marks=recipe.prompts.marks,
                )
                self.end_ids: Sequence[int] = self.sampler.end_ids
                positions = getattr(model.config, "max_position_embeddings", None)
            else:
                self.outline = Outline.of(s.model)
                self.tokenizer, positions = self.outline.tokenizer, self.outline.positions
                where = str(self.outline.place)
                self.end_ids = end_ids_on_disk(where, self.tokenizer, s.end_tokens, "end_tokens")
            texts = self._texts(tasks)
            ids = [t.id for t in tasks]
            prompts = encoded(self.tokenizer, texts)
            self.too_long = too_long(
                recipe, prompts, ids, positions, s.max_tokens, "pseudo_labels.max_tokens"
            )
            """Reason for each task that is left out, by task id."""
        except ModelError as error:
            raise ModelError(f"pseudo_labels.model: {error}") from None
        self._prompt_ids = dict(zip(ids, prompts, strict=True))
        self.reading = recipe.prompts.reading(texts[0], self._message(tasks[0]))
        """Rules by which responses are read."""

    def prompts(self, tasks: Sequence[Task]) -> list[Prompt]:
        """Return the prompts of these tasks. A task's prompt and seed are equal in every step."""
        s = self.recipe.pseudo_labels
        params = SamplingParams(s.temperature, s.max_tokens)
        seed = self.recipe.training.seed
        return [
            Prompt(
                t.id,
                Role.TESTER,
                self._prompt_ids[t.id],
                sampling_seed(seed, _STEP, t.id, Role.TESTER),
                params,
            )
            for t in tasks
        ]

    def sample(self, tasks: Sequence[Task]) -> list[list[Response]]:
        """Sample ``pseudo_labels.tests`` responses to every task, in this process."""
        if self.sampler is None:
            raise ValueError("servers sample this model, before step 1")
        return self.sampler.sample(self.prompts(tasks), self.recipe.pseudo_labels.tests)

    def lengths(self) -> list[int]:
        """Return the lengths of all prompts, in tokens, in ascending order."""
        return sorted(len(ids) for ids in self._prompt_ids.values())

    def _texts(self, tasks: Sequence[Task]) -> list[str]:
        options = self.recipe.pseudo_labels.template_options
        return [prompt_text(self.tokenizer, self._message(t), options) for t in tasks]

    def _message(self, task: Task) -> str:
        p = self.recipe.prompts
        return p.templates().fill(task, Role.TESTER, p.tester_examples)
