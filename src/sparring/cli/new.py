"""``sparring new``: write starter files that a user then edits."""

from __future__ import annotations

import keyword
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.common import write_new
from sparring.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Write a starter file to edit.")


@app.command("reward")
def new_reward(
    path: Annotated[Path, typer.Argument(help="The Python file to write.")] = Path("my_reward.py"),
) -> None:
    """Write a documented reward function and, beside it, a test of that function."""
    if path.suffix != ".py" or not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise ConfigError(
            f"new reward {path}: is no name of a Python module; choose a name such as my_reward.py"
        )
    starters = files("sparring") / "config" / "starters"
    test = path.with_name(f"test_{path.name}")
    for target in (path, test):
        if target.exists():
            raise ConfigError(f"new reward: {target} already exists; choose another name")
    for target, starter in ((path, "my_reward.py"), (test, "test_my_reward.py")):
        text = (starters / starter).read_text(encoding="utf-8")
        write_new(target, text.replace("my_reward", path.stem))
        typer.echo(str(target))
