"""Weights on a server: which it holds, and how it comes to hold those that it is to have.

It holds one set of whole weights, under our label, and any number of adapters
on top of them, each as a model of its own. All of it is asked and not
remembered, since a server that was started anew has forgotten everything.
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
"""How our labels begin. An adapter called so that is not wanted is an old step's, or of a run that
is no more."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Weights that a server is to have: their name in the run ``run``, and where they lie."""

    run: str
    name: str
    path: Path

    @property
    def label(self) -> str:
        """What the server calls them."""
        return f"{_PREFIX}{self.run}:{self.name}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The whole weights, and the adapters on top of them."""

    whole: Loaded
    adapters: Sequence[Loaded] = ()

    def holds(self, client: Client) -> bool:
        """Whether the server has it all. Raises `Unanswered`."""
        return client.weights() == self.whole.label and not self._missing(client)

    def model(self, client: Client, name: str) -> str:
        """What the server calls the weights ``name``."""
        for adapter in self.adapters:
            if adapter.name == name:
                return adapter.label
        return client.model()

    def load(self, client: Client, adapts: bool) -> list[str]:
        """Have the server hold it all; the names of what was not there. Old adapters go when the
        new ones are there; ``adapts``: it may have some. Raises `Unanswered`, and `RunError` for
        what the server will not load the next time either."""
        came = []
        if client.weights() != self.whole.label:
            with _seen(client, self.whole):
                client.load(str(self.whole.path))
            client.label(self.whole.label)
            came.append(self.whole.name)
        for adapter in self._missing(client):
            with _seen(client, adapter):
                client.load_adapter(adapter.label, str(adapter.path))
            came.append(adapter.name)
        if adapts:
            for name in client.adapters() - {a.label for a in self.adapters}:
                if name.startswith(_PREFIX):
                    client.unload_adapter(name)
        return came

    def _missing(self, client: Client) -> list[Loaded]:
        held = client.adapters() if self.adapters else set()
        return [a for a in self.adapters if a.label not in held]


@contextmanager
def _seen(client: Client, weights: Loaded) -> Iterator[None]:
    """An answer that the weights could not be loaded is the end of it; none is not."""
    try:
        yield
    except Unanswered as error:
        if "HTTP" not in str(error):
            raise
        raise RunError(
            f"{client.url}: cannot load {weights.path} ({error}); it must see that directory "
            "(vllm.weights_dir) and serve a model of the same architecture"
        ) from None
