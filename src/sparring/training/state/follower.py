"""Follower: a process that only learns, on the orders of the first process.

The first process samples, runs programs, scores and writes the run directory. A
follower holds the model, or its shard of the model, and carries out orders
(`learner.distributed.context`). A follower reads no recipe, no task and no record
from disk: the recipe arrives with the first order, groups with each update, and
the weights of a checkpoint come from the first process. So only the model's
files have to be on every machine.

Ctrl-C and SIGTERM are handled by the first process alone. A follower ignores
signals until the first process dismisses it or another process fails
(`learner.distributed.peers`). From then on signals end the follower as usual.
"""

from __future__ import annotations

import signal

from sparring.config.load import make_recipe
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.rank_orders import RankOrder
from sparring.training.state.trainer import Trainer

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def follow(distributed: DistributedContext) -> None:
    """Carry out orders until the last. Raises `RuntimeError` when other processes are gone."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        _carry_out(distributed)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _carry_out(distributed: DistributedContext) -> None:
    order, data = distributed.next()
    if order is RankOrder.END:
        return
    trainer = Trainer(make_recipe(data, (), "the first process's recipe"), distributed)
    while True:
        order, data = distributed.next()
        match order:
            case RankOrder.UPDATE:
                groups, rate = data
                trainer.learner.set_learning_rate(rate)
                trainer.learner.update(groups)
            case RankOrder.CHECK:
                trainer.learner.damaged()
            case RankOrder.GATHER:
                trainer.full_model()
            case RankOrder.STATE:
                trainer.learner.state()
            case RankOrder.SAVE:
                trainer.save_weights(data)
            case RankOrder.EXPORT:
                trainer.export(*data)
            case RankOrder.ADAPTER:
                trainer.export_adapter(*data)
            case RankOrder.SCORE:
                trainer.learner.score(*data)
            case RankOrder.SPREAD:
                trainer.spread(None)
            case RankOrder.END:
                return
            case RankOrder.BEGIN:
                raise ValueError("a follower got the order BEGIN twice")
