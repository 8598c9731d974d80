"""Runs that an earlier version recorded, with keys and defaults that it had, are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe, recorded_recipe
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError
from sparring.runs.directory import RunDir
from sparring.runs.reader import open_run

VLLM = {
    "urls": [],
    "initial_urls": [],
    "environment": None,
    "dtype": None,
    "arguments": [],
    "variables": {},
    "memory": 0.9,
    "cpu_cache": 4,
    "tensor_parallel": 1,
    "data_parallel": 1,
    "max_model_len": None,
    "weights_dir": "/dev/shm",
    "max_gap": None,
    "concurrency": 128,
    "start_seconds": 900.0,
    "request_seconds": 900.0,
    "patience": 120.0,
    "share_gpu": False,
}
"""The section of every run from when requests had a limit, whatever its engine."""
SINCE = {
    "learning": ["max_response_tokens"],
    "tasks": ["too_long"],
    "training": ["device_tflops"],
    "pseudo_labels": ["engine", "urls"],
    "monitors": ["gap_drift"],
}


def earlier(run: Path, engine: str, precision: str, **vllm: Any) -> Recipe:
    """The recipe of a run as that version recorded it, as this one reads it."""
    data = load_recipe(NANO_RECIPE).model_dump(mode="json")
    data["sampling"]["engine"] = engine
    data["model"]["precision"] = precision
    data["vllm"] = {**VLLM, **vllm}
    data["learning"] |= {"old_logprobs": "sampled", "gap_alarm": 0.01, "ratio": "sequence"}
    for section, names in SINCE.items():
        for name in names:
            del data[section][name]
    RunDir.create(run).close()
    (run / "recipe.json").write_text(json.dumps(data))
    again = load_recipe(run) if precision == "float32" else None
    found = recorded_recipe(open_run(run))
    assert again in (None, found)
    return found


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_local_run_is_read_whatever_the_defaults_for_servers_were(
    tmp_path: Path, precision: str
) -> None:
    found = earlier(tmp_path / "run", "local", precision)
    assert found.vllm == load_recipe(NANO_RECIPE).vllm
    assert found.old_logprobs == "sampled"  # as it was learned from, in bfloat16 too
    assert found.gap_alarm == 0.01


@pytest.mark.parametrize(("longest", "stall"), [(900.0, 300.0), (1800.0, 1800.0)])
def test_what_a_request_might_take_is_what_a_token_may(
    tmp_path: Path, longest: float, stall: float
) -> None:
    found = earlier(tmp_path / "run", "vllm", "float32", request_seconds=longest)
    assert found.vllm.stall_seconds == stall
    assert found.vllm.concurrency == 128


def test_a_recipe_with_the_earlier_key_is_told_what_it_is_called_now() -> None:
    """Not a key whose name is like it, which means something else."""
    with pytest.raises(ConfigError, match=r"request_seconds; it is vllm.stall_seconds now"):
        load_recipe(NANO_RECIPE, ["sampling.engine=vllm", "vllm.request_seconds=1800"])
