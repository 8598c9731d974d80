"""A process that learns with the first one and does nothing else.

The first process samples, runs programs, scores and keeps the run directory;
this one has the model, or its part of it, and carries out orders
(`learner.distributed.world`). It reads no recipe, no task and no record: the recipe comes
with the first order, groups with each update, and weights of a checkpoint from
the first process. So only the model has to be on every machine.

Ctrl-C and SIGTERM are the first process's business: this one goes on until it
is dismissed, or hears that one has failed (`learner.distributed.peers`). From then on
signals end it as they end any process.
"""

from __future__ import annotations

import signal

from sparring.config.load import make_recipe
from sparring.learner.distributed.orders import Order
from sparring.learner.distributed.world import World
from sparring.training.state.trainer import Trainer

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def follow(world: World) -> None:
    """Carry out orders until the last. Raises `RuntimeError` when the others are gone."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        _carry_out(world)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _carry_out(world: World) -> None:
    order, data = world.next()
    if order is Order.END:
        return
    trainer = Trainer(make_recipe(data, (), "the first process's recipe"), world)
    while True:
        order, data = world.next()
        match order:
            case Order.UPDATE:
                groups, rate = data
                trainer.learner.set_learning_rate(rate)
                trainer.learner.update(groups)
            case Order.CHECK:
                trainer.learner.damaged()
            case Order.GATHER:
                trainer.full_model()
            case Order.STATE:
                trainer.learner.state()
            case Order.SAVE:
                trainer.save_weights(data)
            case Order.EXPORT:
                trainer.export(*data)
            case Order.ADAPTER:
                trainer.export_adapter(*data)
            case Order.SCORE:
                trainer.learner.score(*data)
            case Order.SPREAD:
                trainer.spread(None)
            case Order.END:
                return
            case Order.BEGIN:
                raise ValueError("a process begins once")
