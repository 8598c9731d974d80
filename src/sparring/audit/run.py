"""One audit of a data set: read, looked at task by task, filtered, written down.

    sparring audit tasks.jsonl --out audited

Rows are read as `sparring tasks load` reads them: of every shape there is, the bad ones as
findings, columns that no task has left out and named. The tasks go through `audit.soundness` in
batches, so that a large set shows where it stands; their tests are measured by
`audit.strength`; what occurs twice is looked for over all of them. With four sandboxes: three
that keep nothing between runs and differ in the hash seed, for what must not be shared or
remembered, and a fast one for the mutants.

What it comes to is written by `files`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from sparring.audit.repeated import Bench
from sparring.audit.soundness import Audited, Care, audit_tasks
from sparring.audit.strength import Strength, strength
from sparring.sandbox import Fork, Limits, Sandbox
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.schema import Task
from sparring.tasks.cleaning.findings import Fault, Finding
from sparring.tasks.cleaning.imports import Needs, needs_of
from sparring.tasks.cleaning.repeats import duplicate_tasks
from sparring.tasks.cleaning.sound import Left, Policy, sound
from sparring.tasks.collect import Choice, collect
from sparring.tasks.rows.files import Fault as BadRow
from sparring.tasks.rows.files import Raw, file_rows, not_empty

BATCH = 16
_OTHER_HASHES = (12345, 54321)
_ENOUGH_MUTANTS = 5
"""Fewer say nothing about a task."""
_SHOWN_SURVIVORS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of an audit. ``mutants`` of each task, 0 for none; a mutation score below
    ``bar`` is weak; ``least`` tests must be left of a task."""

    care: Care = field(default_factory=Care)
    mutants: int = 20
    bar: float = 0.5
    policy: Policy = Policy.DROP_TESTS
    least: int = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A task, what was found, how strong its tests are, and what is left of it."""

    audited: Audited
    findings: tuple[Finding, ...]
    strength: Strength | None
    left: Left

    @property
    def checked(self) -> bool:
        """Whether a solution was there to say anything, and our own machine let it."""
        return self.audited.best is not None


@dataclass(frozen=True, slots=True)
class Report:
    """A whole audit. ``malformed`` rows are in no entry."""

    entries: tuple[Entry, ...]
    malformed: tuple[Finding, ...]
    level: str
    """The isolation that the programs had."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Columns that no task has, and in how many rows they were."""
    needs: Needs = field(default_factory=dict)
    """Packages that the tasks import and the sandbox was not given."""
    packages: tuple[tuple[str, str], ...] = ()
    """Those that it was given, with their versions."""

    @property
    def findings(self) -> list[Finding]:
        """All findings, rows first."""
        return [*self.malformed, *(f for e in self.entries for f in e.findings)]

    @property
    def sound(self) -> list[Task]:
        """What is left of the tasks that a solution has confirmed: it passes a test every time."""
        return [e.left.task for e in self.entries if e.left.task is not None and e.checked]

    @property
    def unchecked(self) -> list[Task]:
        """What is left of the others: nothing speaks against them, and nothing for them."""
        return [e.left.task for e in self.entries if e.left.task is not None and not e.checked]


def audit(
    paths: Sequence[Path],
    asked: Asked,
    progress: Callable[[int, int, int], None],
    packages: Packages = NO_PACKAGES,
) -> Report:
    """Audit the tasks of these files. `progress` hears of tasks done, of all, and of findings;
    `packages` are given to the sandbox.

    Raises `DataError` if there is no task to look at, `SandboxError` if nothing can be run.
    """
    tasks, malformed, left_out = read(paths)
    entries: list[Entry] = []
    found = len(malformed)
    with ExitStack() as stack:
        usual = stack.enter_context(Sandbox(fork=Fork.PER_TEST, memo=False, packages=packages))
        others = tuple(
            stack.enter_context(
                Sandbox(fork=Fork.PER_TEST, memo=False, hash_seed=seed, packages=packages)
            )
            for seed in _OTHER_HASHES
        )
        fast = stack.enter_context(Sandbox(memo=False, skip_after_timeout=True, packages=packages))
        bench = Bench(usual, others)
        for start in range(0, len(tasks), BATCH):
            progress(start, len(tasks), found)
            audited = audit_tasks(bench, tasks[start : start + BATCH], Limits(), asked.care)
            for one, strong in zip(audited, _strengths(fast, audited, asked.mutants), strict=True):
                entry = _entry(one, strong, None, asked)
                entries.append(entry)
                found += len(entry.findings)
        level = usual.level.value
    entries = _told_twice(entries, asked)
    progress(len(tasks), len(tasks), len(malformed) + sum(len(e.findings) for e in entries))
    needs = needs_of(tasks, packages.modules)
    return Report(tuple(entries), tuple(malformed), level, left_out, needs, packages.versions)


def read(paths: Sequence[Path]) -> tuple[list[Task], list[Finding], Counter[str]]:
    """The tasks of these files, a finding per fault of a row, and the columns left out.

    Raises `DataError` for a file that cannot be read at all, and where no row is a task.
    """
    found = collect([_placed(path) for path in paths], Choice(skip_bad=True))
    malformed = [
        Finding(fault.where, Fault.MALFORMED, part, "mend the row or remove it")
        for fault in found.faults
        for part in fault.parts or (fault.text,)
    ]
    return found.tasks, malformed, found.left_out


def _placed(path: Path) -> Iterator[Raw | BadRow]:
    """The rows of a file, by its name alone: findings are read beside the file."""
    for raw in not_empty(path, file_rows(path, "tasks")):
        if isinstance(raw, BadRow):
            yield replace(raw, where=raw.where.removeprefix(f"{path.parent}/"))
        else:
            yield replace(raw, where=f"{path.name}, row {raw.number}")


def _strengths(
    sandbox: Sandbox, audited: Sequence[Audited], most: int
) -> Iterator[Strength | None]:
    """By each task's best solution; None where there is none or no mutant is wanted."""
    by_best = [
        replace(a.task, solutions=() if a.best is None or not most else (a.task.solutions[a.best],))
        for a in audited
    ]
    yield from strength(sandbox, by_best, [t.tests for t in by_best], Limits(), most)


def _entry(one: Audited, strong: Strength | None, twice: Finding | None, asked: Asked) -> Entry:
    findings = [*one.findings, *([twice] if twice else [])]
    if strong and strong.mutants >= _ENOUGH_MUTANTS and (strong.score or 0.0) < asked.bar:
        findings.append(_weak(one.task, strong))
    unknown = any(f.fault is Fault.UNKNOWN for f in findings)  # our failure drops nothing
    witnessed = one.best is not None or not one.task.solutions or unknown
    left = sound(one.task, findings, asked.policy, asked.least, confirmed=witnessed)
    return Entry(one, tuple(findings), strong, left)


def _told_twice(entries: Sequence[Entry], asked: Asked) -> list[Entry]:
    """The entries, with those that are another one again found out. Only among what is left: a
    task whose likeness goes for a fault of its own is the one to keep."""
    twice = {
        f.task: f
        for f in duplicate_tasks([e.audited.task for e in entries if e.left.task is not None])
    }
    return [
        _entry(e.audited, e.strength, twice[e.audited.task.id], asked)
        if e.audited.task.id in twice
        else e
        for e in entries
    ]


def _weak(task: Task, strong: Strength) -> Finding:
    slips = [f"line {m.line}: {m.description}" for m in strong.survivors[:_SHOWN_SURVIVORS]]
    seen = f"{strong.killed} of {strong.mutants} mistakes are noticed; not {'; '.join(slips)}"
    return Finding(task.id, Fault.WEAK, seen, "add tests that notice these")
