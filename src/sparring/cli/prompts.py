"""``sparring prompts``: try prompts on a model and show which responses can be read."""

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
    from sparring.policy.chat.base import ChatModel

app = typer.Typer(no_args_is_help=True, help="Try prompts on a model.")
_STOPPING = b"\nsparring: finishing the responses in flight; press Ctrl-C again to stop now\n"
_DEFAULT = "default"
_USUAL = ChatParams()
_LINES = 12
"""Number of last lines shown of an example response. They say most about a refusal."""


@app.callback()
def prompts() -> None:
    """Try prompts on a model."""
    # Without a callback typer would turn a group with one command into that command.


@app.command("try")
def try_command(
    tasks: Annotated[
        list[str],
        typer.Argument(
            help="Task files, or microworld:SPLIT for embedded tasks (microworld:english has "
            "statements in prose)."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="The model to ask: directory of a checkpoint, hub id, or address of a server."
        ),
    ],
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help="Prompts to try: those of a recipe file, a run directory, nano or default; "
            "may be repeated to compare several.",
        ),
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, help="Responses for each task and role.")] = 4,
    limit_tasks: Annotated[
        int, typer.Option(min=1, help="Use only the first so many tasks of each source.")
    ] = 40,
    temperature: Annotated[float, typer.Option(help="Sampling temperature.")] = _USUAL.temperature,
    max_tokens: Annotated[
        int, typer.Option(help="Longest response, in tokens.")
    ] = _USUAL.max_tokens,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampling.")] = 0,
    precision: Annotated[
        Precision | None,
        typer.Option(help="Number format of a local model's weights; by default float32."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--model-name", help="Name of the model, where the server has several."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="VARIABLE", help="Environment variable that holds the server's key."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory to keep responses and figures in; responses kept there are not asked "
            "for again."
        ),
    ] = None,
) -> None:
    """Try prompts on a model: count the responses that can be read and explain the others."""
    from sparring.errors import explained
    from sparring.evaluation.chat_models import RoleModel, chat_model_of
    from sparring.evaluation.options import EvalOptions, ModelSpec, prompts_of
    from sparring.evaluation.progress import EvaluationProgress
    from sparring.evaluation.trial import first_tasks, try_prompts
    from sparring.interrupt import stopping
    from sparring.prompts.settings import PromptSettings
    from sparring.view.terminal.tables import show

    model_spec = ModelSpec(model, name, key, precision=precision, key_option="--key")
    sections = {
        label: PromptSettings() if label == _DEFAULT else prompts_of(label)
        for label in recipe or [_DEFAULT]
    }
    console = Console()
    record: dict[str, list[dict[str, Any]]] = {}
    with ExitStack() as resources:
        should_stop = resources.enter_context(stopping(_STOPPING))
        directory = out or Path(resources.enter_context(tempfile.TemporaryDirectory()))
        with explained(directory):
            directory.mkdir(parents=True, exist_ok=True)
        progress = resources.enter_context(EvaluationProgress(console))
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
            trial_tasks = first_tasks(options.sources, limit_tasks)
            chat_model = chat_model_of(model_spec, options, Role.CODER, stop=should_stop)
            role_model = RoleModel(chat_model, model)
            resources.callback(role_model.chat_model.close)
            for line in _messages(label, options, trial_tasks, role_model.chat_model):
                _print(console, line)
            parts = try_prompts(options, trial_tasks, role_model, directory, progress, should_stop)
            role_model.chat_model.close()
            record[label] = [part.record() for part in parts]
    if out is not None:
        with explained(out):
            (out / "trial.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    show(console, _table(record))
    for label, trial_parts in record.items():
        for line in _refusals(label, trial_parts):
            _print(console, line)


def _messages(
    label: str, options: EvalOptions, tasks: Sequence[Task], chat_model: ChatModel
) -> list[str]:
    """Return the first prompt of each role and kind of task, as the model receives the prompt."""
    from sparring.evaluation.chat_models import whole_prompt

    lines = []
    for function in (True, False):
        task = next((t for t in tasks if (t.entry_point is not None) == function), None)
        for request in options.requests([task]) if task is not None else ():
            if request.index == 0:
                kind = "function" if function else "stdin"
                lines.append(
                    f"--- prompts {label}: {request.role}, {kind} tasks, task {request.task_id}"
                )
                lines += whole_prompt(
                    chat_model, options.default_prompts, request.message
                ).splitlines()
    return [*lines, "---"] if lines else lines


def _table(record: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table(title="Responses (right to different: shares of the readable responses)")
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
    """Return each way of reading and each refusal with its count and an example response."""
    lines = []
    for p in parts:
        where = f"{label}, {p['role']}, {p['kind']} tasks"
        rules = ", ".join(f"{count:,} {name}" for name, count in p["how"].items())
        lines.append(f"{where}: read {rules or 'nothing'}")
        for name, count in p["refused"].items():
            task_id, text = p["examples"][name]
            rows = text.rstrip().splitlines() or ["(no text)"]
            cut = [f"    … {len(rows) - _LINES} lines left out"] if len(rows) > _LINES else []
            lines.append(f"{where}: refused {count:,} {name}; an example, for task {task_id}:")
            lines += [*cut, *(f"    {row}" for row in rows[-_LINES:])]
    return lines


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"


def _print(console: Console, line: str) -> None:
    console.print(Text(visible(line)), soft_wrap=True, highlight=False)
