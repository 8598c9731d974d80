"""Commands, recipes and Python in README and docs: understood as they stand, and run where a moment
is enough. Blocks of the README run as written (those that load torch are slow)."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from sparring.cli.main import app
from sparring.config.recipe import Recipe
from tests.fake_openai import FakeOpenAI
from tests.training.runs import sparring_here

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
CURRENT = [page for page in PAGES if page.name != "log.md"]
"""Pages that speak of this tree: the log is a history, and names what was."""
AT_ONCE = (
    "tasks load mine.csv",
    "tasks show tasks.jsonl",
    "config my.toml",
    "config --fields",
    "config --diff",
    "new reward",
)
"""Beginnings of the commands of docs/training.md that are run here, in this order: what one writes
another reads."""
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
    """Return the code blocks of a page in a language."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in named if name == language]


def after_sparring(words: list[str]) -> list[str] | None:
    """Return the words behind `sparring`, however it is started: by its name, by a path to it, or
    as a module under python or torchrun. None for other commands."""
    for i, word in enumerate(words):
        if word == "sparring.cli" and words[i - 1] == "-m":
            return words[i + 1 :]
        if word == "sparring" or word.endswith("/bin/sparring"):
            return words[i + 1 :] if i == 0 else None
    return None


def commands(page: Path) -> list[list[str]]:
    """Return the words behind `sparring` in the lines of a page's code blocks."""
    lines = [line for b in blocks(page) for line in b.replace("\\\n", " ").splitlines()]
    named = [
        after_sparring(shlex.split(x, comments=True))
        for x in lines
        if "sparring " in x or "sparring.cli " in x
    ]
    return [words for words in named if words is not None]


def spans(page: Path) -> list[str]:
    """Return what stands in single backticks outside of code blocks."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def inline_commands(page: Path) -> list[list[str]]:
    """Return the words behind `sparring` in the code spans of a page's text and tables."""
    starts = [s.replace("\\|", "|") for s in spans(page) if s.startswith("sparring ")]
    return [shlex.split(start)[1:] for start in starts]


def is_form(words: list[str]) -> bool:
    """Say whether a command is a form to be filled in, such as `A-B` or `[LABEL=]RUN…`."""
    return any("…" in w or w == "|" or w.startswith("[") or w.endswith("]…") for w in words)


def command_of(words: list[str]) -> tuple[click.Command, click.Context, list[str]]:
    """Return the command that the first words name, its context, and the words behind it."""
    command: Any = typer.main.get_command(app)
    context = click.Context(command, info_name="sparring")
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"sparring {shlex.join(words)}: no such command"
        command = command.commands[rest.pop(0)]
        context = click.Context(command, parent=context, info_name=command.name)
    return command, context, rest


def unknown_setting(setting: str) -> str | None:
    """Return what is wrong with the key of a `--set`, if anything."""
    key = setting.partition("=")[0].strip()
    section, _, name = key.partition(".")
    if key in {"preset", "reward"} or key.isupper():
        return None
    field = Recipe.model_fields.get(section)
    fields: Any = getattr(field.annotation, "model_fields", {}) if field is not None else {}
    return None if name in fields else f"no recipe has the key {key}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_of_a_page_is_understood(page: Path) -> None:
    """Its words are commands, its options exist, what they need is there: parsed, not run."""
    for words in commands(page):
        if is_form(words):
            continue
        command, context, rest = command_of(words)
        placeholders = any(re.search(r"\b[A-Z]{1,}\b", word) for word in words)
        try:
            command.make_context(command.name, rest, parent=context.parent)
        except click.MissingParameter as error:
            pytest.fail(f"{shlex.join(words)}: {error.format_message()}")
        except click.BadParameter as error:
            if not placeholders:  # `--step K` names a number
                pytest.fail(f"{shlex.join(words)}: {error.format_message()}")
        except click.ClickException as error:
            pytest.fail(f"{shlex.join(words)}: {error.format_message()}")


@pytest.mark.parametrize("page", CURRENT, ids=lambda p: p.name)
def test_every_command_in_a_pages_text_has_its_options(page: Path) -> None:
    """A span may leave out what the command needs, so its words and options alone are looked up."""
    for words in inline_commands(page):
        command, context, rest = command_of(words)
        options = {o for p in command.get_params(context) for o in [*p.opts, *p.secondary_opts]}
        named = {w.partition("=")[0] for w in rest if w.startswith("-")}
        assert named <= options, f"sparring {shlex.join(words)}: {sorted(named - options)}"


@pytest.mark.parametrize("page", CURRENT, ids=lambda p: p.name)
def test_every_setting_of_a_command_is_a_key_of_the_recipe(page: Path) -> None:
    given = [
        words[i + 1]
        for words in [*commands(page), *inline_commands(page)]
        for i, word in enumerate(words[:-1])
        if word == "--set"
    ]
    assert [fault for setting in given if (fault := unknown_setting(setting))] == []


@pytest.mark.parametrize("page", CURRENT, ids=lambda p: p.name)
def test_every_recipe_of_a_page_has_keys_that_exist(page: Path) -> None:
    for block in blocks(page, "toml"):
        for section, values in tomllib.loads(block).items():
            keys = [f"{section}.{key}" for key in values] if isinstance(values, dict) else []
            if keys:
                assert [fault for key in keys if (fault := unknown_setting(key))] == []
            else:
                assert section in Recipe.model_fields, section


@pytest.mark.parametrize("page", CURRENT, ids=lambda p: p.name)
def test_the_python_of_a_page_compiles_and_imports_what_exists(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module[:8] == "sparring":
                module = importlib.import_module(node.module)
                assert [a.name for a in node.names if not hasattr(module, a.name)] == []
            elif isinstance(node, ast.ImportFrom) and node.module:
                name = node.module.partition(".")[0]
                # an extra that development has not, such as the hub's data sets
                assert name == "datasets" or importlib.util.find_spec(name), name


def test_the_commands_that_take_a_moment_run(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    lines = commands(ROOT / "docs" / "training.md")
    for start in AT_ONCE:
        [words] = [w for w in lines if shlex.join(w).startswith(start)]
        done = sparring_here(*words, cwd=tmp_path)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert (tmp_path / "test_my_reward.py").exists()
    [by_file] = [w for w in inline_commands(README) if w[:2] == ["sandbox", "run"]]
    for words in (
        by_file,
        ["sandbox", "run", "solution.py", "--asserts", "tests.py", "--entry-point", "f"],
    ):
        done = sparring_here(*words, cwd=tmp_path)
        assert done.returncode == 0, (words, done.stdout, done.stderr)


def test_the_sandboxs_example_prints_what_it_should() -> None:
    [code] = [b for b in blocks(README, "python") if "sandbox" in b]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    assert out.getvalue() == "finished 42\n\n"
    assert "# finished 42" in code


def test_the_readme_fits_on_two_screens() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 160
    assert [line for line in lines if len(line) > 400] == []


def test_what_the_demo_prints_is_what_the_results_say() -> None:
    """The README's figures stand in docs/results.md, whose commands make them, to the digit."""
    [printed] = [b for b in blocks(README) if b.startswith("step 0:")]
    rows = re.findall(r"^(\S.*?) {2,}([\d.]+)% \[.*?\] +([\d.]+)% \[", printed, re.MULTILINE)
    assert len(rows) == 4
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for label, before, after in rows:
        assert f"| {label} | {before} → {after} (" in results, label


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Run a block of the README with bash in an empty directory; `sparring` is this tree's."""
    tool = tmp_path / "bin" / "sparring"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m sparring.cli "$@"\n')
    tool.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()

    def run(block: str) -> subprocess.CompletedProcess[str]:
        search = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {
            **os.environ,
            "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": search,
        }
        return subprocess.run(
            ["bash", "-euc", block],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.slow
def test_the_block_that_evaluates_runs_as_written(shell: Any, tmp_path: Path) -> None:
    [block] = [b for b in blocks(README) if b.startswith("sparring microworld tasks")]
    address = "http://127.0.0.1:8000/v1"
    assert address in block
    with FakeOpenAI() as server:
        done = shell(block.replace(address, server.url))
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("nano", "served"):
        assert (tmp_path / "work" / "ev" / name / "eval.json").exists()


@pytest.mark.slow
def test_the_block_that_trains_on_a_laptop_runs_as_written(shell: Any, tmp_path: Path) -> None:
    [block] = [b for b in blocks(README) if b.startswith("sparring train --run-dir")]
    done = shell(block)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "work" / "report.html").stat().st_size > 100_000
    assert (tmp_path / "work" / "runs" / "mine" / "summary.json").exists()
