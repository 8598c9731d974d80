"""One evaluation, from tasks and models to a directory of figures.

    sparring eval TASKS --coder MODEL --out DIR

Ask for what is not on record, judge what is complete, measure, write. Whoever
starts it again in the same directory goes on: responses are never asked for
twice, programs never run twice. A task counts once all its responses are there;
what was not answered is missing, never wrong.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring import __version__
from sparring.errors import RunError, explained
from sparring.evaluation.authors import reading_of
from sparring.evaluation.claims import Claims
from sparring.evaluation.collect import Collected, collect
from sparring.evaluation.figures import as_officially_counted, counts, strengthened, verdicts
from sparring.evaluation.ledger import Ledger, locked
from sparring.evaluation.notes import notes_after, notes_before
from sparring.evaluation.plan import Plan, changed, task_digest
from sparring.evaluation.progress import Progress
from sparring.evaluation.rollouts import rollout
from sparring.grading.facts import task_facts
from sparring.grading.grade import grade_each, infra_share
from sparring.grading.group import GroupResult, ReadGroup, read_group
from sparring.grading.wanting import wanted
from sparring.metrics.benchmark import measure
from sparring.policy.chat.base import Answer, Author
from sparring.prompts.parse import Reading
from sparring.runs.directory import RunDir
from sparring.runs.lines import clean
from sparring.runs.reader import step_file
from sparring.sandbox import Limits, Runs, Sandbox
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.sandbox.types import Level
from sparring.schema import Response, Role, Task
from sparring.tasks.checkers.checker import VERSION as GRADER
from sparring.tasks.preambles import versions as preamble_versions

RESPONSES, OUTCOMES, CONFIG, FIGURES = "responses.jsonl", "outcomes.db", "config.json", "eval.json"
CLAIMS = "claims"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: an author and a name for each role. One author may play both."""

    authors: Mapping[Role, Author]
    names: Mapping[Role, str]

    def close(self) -> None:
        for author in self.authors.values():
            author.close()


@dataclass(frozen=True, slots=True)
class Bench:
    """Where programs run, and how much may be asked."""

    workers: int | None = None
    level: Level | None = None
    cache: Path | None = None
    budget: int | None = None
    packages: Packages = NO_PACKAGES


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it. ``record`` is eval.json; ``complaint`` says what is wanting, if anything."""

    record: Mapping[str, Any]
    complaint: str | None


def recorded_models(out: Path) -> Mapping[str, Any]:
    """The identities of the models, by role, of an evaluation that was begun in ``out``."""
    try:
        found = json.loads((out / CONFIG).read_text(encoding="utf-8"))["models"]
        return {role: dict(m["identity"]) for role, m in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # nothing there, or nothing that could be gone on with: `evaluate` says which


def evaluate(
    plan: Plan,
    tasks: Sequence[Task],
    cast: Cast,
    out: Path,
    bench: Bench,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
) -> Found:
    """Evaluate on the plan's ``tasks`` in the directory ``out``, or go on there. Raises
    `SparringError`; what has been answered by then is kept."""
    with ExitStack() as held:
        held.callback(cast.close)
        held.enter_context(locked(out))
        directory = RunDir(out, locked=False)
        own = Ledger(out / RESPONSES)
        models = {
            role: {"name": cast.names[role], "identity": dict(cast.authors[role].identity)}
            for role in Role
            if (plan.programs if role is Role.CODER else plan.tests)
        }
        begin(directory, plan, models, tasks, begun=len(own) > 0)
        shared = cache_of(bench.cache)
        asks = plan.asks(tasks)
        reading = {
            role: reading_of(
                cast.authors[role],
                plan.prompts_for(role),
                next((a.message for a in asks if a.role is role), ""),
            )
            for role in Role
        }
        notes = _notes(plan, cast, None)
        for line in notes:
            progress.note(f"note: {line}")
        collected = collect(
            asks,
            cast.authors,
            cast.names,
            own,
            Ledger(shared / RESPONSES) if shared else None,
            progress,
            bench.budget,
            stop,
            held.enter_context(Claims(shared / CLAIMS)) if shared else None,
        )
        whole = _complete(plan, tasks, collected)
        if not whole:
            raise RunError(f"{_wanting(plan, tasks, whole, collected)}; no task is complete yet")
        sandbox = held.enter_context(
            Sandbox(
                bench.workers,
                level=bench.level,
                store=(shared or out) / OUTCOMES,
                packages=bench.packages,
            )
        )
        limits = Limits()
        judged = _judged(sandbox, plan, whole, collected, limits, reading, progress)
        seen = _notes(plan, cast, collected)
        for line in seen:
            progress.note(line)
        record = record_of(plan, models, tasks, judged, collected, limits, sandbox)
        record["notes"] = [*notes, *seen]
        write(directory, record, judged, collected)
    return Found(record, _wanting(plan, tasks, whole, collected))


Models = Mapping[Role, Mapping[str, Any]]
"""By role the ``name`` and ``identity`` of who has answered."""


def write(
    directory: RunDir,
    record: Mapping[str, Any],
    judged: Sequence[GroupResult],
    collected: Collected,
) -> None:
    """Leave the records of all tasks and the figures."""
    directory.write_lines(step_file("rollouts", 0), (rollout(j, collected.answers) for j in judged))
    directory.write_json(FIGURES, record)


def _notes(plan: Plan, cast: Cast, collected: Collected | None) -> list[str]:
    """What there is to know of the models: before they are asked (None), or from the answers."""
    found: list[str] = []
    for role in Role:
        if not (plan.programs if role is Role.CODER else plan.tests):
            continue
        author, name, prompts = cast.authors[role], cast.names[role], plan.prompts_for(role)
        if collected is None:
            found += notes_before(author, name, prompts)
        else:
            answers = [a for (_, r, _), a in collected.answers.items() if r is role]
            found += notes_after(author, f"{role} {name}", prompts, answers)
    return list(dict.fromkeys(found))  # one model may play both roles


def begin(
    directory: RunDir, plan: Plan, models: Models, tasks: Sequence[Task], begun: bool
) -> None:
    """Write down what the evaluation is, or compare it with what was ``begun`` here: one without
    a response so far binds nobody."""
    now = json.loads(json.dumps(clean(plan.record(tasks))))
    now["models"] = {role: dict(model) for role, model in models.items()}
    if directory.has(CONFIG) and begun:
        before = directory.read_json(CONFIG)
        was = {**before.get("fixed", {}), **_identities(before)}
        is_now = {**now["fixed"], **_identities(now)}
        for role in Role:  # one that had no part before, or has none now, may be anybody
            if role not in was or role not in is_now:
                was.pop(role, None)
                is_now.pop(role, None)
        if differ := changed(was, is_now):
            raise RunError(
                f"{directory.path}: was begun with another {'; another '.join(differ)}; choose "
                "another --out (and --cache DIR, to share responses)"
            )
    elif not directory.has(CONFIG) and (
        others := sorted(f.name for f in directory.path.iterdir() if f.name != "lock")
    ):
        raise RunError(
            f"{directory.path} is not empty (it has {others[0]}) and holds no evaluation; "
            "choose another --out"
        )
    directory.write_json(CONFIG, now)


def _identities(record: Mapping[str, Any]) -> dict[str, Any]:
    """The models' identities by role."""
    return {role: m.get("identity") for role, m in record.get("models", {}).items()}


def cache_of(path: Path | None) -> Path | None:
    """The directory of a cache, made if need be."""
    if path is not None:
        with explained(path):
            path.mkdir(parents=True, exist_ok=True)
    return path


def _complete(plan: Plan, tasks: Sequence[Task], collected: Collected) -> list[Task]:
    """The tasks of which every response is there."""
    wanted = {Role.CODER: plan.programs, Role.TESTER: plan.tests}
    return [
        t
        for t in tasks
        if all((t.id, role, i) in collected.answers for role in Role for i in range(wanted[role]))
    ]


def _wanting(
    plan: Plan, tasks: Sequence[Task], whole: Sequence[Task], collected: Collected
) -> str | None:
    """One line on what is not there, None where all is."""
    wanted = len(tasks) * (plan.programs + plan.tests)
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


def _judged(
    sandbox: Runs,
    plan: Plan,
    tasks: Sequence[Task],
    collected: Collected,
    limits: Limits,
    reading: Mapping[Role, Reading],
    progress: Progress,
) -> list[GroupResult]:
    def group(task: Task) -> ReadGroup:
        coder, tester = (
            _responses(task, role, count, collected, reading[role])
            for role, count in ((Role.CODER, plan.programs), (Role.TESTER, plan.tests))
        )
        return read_group(task, coder, tester, reading)

    found: list[GroupResult] = []
    progress.begin(len(tasks), 0, "tasks judged")
    for result in grade_each(sandbox, map(group, tasks), limits):
        found.append(result)
        progress.advance(1)
    return found


def _responses(
    task: Task, role: Role, count: int, collected: Collected, reading: Reading
) -> list[Response]:
    """Responses as judging takes them. They have no token ids."""
    answers = [collected.answers[task.id, role, i] for i in range(count)]
    return [
        Response(task.id, role, i, (), (), (), a.stop, _text(a, reading))
        for i, a in enumerate(answers)
    ]


def _text(answer: Answer, reading: Reading) -> str:
    """The answer's text. One whose reasoning came apart is behind it, where reasoning is open."""
    ended = answer.reasoned and reading.reasoning.opened
    return reading.reasoning.end + answer.text if ended else answer.text


def record_of(
    plan: Plan,
    models: Models,
    tasks: Sequence[Task],
    judged: Sequence[GroupResult],
    collected: Collected,
    limits: Limits,
    sandbox: Sandbox,
) -> dict[str, Any]:
    """eval.json."""
    facts = [task_facts(j) for j in judged]
    if plan.mutants and plan.tests:
        facts = strengthened(facts, judged, sandbox, limits, plan.mutants)
    summary = measure(facts, plan.scales, plan.ks)
    inside = {j.task.id for j in judged}
    of_role: dict[Role, list[Answer]] = {role: [] for role in models}
    for (task_id, role, _), answer in collected.answers.items():
        if task_id in inside and role in of_role:
            of_role[role].append(answer)
    official = {"official": as_officially_counted(facts, plan.scales)} if plan.protocol else {}
    return {
        "kind": "evaluation",
        "version": 1,
        "models": {role: dict(model) for role, model in models.items()},
        "figures": {name: e.as_dict() for name, e in summary.estimates.items()},
        **official,
        "conditions": {
            **plan.record(tasks)["fixed"],
            "reasoning": plan.record(tasks)["reasoning"],
            "programs": plan.programs,
            "tests": plan.tests,
            "mutants": plan.mutants,
            "sources": list(plan.sources),
            "grader": GRADER,
            "templates": plan.prompts.templates().version,
            "preambles": preamble_versions(tasks),
            "checkers": sorted({t.checker for t in tasks}),
            "limits": {"idle_seconds": limits.idle_seconds, "output_bytes": limits.output_bytes},
            "sandbox": dict(sandbox.report()),
            "sparring": __version__,
            "python": platform.python_version(),
            "top_k_sent": {
                role: bool(model["identity"].get("takes_top_k", True))
                for role, model in models.items()
            },
        },
        "responses": {r: counts(judged, r, of_role[r]).record() for r in models},
        "verdicts": verdicts(judged),
        "infra_share": infra_share(judged),
        "needs": {p: w.record() for p, w in wanted(j.outcomes_PT for j in judged).items()},
        "tokens_spent": collected.spent,
        "missing": [
            {"task": task, "role": role, "index": index, "why": why}
            for (task, role, index), why in collected.missing.items()
        ],
        "left_out": [t.id for t in tasks if t.id not in inside],
        "tasks": [
            {"id": j.task.id, "digest": task_digest(j.task), "checker": j.task.checker}
            for j in judged
        ],
        "per_task": {k: v.tolist() for k, v in summary.per_task.items()},
        "ratios": {k: v.as_dict() for k, v in summary.ratios.items()},
        "complete": len(judged) == len(tasks),
        "protocol": plan.protocol or "",
    }
