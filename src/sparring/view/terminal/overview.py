"""Terminal overview of a run: recipe, state, evaluations, curves, alarms, and next commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from sparring.errors import RunError, well_formed
from sparring.evaluation.recomputed import figures
from sparring.policy.settings import NANO
from sparring.runs.choice_blocks import choice_blocks, plain_names, tokens_of
from sparring.runs.evaluation import FIGURES, facts
from sparring.runs.labels import PLAIN, figure, figure_labels, interval, metric_labels
from sparring.runs.text import one_line
from sparring.view.source import RunSource
from sparring.view.terminal.spark import sparkline
from sparring.view.terminal.step import show_step
from sparring.view.terminal.tables import grouped_rows

CURVES = {
    "pass@1": "programs right",
    "tests_right": "tests right",
    "tests_invalid": "tests invalid",
    "groups_dropped": "groups dropped",
    "coder.entropy": "coder's entropy",
    "tester.entropy": "tester's entropy",
}
"""Figures of the steps that are drawn as curves, with their labels."""
_GROUPS = 40
"""Most tasks of an evaluation that are listed."""
_WIDE = 118
"""Terminal width from which the values before and after are shown with their intervals."""
_JUSTIFY: tuple[JustifyMethod, ...] = ("left", "right", "left", "right")
_Rows = Callable[
    [Mapping[str, str], Callable[[str], Sequence[str]]], Iterator[Sequence[str | Text]]
]
"""Function of labels by name and the cells of a name, which yields the rows of a table."""
_SHARES = ("pass@1", "tests_right", "tests_invalid", "groups_dropped")


def show_overview(source: RunSource, console: Console) -> None:
    """Print the overview of a run or an evaluation."""
    run = source.run
    if source.evaluation or (source.recipe is None and source.steps == [0]):  # rollouts alone
        _evaluation(source, console)
        return
    metrics, evaluations = run.jsonl("metrics.jsonl"), run.jsonl("evaluations.jsonl")
    with well_formed(f"{run.path}: metrics.jsonl"):
        console.print(Text(one_line(str(run.path), 200), "bold"), soft_wrap=True)
        console.print(Text(recipe_line(source)), soft_wrap=True)
        console.print(Text(_state(source, metrics)), soft_wrap=True)
    with well_formed(f"{run.path}: evaluations.jsonl"):
        _last_evaluation(evaluations, console)
    with well_formed(f"{run.path}: metrics.jsonl"):
        if metrics:
            console.print(curves_table(metrics, console.width))
            for line in alarm_lines(metrics[-1]):
                console.print(line, soft_wrap=True)
    for hint in _hints(source):
        console.print(Text(hint, "dim"), soft_wrap=True)


def _evaluation(source: RunSource, console: Console) -> None:
    """Print the figures of an evaluation, then its groups."""
    if source.run.has(FIGURES):
        record = figures(source.run.path)
        line = " · ".join(f"{name} {one_line(str(v), 60)}" for name, v in facts(record))
        console.print(Text(f"evaluation · {line}"), soft_wrap=True)
        with well_formed(f"{source.run.path}: {FIGURES}"):
            known = record["figures"]
            console.print(
                _figures(known, "figure", figure_labels(plain_names(known)), grouped_rows)
            )
            for block in choice_blocks(known):
                title = block.title(tokens_of(record, block))
                console.print(Text(title), soft_wrap=True)
                console.print(_figures(known, "chosen by", block.labels, _rows))
    show_step(source, source.step(None), console, _GROUPS)


def _figures(known: Mapping[str, Any], first: str, labels: Mapping[str, str], rows: _Rows) -> Table:
    """Return a table of the known figures among ``labels``, laid out by ``rows``."""
    table = Table(box=None, padding=(0, 1))
    table.add_column(first, no_wrap=True)
    for head in ("value", "tasks"):
        table.add_column(head, justify="right", no_wrap=True)
    shown = {n: one_line(label, 56) for n, label in labels.items() if known[n]["n_tasks"]}
    for row in rows(
        shown, lambda name: (interval(known[name], name in PLAIN), str(known[name]["n_tasks"]))
    ):
        table.add_row(*row)
    return table


def _rows(
    labels: Mapping[str, str], cells: Callable[[str], Sequence[str]]
) -> Iterator[Sequence[str | Text]]:
    return ((Text(label), *cells(name)) for name, label in labels.items())


def recipe_line(source: RunSource) -> str:
    """Return the main settings of the recipe in one line."""
    recipe = source.recipe
    if recipe is None:
        return f"its recipe cannot be read: {one_line(source.unread, 200)}"
    model = "nano" if recipe.model.path == NANO else one_line(recipe.model.path, 60)
    sampling, training = recipe.sampling, recipe.training
    initial = (
        f" + {recipe.initial_policy_programs} of the initial policy"
        if recipe.initial_policy_programs
        else ""
    )
    reward = recipe.reward.function or f"{recipe.reward.coder}, {recipe.reward.tester}"
    return (
        f"{recipe.method} · model {model} · {training.tasks_per_step} tasks × "
        f"({sampling.programs} programs{initial}, {sampling.tests} tests) a step · rewards "
        f"{one_line(reward, 60)} · seed {training.seed}"
    )


def _state(source: RunSource, metrics: Sequence[Mapping[str, Any]]) -> str:
    run, steps = source.run, source.steps
    step = metrics[-1]["step"] if metrics else 0
    wanted = source.recipe.training.steps if source.recipe else None
    text = f"{step} steps learned" + (f" of at most {wanted}" if wanted else "")
    if steps:
        text += f", recorded rollouts of steps {steps[0]} to {steps[-1]}"
    if run.has("summary.json"):
        return f"{text}; finished"
    return f"{text}; not finished (`sparring watch` shows whether it is running)"


def _last_evaluation(evaluations: Sequence[Mapping[str, Any]], console: Console) -> None:
    if not evaluations:
        console.print(Text("no evaluation is recorded yet"))
        return
    first, last = evaluations[0], evaluations[-1]
    table = Table(box=None, padding=(0, 1))
    table.add_column("held-out tasks", no_wrap=True)
    wide = console.width >= _WIDE
    ends = [first] if len(evaluations) == 1 else [first, last]
    for one in ends:
        table.add_column(f"step {one['step']}", justify="right", no_wrap=True)
    if len(ends) == 2:
        table.add_column("difference (paired)", justify="right", no_wrap=True)

    def cells(name: str) -> list[str]:
        plain, with_intervals = name in PLAIN, len(ends) == 1 or wide
        texts = [interval(e["metrics"][name], plain) for e in ends]
        shown = texts if with_intervals else [text.partition(" ")[0] for text in texts]
        if len(ends) == 2:
            shown.append(interval(last["differences"].get(name), plain, sign=True))
        return shown

    labels = metric_labels(first["metrics"].keys() & last["metrics"].keys())
    for row in grouped_rows({name: one_line(label, 48) for name, label in labels.items()}, cells):
        table.add_row(*row)
    console.print(table)
    console.print(Text("in brackets: 95% intervals, by task", "dim"))


def curves_table(metrics: Sequence[Mapping[str, Any]], width: int) -> Table:
    """Return a table with a sparkline for each figure, between its first and newest value."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    for justify in _JUSTIFY:
        table.add_column(justify=justify, no_wrap=True)
    bars = max(8, min(60, width - 44))
    for name, label in CURVES.items():
        values = [figure(m, name) for m in metrics]
        numbers = [v for v in values if v is not None]
        if numbers:
            share = name in _SHARES
            table.add_row(
                label, _text(numbers[0], share), sparkline(values, bars), _text(numbers[-1], share)
            )
    return table


def _text(number: float, share: bool) -> str:
    return f"{100 * number:.1f}%" if share else f"{number:.3f}"


def alarm_lines(record: Mapping[str, Any]) -> list[Text]:
    """Return a line for each alarm of a step."""
    alarms = record.get("alarms", ())
    if not alarms:
        return [Text("no alarm", "dim")]
    return [
        Text(f"! {one_line(str(a['monitor']), 40)}: {one_line(str(a['reason']), 400)}", "yellow")
        for a in alarms
    ]


def _hints(source: RunSource) -> list[str]:
    """Return commands that show more of the run."""
    path = one_line(str(source.run.path), 200)
    steps = source.steps
    if not steps:
        return [f"no step is recorded yet; sparring watch {path} follows the run"]
    hints = [f"next: sparring show {path} --step {steps[-1]}"]
    try:
        for index, record in enumerate(source.groups(steps[-1])):
            if not any(record["dropped"].values()):
                task = f"--step {steps[-1]} --task {index}"
                hints.append(f"      sparring show {path} {task}    a group that was learned from")
                hints.append(f"      sparring show {path} {task} --test 0 --why")
                break
    except (RunError, KeyError, TypeError, AttributeError):
        pass  # `sparring show --step` names the fault; a hint need not
    return hints
