"""Supervising tests written by vLLM servers, before the first step.

The frozen tester is another model than the one that learns, and a server
cannot exchange one architecture for another. So one of ours is a server of its
own: it has the run's GPUs for servers to itself before the first evaluation,
writes the tests of all tasks that will come up, and ends. Servers at
``supervision.urls`` are asked at the same time.

Responses are in a journal as they come and in files of some tasks each when
they are whole, so that a run that was stopped asks for what is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sparring.errors import Stopped
from sparring.policy.base import Arrived, Prompt
from sparring.policy.vllm.sampler import VllmSampler
from sparring.policy.vllm.wanted import SamplingRequest, Weights
from sparring.runs.progress import Progress
from sparring.runs.timeline import Phase, Timeline
from sparring.schema import Response, Role, Task
from sparring.training.state.journal import Journal
from sparring.training.supervision.pseudo_labels import PseudoLabels
from sparring.training.supervision.supervisor import Supervisor
from sparring.training.weights.servers import log_file, longest, server_settings, words_of

JOURNAL = "journal/supervision.jsonl"
_PLAYER = "supervisor"
_AT_ONCE = 32_768
"""Responses that one call asks for: enough that its end, where few are left, is short beside the
whole; few enough to hold."""
_FILE = 64
"""Tasks whose responses are in one file."""


def write_ahead(
    written: PseudoLabels,
    tasks: Sequence[Task],
    progress: Progress,
    timeline: Timeline,
    log: Path | None,
    stop: Callable[[], bool],
) -> None:
    """Have the tests of ``tasks`` written, where servers sample the frozen tester; a server of ours
    writes to ``log``. Raises `RunError`, and `Stopped` when the user asks for it."""
    supervisor = written.supervisor
    if supervisor.outline is None or not (left := written.missing(tasks)):
        return
    count = supervisor.recipe.supervision.tests
    progress.long_phase(f"supervising tests: {len(left):,} tasks × {count} responses")
    with _asked(supervisor, log) as ask:
        while left := written.missing(tasks):
            _write_some(written, left, timeline, ask, stop)


_Known = Sequence[Collection[int]]
"""By prompt, the numbers of the responses that are there."""
_Ask = Callable[[Sequence[Prompt], _Known, Arrived], list[list[Response]]]


@contextmanager
def _asked(supervisor: Supervisor, log: Path | None) -> Iterator[_Ask]:
    """The frozen tester's servers, up within the block."""
    recipe, outline = supervisor.recipe, supervisor.outline
    assert outline is not None
    s = recipe.supervision
    together = longest(recipe, outline.positions, s.max_tokens)
    settings = server_settings(recipe, together, s.urls, "supervision.urls", 0, 1)
    words = words_of(recipe, supervisor.tokenizer, supervisor.end_ids)
    sampler = VllmSampler(settings, words, log_file(log))

    def given(path: Path) -> None:
        for file in outline.place.iterdir():
            if file.is_file() and s.urls:  # on a machine that sees nothing but vllm.weights_dir
                shutil.copy(file, path)
            elif file.is_file():
                (path / file.name).symlink_to(file.resolve())

    size = sum(f.stat().st_size for f in outline.place.iterdir() if f.is_file()) if s.urls else 0
    sampler.use(Weights(_PLAYER, 0, size, given, None))

    def ask(prompts: Sequence[Prompt], known: _Known, arrived: Arrived) -> list[list[Response]]:
        asked = [
            SamplingRequest(p, s.tests, _PLAYER, frozenset(k))
            for p, k in zip(prompts, known, strict=True)
        ]
        return sampler.sample(asked, arrived)

    try:
        yield ask
    finally:
        sampler.close()


def _write_some(
    written: PseudoLabels,
    tasks: Sequence[Task],
    timeline: Timeline,
    ask: _Ask,
    stop: Callable[[], bool],
) -> None:
    """The tests of as many tasks as one call asks for: first those in the journal."""
    supervisor, run = written.supervisor, written.run
    count = supervisor.recipe.supervision.tests
    begun = {record["task"] for record in run.jsonl(JOURNAL)} if run.has(JOURNAL) else set()
    first = [t for t in supervisor.tasks if t.id in begun]
    chosen = [*first, *(t for t in tasks if t.id not in begun)]
    chosen = chosen[: max(len(first), _AT_ONCE // count, 1)]
    prompts = supervisor.prompts(chosen)
    journal = Journal(run, JOURNAL, Role.TESTER, prompts, count, timeline)
    asked = [i for i in range(len(chosen)) if not journal.complete(i)]

    def arrived(k: int, response: Response) -> None:
        journal.take(asked[k], response)
        if stop():
            go_on = f"continue with --resume --run-dir {run.path}"
            raise Stopped(f"stopped while tests were written; {go_on}")

    try:
        with timeline.during(Phase.SAMPLING, _PLAYER):
            known = [{r.index for r in journal.arrived(i)} for i in asked]
            ask([prompts[i] for i in asked], known, arrived)
    except BaseException:  # raised again, with what has come on record
        journal.write()  # what has come is not asked for again
        raise
    found = {t.id: group for t, group in zip(chosen, journal.responses(), strict=True)}
    new = written.missing(chosen)
    for start in range(0, len(new), _FILE):
        part = new[start : start + _FILE]
        written.add(part, [found[t.id] for t in part])
    run.remove(JOURNAL)
