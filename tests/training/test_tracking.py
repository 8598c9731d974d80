"""[tracking]: figures reach the trackers once each, whatever happens to the run."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparring.config.load import make_recipe
from sparring.errors import ConfigError
from sparring.runs.directory import RunDir
from sparring.training.monitoring.tracking import Tracking, settings, trackers_of
from tests.training.runs import sparring_here
from tests.view.terminal.recorded_runs import evaluation, metrics, run_of


def lines_tracker(path: Path) -> Any:
    """A tracker of accelerate's kind that writes lines of JSON."""
    from accelerate.tracking import GeneralTracker

    class Lines(GeneralTracker):  # type: ignore[misc]
        name = "lines"
        requires_logging_directory = False
        main_process_only = False

        @property
        def tracker(self) -> Path:
            return path

        def store_init_configuration(self, values: dict[str, Any]) -> None:
            self.write({"config": values})

        def log(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
            self.write({"step": step, **values})

        def write(self, record: dict[str, Any]) -> None:
            with path.open("a") as file:
                file.write(json.dumps(record) + "\n")

    return Lines()


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_resumed_run_doubles_no_step_and_loses_none(tmp_path: Path) -> None:
    """Killed after step 3, of which trackers had not heard; goes on from step 1."""
    out = tmp_path / "lines"
    path = run_of(tmp_path / "run", {}, lines=[metrics(1)], evaluations=[evaluation(0)])
    run, recipe = RunDir(path, locked=False), make_recipe({}, (), "test")
    with Tracking(run, recipe, [lines_tracker(out)]) as tracking:
        tracking.catch_up()
        run.append("metrics.jsonl", metrics(2))
        run.append("timing.jsonl", {"step": 2, "seconds": 1.5, "tokens_per_s": 100.0})
        tracking.catch_up()
        tracking.catch_up()
    run.append("metrics.jsonl", metrics(3))
    run.rewind(1)
    with Tracking(run, recipe, [lines_tracker(out)]) as tracking:
        tracking.catch_up()
        for step in (2, 3, 4):
            run.append("metrics.jsonl", metrics(step))
            tracking.catch_up()
        run.append("evaluations.jsonl", evaluation(4, 0.75))
        tracking.catch_up()
    config, *points = told(out)
    assert config["config"]["reward.validity_bonus"] == 0.5
    assert [p["step"] for p in points] == [0, 1, 2, 3, 4, 4]
    assert points[0]["held_out/pass@1"] == 0.5
    assert points[2]["train/pass@1"] == pytest.approx(0.42)
    assert points[2]["train/coder/entropy"] == 0.25
    assert points[2]["time/seconds"] == 1.5
    assert points[-1]["held_out/pass@1"] == 0.75
    assert all(isinstance(v, (int, float)) for p in points for v in p.values())


def test_nothing_is_written_where_no_tracker_is_asked_for(tmp_path: Path) -> None:
    run = RunDir(run_of(tmp_path / "run", {}, lines=[metrics(1)]), locked=False)
    with Tracking.of(make_recipe({}, (), "test"), run) as tracking:
        tracking.catch_up()
    assert not run.has("tracking.json")


def test_no_login_goes_to_a_tracker() -> None:
    data = {
        "sampling": {"engine": "vllm"},
        "vllm": {"urls": ["http://me:secret@host:8000"]},
    }
    found = dict(settings(make_recipe(data, (), "test")))
    assert "secret" not in json.dumps(found)
    assert "host:8000" in str(found["vllm.urls"])


def test_a_missing_package_is_one_line_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "sparring.training.monitoring.tracking.find_spec",
        lambda n: None if n == "wandb" else real(n),
    )
    run = tmp_path / "run"
    done = sparring_here("train", "--run-dir", str(run), "--set", 'tracking.trackers=["wandb"]')
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "wandb is not installed; pip install wandb" in line
    assert not run.exists() or not any(f.name != "lock" for f in run.iterdir())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('tracking.trackers=["tensorbord"]', "tensorboard"),
        ('tracking.trackers=["wandb", "wandb"]', "twice"),
        ('tracking.project="a/../b"', "pattern"),
    ],
)
def test_what_is_no_tracker_is_refused(change: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_recipe({}, [change], "test")


@pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed"
)
def test_tensorboard_has_every_step_once(tmp_path: Path) -> None:
    """Read back by TensorBoard itself."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    path = run_of(tmp_path / "run", {}, lines=[metrics(1)], evaluations=[evaluation(0)])
    run = RunDir(path, locked=False)
    recipe = make_recipe({"tracking": {"trackers": ["tensorboard"]}}, (), "test")
    for step in (2, 3):
        with Tracking(run, recipe, trackers_of(recipe, run)) as tracking:
            tracking.catch_up()
            run.append("metrics.jsonl", metrics(step))
            tracking.catch_up()
    events = EventAccumulator(str(path / "tracking/sparring"))
    events.Reload()
    assert [e.step for e in events.Scalars("train/pass@1")] == [1, 2, 3]
    assert [e.step for e in events.Scalars("held_out/pass@1")] == [0]


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed"
)
def test_a_real_run_tells_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from tests.training.runs import command

    run = tmp_path / "run"
    line = [*command(run, training__steps="2"), "--set", 'tracking.trackers=["tensorboard"]']
    assert subprocess.run(line, capture_output=True, check=False).returncode == 0
    more = [sys.executable, "-m", "sparring.cli", "train", "--resume", "--run-dir", str(run)]
    more += ["--set", "training.steps=3"]
    assert subprocess.run(more, capture_output=True, check=False).returncode == 0
    events = EventAccumulator(str(run / "tracking/sparring"))
    events.Reload()
    assert [e.step for e in events.Scalars("train/coder/entropy")] == [1, 2, 3]
    assert [e.step for e in events.Scalars("held_out/pass@1")] == [0, 2, 3]
