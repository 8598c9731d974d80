"""``sparring vllm``: make and check the Python environment that vLLM servers run in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparring.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Set up the environment of the vLLM servers.")
DirOption = Annotated[
    Path | None,
    typer.Option("--dir", help="Directory of the environment; by default one in ~/.cache."),
]


@app.command()
def setup(
    cpu: Annotated[bool, typer.Option("--cpu", help="Install vLLM for CPUs.")] = False,
    cuda: Annotated[bool, typer.Option("--cuda", help="Install vLLM for NVIDIA GPUs.")] = False,
    directory: DirOption = None,
) -> None:
    """Install vLLM in an environment of its own, apart from Sparring's.

    The installation takes some minutes and several GB. The command may be repeated, for example
    after a failed download.
    """
    from sparring.policy.vllm.environment import VllmBuild, default_environment, set_up, usual_kind

    if cpu and cuda:
        raise ConfigError("vllm setup: --cpu and --cuda exclude each other; give one of them")
    kind = VllmBuild.CPU if cpu else VllmBuild.CUDA if cuda else usual_kind()
    for line in set_up(directory or default_environment(), kind):
        typer.echo(line)


@app.command()
def check(directory: DirOption = None) -> None:
    """Test the environment: serve the nano model, send it new weights, compare log-probs."""
    from sparring.policy.vllm.environment import default_environment
    from sparring.training.vllmcheck import try_environment

    for line in try_environment(directory or default_environment()):
        typer.echo(line)
