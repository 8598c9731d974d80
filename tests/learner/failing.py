"""Two processes of which one fails while both learn, or while the first is busy by itself.

python -m tests.learner.failing HOW     (twice, with torchrun's variables)
"""

from __future__ import annotations

import os
import signal
import sys
import time

import torch

from sparring.errors import SparringError
from sparring.learner.distributed import context as context_module
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.rank_orders import RankOrder
from sparring.learner.update import Learner
from sparring.training.memory import enough_memory
from tests.learner.two_processes import CASES

HOW = ("raises", "leader raises", "killed", "killed while the first samples")


def fail(how: str) -> None:
    if how.startswith("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def work(how: str, distributed: DistributedContext) -> None:
    case = CASES["three groups"]
    learner = Learner(case.made(), case.settings, case.model, distributed, sharded=True)
    groups = case.first()
    if distributed.is_main is (how == "leader raises"):
        usual = Learner._backward

        def failing(*given: object) -> None:
            usual(*given)  # type: ignore[arg-type]
            fail(how)

        Learner._backward = failing  # type: ignore[method-assign, assignment]
    distributed.keep_awake()
    if distributed.is_main:
        if how.endswith("samples"):
            time.sleep(1)  # a beat or two
            with distributed.order(RankOrder.CHECK):
                pass
            time.sleep(300)
        learner.update(groups)
        return
    if distributed.next()[0] is RankOrder.CHECK:
        fail(how)
    learner.update(groups)
    distributed.next()


def main(how: str) -> None:
    context_module._BEAT = 0.4
    torch.set_num_threads(1)
    distributed = DistributedContext.join()
    try:
        with distributed.taking_part(), distributed.loss_told("; go on"), enough_memory():
            work(how, distributed)
    except SparringError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main(sys.argv[1])
