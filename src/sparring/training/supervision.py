"""A frozen tester that writes the tests which stand in for ground truth.

It has a model, a tokenizer and a chat template of its own and is asked with
the tester's words. A task's tests are written once, from a seed of the run's
and the task's; they are on disk before they are used (`written`), so a run
that was stopped reads them and asks for no test twice.

A small one is sampled in this process, when a task first comes up. One that
vLLM serves is asked before the first step (`supervising`), and only its
tokenizer and its configuration are loaded here.

What the tests are used for is `sparring.grading.supervised`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sparring.config.recipe import Recipe
from sparring.config.settings import SupervisionKind
from sparring.errors import ModelError
from sparring.learner.masters import cast
from sparring.policy.base import Prompt, SamplingParams, sampling_seed
from sparring.policy.ends import add_end_tokens, end_ids_on_disk
from sparring.policy.local.sampler import LocalSampler
from sparring.policy.model import check_causal, load_model
from sparring.policy.outline import Outline
from sparring.policy.settings import Engine
from sparring.prompts.render import encoded, prompt_text
from sparring.schema import Response, Role, Task
from sparring.training.learner_settings import model_place
from sparring.training.prompts import left_out

_STEP = -2
"""In the place of a step in the seed: no step's, and not an evaluation's (-1)."""


class Supervisor:
    """The frozen tester and its prompts for all training tasks. ``outline`` is of one that servers
    sample, ``sampler`` of one that this process samples."""

    def __init__(
        self,
        recipe: Recipe,
        tasks: Sequence[Task],
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        """Load the model, or what is needed of it, and render every prompt, so that one that is
        too long shows now.

        It never learns, so all its weights are of the type that it computes in, ``dtype``.

        Raises `ModelError`, which says that it is this model.
        """
        s = recipe.supervision
        if s.model is None:
            raise ValueError("the recipe has no supervising model")
        self.recipe = recipe
        self.tasks = tasks
        self.sampler: LocalSampler | None = None
        self.outline: Outline | None = None
        place = model_place(s.model)
        try:
            if s.engine is Engine.LOCAL:
                model, self.tokenizer = load_model(place)
                add_end_tokens(model, self.tokenizer, s.end_tokens, "end_tokens")
                check_causal(model)
                cast(model, dtype).to(device)
                self.sampler = LocalSampler(
                    model,
                    self.tokenizer,
                    recipe.sampling.max_rows,
                    marks=recipe.prompts.marks,
                )
                self.end_ids: Sequence[int] = self.sampler.end_ids
                room = getattr(model.config, "max_position_embeddings", None)
            else:
                self.outline = Outline.of(place)
                self.tokenizer, room = self.outline.tokenizer, self.outline.positions
                where = str(self.outline.place)
                self.end_ids = end_ids_on_disk(where, self.tokenizer, s.end_tokens, "end_tokens")
            texts = self._texts(tasks)
            ids = [t.id for t in tasks]
            found = encoded(self.tokenizer, texts)
            self.too_long = left_out(
                recipe, found, ids, room, s.max_tokens, "supervision.max_tokens"
            )
            """Why tasks are left out, by their id."""
        except ModelError as error:
            raise ModelError(f"supervision.model: {error}") from None
        self._prompt_ids = dict(zip(ids, found, strict=True))
        self.reading = recipe.prompts.reading(texts[0], self._message(tasks[0]))

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        tasks: Sequence[Task],
        dtype: torch.dtype,
        device: torch.device,
    ) -> Supervisor | None:
        """The recipe's supervisor; None where ground truth supervises."""
        if recipe.supervision.kind is SupervisionKind.GROUND_TRUTH:
            return None
        return cls(recipe, tasks, dtype, device)

    def prompts(self, tasks: Sequence[Task]) -> list[Prompt]:
        """What it is asked of these tasks: the same of a task whenever it is asked."""
        s = self.recipe.supervision
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
        """Its k responses to every task, sampled in this process."""
        if self.sampler is None:
            raise ValueError("servers sample this model; its tests are written before step 1")
        return self.sampler.sample(self.prompts(tasks), self.recipe.supervision.tests)

    def lengths(self) -> list[int]:
        """Tokens of all its prompts, the shortest first."""
        return sorted(len(ids) for ids in self._prompt_ids.values())

    def _texts(self, tasks: Sequence[Task]) -> list[str]:
        options = self.recipe.supervision.template_options
        return [prompt_text(self.tokenizer, self._message(t), options) for t in tasks]

    def _message(self, task: Task) -> str:
        p = self.recipe.prompts
        return p.templates().fill(task, Role.TESTER, p.tester_examples)
