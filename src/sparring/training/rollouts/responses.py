"""How a rollout batch asks for responses: by which calls, and each on disk before it is used.

The local sampler is asked for one player after the other, in fixed batches:
a resumed step repeats exactly the calls that are still missing, so that even
rounding agrees. Servers get all missing prompts of the players whose weights
they can have at once, in one queue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from sparring.policy.base import Prompt
from sparring.runs.timeline import Phase
from sparring.schema import Response
from sparring.training.rollouts.context import RolloutContext
from sparring.training.state.journal import Journal
from sparring.training.weights.players import Player, Request
from sparring.training.weights.served import Served


class Abandoned(Exception):
    """Raised to abandon a rollout batch whose result is no longer needed."""


def journal_file(step: int, attempt: int, player: str) -> str:
    """Where a player's responses are while their step is being made."""
    return f"journal/step-{step:05d}.{player}{attempt or ''}.jsonl"


@dataclass(frozen=True, slots=True)
class Wanted:
    """``count`` responses to each of a player's ``prompts``. ``each`` hears of every response, by
    the number of its prompt, ``group`` of every prompt whose responses are all there."""

    player: Player
    prompts: Sequence[Prompt]
    count: int
    each: Callable[[int, Response], None]
    group: Callable[[int, list[Response]], None]


class _Asked:
    """A player's responses on the way into its journal."""

    def __init__(self, context: RolloutContext, wanted: Wanted, name: str) -> None:
        self.context = context
        self.wanted = wanted
        role, timeline = wanted.player.role, context.timeline
        self.journal = Journal(context.run, name, role, wanted.prompts, wanted.count, timeline)

    def recall(self) -> None:
        """Tell of what is on record."""
        for i in range(len(self.wanted.prompts)):
            for response in self.journal.known(i):
                self.wanted.each(i, response)
            self._whole(i)

    def take(self, i: int, response: Response) -> None:
        """A response to prompt ``i`` has come."""
        if self.context.abandoned.is_set():
            raise Abandoned
        if self.journal.take(i, response):
            self.wanted.each(i, response)
            self._whole(i)

    def request(self, i: int) -> Request:
        """The responses to prompt ``i`` that are missing."""
        known = frozenset(r.index for r in self.journal.known(i))
        wanted = self.wanted
        return Request(wanted.player, wanted.prompts[i], wanted.count, known)

    def missing(self) -> list[int]:
        """The prompts that lack responses, the shortest first."""
        return [i for i in self._by_length() if not self.journal.whole(i)]

    def parts(self, rows: int) -> Iterator[list[int]]:
        """The prompts of every call that is still to be made of a sampler that repeats itself,
        ``rows`` responses at most."""
        order = self._by_length()
        size = max(1, rows // self.wanted.count)
        for start in range(0, len(order), size):
            part = order[start : start + size]
            if not all(self.journal.whole(i) for i in part):
                yield part

    def _by_length(self) -> list[int]:
        prompts = self.wanted.prompts
        return sorted(range(len(prompts)), key=lambda i: len(prompts[i].token_ids))

    def _whole(self, i: int) -> None:
        if self.journal.whole(i):
            self.wanted.group(i, self.journal.known(i))


def ask(
    context: RolloutContext,
    step: int,
    attempt: int,
    wanted: Sequence[Wanted],
    later: Collection[Player] = (),
) -> None:
    """Have all that is wanted, from the record or sampled now, and on disk. Players that the same
    batch will ask ``later`` are named, so that servers are left with their weights.

    Raises `Abandoned`.
    """
    served = context.policies.served
    every = {w.player: _Asked(context, w, journal_file(step, attempt, w.player)) for w in wanted}
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
    except BaseException:  # raised again, with what has come on record
        for asked in every.values():
            asked.journal.write()  # what has come is not asked for again
        raise


def _ask_in_parts(context: RolloutContext, asked: _Asked) -> None:
    wanted = asked.wanted
    for part in asked.parts(context.policies.max_rows):

        def arrived(k: int, response: Response, part: list[int] = part) -> None:
            asked.take(part[k], response)

        with context.timeline.during(Phase.SAMPLING, f"{context.lane}{wanted.player}"):
            prompts = [wanted.prompts[i] for i in part]
            context.policies.play(wanted.player, prompts, wanted.count, arrived)
    asked.journal.responses()


def _ask_at_once(context: RolloutContext, served: Served, players: Sequence[_Asked]) -> None:
    timeline = context.timeline
    lane = context.lane + " ".join(asked.wanted.player for asked in players)
    places = [(asked, i) for asked in players for i in asked.missing()]

    def arrived(k: int, response: Response) -> None:
        asked, i = places[k]
        asked.take(i, response)

    with timeline.during(Phase.SYNCING, lane):
        served.bring([asked.wanted.player for asked in players])
    with timeline.during(Phase.SAMPLING, lane):
        served.play([asked.request(i) for asked, i in places], arrived)
    for asked in players:
        asked.journal.responses()
