"""A process's place among others: what it sets on a GPU, and what it takes for a lost process."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sparring.errors import RunError
from sparring.learner.distributed import context as context_module
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.rank_orders import RankOrder
from sparring.training.memory import enough_memory


@pytest.mark.parametrize("given", [None, "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"])
def test_memory_on_a_gpu_grows_in_place_unless_the_user_has_said_how(
    monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    names = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
    for name in names:
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    if given:
        monkeypatch.setenv(given, "max_split_size_mb:512")
    DistributedContext()
    assert not given or [os.environ.get(n) for n in names if n != given] == [None]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    DistributedContext()
    found = {n: os.environ[n] for n in names if n in os.environ}
    expected = "max_split_size_mb:512" if given else "expandable_segments:True"
    assert list(found.values()) == [expected]


def test_nccl_without_memory_is_no_lost_process() -> None:
    """It was told as one, and the key that would help was not."""
    distributed = DistributedContext(rank=1, size=2)
    told = "NCCL error in: ncclUnhandledCudaError: Cuda failure 2 'out of memory'"
    line = r"^out of memory .*lower sampling.max_batch_size"
    with pytest.raises(RunError, match=line), distributed.loss_told(), enough_memory():
        raise RuntimeError(told)
    with pytest.raises(RuntimeError, match="NCCL error"), distributed.loss_told():
        raise RuntimeError(told)
    with pytest.raises(RunError, match="another process has ended"), distributed.loss_told():
        raise RuntimeError("[../gloo/transport/tcp/pair.cc:534] Connection closed by peer")


def test_the_last_order_does_not_fall_into_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads in one group's operations at a time would leave the others waiting for days."""
    distributed, sent = DistributedContext(0, 2), list[RankOrder]()
    begun = threading.Event()

    def send(items: list[Any]) -> list[Any]:
        begun.set()
        time.sleep(0.2 if items[0] is RankOrder.BEAT else 0)
        sent.append(items[0])
        return items

    monkeypatch.setattr(context_module, "_BEAT", 0.01)
    monkeypatch.setattr(distributed, "_send", send)
    monkeypatch.setattr(distributed, "sums", lambda values: values)
    monkeypatch.setattr(distributed, "_peers", SimpleNamespace(why=None, leave=lambda: None))
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    with distributed.taking_part():
        distributed.keep_awake()
        assert begun.wait(10)
    assert sent == [RankOrder.BEAT, RankOrder.END]
