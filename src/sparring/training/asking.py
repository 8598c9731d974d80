"""How a round asks for responses: by which calls, and each on disk before it is used.

The local sampler is asked for one player after the other, by batches that are
calls of their own, so that a step that was cut off asks for what is left with
the very calls of one that was not, rounding included. Servers are asked at
once for all players whose weights they can have at once, so that one queue
holds the prompts of both roles and has one end; and only for what is missing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from sparring.policy.base import Prompt
from sparring.runs.directory import RunDir
from sparring.runs.progress import Progress
from sparring.runs.timeline import Phase
from sparring.schema import Response
from sparring.training.cast import Cast
from sparring.training.journal import Journal
from sparring.training.players import Player, Request
from sparring.training.ring import Ring
from sparring.training.served import Served
from sparring.training.written import Written


class Left(Exception):
    """Nobody waits for this round any more."""


def journal_file(step: int, turn: int, player: str) -> str:
    """Where a player's responses of a round are while its step is being made."""
    return f"journal/step-{step:05d}.{player}{turn or ''}.jsonl"


@dataclass(frozen=True, slots=True)
class Table:
    """What the rounds of a run have in common. ``lane`` names them in the timeline, where they are
    made beside other things; once ``left`` is set, they end with the next response."""

    ring: Ring
    run: RunDir
    progress: Progress
    sampler: Cast
    written: Written | None
    lane: str = ""
    left: threading.Event = field(default_factory=threading.Event)

    def phase(self, name: str) -> None:
        """Tell the user, unless something else is going on before his eyes."""
        if not self.lane:
            self.progress.phase(name)


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

    def __init__(self, table: Table, wanted: Wanted, name: str) -> None:
        self.table = table
        self.wanted = wanted
        role, timeline = wanted.player.role, table.progress.timeline
        self.journal = Journal(table.run, name, role, wanted.prompts, wanted.count, timeline)

    def recall(self) -> None:
        """Tell of what is on record."""
        for i in range(len(self.wanted.prompts)):
            for response in self.journal.known(i):
                self.wanted.each(i, response)
            self._whole(i)

    def take(self, i: int, response: Response) -> None:
        """A response to prompt ``i`` has come."""
        if self.table.left.is_set():
            raise Left
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
    table: Table,
    step: int,
    turn: int,
    wanted: Sequence[Wanted],
    later: Collection[Player] = (),
) -> None:
    """Have all that is wanted, from the record or sampled now, and on disk. Players that the same
    round will ask ``later`` are named, so that servers are left with their weights.

    Raises `Left`.
    """
    served = table.sampler.served
    every = {w.player: _Asked(table, w, journal_file(step, turn, w.player)) for w in wanted}
    try:
        if served is None:
            for asked in every.values():
                asked.recall()
                _ask_in_parts(table, asked)
        else:
            for asked in every.values():
                asked.recall()
            missing = [player for player, asked in every.items() if asked.missing()]
            for together in served.calls(missing, later):
                _ask_at_once(table, served, [every[player] for player in together])
    except BaseException:
        for asked in every.values():
            asked.journal.write()  # what has come is not asked for again
        raise


def _ask_in_parts(table: Table, asked: _Asked) -> None:
    wanted = asked.wanted
    for part in asked.parts(table.sampler.max_rows):

        def arrived(k: int, response: Response, part: list[int] = part) -> None:
            asked.take(part[k], response)

        with table.progress.timeline.during(Phase.SAMPLING, f"{table.lane}{wanted.player}"):
            prompts = [wanted.prompts[i] for i in part]
            table.sampler.play(wanted.player, prompts, wanted.count, arrived)
    asked.journal.responses()


def _ask_at_once(table: Table, served: Served, players: Sequence[_Asked]) -> None:
    timeline = table.progress.timeline
    lane = table.lane + " ".join(asked.wanted.player for asked in players)
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
