"""Weights on a server: which weights it holds, and loading those that it should hold.

A server holds one set of full weights, labelled by Sparring, and any number of adapters on top of
them. The server serves each adapter as a separate model. The server is asked for its weights each
time, because a restarted server has lost all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sparring.errors import RunError
from sparring.policy.http import Unanswered
from sparring.policy.vllm.client import Client

_PREFIX = "sparring:"
"""Beginning of Sparring's labels. If an adapter with such a label is not wanted, it belongs to an
old step or to a run that has ended."""


@dataclass(frozen=True, slots=True)
class ServedWeights:
    """Weights that a server should hold: their name in the run ``run``, and their directory."""

    run: str
    name: str
    path: Path

    @property
    def label(self) -> str:
        """Return the name that the server uses for the weights."""
        return f"{_PREFIX}{self.run}:{self.name}"


@dataclass(frozen=True, slots=True)
class WeightSet:
    """Full weights that a server should hold, and the adapters on top of them."""

    full: ServedWeights
    adapters: Sequence[ServedWeights] = ()

    def holds(self, client: Client) -> bool:
        """Return whether the server holds all of these weights. Raises `Unanswered`."""
        return client.weights() == self.full.label and not self._missing(client)

    def model(self, client: Client, name: str) -> str:
        """Return the name that the server uses for the weights ``name``."""
        for adapter in self.adapters:
            if adapter.name == name:
                return adapter.label
        return client.model()

    def load(self, client: Client, adapts: bool) -> list[str]:
        """Load what the server lacks, and return the names of the loaded weights.

        Old adapters are unloaded once the new ones are loaded; ``adapts``: the server may have
        adapters. Raises `Unanswered`, and `RunError` if another attempt would fail to load the
        weights too.
        """
        loaded = []
        if client.weights() != self.full.label:
            with _explained(client, self.full):
                client.load(str(self.full.path))
            client.label(self.full.label)
            loaded.append(self.full.name)
        for adapter in self._missing(client):
            with _explained(client, adapter):
                client.load_adapter(adapter.label, str(adapter.path))
            loaded.append(adapter.name)
        if adapts:
            for name in client.adapters() - {a.label for a in self.adapters}:
                if name.startswith(_PREFIX):
                    client.unload_adapter(name)
        return loaded

    def _missing(self, client: Client) -> list[ServedWeights]:
        served = client.adapters() if self.adapters else set()
        return [a for a in self.adapters if a.label not in served]


@contextmanager
def _explained(client: Client, weights: ServedWeights) -> Iterator[None]:
    """Turn a server's answer that the weights could not be loaded into `RunError`. A missing answer
    stays `Unanswered`."""
    try:
        yield
    except Unanswered as error:
        if "HTTP" not in str(error):
            raise
        raise RunError(
            f"{client.url}: the server cannot load {weights.path} ({error}); it must see this "
            "directory (vllm.weights_dir) and serve a model of the same architecture"
        ) from None
