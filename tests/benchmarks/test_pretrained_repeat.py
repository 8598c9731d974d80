"""Repeating the first steps: what makes two runs the same, and what is said where they are not."""

from __future__ import annotations

import copy
import errno
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from benchmarks.pretrained import repeat
from benchmarks.pretrained import start as initial_model
from benchmarks.pretrained.cpu import CpuType
from benchmarks.pretrained.data import MBPP_HELD_OUT, MBPP_TRAIN
from benchmarks.pretrained.first_steps import (
    DrawnMean,
    differing_digits,
    distances,
    drawn_means,
)
from benchmarks.pretrained.kills import kill_moments
from benchmarks.pretrained.run_files import checksums, differing_files
from benchmarks.pretrained.start import InitialModel, initial_model_of, weights_digest
from benchmarks.pretrained.train_command import PROGRAM, TrainCommand

from sparring import load_tasks
from sparring.config.load import load_recipe
from sparring.errors import ConfigError, DataError, ModelError, RunError
from sparring.files import checksum
from sparring.policy import gguf
from sparring.tasks.load import dump_tasks
from tests.forks import Forked

ROOT = Path(__file__).parents[2]
NANO = ROOT / "src" / "sparring" / "microworld" / "nano"
RECIPE = """
extends = "nano"

[tasks]
train = ["mbpp-train.jsonl"]
held_out = ["mbpp-held-out.jsonl"]

[sampling]
programs = 6
tests = 6

[learning]
ppo_epochs = 1

[training]
tasks_per_step = 4

[sandbox]
workers = 1
"""
LATER: dict[str, object] = {**repeat.LATER, "training.steps": 2, "evaluation.every": 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a recipe for the nano model, and its data."""
    path = tmp_path_factory.mktemp("pretrained")
    (path / "recipe.toml").write_text(RECIPE)
    (path / "data").mkdir()
    dump_tasks(load_tasks("microworld:train", count=12), path / "data" / MBPP_TRAIN)
    dump_tasks(load_tasks("microworld:held_out", count=6), path / "data" / MBPP_HELD_OUT)
    return path


def training(place: Path, name: str = "run") -> TrainCommand:
    data = place / "data"
    return TrainCommand(place / name, place / "recipe.toml", NANO, data, repeat.CHANGES, LATER)


@pytest.fixture(scope="module")
def done(place: Path) -> TrainCommand:
    """A finished run of two steps."""
    begun = training(place)
    process = Forked(["sparring.cli", *begun.words()[len(PROGRAM) :]])
    _, err = process.communicate()
    assert process.returncode == 0, err
    return begun


@pytest.fixture
def record(done: TrainCommand) -> dict[str, Any]:
    files = repeat.data_files(done.data)
    start = InitialModel(NANO, weights_digest(NANO), "gguf")
    found = repeat.record_of(done, start, files, repeat.THREADS)
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def safetensors(path: Path, tensors: dict[str, bytes], **metadata: str) -> None:
    header: dict[str, Any] = {"__metadata__": metadata}
    start = 0
    for name, data in tensors.items():
        header[name] = {
            "dtype": "U8",
            "shape": [len(data)],
            "data_offsets": [start, start + len(data)],
        }
        start += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(tensors.values()))


def test_the_weights_count_and_not_how_they_lie(tmp_path: Path) -> None:
    for name in ("one", "other", "parts", "changed"):
        (tmp_path / name).mkdir()
    safetensors(tmp_path / "one" / "model.safetensors", {"a": b"12", "b": b"345"}, format="pt")
    safetensors(tmp_path / "other" / "model.safetensors", {"b": b"345", "a": b"12"})
    safetensors(tmp_path / "parts" / "model-1.safetensors", {"b": b"345"})
    safetensors(tmp_path / "parts" / "model-2.safetensors", {"a": b"12"})
    safetensors(tmp_path / "changed" / "model.safetensors", {"a": b"12", "b": b"346"})
    digest = weights_digest(tmp_path / "one")
    assert weights_digest(tmp_path / "other") == weights_digest(tmp_path / "parts") == digest
    assert weights_digest(tmp_path / "changed") != digest
    with pytest.raises(ModelError, match=r"has no \.safetensors file"):
        weights_digest(tmp_path)
    (tmp_path / "one" / "model.safetensors").write_bytes(b"not this")
    with pytest.raises(ModelError, match="is no safetensors file"):
        weights_digest(tmp_path / "one")


def test_another_file_is_refused_before_it_is_converted(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r"model\.gguf: is not the initial model: .*SHA-256 0a1b$"):
        initial_model_of(file, tmp_path / "model", "0a1b")
    with pytest.raises(ModelError, match="there is no such file or directory"):
        initial_model_of(tmp_path / "none", tmp_path / "model")
    (tmp_path / "model").mkdir()
    with pytest.raises(ModelError, match=r"was not made of .*model\.gguf"):
        initial_model_of(file, tmp_path / "model")
    assert initial_model_of(NANO, tmp_path / "x") == InitialModel(NANO, weights_digest(NANO), None)


def test_a_file_is_converted_once_and_its_checkpoint_by_another_command_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, place = tmp_path / "model.gguf", tmp_path / "pretrained" / "model"
    file.write_bytes(b"GGUF")
    converted: list[Path] = []

    def convert(file: Path, out: Path) -> int:
        converted.append(file)
        time.sleep(0.05)
        out.mkdir()
        safetensors(out / "model.safetensors", {"a": b"12"})
        return 2

    monkeypatch.setattr(gguf, "convert_gguf", convert)
    with ThreadPoolExecutor(2) as both:
        one, other = both.map(lambda _: initial_model_of(file, place), range(2))
    assert one == other == initial_model_of(file, place)
    assert converted == [file]  # the second one waited
    (place / "gguf.sha256").unlink()
    with pytest.raises(ModelError, match=r"model: was not made of .*model\.gguf"):
        initial_model_of(file, place)
    monkeypatch.setattr(initial_model, "GGUF", checksum(file))
    monkeypatch.setattr(initial_model, "WEIGHTS", weights_digest(place))
    assert initial_model_of(file, place) == one  # as `sparring model convert` leaves it
    assert converted == [file]


def test_a_full_disk_is_one_line_and_leaves_no_part_of_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, place = tmp_path / "model.gguf", tmp_path / "place" / "model"
    file.write_bytes(b"GGUF")

    def convert(file: Path, out: Path) -> int:
        out.mkdir()
        (out / "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gguf, "convert_gguf", convert)
    with pytest.raises(RunError, match=r"the disk is full; make room, then repeat the command"):
        initial_model_of(file, place)
    assert list(place.parent.iterdir()) == []


def test_the_types_of_two_cpus() -> None:
    here = CpuType("x86_64", "AuthenticAMD", ("avx2", "avx512_bf16"), 2, "2.13", "5.23")
    record = here.as_dict()
    assert here.other(json.loads(json.dumps(record))) == []
    assert here.other({**record, "flags": ["avx2"], "threads": 4}) == [
        "flags: avx2 on record, avx2 avx512_bf16 here",
        "threads: 4 on record, 2 here",
    ]
    assert len(here.other({})) == 6


def test_the_moments_of_kills() -> None:
    moments = kill_moments(3, [10.0, 20.0, 30.0, 40.0], 24)
    assert moments == kill_moments(3, [10.0, 20.0, 30.0, 40.0], 24)
    assert moments != kill_moments(3, [10.0, 20.0, 30.0, 40.0], 25)
    steps = [m.steps for m in moments]
    assert steps == sorted(set(steps))
    assert all(0 <= m.seconds <= 9.0 * (m.steps + 1) for m in moments)
    assert len(kill_moments(5, [1.0, 2.0], 0)) == 5


def test_the_tolerance_is_three_standard_errors() -> None:
    mean = DrawnMean("length", lambda m: m["length"], 10, 8)
    [apart] = distances([{"length": 1.0}, {"length": 3.0}], [{"length": 6.0}] * 2, [mean])
    # 2 steps of 8 responses: √(2 · 0.25 / 16) = 0.1768, three of them 0.5303, of 10 tokens 5.303
    assert (apart.recorded, apart.here) == (2.0, 6.0)
    assert apart.tolerance == pytest.approx(5.3033, abs=1e-4)
    assert apart.within
    [apart] = distances([{"length": 1.0}], [{"length": 9.0}], [mean])
    assert apart.tolerance == pytest.approx(7.5)
    assert not apart.within
    assert "too far" in str(apart)
    assert distances([{"length": None}], [{"length": 9.0}], [mean]) == []


def test_figures_that_differ_are_named_with_their_step() -> None:
    one = [{"step": 1, "coder": {"loss": 0.5, "dropped": {}}}, {"step": 2, "x": [1]}]
    other = copy.deepcopy(one)
    assert list(differing_digits(one, other)) == []
    other[0]["coder"] = {"loss": 0.5 + math.ulp(0.5), "dropped": {"no_label": 1}}
    assert list(differing_digits(one, other)) == [
        (1, "coder.loss", 0.5, 0.5 + math.ulp(0.5)),
        (1, "coder.dropped.no_label", None, 1),
    ]


def test_the_record_agrees_with_the_run_it_is_of(
    done: TrainCommand, record: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = done.wanted()
    assert len(record["seconds"]) == len(record["metrics"]) == len(record["rollouts"]) == 2
    assert str(done.data) not in json.dumps(record)
    repeat.check_recipe(record, repeat.RECORD, recipe)
    assert repeat.agrees(record, copy.deepcopy(record), recipe, repeat.THREADS)
    assert "all figures of 2 steps, and all rollouts, equal" in capsys.readouterr().out

    other = copy.deepcopy(record)
    other["metrics"][1]["coder"]["loss"] += 1e-9
    assert not repeat.agrees(record, other, recipe, repeat.THREADS)
    said = capsys.readouterr().out
    assert "step 2, coder.loss: " in said
    assert "every digit should be equal" in said

    elsewhere = {**record, "cpu": {**record["cpu"], "flags": ["avx2"]}}
    assert repeat.agrees(elsewhere, other, recipe, repeat.THREADS)
    assert "the means over the steps agree" in capsys.readouterr().out
    for line in other["metrics"]:
        line["tests_right"] += 0.9
    assert not repeat.agrees(elsewhere, other, recipe, repeat.THREADS)
    assert "do not agree" in capsys.readouterr().out

    rolled = copy.deepcopy(record)
    rolled["rollouts"]["rollouts/step-00001.jsonl.gz"] = "0"
    assert not repeat.agrees(record, rolled, recipe, repeat.THREADS)
    assert "rollouts/step-00001.jsonl.gz: differs" in capsys.readouterr().out


def test_every_drawn_mean_is_in_the_metrics(done: TrainCommand, record: dict[str, Any]) -> None:
    means = drawn_means(done.wanted())
    assert len(distances(record["metrics"], record["metrics"], means)) == len(means)


def test_another_start_other_data_and_another_recipe_are_refused(
    done: TrainCommand, record: dict[str, Any], place: Path
) -> None:
    files, path = record["data"], repeat.RECORD
    start = InitialModel(NANO, weights_digest(NANO), None)
    recipe = load_recipe(place / "recipe.toml", [*done.settings(), "sampling.tests=4"])
    repeat.check_same(record, path, start, files)
    with pytest.raises(
        ModelError, match=r"not the initial model of first-steps\.json.*SHA-256 gguf"
    ):
        repeat.check_same(record, path, InitialModel(NANO, "other", None), files)
    with pytest.raises(DataError, match=r"mbpp-train\.jsonl: is not the file"):
        repeat.check_same(record, path, start, {**files, MBPP_TRAIN: "0"})
    with pytest.raises(ConfigError, match=r"is not that of .*: sampling\.tests changed"):
        repeat.check_recipe(record, path, recipe)
    with pytest.raises(DataError, match="make the data"):
        repeat.data_files(place)
    with pytest.raises(ConfigError, match="there is no record"):
        repeat.read_record(place / "none.json")


def test_a_run_that_has_begun_is_resumed(done: TrainCommand, place: Path) -> None:
    new = training(place, "new").words()
    assert new[len(PROGRAM) :][:4] == ["train", "--run-dir", str(place / "new"), str(done.recipe)]
    assert "--resume" not in new
    words = done.words()
    assert "--resume" in words
    assert "training.steps=2" in words
    assert not any(w.startswith("model.path") for w in words)
    done.check()
    other = TrainCommand(done.directory, done.recipe, place, done.data, repeat.CHANGES, LATER)
    with pytest.raises(RunError, match=r"holds a run with another model\.path"):
        other.check()


def test_files_of_two_runs(done: TrainCommand, tmp_path: Path) -> None:
    one, copied = checksums(done.directory), tmp_path / "copy"
    shutil.copytree(done.directory, copied)
    summary = json.loads((copied / "summary.json").read_text())
    summary["wall_seconds"] += 1
    (copied / "summary.json").write_text(json.dumps(summary))
    (copied / "timing.jsonl").write_text("")
    (copied / "lock").write_text("process 1")
    for file in (copied / "usage").iterdir():
        file.write_bytes(b"")
    assert differing_files(one, checksums(copied)) == []
    summary["tokens"] += 1
    (copied / "summary.json").write_text(json.dumps(summary))
    (copied / "metrics.jsonl").unlink()
    (copied / "more").write_text("")
    assert differing_files(one, checksums(copied)) == ["metrics.jsonl", "more", "summary.json"]
    assert "checkpoints/step-00002/model.safetensors" in one


def test_make_names_the_file_that_is_missing(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("no make")
    file = tmp_path / "a file"
    file.write_text("")
    for given, said in (
        ({}, "MODEL is not given: add MODEL=PATH"),
        ({"MODEL": f"{file}"}, "MBPP is not given"),
        ({"MODEL": f"{file}", "MBPP": f"{file}x"}, f"MBPP={file}x: there is no such file"),
        ({"MODEL": f"{file}", "MBPP": f"{file}"}, "HUMANEVAL is not given"),
    ):
        clean = {k: v for k, v in os.environ.items() if k not in ("MODEL", "MBPP", "HUMANEVAL")}
        made = subprocess.run(
            ["make", "demo-pretrained", *(f"{k}={v}" for k, v in given.items())],
            capture_output=True, text=True, check=False, cwd=ROOT, env=clean,
        )  # fmt: skip
        assert made.returncode == 2
        assert f"make demo-pretrained: {said}" in made.stderr


@pytest.mark.slow
def test_the_command_records_repeats_and_survives_kills(place: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
        options = ["--model", str(NANO), "--data", "data", "--recipe", "recipe.toml"]
        return subprocess.run(
            [sys.executable, "-m", "benchmarks.pretrained.repeat", *options, *words],
            capture_output=True, text=True, check=False, cwd=place, env=environment,
        )  # fmt: skip

    shared = ["--against", "first.json", "--steps", "3"]
    made = command("--out", "first", "--record", *shared)
    assert made.returncode == 0, made.stderr
    again = command("--out", "second", "--kill", "3", *shared)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "all figures of 3 steps, and all rollouts, equal the record's" in again.stdout
    assert again.stdout.count("\nkill ") == 3
    assert "files equal those of the run that was not killed" in again.stdout
    record = json.loads((place / "first.json").read_text())
    record["metrics"][2]["tokens"] += 1
    (place / "first.json").write_text(json.dumps(record))
    other = command("--out", "third", *shared)
    assert other.returncode == 1
    assert "step 3, tokens: " in other.stdout
    taken = command("--out", "third", *shared)
    assert (taken.returncode, taken.stdout) == (2, "")
    assert "third: already exists" in taken.stderr
