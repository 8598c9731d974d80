"""The README's commands: all of them are understood, and those that take a moment run."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import click
import pytest
import typer

from sparring.cli.main import app
from tests.training.runs import sparring_here

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
AT_ONCE = (
    "tasks load mine.csv",
    "tasks show tasks.jsonl",
    "config my.toml",
    "config --fields",
    "config --diff",
    "new reward",
    "sandbox run solution.py --input",
    "sandbox run solution.py --asserts",
)
"""Beginnings of the commands that are run here, in this order: what one writes another reads."""
FILES = {
    "mine.csv": "problem,stdin,stdout\nDouble a number.,2,4\nAdd one to a number.,5,6\n",
    "my.toml": 'extends = "nano"\n',
    "solution.py": "def f(x):\n    return x + 1\n\n\nif __name__ == '__main__':\n"
    "    print(f(int(input())))\n",
    "1.txt": "1\n",
    "1.out": "2\n",
    "tests.py": "assert f(1) == 2\nassert f(-1) == 0\n",
}


def blocks(page: Path, language: str = "") -> list[str]:
    """The code blocks of a page in a language."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


def commands(page: Path) -> list[list[str]]:
    """What stands after `sparring` in the lines of a page's code blocks."""
    lines = [line for b in blocks(page) for line in b.replace("\\\n", " ").splitlines()]
    return [shlex.split(x, comments=True)[1:] for x in lines if x.startswith("sparring ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_of_a_page_is_understood(page: Path) -> None:
    """Its words are commands, its options exist, what they need is there: parsed, not run."""
    for words in commands(page):
        if any(w.isupper() or "[" in w or "…" in w or w == "|" for w in words):
            continue  # a form to be filled in
        command: click.Command = typer.main.get_command(app)
        context: click.Context | None = None
        rest = words
        while isinstance(command, click.Group):
            found = command.commands.get(rest[0])
            assert found is not None, words
            context = click.Context(command, parent=context, info_name=rest[0])
            command, rest = found, rest[1:]
        try:
            command.make_context(words[0], list(rest), parent=context)
        except click.ClickException as error:
            pytest.fail(f"{shlex.join(words)}: {error.format_message()}")


def test_the_commands_that_take_a_moment_run(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    given = commands(ROOT / "README.md")
    for start in AT_ONCE:
        [words] = [w for w in given if shlex.join(w).startswith(start)]
        done = sparring_here(*words, cwd=tmp_path)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert (tmp_path / "test_my_reward.py").exists()


def test_the_sandboxs_example_prints_what_it_should() -> None:
    [code] = [b for b in blocks(ROOT / "README.md", "python") if "sandbox" in b]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    assert out.getvalue() == "finished 42\n\n"
