"""The recipes for eight GPUs, with the nano model in place of theirs, a server that behaves like
vLLM's, and two processes that share the model: two steps, a checkpoint, a resume, a third step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.policy.fake_vllm import fake_environment
from tests.processes import ended, started
from tests.training.runs import records
from tests.training.test_served import rollouts

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = {
    "model.path": "nano",
    "tasks.train": '["microworld:train"]',
    "tasks.train_count": "6",
    "tasks.held_out": '["microworld:held_out"]',
    "tasks.held_out_count": "1",
    "prompts.coder": "Program: {statement}",
    "prompts.tester": "Test: {statement}",
    "prompts.derivation": "false",
    "prompts.max_tokens": "96",
    "sampling.programs": "3",
    "sampling.tests": "3",
    "sampling.coder_max_tokens": "64",
    "sampling.tester_max_tokens": "72",
    "learning.tokens_per_micro_batch": "2000",
    "training.tasks_per_step": "2",
    "training.checkpoint_every": "2",
    "training.threads": "1",
    "evaluation.every": "3",
    "evaluation.programs": "1",
    "evaluation.tests": "1",
    "sandbox.workers": "1",
}
OWN = {
    "qwen2.5-7b": {},
    "qwen2.5-14b": {},
    "qwen3-4b-long-cot": {"prompts.reasoning": "none", "learning.max_response_tokens": "48"},
    "qwen2.5-14b-label-free": {
        "pseudo_labels.model": "nano",
        "pseudo_labels.tests": "3",
        "pseudo_labels.max_tokens": "72",
    },
}


def two(*arguments: str) -> list[tuple[int, str, str]]:
    return ended(started(["sparring.cli", "train", *arguments]))


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_it_trains_is_stopped_and_goes_on(name: str, tmp_path: Path) -> None:
    run, environment = tmp_path / "run", fake_environment(tmp_path / "environment")
    settings = {
        **SMALL,
        **OWN[name],
        "vllm.environment": str(environment),
        "vllm.weights_dir": str(tmp_path),
    }
    sets = [x for k, v in settings.items() for x in ("--set", f"{k}={v}")]
    first, _ = two(
        str(RECIPES / f"{name}.toml"), "--run-dir", str(run), *sets, "--set", "training.steps=2"
    )
    assert first[0] == 0, first
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["step-00002"]
    again, _ = two("--resume", "--run-dir", str(run), "--set", "training.steps=3")
    assert again[0] == 0, again
    metrics = records(run, "metrics.jsonl")
    assert [m["step"] for m in metrics] == [1, 2, 3]
    assert [e["step"] for e in records(run, "evaluations.jsonl")] == [0, 2, 3]
    for step in (1, 2, 3):
        for group in rollouts(run, step):
            assert {r["weights"] for r in (*group["programs"], *group["tests"])} == {step - 1}
    recipe = json.loads((run / "recipe.json").read_text())
    assert recipe["training"]["sharding"] == "fsdp"
    assert recipe["model"]["precision"] == "bfloat16"
    assert json.loads((run / "environment.json").read_text())["processes"] == 2
    assert [p for p in tmp_path.iterdir() if p.name.startswith("sparring-weights")] == []
