"""Audit a data set: read its rows, examine its tasks and remove the faulty parts.

    sparring audit tasks.jsonl --out audited

- Rows are read as `sparring tasks load` reads them, in every known shape. Bad rows become
  findings. Columns that no task has are left out and named.
- `audit.soundness` examines the tasks in batches, so that a large data set shows its progress.
- `audit.strength` measures the tests. Duplicates are looked for over all tasks.
- Four sandboxes are used: three that share nothing between executions and differ in the hash seed,
  and a fast one for the mutants.
- `files` writes the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from sparring.audit.flakiness import AuditSandboxes
from sparring.audit.soundness import Audited, Care, audit_tasks
from sparring.audit.strength import Strength, strength
from sparring.sandbox import Fork, Limits, Sandbox
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.schema import Task
from sparring.tasks.cleaning.cleaned import CleanedTask, CleaningPolicy, clean_task
from sparring.tasks.cleaning.findings import Finding, TaskFault
from sparring.tasks.cleaning.imports import Needs, needs_of
from sparring.tasks.cleaning.repeats import duplicate_tasks
from sparring.tasks.collect import RowSelection, collect
from sparring.tasks.rows.files import RawRow, file_rows, not_empty
from sparring.tasks.rows.files import RowFault as BadRow

BATCH = 16
_OTHER_HASHES = (12345, 54321)
_ENOUGH_MUTANTS = 5
"""Least number of mutants for which a mutation score counts."""
_SHOWN_SURVIVORS = 3


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Options of an audit.

    - ``care``: care with which solutions are run.
    - ``mutants``: most mutants of each task; 0 for none.
    - ``bar``: mutation score below which tests are weak.
    - ``policy``: part that is removed for a fault.
    - ``least``: least number of tests that a task must keep.
    """

    care: Care = field(default_factory=Care)
    mutants: int = 20
    bar: float = 0.5
    policy: CleaningPolicy = CleaningPolicy.DROP_TESTS
    least: int = 1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An audited task: its findings, the strength of its tests, and its sound part."""

    audited: Audited
    findings: tuple[Finding, ...]
    strength: Strength | None
    cleaned: CleanedTask

    @property
    def checked(self) -> bool:
        """Return True if a solution passes a test, so that the task is checked at all."""
        return self.audited.best is not None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Results of an audit. ``malformed`` has the findings of bad rows, which have no entry."""

    entries: tuple[AuditEntry, ...]
    malformed: tuple[Finding, ...]
    level: str
    """Isolation level of the programs."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Columns that no task has, and the number of rows with each."""
    needs: Needs = field(default_factory=dict)
    """Packages that the tasks import and the sandbox lacks."""
    packages: tuple[tuple[str, str], ...] = ()
    """Packages of the sandbox, with their versions."""

    @property
    def findings(self) -> list[Finding]:
        """Return all findings, those of rows first."""
        return [*self.malformed, *(f for e in self.entries for f in e.findings)]

    @property
    def sound(self) -> list[Task]:
        """Return the sound parts of the tasks with a solution that passes a test every time."""
        return [e.cleaned.task for e in self.entries if e.cleaned.task is not None and e.checked]

    @property
    def unchecked(self) -> list[Task]:
        """Return the remaining parts of the other tasks, which nothing confirms or refutes."""
        return [
            e.cleaned.task for e in self.entries if e.cleaned.task is not None and not e.checked
        ]


def audit(
    paths: Sequence[Path],
    options: AuditOptions,
    progress: Callable[[int, int, int], None],
    packages: Packages = NO_PACKAGES,
) -> AuditReport:
    """Audit the tasks of these files.

    ``progress`` is called with the numbers of tasks done, of all tasks and of findings.
    ``packages`` are given to the sandbox. Raises `DataError` if no row is a task, `SandboxError` if
    the sandbox cannot run.
    """
    tasks, malformed, left_out = read(paths)
    entries: list[AuditEntry] = []
    findings_so_far = len(malformed)
    with ExitStack() as stack:
        usual = stack.enter_context(Sandbox(fork=Fork.PER_TEST, memo=False, packages=packages))
        others = tuple(
            stack.enter_context(
                Sandbox(fork=Fork.PER_TEST, memo=False, hash_seed=seed, packages=packages)
            )
            for seed in _OTHER_HASHES
        )
        fast = stack.enter_context(Sandbox(memo=False, skip_after_timeout=True, packages=packages))
        bench = AuditSandboxes(usual, others)
        for start in range(0, len(tasks), BATCH):
            progress(start, len(tasks), findings_so_far)
            audited = audit_tasks(bench, tasks[start : start + BATCH], Limits(), options.care)
            for one, strong in zip(
                audited, _strengths(fast, audited, options.mutants), strict=True
            ):
                entry = _entry(one, strong, None, options)
                entries.append(entry)
                findings_so_far += len(entry.findings)
        level = usual.level.value
    entries = _with_duplicate_findings(entries, options)
    progress(len(tasks), len(tasks), len(malformed) + sum(len(e.findings) for e in entries))
    needs = needs_of(tasks, packages.modules)
    return AuditReport(tuple(entries), tuple(malformed), level, left_out, needs, packages.versions)


def read(paths: Sequence[Path]) -> tuple[list[Task], list[Finding], Counter[str]]:
    """Return the tasks of these files, a finding per fault of a row, and the unused columns.

    Raises `DataError` for a file that cannot be read, and if no row is a task.
    """
    collected = collect([_located_rows(path) for path in paths], RowSelection(skip_bad=True))
    malformed = [
        Finding(fault.where, TaskFault.MALFORMED, part, "correct the row or remove it")
        for fault in collected.faults
        for part in fault.parts or (fault.text,)
    ]
    return collected.tasks, malformed, collected.left_out


def _located_rows(path: Path) -> Iterator[RawRow | BadRow]:
    """Yield the rows of a file, located by its name without the directory."""
    for raw in not_empty(path, file_rows(path, "tasks")):
        if isinstance(raw, BadRow):
            yield replace(raw, where=raw.where.removeprefix(f"{path.parent}/"))
        else:
            yield replace(raw, where=f"{path.name}, row {raw.number}")


def _strengths(
    sandbox: Sandbox, audited: Sequence[Audited], most: int
) -> Iterator[Strength | None]:
    """Yield the strength of each task's tests by its best solution.

    The strength is None for a task without a best solution, and if ``most`` mutants is 0.
    """
    by_best = [
        replace(a.task, solutions=() if a.best is None or not most else (a.task.solutions[a.best],))
        for a in audited
    ]
    yield from strength(sandbox, by_best, [t.tests for t in by_best], Limits(), most)


def _entry(
    audited: Audited, strong: Strength | None, twice: Finding | None, options: AuditOptions
) -> AuditEntry:
    findings = [*audited.findings, *([twice] if twice else [])]
    if strong and strong.mutants >= _ENOUGH_MUTANTS and (strong.score or 0.0) < options.bar:
        findings.append(_weak(audited.task, strong))
    unknown = any(
        f.fault is TaskFault.UNKNOWN for f in findings
    )  # a sandbox failure removes nothing
    witnessed = audited.best is not None or not audited.task.solutions or unknown
    cleaned = clean_task(audited.task, findings, options.policy, options.least, confirmed=witnessed)
    return AuditEntry(audited, tuple(findings), strong, cleaned)


def _with_duplicate_findings(
    entries: Sequence[AuditEntry], options: AuditOptions
) -> list[AuditEntry]:
    """Return the entries with findings of duplicate tasks.

    Only tasks that remain count: if one of two equal tasks is removed for another fault, the other
    is kept.
    """
    twice = {
        f.task: f
        for f in duplicate_tasks([e.audited.task for e in entries if e.cleaned.task is not None])
    }
    return [
        _entry(e.audited, e.strength, twice[e.audited.task.id], options)
        if e.audited.task.id in twice
        else e
        for e in entries
    ]


def _weak(task: Task, strong: Strength) -> Finding:
    mistakes = [f"line {m.line}: {m.description}" for m in strong.survivors[:_SHOWN_SURVIVORS]]
    seen = f"{strong.killed} of {strong.mutants} mistakes are noticed; not {'; '.join(mistakes)}"
    return Finding(task.id, TaskFault.WEAK, seen, "add tests that notice these")
