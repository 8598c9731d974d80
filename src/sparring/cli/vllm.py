"""``sparring vllm``: the environment that vLLM servers run in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparring.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="vLLM servers to sample with, in their environment.")
DirOption = Annotated[
    Path | None, typer.Option("--dir", help="The environment's directory; default in ~/.cache.")
]


@app.command()
def setup(
    cpu: Annotated[bool, typer.Option("--cpu", help="vLLM for CPUs.")] = False,
    cuda: Annotated[bool, typer.Option("--cuda", help="vLLM for NVIDIA GPUs.")] = False,
    place: DirOption = None,
) -> None:
    """Make vLLM's environment, apart from ours. Takes minutes and some GB; may be run again."""
    from sparring.policy.vllm.environment import Kind, default_environment, set_up, usual_kind

    if cpu and cuda:
        raise ConfigError("vllm setup: --cpu or --cuda, not both")
    kind = Kind.CPU if cpu else Kind.CUDA if cuda else usual_kind()
    for line in set_up(place or default_environment(), kind):
        typer.echo(line)


@app.command()
def check(place: DirOption = None) -> None:
    """Try the environment: serve the nano model, bring weights to it, compare log-probs."""
    from sparring.policy.vllm.environment import default_environment
    from sparring.training.vllmcheck import try_environment

    for line in try_environment(place or default_environment()):
        typer.echo(line)
