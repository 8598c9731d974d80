"""The library: what `import sparring` gives and costs, and each of its loops in a few lines."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import json
import math
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

import sparring
from sparring import RewardGroup, Sandbox, evaluate, load_recipe, load_tasks, train
from sparring.config.load import NANO_RECIPE
from sparring.errors import ConfigError, DataError, ModelError, RunError, SparringError
from sparring.evaluation.api import IncompleteEvaluation, read_evaluation
from sparring.evaluation.options import ModelSpec
from sparring.sandbox import Job
from sparring.schema import Task, Test
from sparring.tasks.rows.files import RawRow
from sparring.tasks.rows.hub import HubSource
from sparring.training.api import TrainingRun
from tests.fake_openai import FakeOpenAI, whole
from tests.training.runs import SMALL, sparring_here

ROOT = Path(__file__).parents[1]
FEW = {
    **{key: json.loads(value) for key, value in SMALL.items()},
    "training.steps": 2,
    "training.tasks_per_step": 2,
    "tasks.held_out_count": 4,
    "sampling.programs": 4,
    "sampling.tests": 4,
}
TASK = Task("t", "Add one.", (Test("1\n", "2\n"),))


def python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip


def test_importing_the_package_loads_next_to_nothing() -> None:
    code = (
        "import sys, sparring\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'rich', 'typer', 'httpx2', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)), dir(sparring) == sorted(sparring.__all__))"
    )
    done = python(code, "-W", "error")
    assert (done.stdout, done.stderr) == ("[] True\n", "")


@pytest.mark.parametrize("name", sorted(set(sparring.__all__) - {"__version__"}))
def test_a_name_loads_without_torch_and_has_a_docstring(name: str) -> None:
    done = python(f"import sys\nfrom sparring import {name}\nprint('torch' in sys.modules)")
    assert (done.stdout, done.stderr) == ("False\n", "")
    value = getattr(sparring, name)
    assert (value.__doc__ or "").strip()
    assert value is getattr(sparring, name)
    with pytest.raises(ModuleNotFoundError):  # no name is module and function at once
        importlib.import_module(f"sparring.{name}")


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'sparring' has no attribute 'evalute'"):
        sparring.evalute  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Trainer'"):
        from sparring import Trainer  # type: ignore[attr-defined]  # noqa: F401


def test_the_wheel_says_that_the_package_is_typed() -> None:
    assert (Path(sparring.__file__).parent / "py.typed").read_bytes() == b""


SCRIPT = """\
from sparring import RewardGroup, Sandbox, evaluate, load_recipe, load_tasks, train
from sparring.errors import SparringError

tasks = load_tasks("tasks.jsonl", count=3)
result = evaluate(tasks, coder="http://127.0.0.1:1/v1", n=2, m=2)
share: float = result.figures["pass@1"].mean
run = train(load_recipe("nano", {"training.steps": 2}), "run")
again = evaluate(tasks, coder=run.checkpoint)


def reward(group: RewardGroup) -> tuple[list[float], list[float]]:
    return [float(len(p or "")) for p in group.programs], [0.0 for _ in group.tests]
"""


@pytest.mark.slow
def test_a_users_script_is_checked_strictly(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(SCRIPT)
    bad.write_text(
        "from sparring import evaluate, load_tasks, nothing\n"
        "evaluate(load_tasks('a'), coder=3)\n"
        "evaluate(load_tasks('a'), coder='x', programs=4)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file="]
    environment = {"MYPYPATH": str(ROOT / "src"), "PATH": "", "HOME": str(tmp_path)}
    cache = ["--cache-dir", str(tmp_path / "cache"), "--follow-imports=silent"]
    errors = [
        subprocess.run(
            [*command, *cache, str(file)],
            capture_output=True, text=True, check=False, env=environment, cwd=tmp_path,
        ).stdout
        for file in (good, bad)
    ]  # fmt: skip
    assert errors[0] == ""
    assert re.findall(r"bad.py:(\d): .*\[([\w-]+)\]", errors[1]) == [
        ("1", "attr-defined"), ("2", "arg-type"), ("3", "call-arg"),
    ]  # fmt: skip


BLOCKED = """\
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from sparring import evaluate, load_tasks, train
from sparring.errors import SparringError
try:
    %s
except SparringError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("call", "purpose"),
    [
        ("train('nano', {place!r})", "training"),
        ("evaluate(load_tasks('microworld:held_out', count=1), coder='nano')",
         "nano: a local model"),
    ],
)  # fmt: skip
def test_a_missing_extra_is_one_line(call: str, purpose: str, tmp_path: Path) -> None:
    place = str(tmp_path / "run")
    done = python(BLOCKED % call.format(place=place))
    assert done.stderr == ""
    assert re.fullmatch(
        rf"ModelError {purpose} needs (torch|transformers), which is not installed: install the "
        r"extra train: pip install 'sparring\[train\]', or in a clone pip install -e "
        r"'\.\[train\]'\n",
        done.stdout,
    )
    assert not Path(place).exists()


def test_the_command_says_the_same_without_torch() -> None:
    code = BLOCKED.partition("from sparring import")[0]
    code += "sys.argv = ['sparring', 'train']\nfrom sparring.cli.main import main\nmain()"
    done = python(code)
    assert done.returncode == 1
    assert "sparring: training needs torch, which is not installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_tasks_come_from_files_and_splits_in_order(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    rows = [
        {
            "task_id": f"t{i}",
            "question": "Add.",
            "test_input": ["1", "2"],
            "test_output": ["2", "3"],
        }
        for i in range(3)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [t.id for t in load_tasks(file)] == ["t0", "t1", "t2"]
    assert [len(t.tests) for t in load_tasks(str(file), count=2, max_tests=1)] == [1, 1]
    both = load_tasks("microworld:held_out", file, count=5)
    assert [t.id for t in both] == [t.id for t in load_tasks("microworld:held_out", count=5)]
    assert len(load_tasks("microworld:train")) == 100
    for sources, numbers, message in (
        ((), {}, "tasks: no source is named"),
        ((file, file), {}, "3 ids occur more than once"),
        ((file,), {"count": 0}, "count: is 0; it must be at least 1"),
        (("microworld:nowhere",), {}, "unknown split"),
        (("HumanEvl",), {}, "did you mean HumanEval?"),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)) as caught:
            load_tasks(*sources, **numbers)
        assert "\n" not in str(caught.value)
    file.write_text('{"question": 1}\n')
    with pytest.raises(DataError):
        load_tasks(file)


def test_a_data_set_comes_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is not asked: its rows are given here."""
    asked, read = [], []
    row = {"question": "Add.", "test_input": ["1\n"], "test_output": ["2\n"], "rating": 3}

    def rows(source: HubSource) -> Iterator[RawRow]:
        asked.append(str(source))
        for i in range(5):
            read.append(i)
            yield RawRow(f"row {i}", f"mbpp-{i}", {**row, "task_id": f"m{i}"}, i)

    monkeypatch.setattr("sparring.tasks.rows.named_sources.hub_rows", rows)
    assert [t.id for t in load_tasks("MBPP", count=2)] == ["m0", "m1"]
    assert asked == ["Gen-Verse/MBPP-ReasonFlux:test"]
    assert len(read) <= 3  # what is not wanted is not read
    assert len(load_tasks("microworld:train", "Gen-Verse/MBPP-ReasonFlux")) == 105
    del row["test_output"]
    with pytest.raises(DataError, match="leave them out with sparring tasks load --skip-bad"):
        load_tasks("MBPP")


def test_an_evaluation_in_three_lines_equals_the_commands(
    fake: FakeOpenAI, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tasks = load_tasks("microworld:held_out", count=3)
    result = evaluate(tasks, coder=fake.url, n=2, m=2, out=tmp_path / "here", workers=1)
    pass_at_1 = result.figures["pass@1"]
    assert capfd.readouterr() == ("", "")  # silent
    done = sparring_here(
        "eval", "microworld:held_out", "--limit-tasks", "3", "--coder", fake.url,
        "-n", "2", "-m", "2", "--workers", "1", "--out", str(tmp_path / "there"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    by_command = read_evaluation(tmp_path / "there")
    assert by_command.figures.keys() == result.figures.keys()
    for name, figure in by_command.figures.items():
        same = [figure.as_dict(), result.figures[name].as_dict()]
        assert same[0] == same[1]
    assert pass_at_1.low <= pass_at_1.mean <= pass_at_1.high
    assert {p.name for p in (tmp_path / "here").iterdir()} == {
        p.name for p in (tmp_path / "there").iterdir()
    }
    assert set(result.per_task["pass@1"]) == {t.id for t in tasks}
    groups = list(result.groups())
    assert [len(g.programs) for g in groups] == [2, 2, 2]
    assert groups[0].outcomes_PT[0][0].verdict
    assert result.markdown() == (tmp_path / "here" / "eval.md").read_text()


def test_an_evaluation_goes_on_where_it_ended(fake: FakeOpenAI, tmp_path: Path) -> None:
    tasks = [TASK]
    evaluate(tasks, coder=fake.url, n=2, m=1, out=tmp_path, workers=1)
    asked = len(fake.bodies)
    assert asked == 3
    grown = evaluate(tasks, coder=fake.url, n=4, m=1, out=str(tmp_path), workers=1)
    assert len(fake.bodies) == asked + 2
    assert grown.record["conditions"]["programs"] == 4
    with pytest.raises(
        RunError, match=r"another params\.temperature.*choose another out"
    ) as caught:
        evaluate(tasks, coder=fake.url, n=2, m=1, out=tmp_path, temperature=0.1)
    assert "--" not in str(caught.value)


def test_a_temporary_directory_lives_as_long_as_the_result(fake: FakeOpenAI) -> None:
    result = evaluate([TASK], coder=fake.url, n=1, m=0, workers=1)
    place = result.directory
    assert (place / "eval.json").exists()
    del result
    assert not place.exists()


def test_missing_responses_are_an_error_that_has_the_figures(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    tasks = [TASK, Task("u", "Add two.", (Test("1\n", "3\n"),))]
    fake.writes = lambda body: whole("```python\nprint(2)\n```", tokens=40)
    with pytest.raises(IncompleteEvaluation, match="of 2 responses are missing") as caught:
        evaluate(
            tasks, coder=fake.url, n=1, m=0, out=tmp_path, token_budget=10, concurrency=1, workers=1
        )
    assert caught.value.result.figures["pass@1"].n_tasks == 1
    assert isinstance(caught.value, SparringError)
    whole_one = evaluate(tasks, coder=fake.url, n=1, m=0, out=tmp_path, workers=1)
    assert whole_one.figures["pass@1"].n_tasks == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n: is 0; it must be at least 1"),
        ({"m": -1}, "m: is -1; it must be at least 0"),
        ({"temperature": -1.0}, "temperature -1: must be from 0 to 100"),
        ({"scales": [(9, 9)]}, "scales 9x9: too large"),
        ({"extra": {"api_key": "x"}}, "extra api_key: extra fields are written to disk"),
        ({"coder": "ftp://x"}, "ftp://x"),
        ({"coder": ModelSpec("{url}", key="NOT_SET")}, "coder=ModelSpec(…, key=…): the environ"),
        ({"tester": ModelSpec("{url}", "other")}, "coder=ModelSpec(…, model=…)"),
        ({"packages": ["no-such-package"]}, "package no-such-package is not installed"),
        ({"tasks": []}, "tasks: there are none"),
        ({"tasks": "microworld:train"}, "tasks: must be a list of tasks"),
        ({"tasks": [TASK, TASK]}, "tasks: the id 't' occurs more than once"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_argument_is_one_line_in_the_words_of_python(
    arguments: dict[str, Any], message: str, fake: FakeOpenAI
) -> None:
    fake.models = [{"id": "m"}, {"id": "n"}] if "tester" in arguments else fake.models
    usual: dict[str, Any] = {"tasks": [TASK], "coder": fake.url, "n": 2, "m": 2}
    given = {
        name: ModelSpec(fake.url, value.model, value.key) if isinstance(value, ModelSpec) else value
        for name, value in arguments.items()
    }
    with pytest.raises(SparringError) as caught:
        evaluate(**{**usual, **given})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "--" not in str(caught.value)


def test_recipes_come_from_files_names_and_tables(tmp_path: Path) -> None:
    assert load_recipe("nano") == load_recipe(NANO_RECIPE)
    assert load_recipe({}) == load_recipe(None)
    file = tmp_path / "mine.toml"
    file.write_text('extends = "nano"\n[training]\nsteps = 3\n')
    table = {"extends": "nano", "training": {"steps": 3}}
    settings: dict[str, object] = {"training.steps": 3}
    assert load_recipe(file) == load_recipe(table) == load_recipe("nano", settings)
    changed = load_recipe(
        str(file),
        {
            "preset": "paper",
            "tasks.train": ("a.jsonl", 'with "quotes".jsonl'),
            "learning.learning_rate": 1e-4,
            "sampling.skip_unlabelled": True,
            "reward": Path("mine.py:reward"),
        },
    )
    assert changed.preset == "paper"
    assert changed.tasks.train == ["a.jsonl", 'with "quotes".jsonl']
    assert changed.learning.learning_rate == 1e-4
    assert changed.sampling.skip_unlabelled is True
    assert changed.reward.function == "mine.py:reward"
    for wrong, message in (
        ({"training.stpes": 3}, "settings: unknown key training.stpes; did you mean"),
        ({"training.steps": 0}, "settings: training.steps: "),
        ({"training.steps": None}, "settings: training.steps is None; leave the key out"),
        ({"steps": 3}, "settings steps=3: must be section.key=value"),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)) as caught:
            load_recipe("nano", wrong)
        assert "--" not in str(caught.value)


def test_the_example_runs_as_it_stands(
    fake: FakeOpenAI,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    example = ROOT / "examples" / "library.py"
    loops = [part for part in example.read_text().split("\n\n") if part.startswith("# ")]
    assert len(loops) == 3
    assert all(len(loop.splitlines()) <= 5 for loop in loops)  # with its comment
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["library.py", fake.url])
    runpy.run_path(str(example))
    printed = capsys.readouterr().out.splitlines()
    assert [line.count("Estimate(mean=") for line in printed[:3]] == [1, 1, 1]
    assert printed[3:] == ["print(int(input()) + 1)", ANY]
    assert 0 < float(printed[-1]) < 1
    assert (tmp_path / "runs" / "library" / "summary.json").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """A run of two steps, made without a word."""
    path = tmp_path_factory.mktemp("library") / "run"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        run = train("nano", path, settings=FEW)
    assert printed.getvalue() == ""
    return run


def test_training_in_two_lines_gives_figures_and_a_model(trained: TrainingRun) -> None:
    tasks = load_tasks("microworld:held_out", count=2)
    result = evaluate(tasks, coder=trained.checkpoint, n=2, m=2, workers=1)
    assert [m["step"] for m in trained.metrics] == [1, 2]
    assert [step for step, _ in trained.evaluations] == [0, 2]
    assert trained.figures == trained.evaluations[-1][1]
    assert 0 <= trained.figures["pass@1"].mean <= 1
    assert trained.checkpoint == trained.path / "checkpoints" / "step-00002"
    assert trained.recipe == load_recipe("nano", FEW)
    assert any("step 0: held-out programs" in note for note in trained.notes)
    assert not math.isnan(result.figures["pass@1"].mean)
    assert any("taken from the run" in note for note in result.notes)


def test_a_run_is_resumed_and_refused_in_the_words_of_python(trained: TrainingRun) -> None:
    with pytest.raises(RunError, match="add resume=True to continue its run, or choose") as caught:
        train("nano", trained.path)
    assert "--" not in str(caught.value)
    finished = train(run_dir=trained.path, resume=True)
    assert [m["step"] for m in finished.metrics] == [1, 2]
    longer = train(run_dir=trained.path, resume=True, settings={"training.steps": 3})
    assert [m["step"] for m in longer.metrics] == [1, 2, 3]
    assert longer.recipe.training.steps == 3
    with pytest.raises(ConfigError, match=r"resume=True: sampling\.programs cannot change"):
        train(run_dir=trained.path, resume=True, settings={"sampling.programs": 3})


def test_wrong_calls_of_train_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "run"
    recipe = load_recipe("nano")
    with pytest.raises(ConfigError, match="resume: no run is named; add run_dir"):
        train(resume=True)
    with pytest.raises(ConfigError, match="settings: recipe is a Recipe"):
        train(recipe, place, settings={"training.steps": 1})
    with pytest.raises(ConfigError, match=r"there is no such recipe"):
        train(str(tmp_path / "none.toml"), place)
    with pytest.raises(RunError, match="holds no run to resume"):
        train(run_dir=place, resume=True)
    idle = recipe.model_copy(
        update={"reward": recipe.reward.changed(function="mine.py:f", validity_bonus=0.25)}
    )
    with pytest.raises(ConfigError, match=r"reward\.function replaces the formulas"):
        train(idle, place)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"torchrun -m sparring\.cli train"):
        train("nano", place)
    assert not place.exists()


def test_a_model_that_is_not_there_leaves_the_directory_for_the_next_try(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        train("nano", tmp_path / "run", settings={**FEW, "model.path": str(tmp_path / "none")})
    place = tmp_path / "run"
    assert not place.exists() or not list(place.iterdir())


def test_the_sandbox_and_the_group_are_those_of_their_packages() -> None:
    with Sandbox(workers=1) as sandbox:
        [[outcome]] = sandbox.run([Job("print(int(input()) * 2)", ("21\n",))])
    assert outcome.output == "42\n"
    assert "responses_P" in RewardGroup.__dataclass_fields__


def test_the_defaults_are_those_of_the_command() -> None:
    from sparring.evaluation.options import EvalOptions

    usual, options = EvalOptions(sources=()), inspect.signature(evaluate).parameters
    assert options["n"].default == usual.programs
    assert options["m"].default == usual.tests
    assert options["mutants"].default == usual.mutants
    assert options["seed"].default == usual.seed
