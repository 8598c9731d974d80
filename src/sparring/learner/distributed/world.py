"""Which process this is among those that learn together, and how they speak.

    torchrun --nproc-per-node 8 -m sparring.cli train recipe.toml

`torchrun` (or `accelerate launch`) starts the processes and tells each its
place in environment variables. The first process makes the run: tasks,
sampling, sandbox, rewards, files. The others do what it orders: each `Order`
is announced by it and carried out by all, which makes one sequence of
collective operations, the same everywhere.

Orders and small numbers go over gloo on any device: waiting for an order may
take as long as sampling does, and gloo notices at once when a process has
ended. Gradients and weights go over NCCL on CUDA, gloo on a CPU.

`accelerate` is a launcher here and no more: its FSDP2 plugin is silently
ignored on a CPU, and one path for both devices is what can be tested. Not
here: what is learned (`update`), how weights are split (`shards`).
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
from sparring.learner.distributed.orders import Order
from sparring.learner.distributed.peers import GRACE, PeerLost, Peers

_STEP_WAIT = timedelta(minutes=30)
"""How long one process waits for another within an order: they have equal shares of the work."""
_ORDER_WAIT = timedelta(days=7)
"""How long an order may be in coming: evaluations of large models take hours."""
_BEAT = 240.0
"""Seconds between signs of life while no order is given: some clouds cut connections that are idle
for ten minutes."""


class World:
    """This process's place. Without others every method is trivial."""

    def __init__(self, rank: int = 0, size: int = 1, local: int = 0) -> None:
        self.rank = rank
        self.size = size
        cuda = torch.cuda.is_available()
        if cuda:
            _expandable()
        self.device = torch.device("cuda", local) if cuda else torch.device("cpu")
        self._orders: Any = None
        """The gloo group of orders and small numbers."""
        self._peers: Peers | None = None
        """The line by which all end when one has failed; None without others."""
        self._busy = False
        """Whether an order is being carried out, or was when something went wrong."""
        self._speaking = threading.RLock()
        """Held while an order is carried out: one at a time."""
        self._left = threading.Event()

    @classmethod
    def join(cls) -> World:
        """The place that the launcher gave this process; alone without a launcher.

        Raises `ConfigError` for variables that make no sense, `RunError` where the others cannot
        be reached.
        """
        size = _number("WORLD_SIZE", 1)
        if size == 1:
            return cls()
        rank, local = _number("RANK"), _number("LOCAL_RANK", 0)
        if not 0 <= rank < size:
            raise ConfigError(f"RANK is {rank} and WORLD_SIZE {size}: start with torchrun")
        for name in ("MASTER_ADDR", "MASTER_PORT"):
            if name not in os.environ:
                raise ConfigError(f"WORLD_SIZE is {size}, but {name} is not set: use torchrun")
        if torch.cuda.is_available() and local >= torch.cuda.device_count():
            raise ConfigError(
                f"process {rank} is number {local} on its machine, which has "
                f"{torch.cuda.device_count()} GPUs: start as many processes as there are GPUs"
            )
        world = cls(rank, size, local)
        if world.device.type == "cuda":
            torch.cuda.set_device(world.device)
        backend = "nccl" if world.device.type == "cuda" else "gloo"
        try:
            dist.init_process_group(backend, rank=rank, world_size=size, timeout=_STEP_WAIT)
            world._orders = dist.new_group(backend="gloo", timeout=_ORDER_WAIT)
            world._peers = Peers(rank, size, world.tell, os.environ["MASTER_ADDR"])
        except (RuntimeError, ValueError, OSError) as error:
            raise RunError(f"process {rank} of {size}: cannot reach the others: {error}") from None
        if world.device.type == "cuda":
            world._peers.abort = abort_operations
        return world

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """Leave at the end of the block, and let the others know if that is by a failure."""
        failure = None
        try:
            yield
        except SystemExit:  # decided together with the others, or nothing that concerns them
            raise
        except BaseException as error:  # raised again, and told to the others
            failure = (str(error).strip().splitlines() or [type(error).__name__])[0]
            if isinstance(error, KeyboardInterrupt):
                failure = "stopped by the user"
            raise
        finally:
            self._leave(failure)

    @property
    def alone(self) -> bool:
        """Whether there are no others."""
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this is the first process, which makes the run."""
        return self.rank == 0

    def report(self) -> dict[str, Any]:
        """How many learn together, for the record."""
        return {"processes": self.size}

    @contextmanager
    def order(self, order: Order, data: Any = None) -> Iterator[None]:
        """Announce what all do within the block. On a process that follows: nothing is
        announced, because it is here by that order."""
        with self._speaking:
            self._set_busy(True)
            try:
                if self.leads and not self.alone:
                    self._send([order, data])
                yield
            except BaseException:  # raised again: the others are not waited for
                if self._peers is not None:
                    self._peers.unwinding = True
                raise
            if self._peers is not None and self._peers.why is not None:
                raise PeerLost(self._peers.why)  # what was computed may be of aborted operations
            self._set_busy(False)

    def next(self) -> tuple[Order, Any]:
        """The first process's next order, waited for, and its data."""
        while True:
            order, data = self._send([None, None])
            if order is not Order.BEAT:
                return order, data
            self.sums([0.0])

    def keep_awake(self) -> None:
        """From now on the others do nothing but wait for orders: where none is given for long,
        let them hear that this process is there."""
        if self.leads and not self.alone:
            threading.Thread(target=self._beat, name="beat", daemon=True).start()

    def reason(self) -> str | None:
        """Why another process has failed, as far as that is known."""
        return self._peers.reason() if self._peers is not None else None

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        if self._peers is not None:
            self._peers.busy = busy

    def _beat(self) -> None:
        """Keep the connections of orders awake, on a thread of the first process."""
        while not self._left.wait(_BEAT):
            if self._speaking.acquire(blocking=False):  # else an order does
                try:
                    self._send([Order.BEAT, None])
                    self.sums([0.0])
                except RuntimeError:  # who is lost is heard of elsewhere
                    return
                finally:
                    self._speaking.release()

    def _leave(self, failure: str | None) -> None:
        """End, and let the others end if this is the first process. A failure within an order is
        told to all, because they wait for something else; so is each of a follower."""
        if self.alone:
            return
        self._left.set()
        assert self._peers is not None
        lost = self._peers.why is not None
        told = failure is not None and (self._busy or not self.leads)
        if told and not lost:
            self._peers.failed(str(failure))
        elif self.leads and not self._busy and not lost:
            with self._speaking, suppressed_loss():  # after a sign of life, not in the midst of it
                self._send([Order.END, None])
        self._peers.leave()
        if self.device.type == "cuda" and (told or lost or self._busy):
            # NCCL may wait for who does not come, also while the interpreter ends.
            last = threading.Timer(GRACE, os._exit, (1,))
            last.daemon = True
            last.start()
            abort_operations()
        else:
            dist.destroy_process_group()

    def sums(self, values: Sequence[float]) -> list[float]:
        """Each value added up over all processes, in float64."""
        return self._reduced(values, dist.ReduceOp.SUM)

    def highest(self, values: Sequence[float]) -> list[float]:
        """The largest of each value over all processes."""
        return self._reduced(values, dist.ReduceOp.MAX)

    def of_first(self, value: float) -> float:
        """The first process's value: where all must decide alike, and rounding could differ."""
        return float(self.tell(value))

    def tell(self, value: Any) -> Any:
        """The first process's value, to all. Plain data."""
        return value if self.alone else self._send([value])[0]

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, by rank. Plain data."""
        found = [value] * self.size
        if not self.alone:
            dist.all_gather_object(found, value, group=self._orders)
        return found

    def agree(self, failure: str | None, mark: str) -> None:
        """Go on if no process has failed and all give the same mark of their model.

        Raises `ModelError` on the first process and ends the others, which have nothing to add.
        """
        told = self.gather((failure, mark))
        for rank, (why, other) in enumerate(told):
            if why is None and other != told[0][1]:
                why = "has loaded another model than the first; give all machines the same files"
            if why is not None and self.leads:
                raise ModelError(f"process {rank}: {why}" if rank else why)
            if why is not None:
                raise SystemExit(1)

    @contextmanager
    def loss_told(self, go_on: str = "") -> Iterator[None]:
        """Turn the loss of another process into `RunError`, which says what that one has said, if
        anything; ``go_on`` is how the run is taken up."""
        try:
            yield
        except (RuntimeError, PeerLost) as error:
            if self.alone or not (isinstance(error, PeerLost) or is_loss(error)):
                raise
            said = (str(error).strip().splitlines() or ["no reason given"])[0]
            why = self.reason() or said[:200]
            raise RunError(
                f"process {self.rank} of {self.size}: another process has ended or does not answer "
                f"({why}){go_on}"
            ) from None

    def _reduced(self, values: Sequence[float], how: Any) -> list[float]:
        if self.alone:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor, how, group=self._orders)
        found: list[float] = tensor.tolist()
        return found

    def _send(self, items: list[Any]) -> list[Any]:
        dist.broadcast_object_list(items, 0, group=self._orders, device=torch.device("cpu"))
        return items


def _expandable() -> None:
    """Let torch's memory on a GPU grow in place, unless the user has said how: the shapes of
    micro-batches differ, and segments of fixed size would be left in pieces. Read by torch when it
    first takes memory; the names are of torch 2.9 and newer, and of older ones."""
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
        raise ConfigError(f"{name} is {text!r}, which is no number of processes: use torchrun")
    return value
