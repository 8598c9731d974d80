"""Asynchronous rollouts from servers: whose weights, what a checkpoint holds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import RunError
from sparring.microworld import NANO_DIR
from sparring.policy.base import Prompt, SamplingParams
from sparring.schema import Role
from sparring.training.state.trainer import Trainer
from sparring.training.weights.behaviour import SnapshotFiles
from sparring.training.weights.players import Player, PlayerRequest
from sparring.training.weights.policies import RolePolicies
from tests.policy.fake_vllm import FakeVllm
from tests.processes import ended, started
from tests.training.runs import records, sparring_here
from tests.training.test_every_preset import TINY, WEIGHTS
from tests.training.test_served import rollouts

ASYNCHRONOUS = {
    **TINY,
    "training.steps": "3",
    "training.checkpoint_every": "1",
    "training.keep_checkpoints": "9",
    "evaluation.every": "9",
    "training.max_async_level": "1",
    "learning.old_logprobs": "recomputed",
    "learning.tis_cap": "2",
    "sampling.engine": "vllm",
    "sampling.initial_policy_programs": "1",
}


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm(NANO_DIR) as server:
        server.lora_rank = 8
        yield server


def sets(fake: FakeVllm, place: Path, changes: dict[str, str]) -> list[str]:
    settings = {
        **ASYNCHRONOUS,
        **changes,
        "vllm.urls": f'["{fake.url}"]',
        "vllm.weights_dir": str(place),
    }
    return [x for k, v in settings.items() for x in ("--set", f"{k}={v}")]


def check(run: Path, steps: int) -> None:
    metrics = records(run, "metrics.jsonl")
    assert [m["step"] for m in metrics] == list(range(1, steps + 1))
    for step in range(1, steps + 1):
        for group in rollouts(run, step):
            own = (*group["programs"], *group["tests"])
            assert {r["weights"] for r in own} == {max(0, step - 2)}
            assert {r["weights"] for r in group["initial_policy_programs"]} == {0}
    # Those of the first step are sampled by the weights that learn from them.
    assert max(metrics[0][role]["logprob_gap"] or 0 for role in Role) < 1e-4


@pytest.mark.parametrize("weights", ["full", pytest.param("per_role", marks=pytest.mark.slow)])
def test_a_run_cut_off_goes_on_with_the_weights_of_the_step_before(
    fake: FakeVllm, tmp_path: Path, weights: str
) -> None:
    """The checkpoint of step 2 holds the weights of step 1, from which step 3 is sampled; before
    that its own are evaluated, where the run was cut off in its evaluation."""
    run = tmp_path / "run"
    changes = {**WEIGHTS[weights], "evaluation.every": "2"}
    done = sparring_here("train", "--run-dir", str(run), *sets(fake, tmp_path, changes))
    assert done.returncode == 0, done.stderr
    check(run, 3)
    place = run / "checkpoints" / "step-00002"
    known = json.loads((place / "behind.json").read_text())
    own = ["coder-1", "tester-1"] if weights == "per_role" else ["both-1"]
    assert (known["step"], sorted(known["weights"])) == (1, own)
    assert sorted(p.name for p in (place / "behind").iterdir()) == own
    before = rollouts(run, 3)
    shutil.rmtree(run / "checkpoints" / "step-00003")
    (run / "rollouts" / "step-00003.jsonl.gz").unlink()
    for step in (2, 3):
        (run / "evaluations" / f"step-{step:05d}.json").unlink()
    fake.restarted()
    done = sparring_here("train", "--resume", "--run-dir", str(run))
    assert done.returncode == 0, done.stderr
    check(run, 3)
    assert rollouts(run, 3) == before
    assert [e["step"] for e in records(run, "evaluations.jsonl")] == [0, 2, 3]


@pytest.mark.parametrize("weights", ["full", "lora"])
def test_a_run_taken_up_has_the_start_on_every_server_that_plays_it(
    fake: FakeVllm, tmp_path: Path, weights: str
) -> None:
    """With an adapter the learner's servers have it too, beside those of ``initial_urls``."""
    with FakeVllm(NANO_DIR) as other:
        urls = {"vllm.initial_urls": f'["{other.url}"]'}
        more = sets(fake, tmp_path, {**WEIGHTS[weights], **urls})
        recipe = load_recipe(NANO_RECIPE, more[1::2])
        trainer = Trainer(recipe)
        cast = RolePolicies.of(recipe, trainer, tmp_path / "log")
        assert cast.served
        snapshot = SnapshotFiles(cast.served)
        trainer.step, trainer.learner.version = 2, 3
        checkpoint = tmp_path / "checkpoint"
        place = checkpoint / "behind" / "both-1"
        if weights == "lora":
            trainer.export_adapter("both", place)
        else:
            trainer.export("both", place, torch.float32)
        known = {"step": 1, "pass_rates": {}, "weights": ["both-1"]}
        (checkpoint / "behind.json").write_text(json.dumps(known))
        snapshot.load(checkpoint)
        snapshot.prepare(trainer)
        player = cast.with_weights(snapshot)
        prompt = Prompt("a", Role.CODER, (5, 6), 1, SamplingParams(1.0, 4))
        assert {r.weights for r in player.sample([prompt], 1)[0]} == {1}
        assert player.served
        start = player.served.play([PlayerRequest(Player.INITIAL_POLICY, prompt, 1)])
        assert {r.weights for r in start[0]} == {0}
        cast.close()


def test_start_weights_that_play_no_more_are_written_no_more(
    fake: FakeVllm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter is sent merged, without initial-policy programs: the initial weights come once."""
    monkeypatch.setattr(
        "sparring.training.weights.weight_export.why_merged", lambda *_: "rank 4 is beyond 3"
    )
    more = sets(fake, tmp_path, {**WEIGHTS["lora"], "sampling.initial_policy_programs": "0"})
    trainer = Trainer(load_recipe(NANO_RECIPE, more[1::2]))
    cast = RolePolicies.of(trainer.recipe, trainer, tmp_path / "log")
    assert cast.served
    snapshot = SnapshotFiles(cast.served)
    player, written = cast.with_weights(snapshot), []
    monkeypatch.setattr(trainer, "export", lambda name, *_: written.append(name))
    prompt = Prompt("a", Role.CODER, (5, 6), 1, SamplingParams(1.0, 4))
    snapshot.prepare(trainer)
    for step in (1, 2):
        trainer.step, trainer.learner.version = step, step
        snapshot.copy_from(trainer)
        with pytest.raises(RunError):  # nothing is there
            player.sample([prompt], 1)
    assert written == ["start", "both", "both"]
    cast.close()


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["full", "per_role"])
def test_two_processes_write_what_a_thread_loads(
    fake: FakeVllm, tmp_path: Path, weights: str
) -> None:
    """While the thread samples both learn: nothing is asked of them then."""
    run = tmp_path / "run"
    changes = {**WEIGHTS[weights], "training.sharding": "fsdp"}
    more = sets(fake, tmp_path, {**changes, "training.steps": "2"})
    first, _ = ended(started(["sparring.cli", "train", "--run-dir", str(run), *more]))
    assert first[0] == 0, first
    again = ["sparring.cli", "train", "--resume", "--run-dir", str(run)]
    first, _ = ended(started([*again, "--set", "training.steps=4"]))
    assert first[0] == 0, first
    check(run, 4)
