"""Replay: a session decided again from its record, without any model and without running anything.

The same code runs with the recorded responses and outcomes. Where the record ends, the session
ends, for the reason for which it ended then. The decision is equal to the byte, unless another
selector or threshold is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparring.errors import RunError, well_formed
from sparring.evaluation.chat_models import RoleModel
from sparring.evaluation.collect import RESPONSES
from sparring.policy.chat.base import ChatRequest, OnReply, StopAsking
from sparring.runs.lines import clean
from sparring.runs.reader import RunReader
from sparring.runs.session import CONFIG, RESULT, session_result
from sparring.selection.selectors import Selector
from sparring.solving.budget import Costs
from sparring.solving.by_need import by_need
from sparring.solving.engine import Solved, Strategy, finish
from sparring.solving.problem_record import RecordedSession, session_from
from sparring.solving.records import records_in
from sparring.solving.session import Session

NOTHING_MORE = "nothing more is on record"


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """`ChatModel` of which only the identity is known. It is never asked."""

    identity: Mapping[str, Any]
    remote: bool = True

    def answer(self, requests: Sequence[ChatRequest], on_reply: OnReply, stop: StopAsking) -> None:
        """Raise, because a replay asks nothing."""
        raise AssertionError("a replay asks no model")

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Result of a replay. ``same``: the decision is equal to the recorded one to the byte; None
    where none is recorded, because the session was killed. ``recorded``: number of the program that
    was chosen then, None where there is none. The costs of ``solved`` are those of the session that
    is on record."""

    solved: Solved
    same: bool | None
    recorded: int | None


def recorded_session(path: Path) -> RecordedSession:
    """Return the session of a directory. Raises `RunError` where there is none."""
    if not path.is_dir():
        raise RunError(f"{path}: there is no such directory; name the --out directory of a session")
    return session_from(RunReader(path).read_json(CONFIG), str(path))


def replay_directory(
    path: Path,
    *,
    strategy: Strategy = by_need,
    select: Selector | None = None,
    threshold: float | None = None,
) -> ReplayResult:
    """Decide again from the record in ``path``; write nothing. ``strategy`` is that of the session
    (`recorded_session`). ``select`` and ``threshold`` replace the recorded ones. Raises `RunError`
    for a directory that holds no session, or a damaged one."""
    recorded, reader = recorded_session(path), RunReader(path)
    old = session_result(path) or {}
    over = old.get("over")
    options = replace(
        recorded.options,
        budget=replace(recorded.options.budget, seconds=None),
        select=select or recorded.options.select,
        threshold=recorded.options.threshold if threshold is None else threshold,
    )
    identities = {role: model["identity"] for role, model in recorded.models.items()}
    as_recorded = options.select == recorded.options.select
    records = records_in(path, identities, over or NOTHING_MORE, over if as_recorded else None)
    session = Session(
        recorded.task,
        options,
        {
            role: RoleModel(RecordedModel(model["identity"]), model["name"])
            for role, model in recorded.models.items()
        },
        None,
        records=records,
        readings=recorded.readings,
    )
    solved = finish(session, strategy(session), recorded.models, strategy, None)
    if not (session.programs or session.tests) and reader.jsonl(RESPONSES):
        raise RunError(
            f"{path}: none of its responses is to a request of this version; replay it with the "
            "version that made it"
        )
    with well_formed(f"{path}: {RESULT}"):
        if not old:
            return ReplayResult(solved, None, None)
        same = _text(old["decision"]) == _text(solved.record["decision"])
        costs = {name: value for name, value in old["costs"].items() if name != "tokens"}
        solved = replace(
            solved, costs=Costs(**costs), record={**solved.record, "costs": old["costs"]}
        )
        return ReplayResult(solved, same, old["decision"]["chosen"])


def _text(decision: Mapping[str, Any]) -> str:
    return json.dumps(clean(decision), sort_keys=True)
