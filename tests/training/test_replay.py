"""Replay and rescore: what is recorded is enough to learn from again and to ask what if."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from sparring import __version__
from sparring.config.load import make_recipe
from sparring.grading.recorded import result_from
from sparring.training.replay import refuse_other_changes, replay_recipe
from tests.training.runs import command, finished, records, sparring_here


def weights(run: Path, step: int) -> bytes:
    return (run / "checkpoints" / f"step-{step:05d}" / "model.safetensors").read_bytes()


def test_a_replay_repeats_the_weights_without_sampling_or_running(
    run: Path, tmp_path: Path
) -> None:
    done = sparring_here("train", "--replay", str(run), "--run-dir", str(tmp_path / "again"))
    assert done.returncode == 0, done.stderr
    assert "the weights are the same as those of" in done.stdout
    assert weights(tmp_path / "again", 4) == weights(run, 4)
    for name in ("metrics.jsonl", "rollouts/step-00003.jsonl.gz"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()
    timing = records(tmp_path / "again", "timing.jsonl")
    assert all(t["learned_per_s"] > 0 and t["tflops_device"] > 0 for t in timing)
    assert not any("sampled_per_s" in t or "mfu" in t for t in timing)
    sampled = [t for t in records(run, "timing.jsonl") if "step" in t]
    assert all(t["sampled_per_s"] == t["sampled_per_s_device"] > 0 for t in sampled)
    phases = [set(t["phases"]) for t in timing]
    assert all({"reading", "scoring", "learning"} <= p for p in phases)
    assert not any({"sampling", "running"} & p for p in phases)
    assert not (tmp_path / "again" / "pool.jsonl.gz").exists()


def test_a_recipe_of_another_version_is_refused_by_its_version(run: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(run, old)
    recipe = json.loads((old / "recipe.json").read_text())
    recipe["learning"]["kl"] = recipe["learning"].pop("kl_coef")
    (old / "recipe.json").write_text(json.dumps(recipe))
    for version, message in (
        ("0.1.0", "recorded by sparring 0.1.0, whose recipes"),
        (__version__, "unknown key learning.kl"),
        ([], "unknown key learning.kl"),
    ):
        (old / "environment.json").write_text(json.dumps({"sparring": version}))
        for words in (["train", "--replay", str(old)], ["config", str(old)]):
            done = sparring_here(*words)
            assert done.returncode == 2, done.stderr
            assert message in done.stderr
            assert "Traceback" not in done.stderr


def test_a_replay_from_a_checkpoint_repeats_the_rest(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "rest"
    done = sparring_here("train", "--replay", str(run), "--from-step", "2", "--run-dir", str(path))
    assert done.returncode == 0, done.stderr
    assert weights(path, 4) == weights(run, 4)
    assert [m["step"] for m in records(path, "metrics.jsonl")] == [3, 4]


def test_a_replay_with_other_settings_learns_something_else(run: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "other.toml"
    recipe.write_text(
        "[learning]\nlearning_rate = 1e-3\nmode = 'separate'\nkl_coef = 0.0\n"
        "[sampling]\nprograms = 99\n"
    )
    path = tmp_path / "other"
    done = sparring_here("train", str(recipe), "--replay", str(run), "--run-dir", str(path))
    assert done.returncode == 0, done.stderr
    assert "the weights are other than those of" in done.stdout
    resolved = json.loads((path / "recipe.json").read_text())
    assert resolved["learning"]["learning_rate"] == 1e-3
    assert resolved["sampling"]["programs"] == 6  # the rollouts' own
    # coders first: the tester's ratio is to the policy that sampled, not to the coders' result
    later = records(path, "metrics.jsonl")[1:]
    assert max(abs(m["tester"]["largest_ratio"] - 1) for m in later) > 0.01
    assert max(m["tester"]["clip_share"] for m in later) > 0


def test_a_replay_may_have_other_limits() -> None:
    """No rollout depends on where an alarm begins."""
    refuse_other_changes(["monitors.suspect_tests", "learning.kl_coef"])
    other = make_recipe({"monitors": {"suspect_tests": 0.5}}, (), "other")
    assert replay_recipe(make_recipe({}, (), "run"), other).monitors.suspect_tests == 0.5


def test_a_stopped_replay_resumes(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    assert sparring_here("train", "--replay", str(run), "--run-dir", str(path)).returncode == 0
    shutil.rmtree(path / "checkpoints" / "step-00004")
    done = sparring_here("train", "--resume", "--run-dir", str(path))
    assert done.returncode == 0, done.stderr
    assert weights(path, 4) == weights(run, 4)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "sampling.programs=3"], "sampling.programs cannot change"),
        (["--from-step", "4"], "nothing to replay after step 4"),
        (["--from-step", "1"], "no checkpoint of step 1"),
    ],
)
def test_what_cannot_be_replayed(
    run: Path, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    done = sparring_here(
        "train", "--replay", str(run), "--run-dir", str(tmp_path / "x"), *arguments
    )
    assert done.returncode != 0
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_rescoring_shows_what_another_reward_changes(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "changes.jsonl"
    done = sparring_here("rescore", str(run), "--set", "reward.validity_bonus=0", "--out", str(out))
    assert done.returncode == 0, done.stderr
    changes = [json.loads(x) for x in out.read_text().splitlines()]
    assert f"{len(changes):,} changed advantages" in done.stdout
    again = sparring_here(
        "rescore", str(run), "--set", "reward.validity_bonus=0", "--out", str(out)
    )
    assert again.returncode == 2
    assert "already exists" in again.stderr
    assert changes
    assert {c["role"] for c in changes} == {"tester"}
    # by hand, from the record: with validity 1/2 the reward is higher by W/2
    rollout = {
        (g["step"], g["task"]["id"]): g for step in (1, 2, 3, 4) for g in _rollouts(run, step)
    }
    for c in changes:
        g = rollout[c["step"], c["task"]]
        assert c["reward"][0] == g["tests"][c["index"]]["reward"]
        assert c["advantage"][0] == g["tests"][c["index"]]["advantage"]
        group = result_from(g)
        assert group.pool is not None
        wrong = int(group.matrix.wrong_P.sum() + group.pool.wrong_P.sum())
        accepted = g["tests"][c["index"]]["accepts_correct"] and g["tests"][c["index"]]["valid"]
        if wrong and accepted:
            assert c["reward"][0] - c["reward"][1] == pytest.approx(wrong / 2)


def _rollouts(run: Path, step: int) -> list[dict[str, Any]]:
    from sparring.runs.reader import open_run, step_file

    return open_run(run).read_packed(step_file("rollouts", step))


def test_rescoring_by_another_checker_compares_the_outputs_anew(run: Path, tmp_path: Path) -> None:
    """Two blanks where one belongs: right by tokens, wrong to the letter."""
    path = tmp_path / "run"
    shutil.copytree(run, path)
    groups = _rollouts(path, 1)
    spaced = 0
    for g in groups:
        for p in g["programs"]:
            for r in p["runs"]:
                if r["verdict"] == "accepted":
                    r["output"] = r["output"].rstrip("\n") + "  \n"
                    spaced += 1
    text = "".join(json.dumps(g) + "\n" for g in groups)
    (path / "rollouts" / "step-00001.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    done = sparring_here("rescore", str(path), "--set", "checker.rule=lines")
    assert "verdicts changed: 0 of" in done.stdout
    done = sparring_here("rescore", str(path), "--set", "checker.rule=exact")
    assert f"verdicts changed: {spaced:,} of" in done.stdout


def test_only_reward_and_checker_can_be_rescored(run: Path) -> None:
    assert "nothing is changed" in sparring_here("rescore", str(run)).stderr
    done = sparring_here("rescore", str(run), "--set", "learning.kl_coef=3")
    assert "learning.kl_coef cannot be applied to recorded rollouts" in done.stderr


def test_a_reward_of_ones_own(run: Path, tmp_path: Path) -> None:
    done = sparring_here("new", "reward", "mine.py", cwd=tmp_path)
    assert done.stdout.split() == ["mine.py", "test_mine.py"]
    tried = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "5 passed" in tried.stdout
    assert "already exists" in sparring_here("new", "reward", "mine.py", cwd=tmp_path).stderr
    path = tmp_path / "run"
    said = finished(command(path, training__steps="1", reward=f"{tmp_path}/mine.py:reward"))
    note = "no initial-policy programs are sampled: reward.function does not get them"
    assert said.count(note) == 1
    assert not any("initial_policy_programs" in group for group in _rollouts(path, 1))
    assert (path / "reward_function.py").read_text() == (tmp_path / "mine.py").read_text()
    for g in _rollouts(path, 1):
        for p in g["programs"]:
            graded = p["runs"][: len(g["task"]["tests"])]
            share = sum(r["verdict"] == "accepted" for r in graded) / len(graded)
            assert p["reward"] == pytest.approx(share - 0.001 * len(p["token_ids"]))
    assert load_file(path / "checkpoints" / "step-00001" / "model.safetensors")


WRONG = {
    "raises": ("    return 1 / 0", "raised ZeroDivisionError in line 3: division by zero"),
    "wrong shape": (
        "    return [0.0], [0.0] * len(bout.tests)",
        "the rewards of programs have shape (1,), not (3,)",
    ),
    "NaN": (
        "    return [float('nan')] * len(bout.programs), [0.0] * len(bout.tests)",
        "the reward of program 0 is nan",
    ),
    "no pair": ("    return 3", "must return two sequences"),
    "exits": ("    raise SystemExit(0)", "raised SystemExit in line 3: 0"),
    "huge": ("    return [10**400] * 3, [0.0] * 2", "the rewards of programs are not numbers"),
    "too large": ("    return [1e300] * 3, [0.0] * 2", "of at most 1e12"),
    "numbers in quotes": ("    return ['1'] * 3, [0.0] * 2", "are not numbers"),
    "not numbers": ("    return ['a'] * 3, [0.0] * 2", "are not numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_reward_function_is_one_clear_line(name: str, tmp_path: Path) -> None:
    body, expected = WRONG[name]
    (tmp_path / "bad.py").write_text(f"\ndef reward(bout):\n{body}\n")
    done = sparring_here("train", "--run-dir", "x", "--set", "reward=bad.py:reward", cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not any((tmp_path / "x").iterdir())  # ready for another try


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nofile.py:reward", "no such file: nofile.py"),
        ("bad.py", "is not of the form file.py:function"),
        ("bad.py:other", "has no function other"),
        ("syntax.py:reward", "raised SyntaxError"),
        ("exit.py:reward", "raised SystemExit"),
    ],
)
def test_a_reward_function_that_is_not_there(name: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def reward(bout):\n    pass\n")
    (tmp_path / "syntax.py").write_text("def reward(bout:\n")
    (tmp_path / "exit.py").write_text("import sys\nsys.exit(0)\n")
    done = sparring_here("train", "--run-dir", "x", "--set", f"reward={name}", cwd=tmp_path)
    assert expected in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_reward_file_is_loaded_as_a_module_is(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_it.py").write_text("SHARE = 0.5\n")
    (tmp_path / "shaped_by_it.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "import numpy as np\nfrom neighbour_of_it import SHARE\n\n"
        "@dataclass\nclass Weights:\n    first: float = SHARE\n\n"
        "def reward(bout):\n"
        "    bout.observed_PT[:] = False  # its own copy\n"
        "    bout.valid_U[:] = False\n"
        "    return np.full(len(bout.programs), Weights().first), np.zeros(len(bout.tests))\n"
    )
    path = tmp_path / "run"
    finished(command(path, training__steps="1", reward=f"{tmp_path}/shaped_by_it.py:reward"))
    rollouts = _rollouts(path, 1)
    assert {p["reward"] for g in rollouts for p in g["programs"]} == {0.5}
    assert any(t["valid"] for g in rollouts for t in g["tests"])
    assert {r["verdict"] for g in rollouts for p in g["programs"] for r in p["runs"]} - {"infra"}
