"""Every preset makes steps: with all weights, an adapter, one for each role; with and without
initial-policy programs; sampled in this process or by a server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.config.presets import Preset
from sparring.microworld import NANO_DIR
from sparring.runs.directory import RunDir
from sparring.runs.forecast import RunSchedule
from sparring.runs.progress import RunProgress
from sparring.schema import Role
from sparring.training.loop import train_step
from sparring.training.rollouts.context import rollout_context
from sparring.training.rollouts.online import OnlineRollouts
from sparring.training.scoring import scorer_of
from sparring.training.state.trainer import Trainer
from tests.policy.fake_vllm import FakeVllm
from tests.training.runs import records, sparring_here

WEIGHTS = {
    "full": {},
    "lora": {"model.lora_rank": "4"},
    "per_role": {"model.lora_rank": "4", "model.adapters": "per_role"},
}
LEVELS = (tuple(Preset), tuple(WEIGHTS), (0, 6), ("local", "vllm"))
ALL = tuple(itertools.product(*LEVELS))
PAIRWISE = (
    (Preset.DEFAULT, "full", 6, "vllm"),
    (Preset.DEFAULT, "lora", 0, "local"),
    (Preset.DEFAULT, "per_role", 6, "local"),
    (Preset.PAPER, "full", 0, "vllm"),
    (Preset.PAPER, "lora", 6, "vllm"),
    (Preset.PAPER, "per_role", 0, "local"),
    (Preset.OFFICIAL, "full", 0, "local"),
    (Preset.OFFICIAL, "lora", 6, "vllm"),
    (Preset.OFFICIAL, "per_role", 6, "vllm"),
    # Those whose initial weights nothing keeps: the sampler has them before the first step alone.
    (Preset.OFFICIAL, "full", 0, "vllm"),
    (Preset.DEFAULT, "full", 0, "vllm"),
)
"""Every pair of values of two levels is in one of them."""
TINY = {
    "tasks.train_count": "4",
    "tasks.held_out_count": "1",
    "sampling.programs": "3",
    "sampling.tests": "3",
    "learning.learning_rate": "1e-3",
    "evaluation.programs": "1",
    "evaluation.tests": "1",
    "training.steps": "9",
    "training.tasks_per_step": "2",
    "sandbox.workers": "1",
}


def test_the_selection_has_every_pair() -> None:
    for a, b in itertools.combinations(range(len(LEVELS)), 2):
        found = {(row[a], row[b]) for row in PAIRWISE}
        assert found == set(itertools.product(LEVELS[a], LEVELS[b]))


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    with FakeVllm(NANO_DIR) as server:
        server.lora_rank = 8
        yield server


@pytest.mark.parametrize(
    ("preset", "weights", "initial_policy_programs", "engine"),
    [
        pytest.param(
            *row, marks=() if row in PAIRWISE else pytest.mark.slow, id="-".join(map(str, row))
        )
        for row in ALL
    ],
)
def test_two_steps_are_made(
    preset: Preset,
    weights: str,
    initial_policy_programs: int,
    engine: str,
    fake: FakeVllm,
    tmp_path: Path,
) -> None:
    settings = {
        **TINY,
        **WEIGHTS[weights],
        "preset": preset,
        "sampling.initial_policy_programs": str(initial_policy_programs),
    }
    if engine == "vllm":
        fake.restarted()
        settings |= {
            "sampling.engine": "vllm",
            "vllm.urls": f'["{fake.url}"]',
            "vllm.weights_dir": str(tmp_path),
        }
    metrics = made(settings, tmp_path / "run", steps=2)
    gaps = [m[role]["logprob_gap"] for m in metrics for role in Role]
    assert max(g for g in gaps if g is not None) < 1e-4
    # Something was learned before the second step was sampled, and its gap is as small.
    assert any(metrics[0][role]["optimizer_steps"] for role in Role)


def made(settings: Mapping[str, str], path: Path, steps: int) -> list[dict[str, Any]]:
    """The metrics of the first steps of a run, without evaluations."""
    recipe = load_recipe(NANO_RECIPE, [f"{k}={v}" for k, v in settings.items()])
    run, trainer, scorer = RunDir.create(path), Trainer(recipe), scorer_of(recipe)
    progress = RunProgress(RunSchedule(steps), 0, Console(quiet=True))
    with rollout_context(recipe, trainer, run, progress, None) as context:
        rollouts = OnlineRollouts(context, trainer.pass_rates)
        for _ in range(steps):
            train_step(
                trainer, scorer, rollouts, run, progress, context.timeline, stop=lambda: False
            )
    return records(path, "metrics.jsonl")


def test_start_weights_that_nobody_kept_are_never_others() -> None:
    """Before anything is learned they are the weights at hand; afterwards they are gone."""
    trainer = Trainer(load_recipe(NANO_RECIPE, ["preset=paper"]))
    with trainer.initial_policy() as model:
        assert model is trainer.model
    snapshot = trainer.snapshot()
    trainer.learner.update([])  # a first step being made
    with pytest.raises(RuntimeError, match="but no copy was kept"), trainer.initial_policy():
        pass
    with snapshot.initial_policy() as model:
        assert model is snapshot.model
    snapshot.step = trainer.step = 1
    for player in (trainer, snapshot):
        with pytest.raises(RuntimeError, match="after step 1"), player.initial_policy():
            pass


@pytest.mark.parametrize("preset", [Preset.PAPER, Preset.OFFICIAL])
def test_a_dry_run_samples_from_a_server(preset: Preset, fake: FakeVllm, tmp_path: Path) -> None:
    fake.restarted()
    settings = {
        **TINY,
        "preset": preset,
        "sampling.engine": "vllm",
        "vllm.urls": f'["{fake.url}"]',
        "vllm.weights_dir": str(tmp_path),
    }
    sets = [x for k, v in settings.items() for x in ("--set", f"{k}={v}")]
    done = sparring_here("train", "--dry-run", *sets, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ready to train" in done.stdout
