"""Loading of a run's model for the trainer: on one process, or sharded over several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel

from sparring.config.recipe import Recipe
from sparring.errors import ModelError
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.shards import fingerprint
from sparring.learner.distributed.skeleton import Description, skeleton
from sparring.learner.logprobs.head import check_head
from sparring.policy.model import load_policy
from sparring.policy.prepared import prepare_model


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """Model that is ready to learn, with its tokenizer."""

    model: PreTrainedModel
    """The model; a skeleton without weights on every process if the model is to be sharded."""
    tokenizer: Any
    """The tokenizer; None on a process that has not read the model."""
    source: PreTrainedModel | None
    """The full model on the first process, if the model is to be sharded; else None."""


def prepared_model(recipe: Recipe, distributed: DistributedContext, sharded: bool) -> PreparedModel:
    """Load and prepare the recipe's model; all processes call this function together.

    A model to be ``sharded`` is read by the first process alone. Raises `ModelError` on all
    processes if one process cannot load the model.
    """
    seed = recipe.training.seed
    failure, description = None, None
    model: PreTrainedModel | None = None
    source: PreTrainedModel | None = None
    tokenizer: Any = None
    if distributed.is_main or not sharded:
        try:
            m = recipe.model
            read, tokenizer = load_policy(m.path, m.end_tokens, "model.end_tokens")
            check_head(read)
            description = Description.of(read) if sharded else None
            model = prepare_model(read, m, seed)
        except ModelError as error:
            failure = str(error)
    if sharded:
        description = distributed.broadcast(description if failure is None else None)
        if description is not None:
            if distributed.is_main:
                source = model
            else:
                model = prepare_model(description.skeleton(), recipe.model, seed)
            assert model is not None
            model = skeleton(model)
    compared = failure is None and model is not None and not distributed.alone
    distributed.agree(failure, fingerprint(model) if compared else "")
    assert model is not None  # `agree` has raised if any process has no model
    return PreparedModel(model, tokenizer, source)
