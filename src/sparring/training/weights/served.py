"""The trainer's weights on vLLM servers: which weights, of which step, on which server.

A server holds one full set of weights.

- Where an adapter learns, only the adapter is exchanged: the server holds the
  initial weights and each player's newest adapter beside them, and answers for
  all players at once.
- Where full weights learn, players with the same weights are asked at once, and
  players with different weights one after the other. (Initial-policy programs and
  a frozen role come from the initial weights.) The order needs the fewest
  exchanges of weights: players whose weights are loaded already come first.
- With ``vllm.initial_urls`` the initial weights stay on servers of their own.

The weights of each step are gathered and written once, the initial weights once
per run.

After a server has loaded weights, its log-probs of a few responses are compared
with the trainer's. All processes compute these together, so that no process needs
the full model. The thread of asynchronous rollouts cannot compare: all processes
are learning then.

A frozen tester is another model with servers of its own; see
`sparring.training.pseudo_labels.by_servers`.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from sparring.config.recipe import Recipe
from sparring.learner.settings import Frozen
from sparring.policy.adapters import has_role_adapters
from sparring.policy.base import Arrived, ignore_response
from sparring.policy.prepared import is_adapted
from sparring.policy.settings import SamplingEngine
from sparring.policy.vllm.environment import recorded_version
from sparring.policy.vllm.requests import SamplingRequest, Weights
from sparring.policy.vllm.sampler import VllmSampler
from sparring.schema import Response, Role
from sparring.training.state.policy import BehaviourPolicy
from sparring.training.state.trainer import BOTH, START, Trainer
from sparring.training.weights.players import Player, PlayerRequest
from sparring.training.weights.servers import (
    TORCH,
    log_file,
    longest,
    served_tokens,
    server_settings,
)
from sparring.training.weights.weight_export import WeightExport, why_not_served


class ServedPolicies:
    """Samplers for the players of a run, on vLLM servers. `close` ends the servers we started."""

    def __init__(
        self, recipe: Recipe, trainer: Trainer, end_ids: Sequence[int], log: Path | None = None
    ) -> None:
        """A server that we start writes to ``log``. Raises `RunError`."""
        self.trainer = trainer
        model = trainer.model
        own: list[str] = [*Role] if has_role_adapters(model) else [BOTH]
        self.merged = why_not_served(recipe, model)
        """Reason why an adapter is merged into the weights before it is sent; None if the adapter
        is sent as an adapter, or the model has none."""
        self._adapters = is_adapted(model) and self.merged is None
        s = recipe.sampling
        response = max(s.coder_max_tokens, s.tester_max_tokens)
        positions = getattr(model.config, "max_position_embeddings", None)
        together = recipe.vllm.max_model_len or longest(recipe, positions, response)
        rank = recipe.model.lora_rank if self._adapters else 0
        self.settings = server_settings(
            recipe, together, recipe.vllm.urls, "vllm.urls", rank, len(own)
        )
        self._export = WeightExport(trainer, TORCH[self.settings.dtype], self._adapters)
        tokens, log = served_tokens(recipe, trainer.tokenizer, end_ids), log_file(log)
        plays = recipe.initial_policy_programs > 0 or recipe.learning.frozen is not Frozen.NONE
        apart = bool(recipe.vllm.initial_urls)
        self._keeps_initial = is_adapted(model) or plays
        self._plays_initial = self._adapters or plays
        kept = [START] if self._adapters or (plays and not apart) else []
        self._trained = VllmSampler(self.settings, tokens, log, [*own, *kept])
        self._initial = self._trained
        if apart:
            urls = recipe.vllm.initial_urls
            others = server_settings(recipe, together, urls, "vllm.initial_urls", 0, 1)
            self._initial = VllmSampler(others, tokens, log)
        self._loaded: dict[VllmSampler, str] = {}
        """Name of the full weights that each sampler's servers loaded last."""
        self._behaviour: BehaviourPolicy | None = None
        """Policy whose weights are sampled from; None for the trainer's current weights."""

    @classmethod
    def of(
        cls, recipe: Recipe, trainer: Trainer, end_ids: Sequence[int], log: Path | None
    ) -> ServedPolicies | None:
        """Return the samplers of the recipe's servers; None where this process samples."""
        if recipe.sampling.engine is SamplingEngine.LOCAL:
            return None
        return cls(recipe, trainer, end_ids, log)

    def of_snapshot(self, files: BehaviourPolicy) -> ServedPolicies:
        """Return these samplers for a thread that samples from the weights in ``files``, which
        `write` has written."""
        other = copy.copy(self)
        other._behaviour = files
        return other

    def calls(
        self, players: Collection[Player], later: Collection[Player] = ()
    ) -> list[list[Player]]:
        """Return groups of players that are asked together, in the order that needs the fewest
        exchanges of weights: players whose weights are loaded already come first, players whose
        weights are needed again for ``later`` come last."""
        groups: dict[tuple[VllmSampler, str], list[Player]] = {}
        for player in players:
            groups.setdefault(self._source(player), []).append(player)
        after = {self._source(player) for player in later}

        def order(place: tuple[VllmSampler, str]) -> tuple[bool, bool, bool]:
            sampler, whole = place
            name = self._weights(whole).name
            return place in after, self._loaded.get(sampler) != name, whole == START

        return [groups[place] for place in sorted(groups, key=order)]

    def bring(self, players: Sequence[Player]) -> None:
        """Start servers where needed and load the weights of ``players``, who can be asked
        together. Afterwards the trainer may change its weights."""
        [(sampler, whole)] = {self._source(player) for player in players}
        weights = self._weights(whole)
        beside = sampler is self._trained and self._adapters
        names = {self._name(player) for player in Player} - {whole} if beside else set()
        sampler.use(weights, [self._weights(name) for name in sorted(names)])
        sampler.ready()
        self._loaded[sampler] = weights.name

    def play(
        self, requests: Sequence[PlayerRequest], arrived: Arrived = ignore_response
    ) -> list[list[Response]]:
        """Return the responses to each request, in the order of the requests."""
        groups: list[list[Response]] = [[] for _ in requests]
        for players in self.calls(dict.fromkeys(r.player for r in requests)):
            chosen = [i for i, r in enumerate(requests) if r.player in players]
            sampler, _ = self._source(players[0])
            self.bring(players)

            def renumbered(k: int, response: Response, chosen: list[int] = chosen) -> None:
                arrived(chosen[k], response)

            asked = [
                SamplingRequest(r.prompt, r.n, self._name(r.player), r.known)
                for r in (requests[i] for i in chosen)
            ]
            for i, responses in zip(chosen, sampler.sample(asked, renumbered), strict=True):
                groups[i] = responses
        return groups

    def write(self) -> dict[str, Path]:
        """Write all weights that are sampled from after this step, all processes together, and
        return their paths by name. The sampling thread has the servers load the files later."""
        learning = [p for p in (Player.CODER, Player.TESTER) if self.trainer.learns(p.role)]
        paths = self.write_initial() if self._plays_initial else {}
        for player in learning:
            sampler, whole = self._source(player)
            for weights in (self._weights(whole), self._weights(self._name(player))):
                paths[weights.name] = sampler.write(weights)
        return paths

    def write_initial(self) -> dict[str, Path]:
        """Write the initial weights as `write` does, if the trainer keeps a copy of them; also for
        servers that put adapters on top of the initial weights."""
        if not self._keeps_initial:
            return {}
        initial = self._weights(START)
        if self._adapters:
            self._trained.write(initial)
        return {initial.name: self._initial.write(initial)}

    def keeps(self, name: str) -> bool:
        """Return True if the trainer can write these weights at any time."""
        return self._keeps_initial and name == self._weights(START).name

    def put(self, name: str, files: Path) -> Path:
        """Copy weights from ``files`` to the path where `write` would write them, and return the
        path. The copy stays until it has been sampled from, even if other weights of the trainer
        are requested first."""

        def save(path: Path) -> None:
            shutil.copytree(files, path, dirs_exist_ok=True)

        player, _, step = name.rpartition("-")
        size = sum(file.stat().st_size for file in files.iterdir())
        return self._trained.write(Weights(player, int(step), size, save, None), later=True)

    def rest(self) -> None:
        """Free GPUs that servers share with the trainer, until the next request."""
        self._trained.rest()

    def close(self) -> None:
        self._trained.close()
        if self._initial is not self._trained:
            self._initial.close()

    def record(self) -> dict[str, object]:
        """Return the facts about the servers that results depend on, for ``environment.json``."""
        own = [] if self.settings.urls else [recorded_version(Path(self.settings.environment))]
        return {
            "urls": list(self.settings.urls) or "own",
            "versions": self._trained.versions or own,
            "dtype": str(self.settings.dtype),
        }

    @property
    def gap(self) -> float | None:
        """Mean absolute difference of log-probs between servers and trainer after the latest
        loading of weights."""
        return self._trained.gap

    @property
    def _step(self) -> int:
        return self.trainer.step if self._behaviour is None else self._behaviour.step

    def _name(self, player: Player) -> str:
        """Return the name of the weights that a player plays with.

        Before the first step full weights are the initial weights. An adapter is sent even then,
        though it changes nothing: the exchange shows early that the servers take adapters.
        """
        start = player is Player.INITIAL_POLICY or not self.trainer.learns(player.role)
        if start or not (self._step or self._adapters):
            return START
        return player.role.value if has_role_adapters(self.trainer.model) else BOTH

    def _source(self, player: Player) -> tuple[VllmSampler, str]:
        """Return the sampler that is asked for a player's responses, and the name of the full
        weights that its servers hold then."""
        name = self._name(player)
        start = player is Player.INITIAL_POLICY or not self.trainer.learns(player.role)
        sampler = self._initial if start else self._trained
        return sampler, START if self._adapters else name

    def _weights(self, name: str) -> Weights:
        return self._export.weights(name, self._step, self._behaviour is None)
