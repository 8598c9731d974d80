"""``sparring config``: a recipe resolved, and what it amounts to."""

from __future__ import annotations

from typing import Annotated

import typer

from sparring.cli.common import RecipeArgument, SetOption
from sparring.errors import ConfigError


def config(
    recipe: RecipeArgument = None,
    change: SetOption = None,
    fields: Annotated[bool, typer.Option("--fields", help="Say what every field means.")] = False,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--diff", metavar="PRESET PRESET", help="Show where two presets differ, and why."
        ),
    ] = None,
    ranks: Annotated[
        int, typer.Option("--ranks", min=1, help="Processes that learn: memory for each of them.")
    ] = 1,
    memory: Annotated[
        float | None,
        typer.Option("--memory", metavar="GIB", help="Of a rank's device; default: as found here."),
    ] = None,
    main_memory: Annotated[
        float | None,
        typer.Option(
            "--main-memory",
            metavar="GIB",
            help="Of the machine, beside its GPUs; default: this one's, unless --memory is given.",
        ),
    ] = None,
) -> None:
    """Print the resolved recipe, what it amounts to per training step, and the memory it takes."""
    from sparring.config.load import NANO_RECIPE, describe_fields, load_recipe, to_toml
    from sparring.config.presets import Preset, differences
    from sparring.training.planning.derived import derived_quantities
    from sparring.training.planning.fits import memory_lines

    if diff is not None:
        for name in diff:
            if name not in list(Preset):
                raise ConfigError(f"--diff {name}: there are the presets {', '.join(Preset)}")
        for line in differences(Preset(diff[0]), Preset(diff[1])):
            typer.echo(line)
        return

    if fields:
        typer.echo(describe_fields())
        return
    resolved = load_recipe(recipe or NANO_RECIPE, change or ())
    resolved.prompts.templates()
    typer.echo(to_toml(resolved))
    typer.echo("# what this amounts to")
    for name, value in derived_quantities(resolved).items():
        typer.echo(f"#   {name}: {value}")
    typer.echo("\n#   ".join(["# memory", *memory_lines(resolved, ranks, memory, main_memory)]))
