"""The command line: all commands in one `typer` application.

Each command imports its heavy modules only when the command is called, so `--help` stays fast.
"""

from __future__ import annotations

from typing import Annotated

import typer

from sparring.cli import (
    audit,
    calibrate,
    common,
    compare,
    config,
    microworld,
    model,
    new,
    plot,
    prompts,
    report,
    rescore,
    sandbox,
    show,
    solve,
    split,
    tasks,
    theory,
    timeline,
    train,
    vllm,
    watch,
)
from sparring.cli import eval as evaluating
from sparring.cli.pairs import PairsCommand
from sparring.extras import patient_threads
from sparring.version import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(microworld.app, name="microworld")
app.add_typer(sandbox.app, name="sandbox")
tasks.app.command()(split.split)
app.add_typer(tasks.app, name="tasks")
app.add_typer(prompts.app, name="prompts")
app.add_typer(vllm.app, name="vllm")
app.command()(audit.audit)
app.command()(report.report)
app.command()(theory.theory)
app.command()(timeline.timeline)
app.command("eval")(evaluating.evaluate_command)
app.command("solve", cls=PairsCommand)(solve.solve_command)
app.command("compare")(compare.compare_command)
app.command()(calibrate.calibrate)
app.command()(show.show)
app.command()(plot.plot)
app.command()(watch.watch)
app.command()(train.train)
app.command()(rescore.rescore)
app.add_typer(model.app, name="model")
app.add_typer(new.app, name="new")
app.command()(config.config)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def sparring(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Co-evolve an LLM coder and an LLM unit tester."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line."""
    patient_threads()
    common.run(app)
