"""``sparring prompts``: the messages that a model gets, tried on it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.policy.chat.base import ChatParams
from sparring.policy.settings import Precision
from sparring.schema import Role, Task
from sparring.text import visible

if TYPE_CHECKING:
    from sparring.evaluation.options import EvalOptions
    from sparring.policy.chat.base import Author

app = typer.Typer(no_args_is_help=True, help="The messages that a model gets.")
_HEARD = b"\nsparring: finishing the responses in work; Ctrl-C again stops at once\n"
_DEFAULT = "default"
_USUAL = ChatParams()
_LINES = 12
"""Of a response that is shown as an example: its last lines say most about a refusal."""


@app.callback()
def prompts() -> None:
    """The messages that a model gets."""  # typer makes a lone command the whole program without it


@app.command("try")
def try_command(
    tasks: Annotated[
        list[str],
        typer.Argument(help="Task files, or microworld:SPLIT (microworld:english is in prose)."),
    ],
    model: Annotated[
        str, typer.Option(help="A checkpoint's directory, a hub id, or a server's address.")
    ],
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help="Prompts of a recipe, a run, nano, or default; several are compared.",
        ),
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, help="Responses per task and role.")] = 4,
    limit_tasks: Annotated[int, typer.Option(min=1, help="The first tasks of each source.")] = 40,
    temperature: Annotated[float, typer.Option(help="Of sampling.")] = _USUAL.temperature,
    max_tokens: Annotated[int, typer.Option(help="Of a response.")] = _USUAL.max_tokens,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling.")] = 0,
    precision: Annotated[
        Precision | None, typer.Option(help="Of a local model's weights; default float32.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--model-name", help="At the server, if it has several.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="VARIABLE", help="Holds the server's key."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Directory to keep responses and figures in, or to go on in."),
    ] = None,
) -> None:
    """Try prompts on a model: can its answers be read, and if not, why?"""
    from sparring.errors import explained
    from sparring.evaluation.authors import Respondent, author_of
    from sparring.evaluation.options import EvalOptions, Named, prompts_of
    from sparring.evaluation.progress import Progress
    from sparring.evaluation.trial import first_tasks, try_prompts
    from sparring.interrupt import stopping
    from sparring.prompts.settings import PromptSettings
    from sparring.view.terminal.tables import show

    named = Named(model, name, key, precision=precision, key_option="--key")
    sections = {
        label: PromptSettings() if label == _DEFAULT else prompts_of(label)
        for label in recipe or [_DEFAULT]
    }
    console = Console()
    record: dict[str, list[dict[str, Any]]] = {}
    with ExitStack() as held:
        wished = held.enter_context(stopping(_HEARD))
        place = out or Path(held.enter_context(tempfile.TemporaryDirectory()))
        with explained(place):
            place.mkdir(parents=True, exist_ok=True)
        progress = held.enter_context(Progress(console))
        for label, section in sections.items():
            options = EvalOptions(
                sources=tuple(tasks),
                programs=count,
                tests=count,
                temperature=temperature,
                max_tokens=max_tokens,
                seed=seed,
                prompts=section,
            )
            loaded = first_tasks(options.sources, limit_tasks)
            asked = Respondent(author_of(named, options, Role.CODER, stop=wished), model)
            held.callback(asked.author.close)
            for line in _messages(label, options, loaded, asked.author):
                _say(console, line)
            parts = try_prompts(options, loaded, asked, place, progress, wished)
            asked.author.close()
            record[label] = [part.record() for part in parts]
    if out is not None:
        with explained(out):
            (out / "trial.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    show(console, _table(record))
    for label, shown in record.items():
        for line in _refusals(label, shown):
            _say(console, line)


def _messages(label: str, options: EvalOptions, tasks: Sequence[Task], asked: Author) -> list[str]:
    """The first message of each role and kind of task, as the model gets it."""
    from sparring.evaluation.authors import whole_prompt

    lines = []
    for function in (True, False):
        task = next((t for t in tasks if (t.entry_point is not None) == function), None)
        for ask in options.asks([task]) if task is not None else ():
            if ask.index == 0:
                kind = "function" if function else "stdin"
                lines.append(f"--- prompts {label}: {ask.role}, {kind} tasks, task {ask.task_id}")
                lines += whole_prompt(asked, options.asked_by, ask.message).splitlines()
    return [*lines, "---"] if lines else lines


def _table(record: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table(title="What came back (shares of tests: of those that could be read)")
    for head in ("prompts", "role", "tasks"):
        table.add_column(head)
    for head in ("responses", "read", "cut off", "tokens", "right", "in statement", "trivial",
                 "different"):  # fmt: skip
        table.add_column(head, justify="right")
    for label, parts in record.items():
        for p in parts:
            tokens = "–" if p["tokens"] is None else f"{p['tokens']:.0f}"
            shares = [
                _percent(p[name]) for name in ("right", "in_statement", "trivial", "distinct")
            ]
            table.add_row(
                Text(visible(label)), p["role"], f"{p['tasks']} {p['kind']}", f"{p['responses']:,}",
                _percent(p["read"]), _percent(p["cut_off"]), tokens, *shares,
            )  # fmt: skip
    return table


def _refusals(label: str, parts: Sequence[dict[str, Any]]) -> list[str]:
    """Each way of reading and each refusal with its count, and a response that was refused so."""
    lines = []
    for p in parts:
        where = f"{label}, {p['role']}, {p['kind']} tasks"
        read = ", ".join(f"{count:,} {name}" for name, count in p["how"].items())
        lines.append(f"{where}: read {read or 'nothing'}")
        for name, count in p["refused"].items():
            task_id, text = p["examples"][name]
            rows = text.rstrip().splitlines() or ["(no text)"]
            cut = [f"    … {len(rows) - _LINES} lines before"] if len(rows) > _LINES else []
            lines.append(f"{where}: refused {count:,} {name}, such as this one to {task_id}:")
            lines += [*cut, *(f"    {row}" for row in rows[-_LINES:])]
    return lines


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"


def _say(console: Console, line: str) -> None:
    console.print(Text(visible(line)), soft_wrap=True, highlight=False)
