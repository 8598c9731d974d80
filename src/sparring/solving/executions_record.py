"""Record of a session's executions: one line of JSON for each, on disk before its outcome counts.

A continued session takes outcomes from here and executes nothing twice; a replay executes nothing
at all. Outcomes that arrived after the end of a session are not in the record, because the decision
did not know them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sparring.errors import well_formed
from sparring.files import digest
from sparring.runs.directory import RunDir
from sparring.schema import Outcome, Test, Verdict

EXECUTIONS = "executions.jsonl"


class ExecutionsRecord:
    """Executions of the session in a directory. Without a directory they are kept nowhere."""

    def __init__(self, directory: RunDir | None = None) -> None:
        """Read the record. Raises `RunError` for a damaged one."""
        self._directory = directory
        self._outcomes: dict[str, Outcome] = {}
        for line in directory.jsonl(EXECUTIONS) if directory is not None else ():
            with well_formed(f"{directory and directory.path}: {EXECUTIONS}"):
                self._outcomes[line["key"]] = _outcome(line)

    def get(self, source: str, test: Test) -> Outcome | None:
        """Return the outcome of a program on a test's input, before any comparison; None where the
        record has none."""
        return self._outcomes.get(_key(source, test))

    def put(self, executions: Iterable[tuple[str, Test, Outcome]]) -> None:
        """Add outcomes of programs on tests' inputs."""
        lines = []
        for source, test, outcome in executions:
            key = _key(source, test)
            if key not in self._outcomes:
                self._outcomes[key] = outcome
                lines.append({"key": key, **_line(outcome)})
        if lines and self._directory is not None:
            self._directory.append_lines(EXECUTIONS, lines)


def _key(source: str, test: Test) -> str:
    return digest([source, test.kind, test.input])


def _line(outcome: Outcome) -> dict[str, Any]:
    return {
        "verdict": outcome.verdict,
        "output": outcome.output,
        "cpu_seconds": round(outcome.cpu_seconds, 6),
        "memory_mib": round(outcome.memory_mib, 2),
        "detail": outcome.detail,
    }


def _outcome(line: dict[str, Any]) -> Outcome:
    return Outcome(
        Verdict(line["verdict"]),
        str(line["output"]),
        float(line["cpu_seconds"]),
        float(line["memory_mib"]),
        str(line["detail"]),
    )
