"""Training by a frozen tester's tests, through the command line: no ground truth in the reward."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors.torch import load_file

from sparring.config.load import make_recipe
from sparring.microworld import NANO_DIR
from sparring.prompts.rules import ReadingRules
from sparring.runs.reader import open_run, step_file
from sparring.runs.timeline import Timeline
from sparring.sandbox import Limits
from sparring.schema import Role, Task, Test
from sparring.training.rollouts.arrivals import Arrivals
from sparring.training.rollouts.context import trial_context
from sparring.training.state.trainer import Trainer
from tests.grading.grading_helpers import response
from tests.training.runs import SMALL, command, records, same_run, sparring_here

BY_NANO = {
    "pseudo_labels__source": "tester",
    "pseudo_labels__model": "nano",
    "pseudo_labels__tests": "5",
    "pseudo_labels__max_tokens": "72",
    "pseudo_labels__filter": "agreement",
    "learning__learning_rate": "1e-3",
}


def trained(path: Path, **changes: str) -> Path:
    done = sparring_here(*command(path, **{**BY_NANO, **changes})[3:])
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def by_pseudo_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four steps; the fourth meets tasks that came up before."""
    return trained(tmp_path_factory.mktemp("pseudo_labels") / "run")


def rollouts(run: Path, step: int) -> list[dict[str, Any]]:
    return open_run(run).read_packed(step_file("rollouts", step))


def earned(run: Path, steps: range) -> list[Any]:
    return [
        [(r["text"], r["reward"], r["advantage"]) for r in (*g["programs"], *g["tests"])]
        for step in steps
        for g in rollouts(run, step)
    ]


def weights(run: Path, step: int) -> bytes:
    return (run / "checkpoints" / f"step-{step:05d}" / "model.safetensors").read_bytes()


def test_programs_are_paid_by_pseudo_label_tests_and_measured_by_the_real_ones(
    by_pseudo_labels: Path,
) -> None:
    differ = 0
    for step, metrics in enumerate(records(by_pseudo_labels, "metrics.jsonl"), start=1):
        right = []
        for g in rollouts(by_pseudo_labels, step):
            by = g["pseudo_labels"]
            read = [t for t in by["tests"] if t["input"] is not None]
            for p, runs in zip(g["programs"], by["runs"] or [], strict=True):
                passed = [r["verdict"] == "accepted" for r in runs[: len(read)]]
                paid = sum(a for a, t in zip(passed, read, strict=True) if t["kept"])
                assert p["reward"] == (paid if any(t["kept"] for t in read) else None)
                real = [r["verdict"] == "accepted" for r in p["runs"][: len(g["task"]["tests"])]]
                assert p["correct"] == all(real)
                differ += p["reward"] != sum(real)
            right += [p["correct"] for p in g["programs"]]
        assert metrics["pass@1"] == pytest.approx(sum(right) / len(right))
        assert set(metrics["pseudo_labels"]) == {
            "unread", "right", "set_aside", "kept_right", "labels_right",
        }  # fmt: skip
        assert metrics["pseudo_labels"]["kept_right"] >= metrics["pseudo_labels"]["right"]
    assert differ
    end = load_file(by_pseudo_labels / "checkpoints" / "step-00004" / "model.safetensors")
    start = load_file(NANO_DIR / "model.safetensors")
    assert any((start[k] != end[k]).any() for k in start)


def test_evaluation_is_by_ground_truth_as_ever(run: Path, by_pseudo_labels: Path) -> None:
    name = "evaluations/step-00000.json"
    assert (run / name).read_bytes() == (by_pseudo_labels / name).read_bytes()


def test_a_task_has_the_same_tests_for_the_whole_run(by_pseudo_labels: Path) -> None:
    recipe = make_recipe(json.loads((by_pseudo_labels / "recipe.json").read_text()), (), "recipe")
    with trial_context(recipe, Trainer(recipe)) as context:
        assert context.pseudo_labels is not None
        [alone] = context.pseudo_labels.frozen_tester.sample(context.order.batch(1, {})[-1:])
    by_task: dict[str, Any] = {}
    for step in (1, 2, 3, 4):
        for g in rollouts(by_pseudo_labels, step):
            found = [(t["input"], t["output"]) for t in g["pseudo_labels"]["tests"]]
            assert by_task.setdefault(g["task"]["id"], found) == found
    written = [
        line
        for part in sorted((by_pseudo_labels / "pseudo_labels").iterdir())
        for line in open_run(by_pseudo_labels).read_packed(f"pseudo_labels/{part.name}")
    ]
    assert sorted(w["task"] for w in written) == sorted(by_task)  # each once
    assert {len(w["responses"]) for w in written} == {5}
    same = next(w for w in written if w["task"] == alone[0].task_id)
    assert [r["text"] for r in same["responses"]] == [r.text for r in alone]


@pytest.mark.parametrize("how", [pytest.param("none", marks=pytest.mark.slow), "agreement"])
def test_no_ground_truth_reaches_reward_or_weights(how: str, tmp_path: Path) -> None:
    """Every real test, solution and validator is replaced by garbage: nothing learned changes."""
    done = sparring_here(
        "microworld",
        "tasks",
        "--split",
        "train",
        "--count",
        "8",
        "--out",
        str(tmp_path / "a.jsonl"),
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert all(r["solutions"] and r["validator"] for r in rows)
    for i, row in enumerate(rows):
        row |= {
            "test_input": ["7\n", f"{i}\n"],
            "test_output": ["no\n", "not this\n"],
            "solutions": ["print(1 / 0)"],
            "validator": "print('invalid')",
        }
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    a, b = (
        trained(
            tmp_path / name,
            tasks__train=f'["{tmp_path}/{name}.jsonl"]',
            tasks__held_out_count="2",
            training__steps="3",
            training__checkpoint_every="3",
            evaluation__every="3",
            pseudo_labels__filter=how,
        )
        for name in ("a", "b")
    )
    shots = [[m["pass@1"] for m in records(r, "metrics.jsonl")] for r in (a, b)]
    assert sum(shots[0]) > 0
    assert shots[1] == [0, 0, 0]
    assert earned(a, range(1, 4)) == earned(b, range(1, 4))
    assert any(advantage for g in earned(a, range(1, 4)) for _, _, advantage in g)
    assert weights(a, 3) == weights(b, 3)


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["bouts", "the last tests too"])
def test_a_run_cut_off_resumes_to_the_same_files(
    lost: str, by_pseudo_labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparring.training.pseudo_labels.frozen_tester import FrozenTester

    cut = tmp_path / "cut"
    shutil.copytree(by_pseudo_labels, cut)
    shutil.rmtree(cut / "checkpoints" / "step-00004")
    for step in (3, 4):
        (cut / "rollouts" / f"step-{step:05d}.jsonl.gz").unlink()
    (cut / "evaluations" / "step-00004.json").unlink()
    if lost == "bouts":
        monkeypatch.setattr(FrozenTester, "sample", None)  # nothing is asked for again
    else:
        sorted((cut / "pseudo_labels").iterdir())[-1].unlink()
    done = sparring_here("train", "--resume", "--run-dir", str(cut))
    assert done.returncode == 0, done.stderr
    same_run(by_pseudo_labels, cut)


def test_a_replay_needs_no_frozen_tester(by_pseudo_labels: Path, tmp_path: Path) -> None:
    path = tmp_path / "again"
    done = sparring_here("train", "--replay", str(by_pseudo_labels), "--run-dir", str(path))
    assert "the weights are the same as those of" in done.stdout, done.stderr
    assert (path / "metrics.jsonl").read_bytes() == (
        by_pseudo_labels / "metrics.jsonl"
    ).read_bytes()
    assert earned(path, range(1, 5)) == earned(by_pseudo_labels, range(1, 5))
    done = sparring_here("rescore", str(by_pseudo_labels), "--set", "reward.coder=all_pass")
    assert done.returncode == 0, done.stderr


def test_tasks_without_a_test_teach_nothing(tmp_path: Path) -> None:
    path = trained(tmp_path / "run", pseudo_labels__max_tokens="3", training__steps="1")
    [metrics] = records(path, "metrics.jsonl")
    for role in Role:
        assert metrics[role]["dropped"] == {"no_test": 4}
        assert metrics[role]["groups_trained"] == 0
    assert metrics["pseudo_labels"]["unread"] == 1
    assert metrics["pass@1"] > 0
    start = load_file(NANO_DIR / "model.safetensors")
    end = load_file(path / "checkpoints" / "step-00001" / "model.safetensors")
    assert all((start[k] == end[k]).all() for k in start)


def test_the_dry_run_asks_the_frozen_tester(tmp_path: Path) -> None:
    sets = [
        x for k, v in {**SMALL, **BY_NANO}.items() for x in ("--set", f"{k.replace('__', '.')}={v}")
    ]
    done = sparring_here("train", "--dry-run", *sets, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [line] = [x for x in done.stdout.splitlines() if x.startswith("✓ frozen tester: ")]
    assert "10 tests could be read" in line
    mute = sparring_here(
        "train", "--dry-run", *sets, "--set", "pseudo_labels.max_tokens=3", cwd=tmp_path
    )
    assert "! frozen tester: " in mute.stdout
    assert "0 of 10 tests could be read" in mute.stdout
    assert "have no learning signal (no_test)" in mute.stdout


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["pseudo_labels.source=tester"], "set model"),
        (["pseudo_labels.model=nano"], "model is set, but source is none"),
        (["pseudo_labels.filter=agreement"], "filter is set, but source is none"),
        (["pseudo_labels.source=testers"], "pseudo_labels.source"),
        (["pseudo_labels.source=tester", "pseudo_labels.model=EMPTY"], "pseudo_labels.model: "),
        (
            ["pseudo_labels.source=tester", "pseudo_labels.model=nano"],
            "lower pseudo_labels.max_tokens",
        ),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    changes: list[str], expected: str, tmp_path: Path
) -> None:
    (tmp_path / "EMPTY").mkdir()
    # the default of 1024 tokens is more than the nano model has positions
    few = ["tasks.train_count=20", "tasks.held_out_count=5"]
    sets = [x for c in [*changes, *few] for x in ("--set", c)]
    for more in ([], ["--dry-run"]):
        done = sparring_here("train", *more, *sets, cwd=tmp_path)
        assert done.returncode != 0
        assert expected in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_not_even_a_limit_tells_of_ground_truth() -> None:
    """Programs that begin early do so under the limits that the label-free bout will ask for."""
    task = Task("t", "…", (Test("1\n", "x" * (9 << 20)),))
    answer = "**Test Input:**\n```\n1\n```\n**Test Output:**\n```\n2\n```"
    written = response(Role.TESTER, answer)
    context: Any = SimpleNamespace(
        limits=Limits(),
        pseudo_labels=SimpleNamespace(
            frozen_tester=SimpleNamespace(reading=ReadingRules()),
            responses=lambda tasks: [[written] for _ in tasks],
        ),
        timeline=Timeline(),
        lane="",
        phase=lambda name: None,
    )
    early: Any = None
    [first] = Arrivals(context, early, [task]).first_tests()
    assert [(t.input, t.output) for t in first.own] == [("1\n", "2\n")]
    assert first.own == first.others
    assert first.limits == Limits()
    context.pseudo_labels = None
    [first] = Arrivals(context, early, [task]).first_tests()
    assert first.own == task.tests
    assert first.limits.output_bytes == 18 << 20
