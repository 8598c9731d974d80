"""Getting every response that an evaluation needs, asking only for what is on no record.

Models behind a network are asked at the same time, local ones one after the
other. Responses are asked for task by task; under a budget of tokens in waves
of a few tasks, so that where it ends both roles have answered the same tasks.

What another evaluation with the same cache is asking for is left to it, and
taken from the cache when it is there (`claims`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sparring.errors import ModelError
from sparring.evaluation.authors import Respondent
from sparring.evaluation.claims import Claims
from sparring.evaluation.ledger import Entry, Ledger
from sparring.policy.chat.base import Answer, Ask, Author, Missing, response_key
from sparring.policy.patience import rest
from sparring.schema import Role

RESPONSES, CLAIMS = "responses.jsonl", "claims"
"""Files of an evaluation and of a cache."""
_WAVE = 8
"""Tasks per wave under a budget."""

_LOOK = 0.5
"""Seconds between two looks at what another evaluation is asking for."""

Slot = tuple[str, Role, int]
"""Task, role and number of a response."""


class Watch(Protocol):
    """Told how it goes."""

    def begin(self, total: int, there: int) -> None: ...

    def heard(self, ask: Ask, found: Answer | Missing) -> None: ...


@dataclass(slots=True)
class Collected:
    """``answers`` by slot; ``missing`` is why a response that was asked for did not come, the
    others were not asked for. ``spent``: tokens of this evaluation's own responses, prompts
    included; ``exhausted``: the budget ended the asking."""

    answers: dict[Slot, Answer] = field(default_factory=dict)
    missing: dict[Slot, str] = field(default_factory=dict)
    spent: int = 0
    exhausted: bool = False
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Shared:
    """A cache that several evaluations share: its responses, and who asks for what."""

    ledger: Ledger
    claims: Claims


def collect(
    asks: Sequence[Ask],
    asked: Mapping[Role, Respondent],
    own: Ledger,
    shared: Shared | None,
    watch: Watch,
    budget: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Collected:
    """All responses to ``asks`` (in the order of tasks) that can be had. Raises what
    `Author.answer` raises."""
    collecting = _Collecting(asks, asked, own, shared, watch, budget, stop)
    wanted = [a for a in asks if collecting.on_record(a) is None]
    watch.begin(len(asks), len(collecting.found.answers))
    while wanted and not collecting.over():
        mine, others = collecting.divided(wanted)
        waves = _waves(mine, budget)
        for number, wave in enumerate(waves, start=1):
            if collecting.over():
                return collecting.found
            last = number == len(waves) and not others
            authors = {role: one.author for role, one in asked.items()}
            _ask(wave, authors, collecting.heard, collecting.over, last)
            if not all(map(collecting.settled, wave)):
                return collecting.found  # the budget, a wish, or a server that is gone
        collecting.give_back(mine)
        wanted = others
        if wanted:
            rest(_LOOK, collecting.over)
    return collecting.found


class _Collecting:
    """What has come so far, and where it is kept."""

    def __init__(
        self,
        asks: Sequence[Ask],
        asked: Mapping[Role, Respondent],
        own: Ledger,
        shared: Shared | None,
        watch: Watch,
        budget: int | None,
        stop: Callable[[], bool],
    ) -> None:
        self.found = Collected()
        self._asked, self._own, self._shared = asked, own, shared
        self._watch, self._budget, self._stop = watch, budget, stop
        of = {role: one.author.identity for role, one in asked.items()}
        self._keys = {_slot(a): response_key(of[a.role], a) for a in asks}
        self._prompts = {_slot(a): response_key(of[a.role], replace(a, index=-1)) for a in asks}
        self._lock = threading.Lock()

    def on_record(self, ask: Ask) -> Answer | None:
        """From this evaluation's record, or the cache, and then it is in both."""
        key = self._keys[_slot(ask)]
        entry = self._own.get(key)
        if self._shared is not None:
            cache = self._shared.ledger
            if entry is None and (other := cache.get(key)) is not None:
                entry = replace(other, copied=True)
                self._own.put(entry)
            elif entry is not None and key not in cache:
                cache.put(replace(entry, copied=False))
        if entry is None:
            return None
        self.found.answers[_slot(ask)] = entry.answer
        if not entry.copied:
            self.found.spent += _tokens(entry.answer, self._budget)
        return entry.answer

    def heard(self, ask: Ask, said: Answer | Missing) -> None:
        """Keep an answer, on disk first."""
        with self._lock:
            self.found.asked += 1
            if isinstance(said, Missing):
                self.found.missing[_slot(ask)] = said.why
            else:
                entry = Entry(
                    task=ask.task_id,
                    role=ask.role,
                    index=ask.index,
                    model=self._asked[ask.role].name,
                    key=self._keys[_slot(ask)],
                    text=said.text,
                    stop=said.stop,
                    prompt_tokens=said.prompt_tokens,
                    completion_tokens=said.completion_tokens,
                    reasoned=said.reasoned,
                )
                self._own.put(entry)
                if self._shared is not None:
                    self._shared.ledger.put(entry)
                self.found.answers[_slot(ask)] = said
                self.found.spent += _tokens(said, self._budget)
            self._watch.heard(ask, said)

    def over(self) -> bool:
        """Whether nothing more is to be asked."""
        if self._budget is not None and self.found.spent >= self._budget:
            self.found.exhausted = True
        return self.found.exhausted or self._stop()

    def settled(self, ask: Ask) -> bool:
        """Whether it was answered, or is known to be missing."""
        return _slot(ask) in self.found.answers or _slot(ask) in self.found.missing

    def divided(self, wanted: Sequence[Ask]) -> tuple[list[Ask], list[Ask]]:
        """What is ours to ask for, and what another evaluation is asking for. What has come since
        is taken from the cache."""
        if self._shared is None:
            return list(wanted), []
        prompts = {self._prompts[_slot(a)] for a in wanted}
        ours = {p for p in prompts if self._shared.claims.take(p)}
        self._shared.ledger.refresh()  # after the claim: what came before is not asked for again
        mine: list[Ask] = []
        others: list[Ask] = []
        for ask in wanted:
            if (there := self.on_record(ask)) is not None:
                self._watch.heard(ask, there)
            else:
                (mine if self._prompts[_slot(ask)] in ours else others).append(ask)
        return mine, others

    def give_back(self, asks: Sequence[Ask]) -> None:
        """Free the claims on these."""
        if self._shared is not None:
            for prompt in {self._prompts[_slot(a)] for a in asks}:
                self._shared.claims.free(prompt)


def _ask(
    wave: Sequence[Ask],
    authors: Mapping[Role, Author],
    heard: Callable[[Ask, Answer | Missing], None],
    over: Callable[[], bool],
    last: bool,
) -> None:
    """Have every author answer its part. After the ``last`` wave a local model makes room for the
    next one."""
    parts: list[tuple[Author, list[Ask]]] = []
    for author in {id(a): a for a in authors.values()}.values():
        part = [a for a in wave if authors[a.role] is author]
        if part:
            parts.append((author, part))
    failed: list[BaseException] = []

    def stop() -> bool:
        return bool(failed) or over()

    def work(author: Author, part: list[Ask]) -> None:
        try:
            author.answer(part, heard, stop)
        except BaseException as error:  # noqa: BLE001  # raised below, in the caller's thread
            failed.append(error)

    distant = [threading.Thread(target=work, args=p, daemon=True) for p in parts if p[0].remote]
    for thread in distant:
        thread.start()
    try:
        for author, part in parts:
            if not author.remote:
                author.answer(part, heard, stop)
                if last:
                    author.close()
    except BaseException as error:
        failed.append(error)  # the others end before their next request
        raise
    for thread in distant:
        while thread.is_alive():
            thread.join(0.2)  # short waits: Ctrl-C is heard between them
    if failed:
        raise failed[0]


def _waves(wanted: Sequence[Ask], budget: int | None) -> list[list[Ask]]:
    if budget is None:
        return [list(wanted)] if wanted else []
    tasks = list(dict.fromkeys(a.task_id for a in wanted))
    of = {task: i // _WAVE for i, task in enumerate(tasks)}
    waves: list[list[Ask]] = [[] for _ in range((len(tasks) + _WAVE - 1) // _WAVE)]
    for ask in wanted:
        waves[of[ask.task_id]].append(ask)
    return waves


def _slot(ask: Ask) -> Slot:
    return ask.task_id, ask.role, ask.index


def _tokens(answer: Answer, budget: int | None) -> int:
    counts = (answer.prompt_tokens, answer.completion_tokens)
    if None in counts and budget is not None:
        raise ModelError(
            "the server does not say how many tokens a response took, so --token-budget cannot be "
            "kept; leave it out"
        )
    return sum(c or 0 for c in counts)
