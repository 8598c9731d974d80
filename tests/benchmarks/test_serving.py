"""The serving benchmark: both arms ask the same, and read the same of the answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "serving.py"


def test_both_arms_are_asked_and_measured() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [x["arm"] for x in lines] == ["ours", "pooled"]
    for line in lines:
        assert line["at_once"] == 8
        assert 0 < line["per_second"] < 8 / 0.05
        assert line["cpu_ms"] > 0
