"""Terminal view of a step: its groups with correct programs, rewards, and reasons for drops."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.errors import RunError, well_formed
from sparring.rewards.advantages import DropReason
from sparring.rewards.terms import number
from sparring.runs.groups import GroupSummary, row_of
from sparring.runs.text import one_line
from sparring.schema import Role
from sparring.view.source import RunSource

WHY = {
    "no_label": "no label",
    "zero_variance": "all equal",
    "no_positive": "none good",
    "not_sampled": "not sampled",
    "no_test": "no test",
    "evaluation": "evaluation",
    "solve": "solve",
}
"""Reason why a group gives no gradient (`DropReason`), in two words."""


EVALUATED = "an evaluation: nothing is learned from it"


def why_dropped(reason: object) -> str:
    """Return a recorded reason in two words; a reason unknown to this version stays unchanged."""
    return WHY.get(str(reason), one_line(str(reason), 40))


def show_step(source: RunSource, step: int, console: Console, most: int | None) -> None:
    """Print the first ``most`` groups of a step, or all for None."""
    rows, damage = _rows(source, step)
    drops = {role: Counter(r.dropped[role] for r in rows if r.dropped[role]) for role in Role}
    console.print(
        Text(f"{one_line(str(source.run.path), 200)} · step {step}: {len(rows):,} groups"),
        soft_wrap=True,
    )
    table = Table(box=None, padding=(0, 1), expand=False)
    table.add_column("#", justify="right")
    table.add_column("task", no_wrap=True)
    for name in ("programs", "tests"):
        table.add_column(f"{name}\nright", justify="right")
    table.add_column("coder's rewards\n(why dropped)", no_wrap=True)
    table.add_column("tester's rewards\n(why dropped)", no_wrap=True)
    width = max(12, min(28, console.width - 60))
    for i, row in enumerate(rows[:most]):
        table.add_row(
            str(i),
            Text(one_line(row.task, width)),
            "{}/{}".format(*row.correct),
            "–" if row.right is None else "{}/{}".format(*row.right),
            *(rewards_of(row, role) for role in Role),
        )
    console.print(table)
    if most is not None and len(rows) > most:
        console.print(Text(f"… {len(rows) - most:,} more groups; --all lists them"))
    is_evaluation = bool(rows) and all(
        why == DropReason.EVALUATION for r in rows for why in r.dropped.values()
    )
    if is_evaluation:
        console.print(Text(f"{EVALUATED}; rewards by Eq 3 and Eq 4", "dim"), soft_wrap=True)
    for role in () if is_evaluation else Role:
        counts = ", ".join(f"{n:,} {why_dropped(r)}" for r, n in drops[role].most_common())
        learned = len(rows) - sum(drops[role].values())
        console.print(
            Text(f"{role}: {learned:,} groups learned from; dropped: {counts or 'none'}"),
            soft_wrap=True,
        )
    if damage:
        console.print(
            Text(f"! {one_line(damage, 300)}: only the groups before it are shown", "yellow")
        )
    console.print(
        Text(
            "tests right: by the task's reference solution. To see a group: --task ID, or #", "dim"
        ),
        soft_wrap=True,
    )


def _rows(source: RunSource, step: int) -> tuple[list[GroupSummary], str]:
    """Return the step's groups, and the fault of its file, empty if there is none."""
    rows: list[GroupSummary] = []
    try:
        for record in source.groups(step):
            with well_formed(f"rollouts of step {step}"):
                rows.append(row_of(record))
    except RunError as error:
        if not rows:
            raise
        return rows, str(error)
    return rows, ""


def rewards_of(row: GroupSummary, role: Role) -> Text:
    """Return the range of a role's rewards, and the reason if the group was dropped."""
    reason = row.dropped[role]
    if reason == DropReason.EVALUATION:
        reason = None  # `show_step` prints it once for all groups
    parts: list[str] = []
    if (bounds := row.rewards[role]) is not None:
        low, high = map(number, bounds)
        parts = [low if low == high else f"{low} … {high}"]
    text = " ".join([*parts, *([f"({why_dropped(reason)})"] if reason else [])])
    return Text(text or "–", "dim" if reason else "")
