"""Rates of a step by device, and how they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.config.load import make_recipe
from sparring.learner.work import UpdateWork
from sparring.runs.rates import mean_rates, rates_line
from sparring.training.monitoring.speed import speeds
from sparring.training.monitoring.tracking import of_step
from sparring.training.state.trainer import Trainer
from sparring.view.terminal.watch import Watched


def test_rates_are_over_the_seconds_of_their_phase_and_by_device() -> None:
    recipe = make_recipe({"training": {"device_tflops": 2.0, "threads": 1}}, (), "test")
    trainer = Trainer(recipe)
    phases = {"sampling": 4.0, "learning": 2.0}
    found = speeds(trainer, phases, 1000, UpdateWork(300, 1e12))
    assert found["sampled_per_s"] == found["sampled_per_s_device"] == 250
    assert found["learned_per_s"] == found["learned_per_s_device"] == 150
    assert found["tflops_device"] == 0.5
    assert found["mfu"] == 0.25
    trainer.distributed.size = 4
    assert speeds(trainer, phases, 1000, UpdateWork(300, 1e12))["mfu"] == 0.0625
    assert "mfu" not in speeds(trainer, phases, 1000, UpdateWork(300, None))
    assert speeds(trainer, {"learning": 2.0}, 1000, UpdateWork(0, 0.0)) == {}
    served = {"engine": "vllm"}
    trainer.recipe = make_recipe({"sampling": served, "vllm": {"data_parallel": 2}}, (), "test")
    assert speeds(trainer, phases, 1000, UpdateWork(0, 0.0))["sampled_per_s_device"] == 125
    vllm = {"urls": ["http://a:1"]}
    trainer.recipe = make_recipe({"sampling": served, "vllm": vllm}, (), "test")
    assert "sampled_per_s_device" not in speeds(trainer, phases, 1000, UpdateWork(0, 0.0))


def test_means_are_over_steps_that_have_the_rate(tmp_path: Path) -> None:
    lines = [
        '{"step": 1, "seconds": 3, "learned_per_s": 10.0, "mfu": 0.25}',
        '{"step": 2, "seconds": 3, "learned_per_s": 30.0}',
        '{"evaluation": 2, "seconds": 9, "learned_per_s": 1000.0}',
    ]
    (tmp_path / "timing.jsonl").write_text("".join(f"{line}\n" for line in lines))
    watched = Watched(tmp_path)
    watched.look()
    assert watched.rates() == {"learned_per_s": pytest.approx(20), "mfu": 0.25}
    assert rates_line(watched.rates()) == "learned tokens/s 20, MFU of learning 25.0%"
    assert mean_rates([{"step": 1, "mfu": None}, {"step": 2, "mfu": float("nan")}]) == {}


def test_trackers_receive_rates_and_phases() -> None:
    timing = {"step": 3, "seconds": 2.0, "mfu": 0.4, "phases": {"learning": 1.5}}
    found = of_step({"step": 3}, timing)
    assert found["time/mfu"] == 0.4
    assert found["time/phases/learning"] == 1.5
    assert "time/step" not in found
