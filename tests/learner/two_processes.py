"""What two processes learn together, case by case, written down for the tests to compare.

    python -m tests.learner.two_processes DIR     (twice, with torchrun's variables)

All cases run in one pair of processes: starting them costs more than the cases.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.rank_orders import RankOrder
from sparring.learner.distributed.shards import gather_weights, spread_state, spread_weights
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import (
    KLPlace,
    LearningSettings,
    LogprobBackend,
    OldLogprobs,
    OptimizerState,
    Sharding,
    UpdateMode,
)
from sparring.learner.stats import RoleStats
from sparring.learner.update import Learner
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import Adapters, ModelSettings, Precision
from sparring.schema import Role
from tests.learner.one_step import IN_BFLOAT16, ONE_STEP
from tests.learner.test_update import groups as made_groups
from tests.nano import tiny_model


@functools.cache
def groups(role: Role | None = None) -> list[SampleGroup]:
    """Three groups, of 3, 2 and 4 responses."""
    return made_groups(role=role)


WHOLE = ModelSettings()


@dataclass(frozen=True)
class Case:
    """A model, settings, and the groups of two updates."""

    settings: LearningSettings
    model: ModelSettings = WHOLE
    base: Callable[[], PreTrainedModel] = tiny_model
    first: Callable[[], list[SampleGroup]] = groups
    second: Callable[[], list[SampleGroup]] = groups

    def made(self) -> PreTrainedModel:
        return prepare_model(self.base(), self.model, 5)


def one() -> list[SampleGroup]:
    return groups()[1:2]


def of_a_coder() -> list[SampleGroup]:
    return groups(role=Role.CODER)


def none() -> list[SampleGroup]:
    return []


def tied() -> PreTrainedModel:
    """Embeddings and output matrix are one, of which two processes have unequal parts."""
    model = tiny_model(vocabulary=51)
    model.config.tie_word_embeddings = True
    model.lm_head.weight = model.model.embed_tokens.weight
    return model


PLAIN = ONE_STEP.changed(learning_rate=2e-4, max_grad_norm=0.5, tokens_per_micro_batch=40)
LORA = ModelSettings(lora_rank=4)
AT_THE_ENDS = LORA.changed(lora_targets=["embed_tokens", "lm_head", "q_proj"])
PER_ROLE = ModelSettings(lora_rank=4, adapters=Adapters.PER_ROLE)
ROUNDED = (
    PLAIN.changed(  # one backend and one response at a time: what goes together decides rounding
        backend=LogprobBackend.PADDED,
        tokens_per_micro_batch=1,
        logprob_chunk=5,
    )
)
CASES = {
    "three groups": Case(PLAIN),
    "one group": Case(PLAIN, first=one, second=one),
    "one role, then none": Case(PLAIN, first=of_a_coder, second=none),
    "num_minibatches": Case(PLAIN.changed(num_minibatches=2, ppo_epochs=2)),
    "separate": Case(PLAIN.changed(mode=UpdateMode.SEPARATE)),
    "trainer's log-probs": Case(PLAIN.changed(old_logprobs=OldLogprobs.RECOMPUTED, tis_cap=2.0)),
    "trainer's log-probs, in parts": Case(
        PLAIN.changed(
            mode=UpdateMode.SEPARATE,
            num_minibatches=2,
            ppo_epochs=2,
            old_logprobs=OldLogprobs.RECOMPUTED,
        )
    ),
    "official": Case(
        PLAIN.changed(
            old_logprobs=OldLogprobs.PER_STEP,
            optimizer_state=OptimizerState.STEP,
        )
    ),
    "kl in the reward": Case(PLAIN.changed(kl_place=KLPlace.REWARD, kl_coef=0.1)),
    "checkpointing": Case(PLAIN, ModelSettings(gradient_checkpointing=True)),
    "chunks": Case(PLAIN.changed(logprob_chunk=5), ModelSettings(gradient_checkpointing=True)),
    "tied": Case(PLAIN.changed(logprob_chunk=5), base=tied),
    "bfloat16": Case(ROUNDED, IN_BFLOAT16),
    "lora in bfloat16": Case(ROUNDED, LORA.changed(precision=Precision.BFLOAT16)),
    "lora per role in bfloat16": Case(
        ROUNDED, PER_ROLE.changed(precision=Precision.BFLOAT16), first=of_a_coder
    ),
    "lora": Case(PLAIN, LORA),
    "lora per role": Case(PLAIN, PER_ROLE, first=of_a_coder),
    "lora on the embeddings": Case(PLAIN, AT_THE_ENDS),
    "refused": Case(PLAIN.changed(skip_grad_norm=1e-9)),
}


@dataclass
class Learned:
    """After each of two updates: statistics, whole weights that learn, whole optimiser state."""

    stats: list[dict[str, dict[str, float]]]
    weights: list[dict[str, torch.Tensor]]
    states: list[dict[str, Any]]


def alone(case: Case) -> Learned:
    """The same with one process."""
    learner = Learner(case.made(), case.settings, case.model)
    found = Learned([], [], [])
    for batch in (case.first(), case.second()):
        _note(found, learner, learner.model, learner.update(batch))
    return found


def taken_up(case: Case, weights: dict[str, torch.Tensor], state: dict[str, Any]) -> Learned:
    """With one process: the second update, from what another has kept after the first."""
    learner = Learner(case.made(), case.settings, case.model)
    with torch.no_grad(), learner.masters.in_force():
        for name, p in learner.model.named_parameters():
            if name in weights:
                p.copy_(weights[name])
    learner.load_state(state)
    found = Learned([], [], [])
    _note(found, learner, learner.model, learner.update(case.second()))
    return found


def _note(
    found: Learned, learner: Learner, whole: PreTrainedModel, stats: dict[Role, RoleStats]
) -> None:
    names = RoleStats.__slots__
    found.stats.append({r.value: {n: getattr(s, n) for n in names} for r, s in stats.items()})
    found.states.append(copy.deepcopy(learner.state()))
    wanted = {n for n, p in learner.model.named_parameters() if p.requires_grad}
    with learner.masters.in_force():
        found.weights.append(
            {n: p.detach().clone() for n, p in whole.named_parameters() if n in wanted}
        )


def together(case: Case, sharding: Sharding, world: DistributedContext, kept: Learned) -> Any:
    """Two updates, and the second once more from what one process has ``kept`` after the first."""
    found, resumed = Learned([], [], []), Learned([], [], [])

    def made() -> Learner:
        sharded = sharding is Sharding.FSDP
        return Learner(case.made(), case.settings, case.model, world, sharded=sharded)

    learner, whole = made(), case.made()
    for batch in (case.first(), case.second()):
        _step(found, learner, whole, batch, world)
    learner, whole = made(), case.made()
    if world.is_main:
        with torch.no_grad():
            for name, p in whole.named_parameters():
                if name in kept.weights[0]:
                    p.copy_(kept.weights[0][name])
    with learner.masters.in_force():
        spread_weights(
            learner.model, dict(whole.named_parameters()) if world.is_main else None, world
        )
    spread_state(learner.optimizer, kept.states[0] if world.is_main else None, world)
    _step(resumed, learner, whole, case.second(), world)
    return {"found": found, "resumed": resumed, "left whole": left_whole(learner)}


def left_whole(learner: Learner) -> list[str]:
    """The weights of a sharded learner, its reference's included, that are whole between passes."""
    models = [learner.model, learner.reference] if learner.sharded else []
    return [
        name
        for model in models
        if model is not None
        for name, p in model.named_parameters()
        if not isinstance(p, DTensor)
    ]


def _step(
    found: Learned,
    learner: Learner,
    whole: PreTrainedModel,
    batch: list[SampleGroup],
    world: DistributedContext,
) -> None:
    if not world.is_main:
        order, (ordered, rate) = world.next()
        assert order is RankOrder.UPDATE
        learner.set_learning_rate(rate)
        learner.update(ordered)
        with learner.masters.in_force():
            gather_weights(learner.model, None)
        if learner.sharded:
            assert world.next()[0] is RankOrder.STATE
            learner.state()
        assert world.next()[0] is RankOrder.CHECK
        learner.damaged()
        return
    stats = learner.update(batch)
    with learner.masters.in_force():
        gather_weights(learner.model, whole)
    _note(found, learner, whole, stats)
    assert not learner.damaged()


def main(place: Path) -> None:
    torch.set_num_threads(1)
    world = DistributedContext.join()
    with world.taking_part():
        kept = torch.load(place / "alone.pt", weights_only=False)
        found = {
            (sharding, name): together(case, sharding, world, kept[name])
            for sharding in (Sharding.DDP, Sharding.FSDP)
            for name, case in CASES.items()
        }
        if world.is_main:
            torch.save(found, place / "together.pt")
        else:
            assert world.next()[0] is RankOrder.END


if __name__ == "__main__":
    # As the module that the tests import, so that both know the same classes.
    from tests.learner.two_processes import main as imported_main

    imported_main(Path(sys.argv[1]))
