"""Arms of the comparison: their runs, their measurements, and one whole arm on the nano model."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from benchmarks.pretrained import arm_runs, arms, carry_over, tables
from benchmarks.pretrained.arm import Arm
from benchmarks.pretrained.measuring import PROGRAMS, START, TESTS, Bench, DataSet, seconds_of
from benchmarks.pretrained.records import Measured, read, small
from benchmarks.pretrained.start import InitialModel

from sparring.cli.common import run
from sparring.config.load import changes_of, load_recipe
from sparring.errors import ConfigError, DataError, RunError
from sparring.files import checksum
from sparring.microworld import NANO_DIR
from sparring.runs.directory import RunDir
from sparring.runs.lines import lines_of
from sparring.tasks.load import dump_tasks
from sparring.tasks.sources import load_tasks

ROOT = Path(__file__).parents[2]
MODEL = InitialModel(NANO_DIR, "weights", None)
RECIPE = """
extends = "nano"

[tasks]
hidden_tests = 0
held_out_count = 3

[sampling]
programs = 3
tests = 3

[training]
tasks_per_step = 2
checkpoint_every = 1

[evaluation]
every = 100
programs = 2
tests = 2
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The four files of the data, of a few embedded tasks each."""
    place = tmp_path / "data"
    place.mkdir()
    train = load_tasks("microworld:train", count=4)
    held_out = load_tasks("microworld:held_out", count=9)
    dump_tasks(train, place / "mbpp-train.jsonl")
    for i, data_set in enumerate(DataSet):
        dump_tasks(held_out[3 * i : 3 * i + 3], place / data_set.file)
    return place


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE)
    return file


def options_of(arm: str, recipe: Path, data: Path, *more: str) -> Any:
    words = ["run", arm, "--seed", "1", "--recipe", str(recipe), "--data", str(data)]
    return arms._parser().parse_args([*words, "--out", "o", "--model", str(NANO_DIR), *more])


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that would train, in the place of training."""
    begun: list[list[str]] = []

    def run(command: list[str]) -> int:
        begun.append(command)
        return 0

    monkeypatch.setattr(arm_runs, "carry_out", run)
    return begun


@pytest.mark.parametrize("arm", list(Arm))
def test_every_arm_is_a_valid_recipe_that_differs_from_the_default_in_its_settings(
    arm: Arm, recipe: Path
) -> None:
    changed = load_recipe(recipe, arm.settings)
    assert (changed == load_recipe(recipe)) is (arm is Arm.DEFAULT)


def test_a_new_run_gets_the_settings_of_its_arm_its_inputs_and_its_tokens(
    recipe: Path, data: Path, commands: list[list[str]], tmp_path: Path
) -> None:
    options = options_of("simple", recipe, data, "--tokens", "900")
    arm_runs.train(Arm.SIMPLE, options, tmp_path / "run", MODEL)
    [command] = commands
    wanted = load_recipe(
        command[command.index("--run-dir") + 2], command[command.index("--set") :][1::2]
    )
    assert "--resume" not in command
    assert wanted.reward.tester == "simple"
    assert (wanted.training.seed, wanted.training.token_budget) == (1, 900)
    assert wanted.training.steps > 10_000  # its tokens end it
    assert wanted.tasks.train == [str(data / "mbpp-train.jsonl")]
    assert wanted.model.path == str(NANO_DIR)


def test_without_a_number_of_tokens_no_arm_begins(
    recipe: Path, data: Path, commands: list[list[str]], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"sets no number of tokens.*add --tokens N"):
        arm_runs.train(Arm.DEFAULT, options_of("default", recipe, data), tmp_path / "run", MODEL)
    recipe.write_text(RECIPE.replace("[training]", "[training]\ntoken_budget = 900"))
    arm_runs.train(Arm.DEFAULT, options_of("default", recipe, data), tmp_path / "run", MODEL)
    assert len(commands) == 1


def begun(path: Path, recipe: Path, data: Path, *settings: str, model: str = "") -> None:
    """Leave a run directory as a killed training does."""
    files = [
        f'tasks.train=["{data}/mbpp-train.jsonl"]',
        f'tasks.held_out=["{data}/{DataSet.MBPP.file}"]',
    ]
    run = RunDir.create(path)
    resolved = load_recipe(recipe, [*files, "training.seed=1", *settings])
    run.write_json("recipe.json", resolved.model_dump(mode="json"))
    weights = model or checksum(NANO_DIR / "model.safetensors")
    model_files = {"x/model.safetensors": weights}
    run.write_json("inputs.json", {"model": model_files, "tasks": {}})
    run.close()


def test_a_begun_run_is_continued_with_other_tokens_and_nothing_else(
    recipe: Path, data: Path, commands: list[list[str]], tmp_path: Path
) -> None:
    begun(tmp_path / "run", recipe, data)
    options = options_of("default", recipe, data, "--tokens", "900")
    arm_runs.train(Arm.DEFAULT, options, tmp_path / "run", MODEL)
    [command] = commands
    assert command[-5:-4] == ["--resume"]
    assert command[-3::2] == ["training.token_budget=900", "training.steps=100000"]


@pytest.mark.parametrize(
    ("arm", "settings", "model", "message"),
    [
        (Arm.DEFAULT, ("reward.tester=simple",), "", "no run of default.*another reward.tester"),
        (Arm.SIMPLE, (), "", "no run of simple.*another reward.tester"),
        (Arm.DEFAULT, ("training.seed=2",), "", "another training.seed"),
        (Arm.DEFAULT, (), "other", "began from other weights"),
    ],
)
def test_a_run_of_another_arm_seed_or_model_is_refused(
    arm: Arm,
    settings: tuple[str, ...],
    model: str,
    message: str,
    recipe: Path,
    data: Path,
    commands: list[list[str]],
    tmp_path: Path,
) -> None:
    begun(tmp_path / "run", recipe, data, *settings, model=model)
    with pytest.raises(RunError, match=message):
        arm_runs.train(arm, options_of(arm, recipe, data), tmp_path / "run", MODEL)
    assert not commands


def test_a_run_trained_with_other_prompts_than_it_would_be_measured_with_is_refused(
    recipe: Path, data: Path, commands: list[list[str]], tmp_path: Path
) -> None:
    begun(tmp_path / "run", recipe, data, "prompts.coder_examples=3", "learning.clip_eps_low=0.3")
    with pytest.raises(
        RunError, match=r"another prompts\.coder_examples than .*recipe\.toml.* --recipe$"
    ):
        arm_runs.train(Arm.DEFAULT, options_of("default", recipe, data), tmp_path / "run", MODEL)
    assert not commands


def test_all_arms_are_measured_by_the_prompts_of_the_recipe(
    recipe: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe.write_text(RECIPE + '\n[prompts]\nread_tests = "only"\ncoder_examples = 2\n')
    seen: list[Any] = []

    def trained(arm: Arm, options: argparse.Namespace, run_dir: Path, model: InitialModel) -> None:
        begun(run_dir, recipe, data, *changes_of(arm.settings))

    def measured(bench: Bench, name: str, place: object) -> dict[str, Any]:
        seen.append((name == START, bench.recipe))
        return {"evaluations": {}}

    monkeypatch.setattr(arms, "train", trained)
    monkeypatch.setattr(arms, "measure", measured)
    monkeypatch.setattr(arms, "newest_checkpoint", lambda run_dir: run_dir / "step-00001")
    monkeypatch.setattr(arms, "run_record", lambda run: {})
    for arm in (Arm.DEFAULT, Arm.PAPER):
        places = ["--out", str(tmp_path / "out"), "--results", str(tmp_path / "results")]
        arms.measure_arm(options_of(arm, recipe, data, *places))
    assert [start for start, _ in seen] == [True, False, True, False]
    assert {used.prompts.coder_examples for _, used in seen} == {2}
    assert all(used == load_recipe(recipe) for _, used in seen)


def test_records_of_another_initial_model_are_not_written_over(
    recipe: Path, data: Path, commands: list[list[str]], tmp_path: Path
) -> None:
    kept = '{"initial_model": {"weights_sha256": "other", "gguf_sha256": null}}'
    (tmp_path / "start.json").write_text(kept)
    for words in (["run", "default", "--seed", "1", "--tokens", "9"], ["start"]):
        places = ["--recipe", str(recipe), "--data", str(data), "--out", str(tmp_path / "out")]
        places += ["--results", str(tmp_path), "--model", str(NANO_DIR)]
        with pytest.raises(RunError, match="is of another initial model"):
            arms.main([*words, *places])
    assert commands == []
    assert (tmp_path / "start.json").read_text() == kept


def test_files_of_a_run_with_the_recorded_checksums_need_not_be_there(
    recipe: Path, data: Path, commands: list[list[str]], tmp_path: Path
) -> None:
    begun(tmp_path / "run", recipe, data)
    moved = data.rename(tmp_path / "moved")
    options = options_of("default", recipe, moved, "--tokens", "900")
    with pytest.raises(DataError):
        arm_runs.train(Arm.DEFAULT, options, tmp_path / "run", MODEL)
    record = json.loads((tmp_path / "run" / "inputs.json").read_text())
    record["tasks"] = {str(data / f.name): checksum(f) for f in moved.iterdir()}
    (tmp_path / "run" / "inputs.json").write_text(json.dumps(record))
    arm_runs.train(Arm.DEFAULT, options, tmp_path / "run", MODEL)
    assert len(commands) == 1


def test_a_run_on_other_tasks_is_refused(
    recipe: Path, data: Path, commands: list[list[str]], tmp_path: Path
) -> None:
    begun(tmp_path / "run", recipe, data)
    other = tmp_path / "other"
    other.mkdir()
    for file in data.iterdir():
        (other / file.name).write_text(file.read_text())
    (other / "mbpp-train.jsonl").unlink()
    dump_tasks(load_tasks("microworld:train", count=2), other / "mbpp-train.jsonl")
    with pytest.raises(RunError, match=r"other tasks than .*other/mbpp-train\.jsonl"):
        arm_runs.train(Arm.DEFAULT, options_of("default", recipe, other), tmp_path / "run", MODEL)


def answered(bench: Bench, name: str, program: str, test: str) -> None:
    """Record equal programs and equal tests of a model for every task, one of each too many."""
    rows: list[dict[str, Any]] = []
    for task in bench.tasks(DataSet.MBPP):
        for role, text, count in (("coder", program, PROGRAMS), ("tester", test, TESTS)):
            row = {"task": task.id, "role": role, "text": text, "stop": "end_token"}
            rows += [{**row, "index": i} for i in range(count + 1)]
    place = bench.directory(name, DataSet.MBPP)
    place.mkdir(parents=True)
    (place / "responses.jsonl").write_bytes(lines_of(rows))


def test_recorded_programs_run_on_the_recorded_tests_of_another_model(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    row = {
        "task_id": "double",
        "question": "Print twice the number.",
        "test_input": ["5\n"],
        "test_output": ["10\n"],
        "solutions": ["print(2 * int(input()))"],
    }
    (data / DataSet.MBPP.file).write_text(json.dumps(row) + "\n")
    bench = Bench(load_recipe(None), data, tmp_path / "out")
    form = "**Test Input:**\n```\n2\n```\n**Test Output:**\n```\n{}\n```"
    answered(bench, START, "```python\nprint(int(input()) + 3)\n```", form.format(5))
    answered(bench, "arm", "```python\nprint(2 * int(input()))\n```", form.format(4))
    own, pool, other = (
        Measured(small(bench.recombined(coder, tester, DataSet.MBPP), recombined=True))
        for coder, tester in ((START, START), (START, "arm"), ("arm", "arm"))
    )
    # the wrong program prints 5 for 2: its own test expects that, the other model's does not
    assert [m.estimate("catch_rate").mean for m in (own, pool)] == [0.0, 1.0]
    assert [m.estimate("pass@1").mean for m in (own, pool, other)] == [0.0, 0.0, 1.0]
    assert [m.estimate("unit_test_accuracy").mean for m in (own, pool)] == [0.0, 1.0]
    files = sorted((tmp_path / "out" / "recombined" / "start--arm" / "mbpp").glob("*.jsonl"))
    assert [len(f.read_text().splitlines()) for f in files] == [PROGRAMS, TESTS]
    with pytest.raises(DataError, match="no response of the tester"):
        bench.recombined(START, "nobody", DataSet.MBPP)


def test_missing_data_name_the_command_that_makes_them(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["start", "--recipe", str(recipe), "--data", str(tmp_path / "none")]
    words += ["--out", str(tmp_path / "out"), "--model", str(NANO_DIR)]
    with pytest.raises(SystemExit) as ending:
        run(lambda: arms.main(words))
    assert ending.value.code == 2
    assert "is missing; make the data with python -m benchmarks.pretrained.data" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("text", "name", "temperature"),
    [
        ("smollm2=a/b", "smollm2", 0.8),
        ("start@1.2=m=1", "start@1.2", 1.2),
        ("x-1.7b=m", "x-1.7b", 0.8),
    ],
)
def test_a_coder_has_a_name_and_may_have_a_temperature(
    text: str, name: str, temperature: float
) -> None:
    coder = carry_over.coder_named(text)
    assert (coder.name, coder.temperature) == (name, temperature)


@pytest.mark.parametrize("text", ["smollm2", "=a", "a@hot=b", "start=m", "a/b=m", "a="])
def test_other_names_of_a_coder_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="must be NAME=DIRECTORY"):
        carry_over.coder_named(text)


@pytest.mark.slow
def test_a_whole_arm_is_killed_goes_on_and_leaves_records_and_tables(
    tmp_path: Path, data: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, results = tmp_path / "out", tmp_path / "results"
    places = ["--data", str(data), "--out", str(out), "--results", str(results)]
    places += ["--model", str(NANO_DIR)]
    words = ["run", "default", "--seed", "1", "--tokens", "1200", "--recipe", str(recipe), *places]
    command = [sys.executable, "-m", "benchmarks.pretrained.arms", *words]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    while not (out / "evaluations" / "start" / "humaneval" / "responses.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    arms.main(words)
    record, start = read(results / "default-s1.json"), read(results / "start.json")
    assert record["tokens"] >= 1200 > record["tokens"] - record["curves"]["tokens"][-1]
    assert set(record["evaluations"]) == set(record["pool"]) == {str(d) for d in DataSet}
    assert str(tmp_path) not in (results / "default-s1.json").read_text()
    own = Measured(start["evaluations"]["mbpp"])
    pool = Measured(record["pool"]["mbpp"])
    assert pool.estimate("pass@1") == own.estimate("pass@1")  # the same programs
    answers = list((out / "evaluations").glob("*/*/responses.jsonl"))
    before = [f.read_bytes() for f in answers]
    arms.main(words)  # everything is on record
    assert [f.read_bytes() for f in answers] == before
    assert read(results / "default-s1.json")["evaluations"] == record["evaluations"]
    assert seconds_of(out / "evaluations" / "start" / "mbpp") > 0
    coder = ["--coder", f"hot@1.2={NANO_DIR}", "--recipe", str(recipe)]
    carry_over.main(["run", "default", "--seed", "1", *places, *coder])
    assert [f.read_bytes() for f in answers] == before  # the pipeline asks for nothing
    carried = read(results / "carry-over-default-s1.json")
    assert carried["solved"]["mbpp"]["trained"]["replayed"] == 8 * 3
    capsys.readouterr()
    tables.main(["--results", str(results)])
    carry_over.main(["table", "--results", str(results)])
    shown = capsys.readouterr().out
    assert "| held-out MBPP, % | initial [95%] | default (seed 1) |" in shown
    assert "| hot@1.2, HumanEval without examples |" in shown
