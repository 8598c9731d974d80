"""Terminal view of a session: the chosen program, the account, the steps, the matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from sparring.errors import well_formed
from sparring.runs.session import RESULT, session_result
from sparring.runs.text import block, one_line
from sparring.solving.account import account
from sparring.view.source import RecordedGroup, RunSource
from sparring.view.terminal.matrix import show_group

LINES, STEPS = 60, 24
"""Most lines of the program, and most steps, without ``--all``."""


def show_session(source: RunSource, console: Console, all_of_it: bool) -> None:
    """Print a session. Raises `RunError` for damaged files."""
    run = source.run
    result = session_result(run.path)
    console.print(Text(f"{one_line(str(run.path), 200)} · sparring solve", "bold"), soft_wrap=True)
    if result is None:
        responses = len(run.jsonl("responses.jsonl"))
        console.print(
            Text(
                f"the session has not ended; {responses:,} responses are on record. Repeat its "
                "command to continue"
            ),
            soft_wrap=True,
        )
        return
    with well_formed(f"{run.path}: {RESULT}"):
        _decision(result, console, all_of_it)
    for index, record in enumerate(source.groups(0)):
        console.print()
        with well_formed(f"{run.path}: rollouts"):
            show_group(RecordedGroup(0, index, record), console, all_of_it)


def _decision(result: Mapping[str, Any], console: Console, all_of_it: bool) -> None:
    decision = result["decision"]
    if decision["program"] is not None:
        title = f"program P{decision['chosen']}"
        if decision["abstained"]:
            title += ", not vouched for"
        console.print(Text(title, "bold"))
        most = 10_000 if all_of_it else LINES
        for i, line in enumerate(block(decision["program"], most, console.width - 6), start=1):
            console.print(Text(f"{i:>4}  {line}"), soft_wrap=True)
    for line in account(result):
        console.print(Text(one_line(line, 400)), soft_wrap=True)
    steps = result["steps"] if all_of_it else result["steps"][-STEPS:]
    if len(steps) < len(result["steps"]):
        left_out = len(result["steps"]) - len(steps)
        console.print(Text(f"… {left_out} earlier steps (--all)", "dim"))
    for step in steps:
        console.print(Text(f"· {one_line(str(step['text']), 300)}", "dim"), soft_wrap=True)
