"""``sparring config``: print a resolved recipe, its derived quantities and its memory."""

from __future__ import annotations

from typing import Annotated

import typer

from sparring.cli.common import RecipeArgument, SetOption
from sparring.errors import ConfigError


def config(
    recipe: RecipeArgument = None,
    change: SetOption = None,
    fields: Annotated[
        bool, typer.Option("--fields", help="Print the meaning of every field instead.")
    ] = False,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--diff",
            metavar="PRESET PRESET",
            help="Print the differences between two presets, and their reasons, instead.",
        ),
    ] = None,
    ranks: Annotated[
        int,
        typer.Option(
            "--ranks", min=1, help="Number of training processes; memory is estimated for each."
        ),
    ] = 1,
    memory: Annotated[
        float | None,
        typer.Option(
            "--memory",
            metavar="GIB",
            help="Memory of each rank's device; by default that of this machine's device.",
        ),
    ] = None,
    main_memory: Annotated[
        float | None,
        typer.Option(
            "--main-memory",
            metavar="GIB",
            help="Main memory of the machine, GPUs aside; by default this machine's, and not "
            "checked where --memory is given.",
        ),
    ] = None,
) -> None:
    """Print the resolved recipe, its quantities per training step, and its memory estimate."""
    from sparring.config.load import NANO_RECIPE, describe_fields, load_recipe, to_toml
    from sparring.config.presets import Preset, differences
    from sparring.training.planning.derived import derived_quantities
    from sparring.training.planning.fits import memory_lines

    if diff is not None:
        for name in diff:
            if name not in list(Preset):
                raise ConfigError(
                    f"--diff {name}: unknown preset; choose two of {', '.join(Preset)}"
                )
        for line in differences(Preset(diff[0]), Preset(diff[1])):
            typer.echo(line)
        return

    if fields:
        typer.echo(describe_fields())
        return
    resolved = load_recipe(recipe or NANO_RECIPE, change or ())
    resolved.prompts.templates()
    typer.echo(to_toml(resolved))
    typer.echo("# derived quantities")
    for name, value in derived_quantities(resolved).items():
        typer.echo(f"#   {name}: {value}")
    typer.echo("\n#   ".join(["# memory", *memory_lines(resolved, ranks, memory, main_memory)]))
