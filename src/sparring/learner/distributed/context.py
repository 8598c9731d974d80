"""This process's place among those that train together, and their communication.

    torchrun --nproc-per-node 8 -m sparring.cli train recipe.toml

`torchrun` (or `accelerate launch`) starts the processes and tells each its rank in environment
variables. The first process makes the run: tasks, sampling, sandbox, rewards, files. The other
processes follow its orders: the first process announces each `RankOrder` and all carry it out. So
every process makes the same sequence of collective operations.

Orders and small numbers go over gloo on any device. Waiting for an order may take as long as
sampling does, and gloo notices at once when a process has ended. Gradients and weights go over NCCL
on CUDA and over gloo on a CPU.

`accelerate` serves as a launcher only, because it silently ignores its FSDP2 plugin on a CPU. A
single path of code for both devices can be tested. Training itself is in `update`, sharding in
`shards`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from sparring.errors import ConfigError, ModelError, RunError
from sparring.learner.distributed.lost import abort_operations, is_loss, suppressed_loss
from sparring.learner.distributed.peers import GRACE, PeerLost, Peers
from sparring.learner.distributed.rank_orders import RankOrder

_STEP_WAIT = timedelta(minutes=30)
"""Longest wait of one process for another within an order; the processes have equal shares of
work."""
_ORDER_WAIT = timedelta(days=7)
"""Longest wait for an order; evaluations of large models take hours."""
_BEAT = 240.0
"""Seconds between heartbeats while there are no orders; some clouds cut connections that have been
idle for ten minutes."""


class DistributedContext:
    """Distributed context: this process's rank, the number of processes, and their communication.
    In a single process every method works without communication."""

    def __init__(self, rank: int = 0, size: int = 1, local: int = 0) -> None:
        self.rank = rank
        self.size = size
        cuda = torch.cuda.is_available()
        if cuda:
            _expandable()
        self.device = torch.device("cuda", local) if cuda else torch.device("cpu")
        self._orders: Any = None
        """The gloo group for orders and small numbers."""
        self._peers: Peers | None = None
        """Connections by which all processes end when one fails; None in a single process."""
        self._busy = False
        """Whether an order is being carried out, or was interrupted by an error."""
        self._sending = threading.RLock()
        """Held while an order is carried out, so that a heartbeat never falls into it."""
        self._has_left = threading.Event()

    @classmethod
    def join(cls) -> DistributedContext:
        """Join the processes that the launcher has started; without a launcher, return the context
        of a single process.

        Raises `ConfigError` for environment variables that are missing or invalid, `RunError` if
        the other processes cannot be reached.
        """
        size = _number("WORLD_SIZE", 1)
        if size == 1:
            return cls()
        rank, local = _number("RANK"), _number("LOCAL_RANK", 0)
        if not 0 <= rank < size:
            raise ConfigError(
                f"RANK is {rank} and WORLD_SIZE {size}: a rank must be below the number of "
                "processes; start with torchrun"
            )
        for name in ("MASTER_ADDR", "MASTER_PORT"):
            if name not in os.environ:
                raise ConfigError(f"WORLD_SIZE is {size}, but {name} is not set; use torchrun")
        if torch.cuda.is_available() and local >= torch.cuda.device_count():
            raise ConfigError(
                f"process {rank}: no GPU for local rank {local}: the machine has "
                f"{torch.cuda.device_count()} GPUs; start as many processes as there are GPUs"
            )
        distributed = cls(rank, size, local)
        if distributed.device.type == "cuda":
            torch.cuda.set_device(distributed.device)
        backend = "nccl" if distributed.device.type == "cuda" else "gloo"
        try:
            dist.init_process_group(backend, rank=rank, world_size=size, timeout=_STEP_WAIT)
            distributed._orders = dist.new_group(backend="gloo", timeout=_ORDER_WAIT)
            distributed._peers = Peers(rank, size, distributed.broadcast, os.environ["MASTER_ADDR"])
        except (RuntimeError, ValueError, OSError) as error:
            raise RunError(
                f"process {rank} of {size}: cannot reach the other processes: {error}"
            ) from None
        if distributed.device.type == "cuda":
            distributed._peers.abort = abort_operations
        return distributed

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """Leave at the end of the block, and tell the others if the block has failed."""
        failure = None
        try:
            yield
        except SystemExit:  # either all processes exit together, or the others need not know
            raise
        except BaseException as error:  # raised again; its first line goes to the others
            failure = (str(error).strip().splitlines() or [type(error).__name__])[0]
            if isinstance(error, KeyboardInterrupt):
                failure = "stopped by the user"
            raise
        finally:
            self._leave(failure)

    @property
    def alone(self) -> bool:
        """Return whether this is the only process."""
        return self.size == 1

    @property
    def is_main(self) -> bool:
        """Return whether this is the first process, which makes the run."""
        return self.rank == 0

    def report(self) -> dict[str, Any]:
        """Return the number of processes, for the run's records."""
        return {"processes": self.size}

    @contextmanager
    def order(self, order: RankOrder, data: Any = None) -> Iterator[None]:
        """Announce an order whose work the block does. In the other processes nothing is announced:
        they enter the block because they have received the order."""
        with self._sending:
            self._set_busy(True)
            try:
                if self.is_main and not self.alone:
                    self._send([order, data])
                yield
            except BaseException:  # raised again; this process does not wait for the others
                if self._peers is not None:
                    self._peers.unwinding = True
                raise
            if self._peers is not None and self._peers.why is not None:
                raise PeerLost(self._peers.why)  # the results may come from aborted operations
            self._set_busy(False)

    def next(self) -> tuple[RankOrder, Any]:
        """Wait for the first process's next order; return the order and its data."""
        while True:
            order, data = self._send([None, None])
            if order is not RankOrder.BEAT:
                return order, data
            self.sums([0.0])

    def keep_awake(self) -> None:
        """Start heartbeats, which keep connections open while the others wait for an order."""
        if self.is_main and not self.alone:
            threading.Thread(target=self._beat, name="beat", daemon=True).start()

    def reason(self) -> str | None:
        """Return the reason why another process has failed, or None if no reason is known."""
        return self._peers.reason() if self._peers is not None else None

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        if self._peers is not None:
            self._peers.busy = busy

    def _beat(self) -> None:
        """Send heartbeats, on a thread of the first process."""
        while not self._has_left.wait(_BEAT):
            if self._sending.acquire(blocking=False):  # else an order uses the connections
                try:
                    self._send([RankOrder.BEAT, None])
                    self.sums([0.0])
                except RuntimeError:  # `Peers` reports a lost process
                    return
                finally:
                    self._sending.release()

    def _leave(self, failure: str | None) -> None:
        """Leave the run.

        The first process orders the others to end. After a failure within an order, no other order
        can follow, because the others still wait in the middle of the failed order. So `Peers`
        reports such a failure to all processes. `Peers` also reports every failure of a process
        other than the first.
        """
        if self.alone:
            return
        self._has_left.set()
        assert self._peers is not None
        lost = self._peers.why is not None
        reported = failure is not None and (self._busy or not self.is_main)
        if reported and not lost:
            self._peers.failed(str(failure))
        elif self.is_main and not self._busy and not lost:
            with self._sending, suppressed_loss():  # never in the middle of a heartbeat
                self._send([RankOrder.END, None])
        self._peers.leave()
        if self.device.type == "cuda" and (reported or lost or self._busy):
            # NCCL may wait for a process that is gone, even while the interpreter exits.
            last = threading.Timer(GRACE, os._exit, (1,))
            last.daemon = True
            last.start()
            abort_operations()
        else:
            dist.destroy_process_group()

    def sums(self, values: Sequence[float]) -> list[float]:
        """Return the sum of each value over all processes, in float64."""
        return self._reduced(values, dist.ReduceOp.SUM)

    def highest(self, values: Sequence[float]) -> list[float]:
        """Return the largest of each value over all processes."""
        return self._reduced(values, dist.ReduceOp.MAX)

    def from_main(self, value: float) -> float:
        """Return the first process's number, for a decision that all must take alike although
        their rounding may differ."""
        return float(self.broadcast(value))

    def broadcast(self, value: Any) -> Any:
        """Broadcast the first process's value, plain data; returns it in every process."""
        return value if self.alone else self._send([value])[0]

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value, plain data, by rank."""
        values = [value] * self.size
        if not self.alone:
            dist.all_gather_object(values, value, group=self._orders)
        return values

    def agree(self, failure: str | None, mark: str) -> None:
        """Check that no process has failed to load and that all have the same ``mark``, a digest of
        their model.

        ``failure`` is this process's error, or None. If the check fails, raises `ModelError` in the
        first process, and SystemExit in the others, so that the error is printed once.
        """
        reports = self.gather((failure, mark))
        for rank, (why, other) in enumerate(reports):
            if why is None and other != reports[0][1]:
                why = "its model differs from the first process's; give all machines the same files"
            if why is not None and self.is_main:
                raise ModelError(f"process {rank}: {why}" if rank else why)
            if why is not None:
                raise SystemExit(1)

    @contextmanager
    def loss_told(self, go_on: str = "") -> Iterator[None]:
        """Turn the loss of another process into a `RunError` with that process's last message, if
        it sent one. ``go_on`` ends the error's text with the way to resume the run."""
        try:
            yield
        except (RuntimeError, PeerLost) as error:
            if self.alone or not (isinstance(error, PeerLost) or is_loss(error)):
                raise
            first_line = (str(error).strip().splitlines() or ["no reason given"])[0]
            why = self.reason() or first_line[:200]
            raise RunError(
                f"process {self.rank} of {self.size}: another process has ended or does not answer "
                f"({why}){go_on}"
            ) from None

    def _reduced(self, values: Sequence[float], how: Any) -> list[float]:
        if self.alone:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor, how, group=self._orders)
        reduced: list[float] = tensor.tolist()
        return reduced

    def _send(self, items: list[Any]) -> list[Any]:
        dist.broadcast_object_list(items, 0, group=self._orders, device=torch.device("cpu"))
        return items


def _expandable() -> None:
    """Set torch's GPU memory to expandable segments, unless the user has chosen a setting.

    Micro-batches differ in shape, and segments of fixed size would fragment. Torch reads the
    variable when it first allocates GPU memory; its name changed with torch 2.9.
    """
    if not {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"} & os.environ.keys():
        new = tuple(int(n) for n in torch.__version__.split(".")[:2]) >= (2, 9)
        name = "PYTORCH_ALLOC_CONF" if new else "PYTORCH_CUDA_ALLOC_CONF"
        os.environ[name] = "expandable_segments:True"


def _number(name: str, default: int | None = None) -> int:
    text = os.environ.get(name, "" if default is None else str(default))
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0 or (name == "WORLD_SIZE" and value < 1):
        raise ConfigError(
            f"{name} is {text!r}, which is not a valid number of processes; use torchrun"
        )
    return value
