"""The trainer's weights, played by vLLM servers: which weights, of what step, on which server.

A server holds one set of whole weights. An adapter that learns travels as an
adapter: the server holds the start weights, each player's newest adapter
beside them, and is asked for all players at once. Where whole weights learn,
all players with the same weights are asked at once, and those that differ
(opponents and a frozen role have the start's) one after the other, in the
order that needs the fewest exchanges: first whoever's weights are there
already. With ``vllm.start_urls`` the start weights stay on servers of their
own. Each step's weights are gathered and written once, the start's once.

After a loading the trainer gives its log-probs of a few responses: all
processes together, so that none needs the whole model. A thread that samples
ahead cannot ask for that, since all processes are learning then.

A supervising tester is another model: see `supervising`.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from sparring.config.recipe import Recipe
from sparring.learner.settings import Frozen
from sparring.policy.adapters import has_role_adapters
from sparring.policy.base import Arrived, unheeded
from sparring.policy.prepared import is_adapted
from sparring.policy.settings import Engine
from sparring.policy.vllm.environment import recorded_version
from sparring.policy.vllm.sampler import VllmSampler
from sparring.policy.vllm.wanted import SamplingRequest, Weights
from sparring.schema import Response, Role
from sparring.training.state.policy import BehaviourPolicy
from sparring.training.state.trainer import BOTH, START, Trainer
from sparring.training.weights.players import Player, Request
from sparring.training.weights.servers import TORCH, log_file, longest, server_settings, words_of
from sparring.training.weights.travelling import Travelling, why_not_served


class Served:
    """Samplers for the players of a run. Close it: servers of our own end with it."""

    def __init__(
        self, recipe: Recipe, trainer: Trainer, end_ids: Sequence[int], log: Path | None = None
    ) -> None:
        """A server of our own writes to ``log``. Raises `RunError`."""
        self.trainer = trainer
        model = trainer.model
        own: list[str] = [*Role] if has_role_adapters(model) else [BOTH]
        self.merged = why_not_served(recipe, model)
        """Why an adapter travels merged into the weights; None where it travels as it is, or there
        is none."""
        self._adapters = is_adapted(model) and self.merged is None
        s = recipe.sampling
        response = max(s.coder_max_tokens, s.tester_max_tokens)
        positions = getattr(model.config, "max_position_embeddings", None)
        together = recipe.vllm.max_model_len or longest(recipe, positions, response)
        rank = recipe.model.lora_rank if self._adapters else 0
        self.settings = server_settings(
            recipe, together, recipe.vllm.urls, "vllm.urls", rank, len(own)
        )
        self._travelling = Travelling(trainer, TORCH[self.settings.dtype], self._adapters)
        words, log = words_of(recipe, trainer.tokenizer, end_ids), log_file(log)
        plays = recipe.opponents > 0 or recipe.learning.frozen is not Frozen.NONE
        apart = bool(recipe.vllm.start_urls)
        self._keeps_start = is_adapted(model) or plays
        self._plays_start = self._adapters or plays
        kept = [START] if self._adapters or (plays and not apart) else []
        self._learned = VllmSampler(self.settings, words, log, [*own, *kept])
        self._start = self._learned
        if apart:
            urls = recipe.vllm.start_urls
            others = server_settings(recipe, together, urls, "vllm.start_urls", 0, 1)
            self._start = VllmSampler(others, words, log)
        self._held: dict[VllmSampler, str] = {}
        """The whole weights, by name, that each sampler's servers were last given."""
        self._behaviour: BehaviourPolicy | None = None
        """Whose step plays, where that is not the trainer's."""

    @classmethod
    def of(
        cls, recipe: Recipe, trainer: Trainer, end_ids: Sequence[int], log: Path | None
    ) -> Served | None:
        """The recipe's servers; None where this process samples."""
        if recipe.sampling.engine is Engine.LOCAL:
            return None
        return cls(recipe, trainer, end_ids, log)

    def of_snapshot(self, files: BehaviourPolicy) -> Served:
        """The same servers, for a thread that plays the weights in ``files``: those that it has
        had written by `write`."""
        other = copy.copy(self)
        other._behaviour = files
        return other

    def calls(
        self, players: Collection[Player], later: Collection[Player] = ()
    ) -> list[list[Player]]:
        """The players that are to be asked together, in the order of the fewest exchanges: those
        whose weights are there first, and last those whose weights will be asked ``later``."""
        groups: dict[tuple[VllmSampler, str], list[Player]] = {}
        for player in players:
            groups.setdefault(self._place(player), []).append(player)
        after = {self._place(player) for player in later}

        def order(place: tuple[VllmSampler, str]) -> tuple[bool, bool, bool]:
            sampler, whole = place
            name = self._weights(whole).name
            return place in after, self._held.get(sampler) != name, whole == START

        return [groups[place] for place in sorted(groups, key=order)]

    def bring(self, players: Sequence[Player]) -> None:
        """Have servers started, with the weights of ``players``, who can be asked together. From
        here on the trainer may change its own."""
        [(sampler, whole)] = {self._place(player) for player in players}
        weights = self._weights(whole)
        beside = sampler is self._learned and self._adapters
        names = {self._name(player) for player in Player} - {whole} if beside else set()
        sampler.use(weights, [self._weights(name) for name in sorted(names)])
        sampler.ready()
        self._held[sampler] = weights.name

    def play(
        self, requests: Sequence[Request], arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """The responses of each request."""
        found: list[list[Response]] = [[] for _ in requests]
        for players in self.calls(dict.fromkeys(r.player for r in requests)):
            chosen = [i for i, r in enumerate(requests) if r.player in players]
            sampler, _ = self._place(players[0])
            self.bring(players)

            def told(k: int, response: Response, chosen: list[int] = chosen) -> None:
                arrived(chosen[k], response)

            asked = [
                SamplingRequest(r.prompt, r.n, self._name(r.player), r.known)
                for r in (requests[i] for i in chosen)
            ]
            for i, responses in zip(chosen, sampler.sample(asked, told), strict=True):
                found[i] = responses
        return found

    def write(self) -> dict[str, Path]:
        """Write all weights that play after this step, with all processes, and load none: another
        thread will. Where each lies, by name."""
        learning = [p for p in (Player.CODER, Player.TESTER) if self.trainer.learns(p.role)]
        found = self.write_start() if self._plays_start else {}
        for player in learning:
            sampler, whole = self._place(player)
            for weights in (self._weights(whole), self._weights(self._name(player))):
                found[weights.name] = sampler.write(weights)
        return found

    def write_start(self) -> dict[str, Path]:
        """Write the start weights as `write` does, where the trainer can do so at any time: for
        those servers too whose adapters go on top of them."""
        if not self._keeps_start:
            return {}
        start = self._weights(START)
        if self._adapters:
            self._learned.write(start)
        return {start.name: self._start.write(start)}

    def keeps(self, name: str) -> bool:
        """Whether the trainer can write these weights at any time."""
        return self._keeps_start and name == self._weights(START).name

    def put(self, name: str, files: Path) -> Path:
        """Have weights in the place of those that `write` writes, copied from ``files``. They are
        there until they have played, whatever is asked of the trainer's own before."""

        def save(path: Path) -> None:
            shutil.copytree(files, path, dirs_exist_ok=True)

        player, _, step = name.rpartition("-")
        size = sum(file.stat().st_size for file in files.iterdir())
        return self._learned.write(Weights(player, int(step), size, save, None), later=True)

    def rest(self) -> None:
        """Free the GPUs until the next response is asked for, if they are shared."""
        self._learned.rest()

    def close(self) -> None:
        self._learned.close()
        if self._start is not self._learned:
            self._start.close()

    def about(self) -> dict[str, object]:
        """What the results depend on."""
        own = [] if self.settings.urls else [recorded_version(Path(self.settings.environment))]
        return {
            "urls": list(self.settings.urls) or "own",
            "versions": self._learned.versions or own,
            "dtype": str(self.settings.dtype),
        }

    @property
    def gap(self) -> float | None:
        """Mean distance of log-probs, as measured after the latest loading."""
        return self._learned.gap

    @property
    def _step(self) -> int:
        return self.trainer.step if self._behaviour is None else self._behaviour.step

    def _name(self, player: Player) -> str:
        """The weights that a player plays with. Before the first step whole ones are the start's;
        an adapter changes nothing then, but shows that servers take it."""
        start = player is Player.OPPONENTS or not self.trainer.learns(player.role)
        if start or not (self._step or self._adapters):
            return START
        return player.role.value if has_role_adapters(self.trainer.model) else BOTH

    def _place(self, player: Player) -> tuple[VllmSampler, str]:
        """Who is asked for a player's responses, and the whole weights that its servers hold
        then."""
        name = self._name(player)
        start = player is Player.OPPONENTS or not self.trainer.learns(player.role)
        sampler = self._start if start else self._learned
        return sampler, START if self._adapters else name

    def _weights(self, name: str) -> Weights:
        return self._travelling.weights(name, self._step, self._behaviour is None)
