"""Write the files of an audit.

- ``audit.json`` has everything: the settings, every finding, and for each task its removed parts,
  the mutants that no test catches and the branches that no test takes.
- ``audit.md`` has the same contents for people, without mutants and branches.
- ``tasks.jsonl`` has the sound part of the data set (`tasks.cleaning.cleaned`), ready for training.
- ``unchecked.jsonl`` has the tasks about which nothing is known: those without a solution, and
  those on whose solutions the sandbox failed.
- A file that would be empty is not written. An existing file is replaced only on request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from sparring.audit.run import AuditEntry, AuditOptions, AuditReport
from sparring.errors import DataError, writing
from sparring.tasks.checkers.checker import VERSION
from sparring.tasks.cleaning.cleaned import counts
from sparring.tasks.cleaning.imports import needs_lines
from sparring.tasks.load import dump_tasks
from sparring.tasks.preambles import versions
from sparring.text import in_markdown

SOUND, UNCHECKED = "tasks.jsonl", "unchecked.jsonl"


_NAMES = ("audit.json", "audit.md", SOUND, UNCHECKED)


def check_out(out: Path, force: bool = False) -> None:
    """Make the directory ``out``, before any other work.

    Raises `DataError` if it holds an audit (unless ``force``), or cannot be made.
    """
    for name in _NAMES:
        if (out / name).exists() and not force:
            raise DataError(
                f"--out {out}: {name} already exists; choose another directory, or "
                "--force to replace it"
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--out {out}: cannot be made: {error.strerror}") from None


def write(report: AuditReport, options: AuditOptions, paths: Sequence[Path], out: Path) -> None:
    """Write the files into an existing directory, and remove those of an earlier audit.

    Files of tasks are written only if they have a task. Raises `DataError` if writing fails.
    """
    with writing(f"--out {out}", DataError):
        for name in _NAMES:
            (out / name).unlink(missing_ok=True)
        data = json.dumps(_as_dict(report, options, paths), indent=1)
        (out / "audit.json").write_text(data + "\n", encoding="utf-8")
        (out / "audit.md").write_text("\n".join(_markdown(report)) + "\n", encoding="utf-8")
    for tasks, name in ((report.sound, SOUND), (report.unchecked, UNCHECKED)):
        if tasks:
            dump_tasks(tasks, out / name)


def _as_dict(
    report: AuditReport, options: AuditOptions, paths: Sequence[Path]
) -> dict[str, object]:
    return {
        "files": [str(p) for p in paths],
        "checkers": VERSION,
        "preambles": versions(e.audited.task for e in report.entries),
        "packages": dict(report.packages),
        "needs": report.needs,
        "isolation": report.level,
        "repeats": options.care.repeats,
        "patience": options.care.patience,
        "slow_share": options.care.share,
        "mutants": options.mutants,
        "weak_below": options.bar,
        "filter": options.policy.value,
        "least_tests": options.least,
        "counts": counts(report.findings),
        "kept": len(report.sound),
        "unchecked": len(report.unchecked),
        "columns_left_out": dict(report.left_out),
        "malformed": [f.as_dict() for f in report.malformed],
        "tasks": [_entry_dict(e) for e in report.entries],
    }


def _entry_dict(entry: AuditEntry) -> dict[str, object]:
    task, strong = entry.audited.task, entry.strength
    record: dict[str, object] = {
        "task": task.id,
        "source": task.source,
        "tests": len(task.tests),
        "confirmed": entry.audited.confirmed,
        "solutions": len(task.solutions),
        "kept": entry.cleaned.task is not None,
        "checked": entry.checked,
        "dropped": list(entry.cleaned.dropped),
        "findings": [f.as_dict() for f in entry.findings],
    }
    if strong is not None:
        record["mutants"] = {
            "killed": strong.killed,
            "all": strong.mutants,
            "survivors": [
                {"line": m.line, "operator": m.operator.value, "change": m.description}
                for m in strong.survivors
            ],
        }
        record["branches"] = {
            "covered": strong.covered,
            "all": strong.branches,
            "untaken": [{"line": line, "outcome": what} for line, what in strong.untaken],
        }
    return record


def _markdown(report: AuditReport) -> Iterator[str]:
    findings = report.findings
    tests = sum(len(e.audited.task.tests) for e in report.entries)
    confirmed = sum(e.audited.confirmed for e in report.entries)
    yield "# Audit"
    yield ""
    yield (
        f"{len(report.entries)} tasks with {tests} tests, {confirmed} of them confirmed by a "
        f"solution; {len(findings)} findings; {len(report.sound)} tasks are sound, "
        f"{len(report.unchecked)} not checked."
    )
    for line in needs_lines(report.needs):
        yield f"- {in_markdown(line)}"
    for fault, number in counts(findings).items():
        yield ""
        yield f"## {fault.value.replace('_', ' ')}: {number}"
        yield ""
        for f in findings:
            if f.fault is fault:
                where, seen, advice = map(in_markdown, (f.where, f.seen, f.advice))
                yield f"- **{where}**: {seen}; *{advice}*"
    dropped = [line for e in report.entries for line in e.cleaned.dropped]
    if dropped:
        yield ""
        yield f"## Left out: {len(dropped)}"
        yield ""
        yield from (f"- {in_markdown(line)}" for line in dropped)
