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
from sparring.evaluation.claims import Claims
from sparring.evaluation.ledger import Entry, Ledger
from sparring.policy.chat.base import Answer, Ask, Author, Missing, response_key
from sparring.policy.patience import rest
from sparring.schema import Role

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


def collect(
    asks: Sequence[Ask],
    authors: Mapping[Role, Author],
    names: Mapping[Role, str],
    own: Ledger,
    cache: Ledger | None,
    watch: Watch,
    budget: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    claims: Claims | None = None,
) -> Collected:
    """All responses to ``asks`` (in the order of tasks) that can be had. ``names`` of the models
    are for people; ``claims`` are those of the ``cache``. Raises what `Author.answer` raises."""
    found = Collected()
    keys = {_slot(a): response_key(authors[a.role].identity, a) for a in asks}
    prompts = {_slot(a): response_key(authors[a.role].identity, replace(a, index=-1)) for a in asks}

    def on_record(ask: Ask) -> Answer | None:
        """From this evaluation's record, or the cache, and then it is in both."""
        key = keys[_slot(ask)]
        entry = own.get(key)
        if cache is not None:
            if entry is None and (other := cache.get(key)) is not None:
                entry = replace(other, copied=True)
                own.put(entry)
            elif entry is not None and key not in cache:
                cache.put(replace(entry, copied=False))
        if entry is None:
            return None
        found.answers[_slot(ask)] = entry.answer
        if not entry.copied:
            found.spent += _tokens(entry.answer, budget)
        return entry.answer

    wanted = [a for a in asks if on_record(a) is None]
    watch.begin(len(asks), len(found.answers))
    lock = threading.Lock()

    def heard(ask: Ask, said: Answer | Missing) -> None:
        with lock:
            found.asked += 1
            if isinstance(said, Missing):
                found.missing[_slot(ask)] = said.why
            else:
                entry = Entry(
                    task=ask.task_id,
                    role=ask.role,
                    index=ask.index,
                    model=names[ask.role],
                    key=keys[_slot(ask)],
                    text=said.text,
                    stop=said.stop,
                    prompt_tokens=said.prompt_tokens,
                    completion_tokens=said.completion_tokens,
                    reasoned=said.reasoned,
                )
                own.put(entry)
                if cache is not None:
                    cache.put(entry)
                found.answers[_slot(ask)] = said
                found.spent += _tokens(said, budget)
            watch.heard(ask, said)

    def over() -> bool:
        if budget is not None and found.spent >= budget:
            found.exhausted = True
        return found.exhausted or stop()

    while wanted and not over():
        open_to_us = {
            p: claims is None or claims.take(p) for p in {prompts[_slot(a)] for a in wanted}
        }
        if cache is not None:
            cache.refresh()  # after the claim: what came before it is not asked for again
        mine: list[Ask] = []
        others: list[Ask] = []
        for ask in wanted:
            if cache is not None and (there := on_record(ask)) is not None:
                watch.heard(ask, there)
            else:
                (mine if open_to_us[prompts[_slot(ask)]] else others).append(ask)
        waves = _waves(mine, budget)
        for number, wave in enumerate(waves, start=1):
            if over():
                return found
            _ask(wave, authors, heard, over, number == len(waves) and not others)
            if any(_slot(a) not in found.answers and _slot(a) not in found.missing for a in wave):
                return found  # the budget, a wish, or a server that is gone
        if claims is not None:
            for prompt in {prompts[_slot(a)] for a in mine}:
                claims.free(prompt)
        wanted = others
        if wanted:
            rest(_LOOK, over)
    return found


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
