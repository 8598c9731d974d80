"""The nodes of a Ray cluster (extra ``ray``), as an implementation of `sandbox.Nodes`.

A chunk is a Ray task of one CPU; Ray spreads the tasks over the nodes. Ray does not repeat a lost
task. `ClusterSandbox` repeats it, and so sees every answer. Large inputs go into the object store
once and travel as references; everything else travels in the task.

The task's function is sent by value and imports this package on the node. So a node without the
package, or with another version, can report this. Ray's client connections (``ray://``) are not
supported, because they would copy everything twice.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from sparring.errors import SandboxError
from sparring.sandbox.cluster import chunks, node
from sparring.sandbox.cluster.sandbox import LostError
from sparring.text import error_line

LOCAL = "local"
AUTO = "auto"
ASK_SECONDS = 60.0
_CONNECT_SECONDS = 5.0
_STORE_BYTES = 64 << 10
"""Size in bytes from which an input goes into the object store."""
_LOCAL_STORE_BYTES = 256 << 20


class RayNodes:
    """Connection to a Ray cluster, an implementation of `sandbox.Nodes`.

    A process may have one such connection at a time, or several if the caller connected with
    ``ray.init``.
    """

    def __init__(self, address: str, cpus: int | None = None) -> None:
        """Connect to ``address``, one of:

        - "auto": the cluster of this machine, or the cluster in RAY_ADDRESS;
        - "local": a new cluster of this machine alone, with ``cpus``, that ends at `close`;
        - HOST:PORT of a cluster's head.

        Raises `SandboxError` without Ray, without an answer, or if the cluster has another version
        of Ray or Python.
        """
        # Ray must not send usage statistics unless the user wants that.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # Ray would try for ten minutes
        if address == LOCAL:  # keep to the loopback address: Ray's ports ask for no password
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        try:
            import ray
        except ImportError:
            raise SandboxError(
                "the sandbox on a cluster needs Ray: pip install 'sparring[ray]'"
            ) from None
        self._ray: Any = ray
        self._owns = not ray.is_initialized()
        self._large: dict[bytes, Any] = {}
        if self._owns:
            _connect(ray, address, cpus)
        self._run = _remote_function(ray)

    def ask(self, level: str | None, fork: str) -> list[chunks.Answer]:
        """Ask every node with a CPU for its isolation: `sandbox.Nodes.ask`."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        names = {n["NodeID"]: _name(n) for n in self._alive()}
        if not names:
            raise SandboxError("the Ray cluster has no node with a CPU: start one")
        tickets = {}
        for node_id, name in names.items():
            there = NodeAffinitySchedulingStrategy(node_id, soft=False)
            task = self._run.options(num_cpus=0, scheduling_strategy=there)
            tickets[task.remote(level, fork, node.identity(), [], [])] = name
        done, silent = self._ray.wait(
            list(tickets), num_returns=len(tickets), timeout=ASK_SECONDS, fetch_local=True
        )
        if silent:
            raise SandboxError(
                f"node {tickets[silent[0]]}: no answer within {ASK_SECONDS:.0f} s: check that it "
                "is alive and can be reached"
            )
        answers = []
        for ticket in done:
            try:
                answers.append({**self.get(ticket), "node": tickets[ticket]})
            except LostError as error:
                raise SandboxError(f"node {tickets[ticket]}: {error}") from None
        return answers

    def cpus(self) -> int:
        """Return the number of CPUs of the nodes that are alive: `sandbox.Nodes.cpus`."""
        return sum(int(n["Resources"]["CPU"]) for n in self._alive())

    def submit(self, level: str, fork: str, chunk: chunks.Chunk) -> Hashable:
        """Send a chunk as a Ray task: `sandbox.Nodes.submit`."""
        try:
            inputs = [self._stored(i) if len(i) >= _STORE_BYTES else i for i in chunk.inputs]
            task = self._run.options(num_cpus=1, scheduling_strategy="SPREAD")
            ticket: Hashable = task.remote(level, fork, node.identity(), chunk.rows, inputs)
        except self._ray.exceptions.RayError as error:
            raise SandboxError(f"the Ray cluster is gone: {error_line(error)}") from None
        return ticket

    def wait(self, tickets: Sequence[Hashable], seconds: float) -> list[Hashable]:
        """Wait for the first task that ends: `sandbox.Nodes.wait`."""
        done: list[Hashable]
        done, going = self._ray.wait(
            list(tickets), num_returns=1, timeout=seconds, fetch_local=False
        )
        if not going:
            self._large.clear()  # no task needs the large inputs any more: free the shared store
        return done

    def get(self, ticket: Hashable) -> chunks.Answer:
        """Return the answer of a finished task: `sandbox.Nodes.get`."""
        try:
            answer: chunks.Answer = self._ray.get(ticket)
        except self._ray.exceptions.RayError as error:
            raise LostError(error_line(error)) from None
        return answer

    def report(self) -> dict[str, object]:
        """Return Ray's version: `sandbox.Nodes.report`."""
        return {"ray": self._ray.__version__}

    def close(self, tickets: Sequence[Hashable]) -> None:
        """Leave the cluster: `sandbox.Nodes.close`.

        On a connection of the caller's own only the tasks are cancelled. Idle sandboxes on the
        nodes end by themselves after `node.IDLE_SECONDS`.
        """
        self._large.clear()
        if self._owns:
            self._ray.shutdown()
            return
        for ticket in tickets:
            self._ray.cancel(ticket, force=True)

    def _alive(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = self._ray.nodes()
        return [n for n in nodes if n["Alive"] and n["Resources"].get("CPU", 0) >= 1]

    def _stored(self, data: bytes) -> Any:
        if data not in self._large:
            self._large[data] = self._ray.put(data)
        return self._large[data]


def _remote_function(ray: Any) -> Any:
    """Return the Ray task. An inner function, which Ray sends by value and not by import."""

    def run_chunk(
        level: str | None,
        fork: str,
        asker: dict[str, str],
        rows: list[Any],
        inputs: list[Any],
    ) -> dict[str, Any]:
        import ray

        here = ray.get_runtime_context().get_node_id()
        name = f"{ray.util.get_node_ip_address()} ({here[:8]})"
        try:
            from sparring.sandbox.cluster.node import answer
        except ImportError as error:
            return {"refused": f"cannot import this package ({error}): install it", "node": name}
        references = [i for i in inputs if not isinstance(i, bytes)]
        large = iter(ray.get(references))
        data = [i if isinstance(i, bytes) else next(large) for i in inputs]
        return {**answer(level, fork, asker, rows, data), "node": name}

    decorate: Callable[[Any], Any] = ray.remote(max_retries=0)
    return decorate(run_chunk)


def _connect(ray: Any, address: str, cpus: int | None) -> None:
    settings: dict[str, Any] = {"address": address}
    if address == LOCAL:
        settings |= {
            "num_cpus": cpus or len(os.sched_getaffinity(0)),
            "object_store_memory": _LOCAL_STORE_BYTES,
            "include_dashboard": False,
        }
    elif address != AUTO:
        _knock(ray, address)
    term = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**settings, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        raise SandboxError(f"sandbox.ray_address = {address}: {error_line(error)}") from None
    finally:
        if term is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, term)  # Ray sets a handler of its own


def _knock(ray: Any, address: str) -> None:
    """Raise `SandboxError` if nobody answers at the address; Ray alone would take a minute."""
    host, _, port = address.rpartition(":")
    if host in ("localhost", "127.0.0.1"):
        host = ray.util.get_node_ip_address()  # Ray does the same
    try:
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SandboxError(
            f"sandbox.ray_address = {address}: nobody answers at {host}:{port} ({error}); "
            "start a cluster with `ray start --head`, or use local"
        ) from None


def _name(n: dict[str, Any]) -> str:
    """Return a node's address and the start of its id, which differs on the same machine."""
    return f"{n['NodeManagerAddress']} ({str(n['NodeID'])[:8]})"
