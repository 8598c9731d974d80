"""The table of a step's seconds in two precisions, by hand."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.pretrained.step import MeasuredStep, measured_steps, table

from sparring.policy.settings import Precision


def test_steps_are_read_from_the_records_of_a_run(tmp_path: Path) -> None:
    timing = [
        {"evaluation": 0, "seconds": 50.0},
        {"step": 1, "seconds": 120.0, "phases": {"sampling": 60.0, "learning": 50.0}},
        {"evaluation": 1, "seconds": 50.0},
    ]
    metrics = {
        "step": 1,
        "tokens": 6000,
        "coder": {"tokens_trained": 3000},
        "tester": {"tokens_trained": 500},
    }
    (tmp_path / "timing.jsonl").write_text("".join(json.dumps(r) + "\n" for r in timing))
    (tmp_path / "metrics.jsonl").write_text(json.dumps(metrics) + "\n")
    assert measured_steps(tmp_path, Precision.BFLOAT16) == [
        MeasuredStep("bfloat16", 120.0, 60.0, 50.0, 6000, 3500)
    ]


def test_ratios_are_of_means_over_all_tokens() -> None:
    steps = [
        MeasuredStep("bfloat16", 100.0, 60.0, 40.0, 6000, 4000),
        MeasuredStep("float32", 500.0, 200.0, 300.0, 5000, 3000),
        MeasuredStep("bfloat16", 200.0, 60.0, 0.0, 4000, 0),
    ]
    lines = table(steps).splitlines()
    assert lines[2] == "| seconds per step | 150.0 | 500.0 | 3.3 |"
    assert lines[3] == "| seconds of sampling per 1,000 tokens | 12.0 | 40.0 | 3.3 |"
    assert lines[4] == "| seconds of learning per 1,000 tokens | 10.0 | 100.0 | 10.0 |"
    assert lines[-1] == "steps in bfloat16, in seconds: 100, 200"
