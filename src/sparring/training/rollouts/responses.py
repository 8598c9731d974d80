"""Requests of a rollout batch: the calls of the sampler, and a journal for every response.

The local sampler is called for one player after the other, in fixed batches: a
resumed step repeats exactly the calls that are incomplete, so that even rounding
agrees. Servers get all missing prompts of all players whose weights a server can
hold at the same time, in one queue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from sparring.policy.base import Prompt
from sparring.runs.timeline import Phase
from sparring.schema import Response
from sparring.training.rollouts.context import RolloutContext
from sparring.training.state.journal import Journal
from sparring.training.weights.players import Player, PlayerRequest
from sparring.training.weights.served import ServedPolicies


class RolloutAbandoned(Exception):
    """Raised to abandon a rollout batch whose result is no longer needed."""


def journal_file(step: int, attempt: int, player: str) -> str:
    """Return the name of the file that holds a player's responses while the step is made."""
    return f"journal/step-{step:05d}.{player}{attempt or ''}.jsonl"


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Request for ``count`` responses of a player to each of ``prompts``."""

    player: Player
    prompts: Sequence[Prompt]
    count: int
    each: Callable[[int, Response], None]
    """Called with a prompt's index and one response, for every response."""
    group: Callable[[int, list[Response]], None]
    """Called with a prompt's index and its responses, once all ``count`` have arrived."""


_NAMES = {
    Player.CODER: "programs",
    Player.INITIAL_POLICY: "initial-policy programs",
    Player.TESTER: "tests",
}
"""Names of the players' responses in the progress display."""


class _PlayerResponses:
    """Responses of one player on their way into the player's journal."""

    def __init__(self, context: RolloutContext, wanted: BatchRequest, name: str) -> None:
        self.context = context
        self.batch_request = wanted
        role, timeline = wanted.player.role, context.timeline
        self.journal = Journal(context.run, name, role, wanted.prompts, wanted.count, timeline)

    def recall(self) -> None:
        """Pass on the responses that the journal already holds."""
        for i in range(len(self.batch_request.prompts)):
            for response in self.journal.arrived(i):
                self.batch_request.each(i, response)
            self._pass_on_group(i)

    def take(self, i: int, response: Response) -> None:
        """Journal and pass on a new response to prompt ``i``."""
        if self.context.abandoned.is_set():
            raise RolloutAbandoned
        if self.journal.add(i, response):
            self.context.advance()
            self.batch_request.each(i, response)
            self._pass_on_group(i)

    def request(self, i: int) -> PlayerRequest:
        """Return the request for the missing responses to prompt ``i``."""
        known = frozenset(r.index for r in self.journal.arrived(i))
        wanted = self.batch_request
        return PlayerRequest(wanted.player, wanted.prompts[i], wanted.count, known)

    def missing(self) -> list[int]:
        """Return the indices of prompts that lack responses, the shortest prompt first."""
        return [i for i in self._by_length() if not self.journal.complete(i)]

    def parts(self, rows: int) -> Iterator[list[int]]:
        """Yield the prompts' indices of every call that a deterministic sampler still has to
        answer, at most ``rows`` responses per call."""
        order = self._by_length()
        size = max(1, rows // self.batch_request.count)
        for start in range(0, len(order), size):
            part = order[start : start + size]
            if not all(self.journal.complete(i) for i in part):
                yield part

    def known(self) -> int:
        """Return the number of responses that have arrived."""
        return sum(len(self.journal.arrived(i)) for i in range(len(self.batch_request.prompts)))

    def _by_length(self) -> list[int]:
        prompts = self.batch_request.prompts
        return sorted(range(len(prompts)), key=lambda i: len(prompts[i].token_ids))

    def _pass_on_group(self, i: int) -> None:
        if self.journal.complete(i):
            self.batch_request.group(i, self.journal.arrived(i))


def ask(
    context: RolloutContext,
    step: int,
    attempt: int,
    wanted: Sequence[BatchRequest],
    later: Collection[Player] = (),
) -> None:
    """Get all wanted responses, from the journal or sampled now, and write them to disk.

    ``later`` names the players that the same batch will ask afterwards, so that servers end with
    the weights of those players. Raises `RolloutAbandoned` once the context is abandoned.
    """
    served = context.policies.served
    every = {
        w.player: _PlayerResponses(context, w, journal_file(step, attempt, w.player))
        for w in wanted
    }
    try:
        if served is None:
            for asked in every.values():
                asked.recall()
                _ask_in_parts(context, asked)
        else:
            for asked in every.values():
                asked.recall()
            missing = [player for player, asked in every.items() if asked.missing()]
            for together in served.calls(missing, later):
                _ask_at_once(context, served, [every[player] for player in together])
    except BaseException:  # raised again, once the arrived responses are on disk
        for asked in every.values():
            asked.journal.write()  # a resumed run does not sample these responses again
        raise


def _ask_in_parts(context: RolloutContext, asked: _PlayerResponses) -> None:
    wanted = asked.batch_request
    _show(context, _NAMES[wanted.player], [asked])
    for part in asked.parts(context.policies.max_batch_size):

        def arrived(k: int, response: Response, part: list[int] = part) -> None:
            asked.take(part[k], response)

        with context.timeline.during(Phase.SAMPLING, f"{context.lane}{wanted.player}"):
            prompts = [wanted.prompts[i] for i in part]
            context.policies.play(wanted.player, prompts, wanted.count, arrived)
    asked.journal.responses()


def _ask_at_once(
    context: RolloutContext, served: ServedPolicies, players: Sequence[_PlayerResponses]
) -> None:
    timeline = context.timeline
    lane = context.lane + " ".join(asked.batch_request.player for asked in players)
    places = [(asked, i) for asked in players for i in asked.missing()]

    def arrived(k: int, response: Response) -> None:
        asked, i = places[k]
        asked.take(i, response)

    _show(context, "responses", players)
    with timeline.during(Phase.SYNCING, lane):
        served.bring([asked.batch_request.player for asked in players])
    with timeline.during(Phase.SAMPLING, lane):
        served.play([asked.request(i) for asked, i in places], arrived)
    for asked in players:
        asked.journal.responses()


def _show(context: RolloutContext, name: str, players: Sequence[_PlayerResponses]) -> None:
    """Show the sampling of the players' responses, with those known already counted."""
    total = sum(len(p.batch_request.prompts) * p.batch_request.count for p in players)
    context.phase(f"sampling {name}", total, count=sum(p.known() for p in players))
