"""Record of a session's executions: one line of JSON for each, on disk before its outcome counts.

A continued session takes outcomes from here and executes nothing twice, except where the sandbox
failed; a replay executes nothing at all. Executions of the task's checker program are recorded too.
Outcomes that arrived after the end of a session are not in the record, because the decision
did not know them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sparring.errors import well_formed
from sparring.files import digest
from sparring.runs.directory import RunDir
from sparring.schema import Outcome, TestKind, Verdict

EXECUTIONS = "executions.jsonl"


class ExecutionsRecord:
    """Executions of the session in a directory. Without a directory they are kept nowhere."""

    def __init__(self, directory: RunDir | None = None, replayed: bool = False) -> None:
        """Read the record. Raises `RunError` for a damaged one."""
        self._directory, self._replayed = directory, replayed
        self._outcomes: dict[str, Outcome] = {}
        for line in directory.jsonl(EXECUTIONS) if directory is not None else ():
            with well_formed(f"{directory and directory.path}: {EXECUTIONS}"):
                self._outcomes[line["key"]] = _outcome(line)

    def get(self, program: str, kind: TestKind, text: str) -> Outcome | None:
        """Return the outcome of a program on an input, before any comparison; None where it has to
        be executed."""
        outcome = self._outcomes.get(_key(program, kind, text))
        if outcome is not None and outcome.verdict is Verdict.INFRA and not self._replayed:
            return None
        return outcome

    def put(self, executions: Iterable[tuple[str, TestKind, str, Outcome]]) -> None:
        """Add outcomes of programs on inputs. An outcome takes the place of a failure of the
        sandbox."""
        lines = []
        for program, kind, text, outcome in executions:
            key = _key(program, kind, text)
            self._outcomes[key] = outcome
            lines.append({"key": key, **_line(outcome)})
        if lines and self._directory is not None:
            self._directory.append_lines(EXECUTIONS, lines)


def _key(program: str, kind: TestKind, text: str) -> str:
    return digest([program, kind, text])


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
