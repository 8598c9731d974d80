"""Training with vLLM servers, against one that behaves like it: whole runs, each player's weights,
what a recipe may ask for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import ConfigError
from sparring.microworld import NANO_DIR
from sparring.policy.base import Prompt, SamplingParams
from sparring.schema import Response, Role
from sparring.training.state.trainer import Trainer
from sparring.training.weights.players import Player, PlayerRequest
from sparring.training.weights.policies import RolePolicies
from tests.policy.fake_vllm import FakeVllm, Fault, fake_environment
from tests.training.runs import SMALL, records, sparring_here

TINY = {
    **SMALL,
    "tasks.held_out_count": "2",
    "sampling.programs": "3",
    "sampling.tests": "3",
    "sampling.initial_policy_programs": "1",
    "evaluation.programs": "2",
    "evaluation.tests": "2",
    "training.steps": "2",
    "training.tasks_per_step": "2",
    "sampling.engine": "vllm",
    "vllm.concurrency": "8",
}


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm(NANO_DIR) as server:
        yield server


def trained(run: Path, **changes: str) -> str:
    settings = {
        **TINY,
        "vllm.weights_dir": str(run.parent),
        **{k.replace("__", "."): v for k, v in changes.items()},
    }
    sets = [x for k, v in settings.items() for x in ("--set", f"{k}={v}")]
    done = sparring_here("train", "--run-dir", str(run), *sets)
    return done.stderr if done.returncode else ""


def rollouts(run: Path, step: int) -> list[dict[str, Any]]:
    with gzip.open(run / "rollouts" / f"step-{step:05d}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def test_two_steps_are_trained_and_a_failing_server_changes_nothing(
    fake: FakeVllm, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert trained(one, vllm__urls=f'["{fake.url}"]') == ""
    gaps = [r[role]["logprob_gap"] for r in records(one, "metrics.jsonl") for role in Role]
    assert 0 <= max(g for g in gaps if g is not None) < 1e-4
    for step in (1, 2):
        for record in rollouts(one, step):
            own = [*record["programs"], *record["tests"]]
            assert {r["weights"] for r in own} == {step - 1}
            assert {r["weights"] for r in record["initial_policy_programs"]} == {0}
    assert "0.32.0" in json.loads((one / "environment.json").read_text())["vllm"]["versions"]
    # The initial weights, also for the second step's initial-policy programs; then the first step's
    # and the second's.
    assert [Path(p).name for p in fake.loads] == ["start-0", "both-1", "both-2"]

    fake.restarted()
    fake.after, fake.faults = 40, [Fault.DROP, Fault.ERROR, Fault.HALF] * 2
    assert trained(other, vllm__urls=f'["{fake.url}"]') == ""
    assert not fake.faults
    for name in ("metrics.jsonl", "evaluations.jsonl"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert rollouts(one, 2) == rollouts(other, 2)


def test_a_run_whose_steps_do_not_reach_the_server_ends(fake: FakeVllm, tmp_path: Path) -> None:
    """Noticed by what one step of the nano recipe changes."""
    fake.ignores_weights = True
    more = {"sampling__programs": "6", "sampling__tests": "6", "training__tasks_per_step": "4"}
    fails = trained(tmp_path / "run", vllm__urls=f'["{fake.url}"]', **more)
    assert fails.startswith("sparring: step 1: the log-probs of")
    print(fails)


def test_a_run_starts_its_own_server_and_survives_its_death(tmp_path: Path) -> None:
    environment = fake_environment(tmp_path / "environment")
    (tmp_path / "control").write_text("50")  # responses, then it kills itself: in the first step
    fails = trained(
        tmp_path / "run",
        vllm__environment=str(environment),
        vllm__variables=f'{{FAKE_VLLM = "{tmp_path / "control"}"}}',
    )
    assert fails == ""
    assert len((tmp_path / "control.pids").read_text().split()) == 2
    assert len(records(tmp_path / "run", "metrics.jsonl")) == 2
    assert (tmp_path / "run" / "vllm.log").exists()
    assert [p for p in tmp_path.iterdir() if p.name.startswith("sparring-weights")] == []


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_other_servers(fake: FakeVllm, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fake.after, fake.faults = 40, [Fault.ERROR] * 1000
    assert "no valid response" in trained(run, vllm__urls=f'["{fake.url}"]')
    with FakeVllm(NANO_DIR) as other:
        change = f'vllm.urls=["{other.url}"]'
        done = sparring_here("train", "--resume", "--run-dir", str(run), "--set", change)
        assert done.returncode == 0, done.stderr
    assert len(records(run, "metrics.jsonl")) == 2


def responses(cast: RolePolicies, role: Role, n: int = 3) -> list[Response]:
    ids = tuple(cast.policy.tokenizer.encode("Program: ", add_special_tokens=False))
    [found] = cast.sample([Prompt("t", role, ids, 4, SamplingParams(1.0, 20))], n)
    return found


def moved(trainer: Trainer) -> None:
    """A step that changes all that learns."""
    with torch.no_grad():
        for i, p in enumerate(p for p in trainer.model.parameters() if p.requires_grad):
            p.add_(0.02 * torch.randn(p.shape, generator=torch.Generator().manual_seed(i)))
    trainer.step += 1


@pytest.mark.parametrize(
    "changes",
    [
        ["model.lora_rank=4", "model.adapters=per_role"],
        ["model.lora_rank=4", "learning.frozen=tester"],
        ["learning.frozen=coder"],
    ],
)
@pytest.mark.parametrize("servers", [1, 2])
def test_each_player_has_its_own_weights(
    fake: FakeVllm, tmp_path: Path, changes: list[str], servers: int
) -> None:
    """The check after each exchange compares with the weights that play the role: nothing else
    would pass it."""
    fake.lora_rank = 8
    with FakeVllm(NANO_DIR) as other:
        urls = ["sampling.engine=vllm", f'vllm.urls=["{fake.url}"]']
        urls += [f"vllm.weights_dir={tmp_path}", "vllm.max_gap=1e-4"]
        if servers == 2:
            urls.append(f'vllm.initial_urls=["{other.url}"]')
        recipe = load_recipe(NANO_RECIPE, [*changes, *urls])
        trainer = Trainer(recipe)
        cast = RolePolicies.of(recipe, trainer, None)
        moved(trainer)
        for role in (Role.CODER, Role.TESTER, Role.CODER):
            learns = trainer.learns(role)
            assert {r.weights for r in responses(cast, role)} == {1 if learns else 0}
        prompt = Prompt("t", Role.CODER, (5, 6, 7), 4, SamplingParams(1.0, 20))
        assert cast.served
        start = cast.served.play([PlayerRequest(Player.INITIAL_POLICY, prompt, 2)])
        assert {r.weights for r in start[0]} == {0}
        adapted = "model.lora_rank=4" in changes  # on the initial weights
        assert ("start-0" in {Path(p).name for p in fake.loads}) == (adapted or servers == 1)
        cast.close()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (['vllm.urls=["http://a:1"]'], "sampling.engine is local"),
        (['vllm.urls=["a:1"]'], "must begin with http"),
        (['vllm.urls=["http://a", "http://a/"]'], "twice"),
        (['vllm.urls=["http://a:80/", "HTTP://A"]'], "twice"),
        (['vllm.urls=["http://"]'], "names no host"),
        (['vllm.urls=["http://a:b"]'], "http://a:b"),
        (['vllm.initial_urls=["http://a"]'], "initial_urls need urls"),
        (
            ['vllm.urls=["http://a"]', 'vllm.initial_urls=["http://a"]'],
            "in urls and in initial_urls",
        ),
        (
            [
                "sampling.engine=vllm",
                'vllm.urls=["http://a"]',
                "pseudo_labels.source=tester",
                "pseudo_labels.model=nano",
                "pseudo_labels.engine=vllm",
                'pseudo_labels.urls=["http://A:80/"]',
            ],
            "http://A:80/ is in pseudo_labels.urls and in vllm.urls",
        ),
        (['vllm.urls=["http://a"]', "vllm.share_gpu=true"], "for a server that sparring starts"),
        (['vllm.arguments=["--port=3"]'], "--port is set by sparring itself"),
        (['vllm.arguments=["--max-loras", "4"]'], "--max-loras is set by sparring itself"),
        (['vllm.arguments=["-tp", "2"]'], "-tp is set by vllm.tensor_parallel"),
        (['vllm.arguments=["--max_model_len=9"]'], "set by vllm.max_model_len"),
        (['vllm.variables={VLLM_CPU_KVCACHE_SPACE="9"}'], "set by vllm.cpu_cache"),
        (["vllm.max_gap=0"], "vllm.max_gap"),
        (["sampling.engine=trt"], "sampling.engine"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(changes: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        load_recipe(NANO_RECIPE, changes)
    assert "\n" not in str(caught.value)


def test_a_run_without_environment_or_server_says_so_before_anything(tmp_path: Path) -> None:
    assert "sparring vllm setup" in trained(tmp_path / "a", vllm__environment="/nonexistent")
    dead = trained(tmp_path / "b", vllm__urls='["http://127.0.0.1:9"]')
    assert dead.startswith("sparring: vllm.urls: http://127.0.0.1:9: the server does not answer")
    tester = {"source": "tester", "model": "nano", "engine": "vllm", "max_tokens": "60"}
    by = {f"pseudo_labels__{k}": v for k, v in tester.items()} | {"sampling__engine": "local"}
    dead = trained(tmp_path / "s", pseudo_labels__urls='["http://127.0.0.1:9"]', **by)
    assert dead.startswith(
        "sparring: pseudo_labels.urls: http://127.0.0.1:9: the server does not answer"
    )
    lost = trained(tmp_path / "c", vllm__weights_dir="/nonexistent")
    assert lost.startswith("sparring: vllm.weights_dir: /nonexistent: there is no such directory")
    if not torch.cuda.is_available():
        flex = trained(tmp_path / "d", learning__backend="flex")
        assert "flex attention has a backward pass only on cuda" in flex
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
