"""Records of a session on disk: its responses, attempts and executions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sparring.evaluation.collect import RESPONSES
from sparring.evaluation.response_store import ResponseStore
from sparring.runs.directory import RunDir
from sparring.solving.attempts import Attempts, Identities
from sparring.solving.budget import Costs
from sparring.solving.executions_record import ExecutionsRecord
from sparring.solving.reply_store import ReplyStore


@dataclass(frozen=True, slots=True)
class SessionRecords:
    """Records of one session. ``responses`` is None where the session has no directory.

    ``replayed``: the session is replayed from its record, and this is the reason to end it where
    the record ends; None for a session that asks models and runs programs. ``ended``: what was over
    at the end of the recorded session, where the replay decides as it did.
    """

    attempts: Attempts
    executions: ExecutionsRecord
    responses: ReplyStore | None = None
    replayed: str | None = None
    ended: str | None = None

    def earlier(self) -> Costs:
        """Return what recorded attempts without a response have cost."""
        return Costs() if self.responses is None else self.attempts.broken(self.responses)


def no_records(identities: Identities) -> SessionRecords:
    """Return records that keep nothing."""
    return SessionRecords(Attempts(identities), ExecutionsRecord())


def records_in(
    path: Path,
    identities: Identities,
    replayed: str | None = None,
    ended: str | None = None,
) -> SessionRecords:
    """Open the records in a directory; they need not exist yet. Raises `RunError` for damaged
    ones."""
    directory = RunDir(path, locked=False)
    return SessionRecords(
        Attempts(identities, directory),
        ExecutionsRecord(directory, replayed is not None),
        ResponseStore(path / RESPONSES),
        replayed,
        ended,
    )
