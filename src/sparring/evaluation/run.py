"""One evaluation, from tasks and models to a directory of figures.

    sparring eval TASKS --coder MODEL --out DIR

Ask for what is not on record, grade what is complete, measure, write. Whoever
starts it again in the same directory goes on: responses are never asked for
twice, programs never run twice. A task counts once all its responses are there;
what was not answered is missing, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from sparring.errors import RunError
from sparring.evaluation.authors import Respondent, reading_of
from sparring.evaluation.claims import Claims
from sparring.evaluation.collect import CLAIMS, RESPONSES, Collected, Shared, collect
from sparring.evaluation.directory import Found, begin, cache_of, measured
from sparring.evaluation.ledger import Ledger, locked
from sparring.evaluation.notes import notes_after, notes_before
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import Progress
from sparring.grading.group import ReadGroup, read_group
from sparring.policy.chat.base import Answer
from sparring.prompts.rules import Reading
from sparring.runs.directory import RunDir
from sparring.schema import Response, Role, Task

Readings = Mapping[Role, Reading]


def evaluate_models(
    options: EvalOptions,
    tasks: Sequence[Task],
    asked: Mapping[Role, Respondent],
    out: Path,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
) -> Found:
    """Evaluate on the options' ``tasks`` in the directory ``out``, or go on there. Raises
    `SparringError`; what has been answered by then is kept."""
    with ExitStack() as held:
        for one in asked.values():
            held.callback(one.author.close)
        held.enter_context(locked(out))
        directory = RunDir(out, locked=False)
        own = Ledger(out / RESPONSES)
        models = {
            role: {"name": asked[role].name, "identity": dict(asked[role].author.identity)}
            for role in Role
            if options.wanted[role]
        }
        begin(directory, options, models, tasks, begun=len(own) > 0)
        shared = None
        if (cache := cache_of(options.cache)) is not None:
            claims = held.enter_context(Claims(cache / CLAIMS))
            shared = Shared(Ledger(cache / RESPONSES), claims)
        asks = options.asks(tasks)
        readings = {
            role: reading_of(
                one.author,
                options.prompts_for(role),
                next((a.message for a in asks if a.role is role), ""),
            )
            for role, one in asked.items()
        }
        notes = _notes(options, asked, None)
        for line in notes:
            progress.note(f"note: {line}")
        collected = collect(asks, asked, own, shared, progress, options.budget, stop)
        whole = complete(options, tasks, collected)
        wanting = _wanting(options, tasks, whole, collected)
        if not whole:
            raise RunError(f"{wanting}; no task is complete yet")
        seen = _notes(options, asked, collected)
        for line in seen:
            progress.note(line)
        groups = groups_of(options, whole, collected, readings)
        record = measured(
            directory, options, models, tasks, groups, collected, [*notes, *seen], progress
        )
    return Found(record, wanting)


def complete(options: EvalOptions, tasks: Sequence[Task], collected: Collected) -> list[Task]:
    """The tasks of which every response is there."""
    slots = [(role, i) for role, count in options.wanted.items() for i in range(count)]
    return [t for t in tasks if all((t.id, *slot) in collected.answers for slot in slots)]


def groups_of(
    options: EvalOptions, tasks: Iterable[Task], collected: Collected, readings: Readings
) -> Iterable[ReadGroup]:
    """The responses to each task, read. They have no token ids."""
    for task in tasks:
        coder, tester = (
            [
                Response(task.id, role, i, (), (), (), a.stop, _text(a, readings[role]))
                for i in range(options.wanted[role])
                for a in [collected.answers[task.id, role, i]]
            ]
            for role in (Role.CODER, Role.TESTER)
        )
        yield read_group(task, coder, tester, readings)


def _text(answer: Answer, reading: Reading) -> str:
    """The answer's text. One whose reasoning came apart is behind it, where reasoning is open."""
    ended = answer.reasoned and reading.reasoning.opened
    return reading.reasoning.end + answer.text if ended else answer.text


def _notes(
    options: EvalOptions, asked: Mapping[Role, Respondent], collected: Collected | None
) -> list[str]:
    """What there is to know of the models: before they are asked (None), or from the answers."""
    found: list[str] = []
    for role, one in asked.items():
        if not options.wanted[role]:
            continue
        prompts = options.prompts_for(role)
        if collected is None:
            found += notes_before(one.author, one.name, prompts)
        else:
            answers = [a for (_, r, _), a in collected.answers.items() if r is role]
            found += notes_after(one.author, f"{role} {one.name}", prompts, answers)
    return list(dict.fromkeys(found))  # one model may play both roles


def _wanting(
    options: EvalOptions, tasks: Sequence[Task], whole: Sequence[Task], collected: Collected
) -> str | None:
    """One line on what is not there, None where all is."""
    wanted = len(tasks) * sum(options.wanted.values())
    lacking = wanted - len(collected.answers)
    if not lacking:
        return None
    why = "stopped"
    if collected.exhausted:
        why = f"the token budget is spent ({collected.spent:,} tokens)"
    elif collected.missing:
        last = list(collected.missing.values())[-1]
        why = f"{len(collected.missing):,} were asked for in vain, the last: {last}"
    return (
        f"{lacking:,} of {wanted:,} responses are not there ({why}); the figures are over "
        f"{len(whole):,} of {len(tasks):,} tasks; the same command goes on"
    )
