"""Explained rewards in the terminal: numbers in a column, reasons beside them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.errors import RunError
from sparring.rewards.terms import Effect, number
from sparring.runs.text import one_line
from sparring.text import visible
from sparring.view.explain import Applied, Explained, Explanation, amount, explain
from sparring.view.source import RecordedGroup, RunSource
from sparring.view.terminal.matrix import ROWS
from sparring.view.terminal.names import Name


def explained(source: RunSource, group: RecordedGroup) -> Explained:
    """Explain a group. Raises `RunError` where the recipe cannot be read."""
    if source.session:
        raise RunError(f"--why: {source.unread}; leave --why out")
    if source.recipe is None:
        raise RunError(
            f"--why: rewards follow from the recipe, and the recipe of {source.run.path} cannot be "
            f"read: {source.unread}"
        )
    return explain(group.record, source.recipe, group.index)


def show_why(explained_group: Explained, name: Name, console: Console) -> None:
    """Print one explanation: the terms of the reward, then the terms of the advantage."""
    if name.letter not in "PU":
        console.print(Text(f"{name} has no reward: only P and U are learned from"))
        return
    one = (explained_group.coder if name.letter == "P" else explained_group.tester)[name.index]
    console.print(Text(f"why {name} earned {number(one.reward)}", "bold"), soft_wrap=True)
    if one.own is None and name.letter == "U":
        console.print(Text(_reward_line(explained_group), "dim"), soft_wrap=True)
    console.print(_table(one.reward_terms, "reward", one.reward))
    console.print(Text(f"why its advantage is {number(one.advantage, True)}", "bold"))
    console.print(_table(one.advantage_terms, "advantage", one.advantage))
    differs = one.differs()
    for line in differs:
        console.print(Text(f"! {line}", "yellow"), soft_wrap=True)
    if not differs:
        recorded = "as recorded" if one.recorded_reward is not None else "none is recorded"
        console.print(Text(f"both computed again from the matrix: {recorded}", "dim"))


def show_all_why(explained_group: Explained, console: Console, all_of_it: bool) -> None:
    """Print the reward of every response with its terms, a few lines each."""
    for explanations in (explained_group.coder, explained_group.tester):
        table = Table(box=None, padding=(0, 1))
        for column in ("", "reward", "advant."):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("because")
        for one in explanations if all_of_it else explanations[:ROWS]:
            table.add_row(
                Text(one.label, "bold"),
                number(one.reward),
                number(one.advantage, True),
                _short(one),
            )
        if explanations:
            console.print(table)
        if not all_of_it and len(explanations) > ROWS:
            console.print(Text(f"… {len(explanations) - ROWS} more (--all)", "dim"))
    wrong = [e.label for e in (*explained_group.coder, *explained_group.tester) if e.differs()]
    if wrong:
        warning = f"! not as recorded: {' '.join(wrong[:40])} (details: --why with one name)"
        console.print(Text(warning, "yellow"), soft_wrap=True)


def _short(one: Explanation) -> Text:
    """Return the terms with an effect in one cell; the reason of a dropped group comes last."""
    parts = [f"{amount(t)} {t.reason}" for t in one.reward_terms if t.effect is not Effect.FACT]
    if one.dropped:
        parts.append(f"[{one.advantage_terms[-1].reason}]")
    return Text(visible("; ".join(parts)))


def _reward_line(explained_group: Explained) -> str:
    recipe = explained_group.recipe
    text = f"reward.tester = {recipe.reward.tester} ({recipe.method}); docs/method.md"
    return one_line(text, 400)


def _table(terms: Sequence[Applied], name: str, total: float) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for term in terms:
        reason = Text(visible(term.reason), "dim" if term.effect is Effect.FACT else "")
        table.add_row(amount(term), reason)
    table.add_row(Text(number(total), "bold"), Text(name, "bold"))
    return table
