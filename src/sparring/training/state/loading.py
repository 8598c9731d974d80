"""The model of a run as its trainer takes it: on one process, or in parts on several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel

from sparring.config.recipe import Recipe
from sparring.errors import ModelError
from sparring.learner.distributed.shards import fingerprint
from sparring.learner.distributed.skeleton import Description, skeleton
from sparring.learner.distributed.world import World
from sparring.learner.logprobs.head import check_head
from sparring.policy.model import load_policy
from sparring.policy.prepared import prepare_model


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that is ready to learn, and its tokenizer where the model was read.

    To be sharded, ``model`` is a skeleton without weights on every process; the first one has them
    in ``source``.
    """

    model: PreTrainedModel
    tokenizer: Any
    source: PreTrainedModel | None


def prepared_model(recipe: Recipe, world: World, sharded: bool) -> Prepared:
    """Load the recipe's model and prepare it, with all processes. To be ``sharded``, the first
    process reads it alone. Raises `ModelError` on all, where one cannot."""
    seed = recipe.training.seed
    failure, description = None, None
    model: PreTrainedModel | None = None
    source: PreTrainedModel | None = None
    tokenizer: Any = None
    if world.leads or not sharded:
        try:
            m = recipe.model
            read, tokenizer = load_policy(m.path, m.end_tokens, "model.end_tokens")
            check_head(read)
            description = Description.of(read) if sharded else None
            model = prepare_model(read, m, seed)
        except ModelError as error:
            failure = str(error)
    if sharded:
        description = world.tell(description if failure is None else None)
        if description is not None:
            if world.leads:
                source = model
            else:
                model = prepare_model(description.skeleton(), recipe.model, seed)
            assert model is not None
            model = skeleton(model)
    known = failure is None and model is not None and not world.alone
    world.agree(failure, fingerprint(model) if known else "")
    assert model is not None  # `agree` has raised, where any process has none
    return Prepared(model, tokenizer, source)
