"""``sparring model``: convert model files to checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import ForceOption, checkpoint_at
from sparring.errors import ModelError

app = typer.Typer(no_args_is_help=True, help="Model checkpoints.")


@app.command("convert")
def model_convert(
    file: Annotated[Path, typer.Argument(help="The GGUF file to convert.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write the checkpoint to.")],
    force: ForceOption = False,
) -> None:
    """Convert a GGUF file to a checkpoint that `transformers` loads and Sparring trains."""
    if not file.is_file():
        raise ModelError(f"{file}: there is no such file")
    with checkpoint_at(out, force) as path:
        from sparring.policy.gguf import convert_gguf

        parameters = convert_gguf(file, path)
    typer.echo(f"{parameters:,} parameters: {out}")
