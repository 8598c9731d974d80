"""The command line. Imports what a command needs only when it is called."""

from __future__ import annotations

import keyword
import os
import sys
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from sparring import __version__
from sparring.cli import (
    audit,
    plot,
    prompts,
    report,
    sandbox,
    show,
    tasks,
    theory,
    timeline,
    vllm,
    watch,
)
from sparring.cli import eval as evaluating
from sparring.cli.outputs import ForceOption, check_file, checkpoint_at, file_at
from sparring.errors import ConfigError, ModelError, SparringError
from sparring.text import visible

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
microworld_app = typer.Typer(no_args_is_help=True, help="The embedded tasks and nano model.")
app.add_typer(microworld_app, name="microworld")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(tasks.app, name="tasks")
app.add_typer(prompts.app, name="prompts")
app.add_typer(vllm.app, name="vllm")
app.command()(audit.audit)
app.command()(report.report)
app.command()(theory.theory)
app.command()(timeline.timeline)
app.command("eval")(evaluating.evaluate_command)
app.command("compare")(evaluating.compare_command)
app.command()(show.show)
app.command()(plot.plot)
app.command()(watch.watch)


def _version_asked(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def sparring(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version_asked, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Co-evolve an LLM coder and an LLM unit tester."""


RecipeArgument = Annotated[
    Path | None, typer.Argument(help="A TOML recipe; without it, the nano recipe of the package.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one field.")
]


@app.command()
def train(
    recipe: RecipeArgument = None,
    change: SetOption = None,
    run_dir: Annotated[
        Path | None, typer.Option("--run-dir", help="Where the run is kept; default runs/DATE.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --run-dir.")
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="RUN", help="Learn from the rollouts that RUN recorded."),
    ] = None,
    from_step: Annotated[
        int, typer.Option("--from-step", min=0, help="With --replay: start from this checkpoint.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all that can be checked, and train nothing.")
    ] = False,
) -> None:
    """Train both roles, with evaluations before, during and after. Under torchrun, together."""
    from sparring.learner.distributed.world import World

    world = World.join()
    if not world.leads:
        from sparring.cli.train import helped

        helped(world)
        return
    with world.taking_part():
        if resume and run_dir is None:
            raise ConfigError("--resume needs --run-dir: which run is to go on?")
        if resume and replay:
            raise ConfigError("--resume goes on with a replay by itself; leave out --replay")
        if from_step and not replay:
            raise ConfigError("--from-step belongs to --replay")
        if dry_run and (resume or replay):
            raise ConfigError("--dry-run is for a new run; leave out --resume and --replay")
        if dry_run and not world.alone:
            raise ConfigError("--dry-run is for one process; start it without torchrun")
        from sparring.cli.train import checked, launched, lead

        path = run_dir or Path("runs") / datetime.now().strftime("%Y-%m-%d-%H%M%S")
        if dry_run:
            checked(recipe, change or (), path)
        else:
            lead(launched(path, recipe, change or (), resume, replay, from_step), world)


@app.command()
def rescore(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    change: SetOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write every changed advantage as JSON lines.")
    ] = None,
    force: ForceOption = False,
) -> None:
    """Apply another reward or checker to a run's recorded outputs and show what changes."""
    import json

    from sparring.config.load import differing, make_recipe
    from sparring.runs.lines import clean
    from sparring.runs.reader import open_run
    from sparring.training.launch import recorded_recipe
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
            f"rescore: {', '.join(bad)} cannot be applied to what is recorded; "
            f"sections that can: {', '.join(SECTIONS)}"
        )
    found = rescore_run(source, recorded, changed)
    show(Console(), *rescore_tables(found.roles, found.changes))
    typer.echo(f"{found.steps} steps; verdicts changed: {found.verdicts:,} of {found.cells:,}")
    if out is not None:
        with file_at(out, force) as path:
            _write(path, "".join(json.dumps(clean(c)) + "\n" for c in found.changes))
        typer.echo(f"{len(found.changes):,} changed advantages: {out}")


model_app = typer.Typer(no_args_is_help=True, help="Model checkpoints.")
app.add_typer(model_app, name="model")


@model_app.command("convert")
def model_convert(
    file: Annotated[Path, typer.Argument(help="A GGUF file.")],
    out: Annotated[Path, typer.Option("--out", help="Directory for the checkpoint.")],
    force: ForceOption = False,
) -> None:
    """Write a GGUF file as an ordinary checkpoint that can be trained."""
    if not file.is_file():
        raise ModelError(f"{file}: there is no such file")
    with checkpoint_at(out, force) as path:
        from sparring.policy.gguf import convert_gguf

        parameters = convert_gguf(file, path)
    typer.echo(f"{parameters:,} parameters: {out}")


new_app = typer.Typer(no_args_is_help=True, help="Write a file to start from.")
app.add_typer(new_app, name="new")


@new_app.command("reward")
def new_reward(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("my_reward.py"),
) -> None:
    """Write a documented reward function, and its test beside it."""
    from importlib.resources import files

    if path.suffix != ".py" or not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise ConfigError(f"new reward: {path} must be the name of a Python module, NAME.py")
    starters = files("sparring") / "config" / "starters"
    test = path.with_name(f"test_{path.name}")
    for target in (path, test):
        if target.exists():
            raise ConfigError(f"new reward: {target} is there already; choose another name")
    for target, starter in ((path, "my_reward.py"), (test, "test_my_reward.py")):
        text = (starters / starter).read_text(encoding="utf-8")
        _write(target, text.replace("my_reward", path.stem))
        typer.echo(str(target))


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


@app.command()
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


@microworld_app.command("build")
def microworld_build(
    out: Annotated[Path, typer.Option("--out", help="Directory for the checkpoint.")],
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    force: ForceOption = False,
) -> None:
    """Rebuild the nano model from nothing (about 15 minutes on two cores)."""
    with checkpoint_at(out, force) as path:
        from sparring.microworld.build import WarmStart, build

        build(path, WarmStart(seed=seed))


@microworld_app.command("tasks")
def microworld_write_tasks(
    out: Annotated[Path, typer.Option("--out", help="A JSONL file to write.")],
    split: Annotated[
        str, typer.Option("--split", help="warm, train, validation, held_out, english")
    ],
    count: Annotated[int, typer.Option("--count", min=1)] = 300,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
    force: ForceOption = False,
) -> None:
    """Write microworld tasks to a file in the field names of the CURE data sets."""
    from sparring.microworld.tasks import SPLITS, tasks_of_split
    from sparring.tasks.load import dump_tasks

    if split not in SPLITS:
        raise ConfigError(f"--split {split}: there are {', '.join(SPLITS)}")
    check_file("--out", out, force)
    with file_at(out, force) as path:
        dump_tasks(tasks_of_split(split, count, seed), path)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _output_refused() -> str | None:
    """Why standard output takes nothing more (a log on a full disk), or None. What could not be
    written is dropped, or Python would try it once more at its end."""
    if isinstance(sys.stdout, TextIOWrapper):
        try:
            os.write(sys.stdout.fileno(), b"\n")
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return error.strerror
    return None


def main() -> None:
    """Entry point: a user's mistake is one line on standard error, not a traceback."""
    # Before torch is loaded: threads that wait by spinning take the cores from the sandbox and,
    # beside a busy neighbour, slow themselves down several times over.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without → and ✓ must not end a run
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SparringError as error:
        Console(stderr=True).print(Text(visible(f"sparring: {error}"), style="red"), soft_wrap=True)
        sys.exit(error.exit_code)
    except OSError:
        if (why := _output_refused()) is None:
            raise
        Console(stderr=True).print(
            Text(f"sparring: standard output cannot be written: {why}", style="red"),
            soft_wrap=True,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        Console(stderr=True).print("sparring: stopped")
        sys.exit(130)
