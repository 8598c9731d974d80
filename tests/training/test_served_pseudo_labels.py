"""Pseudo-label tests by vLLM servers: written before the first step, for the tasks to come,
each response once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe, make_recipe
from sparring.errors import ConfigError
from sparring.microworld import NANO_DIR
from sparring.policy.base import response_seed, sampling_seed
from sparring.runs.reader import open_run
from sparring.schema import Role
from sparring.training.launch import new_run, resumed_run
from sparring.training.rollouts.context import trial_context
from sparring.training.state.trainer import Trainer
from tests.policy.fake_vllm import FakeVllm, Fault, fake_environment
from tests.training.runs import records, sparring_here
from tests.training.test_every_preset import TINY

BY_SERVER = {
    **TINY,
    "training.steps": "2",
    "tasks.train_count": "6",
    "pseudo_labels.source": "tester",
    "pseudo_labels.model": "nano",
    "pseudo_labels.engine": "vllm",
    "pseudo_labels.tests": "3",
    "pseudo_labels.max_tokens": "72",
}


def command(run: Path, weights: Path, **changes: str) -> list[str]:
    settings = {
        **BY_SERVER,
        "vllm.weights_dir": str(weights),
        **{k.replace("__", "."): v for k, v in changes.items()},
    }
    return ["--run-dir", str(run), *(x for k, v in settings.items() for x in ("--set", f"{k}={v}"))]


def written(run: Path) -> list[dict[str, Any]]:
    parts = sorted((run / "pseudo_labels").iterdir())
    return [x for p in parts for x in open_run(run).read_packed(f"pseudo_labels/{p.name}")]


def upcoming(run: Path) -> list[str]:
    recipe = make_recipe(json.loads((run / "recipe.json").read_text()), (), "recipe")
    with trial_context(recipe, Trainer(recipe)) as context:
        return [t.id for t in context.order.upcoming(1)]


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm(NANO_DIR) as server:
        yield server


def test_a_run_that_was_stopped_while_tests_were_written_asks_for_none_twice(
    fake: FakeVllm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is sampled here, the frozen tester by a server. Four of six tasks come up."""
    monkeypatch.setattr("sparring.training.pseudo_labels.by_servers._FILE", 3)
    run = tmp_path / "run"
    fake.after, fake.faults = 7, [Fault.ERROR] * 1000
    urls = f'["{fake.url}"]'
    done = sparring_here("train", *command(run, tmp_path, pseudo_labels__urls=urls))
    assert done.returncode == 1
    assert "no valid response" in done.stderr
    assert not (run / "pseudo_labels").exists()
    assert not (run / "evaluations").exists()
    begun = records(run, "journal/pseudo_labels.jsonl")
    assert begun
    fake.faults.clear()
    fake.asked.clear()
    done = sparring_here("train", "--resume", "--run-dir", str(run))
    assert done.returncode == 0, done.stderr
    found = written(run)
    assert sorted(w["task"] for w in found) == sorted(upcoming(run))
    assert [len(w["responses"]) for w in found] == [3, 3, 3, 3]
    assert len(list((run / "pseudo_labels").iterdir())) == 2
    recipe = make_recipe(json.loads((run / "recipe.json").read_text()), (), "recipe")
    seed = recipe.training.seed
    known = {
        response_seed(sampling_seed(seed, -2, r["task"], Role.TESTER), r["index"]) for r in begun
    }
    assert len(known) == len(begun) > 3
    assert not known & {*fake.asked}
    assert not (run / "journal" / "pseudo_labels.jsonl").exists()
    for record in records(run, "metrics.jsonl"):
        assert record["pseudo_labels"]["unread"] < 1
    # Another step's tasks are asked for, those that are there are not.
    fake.asked.clear()
    done = sparring_here("train", "--resume", "--run-dir", str(run), "--set", "training.steps=3")
    assert done.returncode == 0, done.stderr
    assert fake.asked.total() == 3 * (len(upcoming(run)) - 4)


def test_a_server_of_ours_writes_them_and_ends_before_the_runs_own_begins(tmp_path: Path) -> None:
    run, control = tmp_path / "run", tmp_path / "control"
    environment = fake_environment(tmp_path / "environment")
    changes = {
        "sampling__engine": "vllm",
        "vllm__environment": str(environment),
        "vllm__variables": f'{{FAKE_VLLM = "{control}"}}',
    }
    done = sparring_here("train", *command(run, tmp_path, **changes))
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "control.pids").read_text().split()) == 2
    assert [w["task"] for w in written(run)] == upcoming(run)
    assert [m["step"] for m in records(run, "metrics.jsonl")] == [1, 2]
    assert [p for p in tmp_path.iterdir() if p.name.startswith("sparring-weights")] == []


def test_the_dry_run_asks_the_server(fake: FakeVllm, tmp_path: Path) -> None:
    urls = f'["{fake.url}"]'
    _, _, *sets = command(tmp_path / "none", tmp_path, pseudo_labels__urls=urls)
    done = sparring_here("train", "--dry-run", *sets, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of 6 tests could be read" in done.stdout


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["pseudo_labels.engine=vllm"], "engine is set, but source is none"),
        (
            ["pseudo_labels.source=tester", "pseudo_labels.model=nano", 'pseudo_labels.urls=["http://a"]'],
            "engine is local: set engine = vllm",
        ),
        (
            [
                "pseudo_labels.source=tester", "pseudo_labels.model=nano",
                "pseudo_labels.engine=vllm",
                'pseudo_labels.urls=["http://a", "http://a:80"]',
            ],
            "names a server twice",
        ),
        (
            ["pseudo_labels.source=tester", "pseudo_labels.model=nano", "vllm.memory=0.5"],
            "vllm.memory is set, but sampling.engine is local",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_clear_line(changes: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        load_recipe(NANO_RECIPE, changes)
    assert "\n" not in str(caught.value)


def test_a_model_without_weights_is_refused_before_anything(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer_config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((NANO_DIR / name).read_bytes())
    changes = {
        "pseudo_labels__model": str(tmp_path),
        "pseudo_labels__urls": '["http://127.0.0.1:9"]',
    }
    done = sparring_here("train", *command(tmp_path / "run", tmp_path, **changes))
    assert done.returncode == 1
    assert "pseudo_labels.model: " in done.stderr
    assert "has no weights as safetensors" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_run_goes_on_with_other_servers_for_the_frozen_tester(tmp_path: Path) -> None:
    """As with those of the model that learns: a run may move to other machines."""
    given = ["pseudo_labels.source=tester", "pseudo_labels.model=nano", "pseudo_labels.engine=vllm"]
    first = 'pseudo_labels.urls=["http://node1:8000"]'
    new_run(tmp_path / "run", load_recipe(NANO_RECIPE, [*given, first])).run.close()
    again = resumed_run(tmp_path / "run", None, ['pseudo_labels.urls=["http://node2:8000"]'])
    assert again.recipe.pseudo_labels.urls == ["http://node2:8000"]
    again.run.close()
