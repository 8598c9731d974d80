"""``sparring new``: files to start from."""

from __future__ import annotations

import keyword
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import write_new
from sparring.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Write a file to start from.")


@app.command("reward")
def new_reward(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("my_reward.py"),
) -> None:
    """Write a documented reward function, and its test beside it."""
    if path.suffix != ".py" or not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise ConfigError(f"new reward: {path} must be the name of a Python module, NAME.py")
    starters = files("sparring") / "config" / "starters"
    test = path.with_name(f"test_{path.name}")
    for target in (path, test):
        if target.exists():
            raise ConfigError(f"new reward: {target} is there already; choose another name")
    for target, starter in ((path, "my_reward.py"), (test, "test_my_reward.py")):
        text = (starters / starter).read_text(encoding="utf-8")
        write_new(target, text.replace("my_reward", path.stem))
        typer.echo(str(target))
