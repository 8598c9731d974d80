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
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum, auto
from typing import Any

import torch
import torch.distributed as dist

from sparring.errors import ConfigError, ModelError, RunError

_STEP_WAIT = timedelta(minutes=30)
"""How long one process waits for another within an order: they have equal shares of the work."""
_ORDER_WAIT = timedelta(days=7)
"""How long an order may be in coming: evaluations of large models take hours."""
_LOST = re.compile(r"gloo|Connection (closed|reset)|NCCL|[Tt]imed out|Broken pipe|ProcessGroup")


class Order(Enum):
    """What the first process can ask of all."""

    BEGIN = auto()
    """Load the model of a recipe (its data)."""
    UPDATE = auto()
    """Learn from groups, at a learning rate."""
    CHECK = auto()
    """Look whether any weight is not a number."""
    GATHER = auto()
    """Give the first process all weights."""
    STATE = auto()
    """Give the first process the optimiser's state."""
    EXPORT = auto()
    """Write a player's weights to a directory, in a type."""
    ADAPTER = auto()
    """Write a player's adapter to a directory."""
    SCORE = auto()
    """Give the first process log-probs of samples, under the weights of now or of the start."""
    SPREAD = auto()
    """Take over the first process's weights and optimiser state."""
    END = auto()


class World:
    """This process's place. Without others every method is trivial."""

    def __init__(self, rank: int = 0, size: int = 1, local: int = 0) -> None:
        self.rank = rank
        self.size = size
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda", local) if cuda else torch.device("cpu")
        self._orders: Any = None
        """The gloo group of orders and small numbers."""
        self._busy = False
        """Whether an order is being carried out, or was when something went wrong."""

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
        except (RuntimeError, ValueError) as error:
            raise RunError(f"process {rank} of {size}: cannot reach the others: {error}") from None
        return world

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
        self._busy = True
        if self.leads and not self.alone:
            self._send([order, data])
        yield
        self._busy = False

    def next(self) -> tuple[Order, Any]:
        """The first process's next order, waited for, and its data."""
        order, data = self._send([None, None])
        return order, data

    def leave(self) -> None:
        """End, and let the others end if this is the first process. After a failure within an
        order they wait for something else, and end when they find this process gone."""
        if self.alone:
            return
        if self.leads and not self._busy:
            with suppressed_loss():
                self._send([Order.END, None])
        if not self._busy or self.device.type == "cpu":  # NCCL may wait for who does not come
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


@contextmanager
def suppressed_loss() -> Iterator[None]:
    """Where this process ends anyway, it does not matter that another has."""
    try:
        yield
    except RuntimeError as error:
        if not _LOST.search(str(error)):
            raise


@contextmanager
def loss_told(world: World, go_on: str = "") -> Iterator[None]:
    """Turn what gloo and NCCL raise, which has no type of its own, when another process has ended
    or does not answer, into `RunError`; ``go_on`` is how the run is taken up."""
    try:
        yield
    except RuntimeError as error:
        if world.alone or not _LOST.search(str(error)):
            raise
        said = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise RunError(
            f"process {world.rank} of {world.size}: another process has ended or does not answer "
            f"({said[:200]}){go_on}"
        ) from None


def _number(name: str, default: int | None = None) -> int:
    text = os.environ.get(name, "" if default is None else str(default))
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0 or (name == "WORLD_SIZE" and value < 1):
        raise ConfigError(f"{name} is {text!r}, which is no number of processes: use torchrun")
    return value
