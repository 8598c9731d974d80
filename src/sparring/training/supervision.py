"""A frozen tester that writes the tests which stand in for ground truth.

It has a model, a tokenizer and a chat template of its own and is asked with
the tester's words. A task's tests are written once, when the task first comes
up, from a seed of the run's and the task's; they are on disk before they are
used, so a run that was stopped reads them and asks for no test twice.

What the tests are used for is `sparring.pipelines.supervised`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from sparring.errors import ModelError, RunError
from sparring.learning.ends import add_end_tokens
from sparring.learning.masters import cast
from sparring.learning.model import check_causal, load_model
from sparring.pipelines.record import response_from, response_record
from sparring.prompts.render import check_room, prompt_ids, prompt_text
from sparring.recipe import Recipe, SupervisionKind
from sparring.runs.directory import RunDir
from sparring.sampling.base import Prompt, SamplingParams, sampling_seed
from sparring.sampling.local import LocalSampler
from sparring.schema import Response, Role, Task
from sparring.training.trainer import model_place

_STEP = -2
"""In the place of a step in the seed: no step's, and not an evaluation's (-1)."""
_ROOM = "supervision"


class Supervisor:
    """The frozen tester and its prompts for all training tasks."""

    def __init__(
        self,
        recipe: Recipe,
        tasks: Sequence[Task],
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        """Load the model and render every prompt, so that one that is too long shows now.

        It never learns, so all its weights are of the type that it computes in, ``dtype``.

        Raises `ModelError`, which says that it is this model.
        """
        s = recipe.supervision
        if s.model is None:
            raise ValueError("the recipe has no supervising model")
        self.recipe = recipe
        try:
            model, self.tokenizer = load_model(model_place(s.model))
            add_end_tokens(model, self.tokenizer, s.end_tokens, "end_tokens")
            check_causal(model)
            cast(model, dtype).to(device)
            self.sampler = LocalSampler(
                model,
                self.tokenizer,
                recipe.sampling.max_rows,
                marks=recipe.prompts.marks,
            )
            texts = self._texts(tasks)
            ids = [t.id for t in tasks]
            found = prompt_ids(self.tokenizer, texts, recipe.prompts.max_tokens, ids)
            room = getattr(model.config, "max_position_embeddings", None)
            check_room(room, found, ids, s.max_tokens, "supervision.max_tokens")
        except ModelError as error:
            raise ModelError(f"supervision.model: {error}") from None
        self.prompts = dict(zip(ids, found, strict=True))
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

    def sample(self, tasks: Sequence[Task]) -> list[list[Response]]:
        """Its k responses to every task: the same for a task whenever it is asked."""
        s = self.recipe.supervision
        params = SamplingParams(s.temperature, s.max_tokens)
        seed = self.recipe.training.seed
        return self.sampler.sample(
            [
                Prompt(
                    t.id,
                    Role.TESTER,
                    self.prompts[t.id],
                    sampling_seed(seed, _STEP, t.id, Role.TESTER),
                    params,
                )
                for t in tasks
            ],
            s.tests,
        )

    def _texts(self, tasks: Sequence[Task]) -> list[str]:
        options = self.recipe.supervision.template_options
        return [prompt_text(self.tokenizer, self._message(t), options) for t in tasks]

    def _message(self, task: Task) -> str:
        p = self.recipe.prompts
        return p.templates().fill(task, Role.TESTER, p.tester_examples)


class Written:
    """The supervising tests of a run, on disk: read if they are there, written once if not."""

    def __init__(self, supervisor: Supervisor, run: RunDir) -> None:
        """Raises `RunError` where a file of them cannot be read."""
        self.supervisor = supervisor
        self.run = run
        self.files = 0
        self._of: dict[str, list[Response]] = {}
        for path in sorted((run.path / _ROOM).glob("part-?????.jsonl.gz")):
            self.files = int(path.name[5:10])
            for record in run.read_lines(f"{_ROOM}/{path.name}"):
                self._read(path.name, record)

    def responses(self, tasks: Sequence[Task]) -> list[list[Response]]:
        """The supervisor's responses to these tasks, sampled now for those that are new."""
        new = [t for t in tasks if t.id not in self._of]
        if new:
            found = self.supervisor.sample(new)
            self.run.write_lines(
                f"{_ROOM}/part-{self.files + 1:05d}.jsonl.gz",
                [
                    {"task": t.id, "responses": [response_record(r) for r in group]}
                    for t, group in zip(new, found, strict=True)
                ],
            )
            self.files += 1
            self._of |= {t.id: group for t, group in zip(new, found, strict=True)}
        return [self._of[t.id] for t in tasks]

    def _read(self, name: str, record: Mapping[str, Any]) -> None:
        try:
            task_id = record["task"]
            self._of[task_id] = [
                response_from(r, task_id, Role.TESTER, i) for i, r in enumerate(record["responses"])
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{self.run.path}: {_ROOM}/{name} is damaged ({type(error).__name__}: {error}); "
                "put a copy back, or begin a new run"
            ) from None
