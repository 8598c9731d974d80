"""``sparring rescore``: apply another reward or checker to the recorded rollouts of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sparring.cli.common import ForceOption, SetOption, check_file, file_at, write_new
from sparring.errors import ConfigError


def rescore(
    run: Annotated[Path, typer.Argument(help="Directory of the run.")],
    change: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="JSONL file to write every changed advantage to."),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Apply another reward or checker to a run's recorded outputs and show what changes.

    No program is run and no model is asked. `--set` names the changes.
    """
    import json

    from sparring.config.load import differing, make_recipe, recorded_recipe
    from sparring.runs.lines import clean
    from sparring.runs.reader import open_run
    from sparring.training.rescore import SECTIONS
    from sparring.training.rescore import rescore as rescore_run
    from sparring.view.terminal.tables import rescore_tables, show

    source = open_run(run)
    if out is not None:
        check_file("--out", out, force)
    recorded = recorded_recipe(source)
    changed = make_recipe(recorded.model_dump(mode="json"), change or (), "recipe")
    keys = differing(recorded, changed)
    if not keys:
        raise ConfigError("rescore: nothing is changed; give --set reward.KEY=… or checker.rule=…")
    if bad := [k for k in keys if k.split(".")[0] not in SECTIONS]:
        raise ConfigError(
            f"rescore: {', '.join(bad)} cannot be applied to recorded rollouts; "
            f"change keys of these sections: {', '.join(SECTIONS)}"
        )
    rescored = rescore_run(source, recorded, changed)
    show(Console(), *rescore_tables(rescored.roles, rescored.changes))
    typer.echo(
        f"{rescored.steps} steps; verdicts changed: {rescored.verdicts:,} of {rescored.cells:,}"
    )
    if out is not None:
        with file_at(out, force) as path:
            write_new(path, "".join(json.dumps(clean(c)) + "\n" for c in rescored.changes))
        typer.echo(f"{len(rescored.changes):,} changed advantages: {out}")
