"""The whole loop through the command line, on the nano model, in miniature."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from sparring.grading.facts import shortcut_facts
from sparring.grading.recorded import result_from
from sparring.metrics.shortcuts import shortcut_means, shortcut_ratios
from sparring.microworld import NANO_DIR
from sparring.runs.lines import clean
from sparring.runs.reader import RunReader, step_file
from tests.training.runs import command, finished, records, sparring, sparring_here


def test_the_summary_holds_every_promised_figure(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    names = [
        "pass@1",
        "unit_test_accuracy",
        "unit_test_accuracy_estimate",
        "bon_8x8",
        "pool_bon_8x8",
        "catch_rate",
        "input_size",
        "distinct_inputs",
        "p01",
        "p00",
        "mu",
        "coverage@8",
        "programs_readable",
        "programs_right_of_readable",
        "tests_readable",
        "tests_right_of_readable",
        "tests_right_own_not_trivial",
        "tests_copied",
        "tests_trivial",
        "caught_by_right_test",
    ]
    for side in ("before", "after"):
        for name in names:
            assert set(summary[side][name]) == {"mean", "low", "high", "n_tasks"}, name
    assert summary["steps"] == 4
    assert summary["tokens"] > 0
    assert 0 < summary["train_seconds"] < summary["wall_seconds"]


def test_each_step_logs_both_roles(run: Path) -> None:
    metrics = records(run, "metrics.jsonl")
    assert [m["step"] for m in metrics] == [1, 2, 3, 4]
    for m in metrics:
        for role in ("coder", "tester"):
            assert {
                "loss",
                "kl",
                "clip_share",
                "grad_norm",
                "entropy",
                "largest_ratio",
                "truncated_share",
                "parse_failures",
                "dropped",
                "logprob_gap",
                "reward_mean",
                "reward_std",
                "smallest_ratio",
                "kl_max",
            } <= set(m[role])
            if m[role]["groups_trained"]:
                assert m[role]["smallest_ratio"] <= m[role]["largest_ratio"]
                assert m[role]["kl_max"] >= m[role]["kl"]
                assert m[role]["groups_trained"] + sum(m[role]["dropped"].values()) == 4
                assert m[role]["reward_std"] > 0
            if m[role]["logprob_gap_max"]:
                assert m[role]["logprob_gap_max"] < 1e-3


def test_evaluations_come_before_during_and_after(run: Path) -> None:
    assert [e["step"] for e in records(run, "evaluations.jsonl")] == [0, 2, 4]
    for name in ("curves.svg", "curves.png", "environment.json", "recipe.json"):
        assert (run / name).stat().st_size > 0


def test_the_responses_of_evaluations_give_the_figures_of_their_tests(run: Path) -> None:
    for step in (0, 2, 4):
        figures = json.loads((run / f"evaluations/step-{step:05d}.json").read_text())
        groups = [
            result_from(r) for r in RunReader(run).read_packed(step_file("evaluations", step))
        ]
        facts = [shortcut_facts(g) for g in groups]
        for name, values in shortcut_means(facts).items():
            if name != "caught_by_right_test":  # of the fixed pool
                assert clean(values.tolist()) == figures["per_task"][name], name
        for name, figure in shortcut_ratios(facts).items():
            assert clean(figure.as_dict()) == figures["ratios"][name], name


def test_a_run_that_was_killed_before_its_curves_were_drawn_draws_them(
    run: Path, tmp_path: Path
) -> None:
    again = Path(shutil.copytree(run, tmp_path / "run"))
    for name in ("curves.svg", "curves.png"):
        (again / name).unlink()
    assert sparring_here("train", "--resume", "--run-dir", str(again)).returncode == 0
    for name in ("curves.svg", "curves.png"):
        assert (again / name).read_bytes() == (run / name).read_bytes()


def test_rollouts_explain_every_reward(run: Path) -> None:
    with gzip.open(run / "rollouts" / "step-00001.jsonl.gz", "rt") as file:
        groups = [json.loads(line) for line in file]
    assert len(groups) == 4
    for g in groups:
        assert len(g["programs"]) == len(g["tests"]) == 6
        for p in g["programs"]:
            assert len(p["token_ids"]) == len(p["logprobs"])
            passed = [r["verdict"] == "accepted" for r in p["runs"][: len(g["task"]["tests"])]]
            assert p["reward"] == sum(passed)
            assert p["correct"] == all(passed)


def test_the_printed_table_reads_well_when_piped(run: Path) -> None:
    out = run.with_suffix(".out").read_text()
    assert "\x1b" not in out
    assert "programs right (pass@1)" in out
    assert "step 4: held-out programs" in out


def test_the_checkpoint_loads_in_plain_transformers(run: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = run / "checkpoints" / "step-00004"
    AutoTokenizer.from_pretrained(path)
    assert AutoModelForCausalLM.from_pretrained(path).num_parameters() > 0


def test_zero_kl_and_equal_rewards_leave_the_weights_alone(tmp_path: Path) -> None:
    """Every response is cut off: every reward of a group is the same. The run says so."""
    path = tmp_path / "still"
    said = finished(
        command(
            path,
            sampling__coder_max_tokens="2",
            sampling__tester_max_tokens="2",
            learning__kl_coef="0",
            training__steps="5",
            evaluation__every="5",
        )
    )
    start = load_file(NANO_DIR / "model.safetensors")
    end = load_file(path / "checkpoints" / "step-00005" / "model.safetensors")
    assert all((start[k] == end[k]).all() for k in start)
    assert "no step learned anything" in said
    last = records(path, "metrics.jsonl")[-1]
    assert {a["monitor"] for a in last["alarms"]} >= {"coder_gradient", "tester_truncated"}


def test_the_first_ratio_is_one_at_another_temperature(tmp_path: Path) -> None:
    """Log-probs are those of the distribution that was sampled: logits over the temperature."""
    path = tmp_path / "warm"
    finished(
        command(
            path,
            sampling__coder_temperature="0.8",
            sampling__tester_temperature="0.8",
            learning__num_minibatches="1",
            learning__ppo_epochs="1",  # the first ratio: before any optimiser step
            training__steps="1",
        )
    )
    [step] = records(path, "metrics.jsonl")
    for role in ("coder", "tester"):
        assert step[role]["groups_trained"] > 0
        assert step[role]["largest_ratio"] == pytest.approx(1, abs=1e-5)


def test_a_task_file_trains_as_well(tmp_path: Path) -> None:
    for split in ("train", "held_out"):
        done = sparring_here(
            "microworld", "tasks", "--split", split, "--count", "5",
            "--out", str(tmp_path / f"{split}.jsonl"),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    finished(
        command(
            tmp_path / "run",
            tasks__train=f'["{tmp_path}/train.jsonl"]',
            tasks__held_out=f'["{tmp_path}/held_out.jsonl"]',
            training__steps="1",
        )
    )


GOOD_ROW = '{"question": "Print 1.", "test_input": ["1"], "test_output": ["1"], "task_id": "a"}'
BAD_FILES = {
    "malformed.jsonl": '{"question": "x", ',
    "untested.jsonl": '{"question": "Print 1.", "test_output": ["1"]}',
    "zero.jsonl": '{"question": "Print 1.", "test_input": [], "test_output": []}',
    "twice.jsonl": f"{GOOD_ROW}\n{GOOD_ROW}\n",
}
CHECKPOINTING = ["--set", "model.gradient_checkpointing=true"]
BAD = {
    "malformed tasks": (["train", "--set", 'tasks.train=["malformed.jsonl"]'], "line 1: not JSON"),
    "no tests": (["train", "--set", 'tasks.train=["untested.jsonl"]'], "test_input: is missing"),
    "zero tests": (["train", "--set", 'tasks.train=["zero.jsonl"]'], "has no test"),
    "duplicate ids": (["train", "--set", 'tasks.train=["twice.jsonl"]'], "a"),
    "no tokenizer": (["train", "--set", "model.path=BARE"], "has no tokenizer"),
    "no weights": (["train", "--set", "model.path=WEIGHTLESS"], "cannot be loaded"),
    "no end token": (["train", "--set", "model.path=ENDLESS"], "no end token"),
    "gguf": (["train", "--set", "model.path=x.gguf"], "convert it first"),
    "hub id offline": (["train", "--set", "model.path=no-such/model"], "cannot be"),
    "infinite": (["config", "--set", "learning.learning_rate=inf"], "learning.learning_rate"),
    "no such run": (["train", "--replay", "EMPTY"], "holds no run"),
    "dry run": (["train", "--dry-run", "--set", "prompts.max_tokens=3"], "prompts.max_tokens"),
    "gguf file": (["model", "convert", "none.gguf", "--out", "x"], "there is no such file"),
    "task file": (["tasks", "load", "none.jsonl", "--out", "x"], "there is no such file"),
    "unknown recipe": (["train", "nowhere.toml"], "no such recipe"),
    "unknown key": (
        ["config", "--set", "learning.learning_rat=1"],
        "did you mean learning.learning_rate?",
    ),
    "unknown section": (["config", "--set", "lerning.kl=1"], "did you mean learning?"),
    "wrong type": (["config", "--set", "training.steps=many"], "training.steps"),
    "out of range": (["config", "--set", "learning.clip_eps_low=2"], "learning.clip_eps_low"),
    "malformed change": (["config", "--set", "clip"], "section.key=value"),
    "missing tasks": (["train", "--set", 'tasks.train=["none.jsonl"]'], "there is no such file"),
    "unknown split": (["train", "--set", 'tasks.train=["microworld:x"]'], "unknown split"),
    "template": (["train", "--set", "prompts.coder=solve"], "{statement}"),
    "no model": (["train", "--set", "model.path=EMPTY"], "no config.json"),
    "resume without a directory": (["train", "--resume"], "--run-dir"),
    "resume without a run": (["train", "--resume", "--run-dir", "EMPTY"], "holds no run"),
    "directory in use": (["train", "--run-dir", "FULL"], "not empty"),
    "long prompt": (["train", "--set", "prompts.max_tokens=3"], "prompts.max_tokens"),
    "same tasks twice": (
        ["train", "--set", 'tasks.train=["microworld:train", "microworld:train"]'],
        "ids occur more than once",
    ),
    "true for a number": (["config", "--set", "model.lora_rank=true"], "must not be true or false"),
    "a number in quotes": (
        ["config", "--set", 'model.lora_rank="8"'],
        "must be a number, without quotes, not '8'",
    ),
    "a word for a number": (
        ["config", "--set", "learning.learning_rate=abc"],
        "learning_rate: must be a number, without quotes, not 'abc'",
    ),
    "a number for true": (["config", "--set", "reward.shuffle=1"], "must be true or false"),
    "a word for true": (["config", "--set", "reward.shuffle=yes"], "must be true or false"),
    "a step that is too long": (["config", "--set", "learning.learning_rate=1e30"], "less than"),
    "too many programs": (["config", "--set", "sampling.programs=1000000000"], "less than"),
    "nobody learns": (
        ["config", "--set", "learning.coder_weight=0", "--set", "learning.tester_weight=0"],
        "nobody would learn",
    ),
    "a cache and checkpointing": (
        ["config", *CHECKPOINTING, "--set", "learning.backend=prompt_cache"],
        "set learning.backend = auto",
    ),
    "flex attention on a CPU": (
        ["train", "--dry-run", "--set", "learning.backend=flex"],
        "flex attention has a backward pass only on cuda",
    ),
    "an unknown backend": (["config", "--set", "learning.backend=fast"], "learning.backend"),
    "an empty chunk": (["config", "--set", "learning.logprob_chunk=0"], "learning.logprob_chunk"),
    "an adapter's reference": (
        ["config", "--set", "model.offload_reference=true", "--set", "model.lora_rank=4"],
        "the model without its adapter",
    ),
    "a huge number": (["config", "--set", f"training.steps={'9' * 6000}"], "--set"),
    "deep nesting": (["config", "--set", f"tasks.train={'[' * 5000}"], "--set"),
    "template options": (
        ["train", "--set", "prompts.template_options={tokenize=true}"],
        "tokenize is not an option of the template's own",
    ),
    "a file for a model": (["train", "--set", "model.path=twice.jsonl"], "is a file"),
    "a long path": (["train", "--set", f"model.path={'x' * 5000}"], "no such directory"),
    "a long task path": (["train", "--set", f'tasks.train=["{"x" * 5000}"]'], "too long"),
    "a checker for calls": (["config", "--set", "checker.rule=value"], "not for all tasks alike"),
    "hidden tests": (["config", "--set", "tasks.hidden_tests=-1"], "tasks.hidden_tests"),
    "a limit": (["config", "--set", "monitors.suspect_tests=25"], "monitors.suspect_tests"),
    "an unknown checker": (["config", "--set", "checker.rule=tokns"], "there are tokens"),
    "too many optimiser steps": (
        ["config", "--set", "learning.num_minibatches=1000000000"],
        "less than or equal to 4096",
    ),
    "a switch that is a list": (
        ["config", "--set", "prompts.template_options={a=[1]}"],
        "a must be true, false, a number or a text",
    ),
    "half a surrogate pair": (
        ["config", "--set", "prompts.coder={statement}\udcff"],
        "half a surrogate pair",
    ),
    "a key of two lines": (["config", "--set", "a\nb.c=1"], r"unknown key 'a\nb'"),
    "a long run directory": (["train", "--resume", "--run-dir", "x" * 300], "name too long"),
    "a long run to replay": (["train", "--replay", "x" * 300], "name too long"),
    "a long run to rescore": (["rescore", "x" * 300], "name too long"),
    "a run directory that is not UTF-8": (["train", "--run-dir", "r\udcff"], "is not UTF-8"),
    "other shapes": (["train", "--set", "model.path=SHAPES"], "has another shape of model.embed"),
    "generation config": (["train", "--set", "model.path=GENERATION"], "generation_config.json"),
    "a value of another type": (["train", "--set", "model.path=TYPES"], "got str (value: 'x')"),
    "no positions": (["train", "--set", "sampling.coder_max_tokens=5000"], "positions"),
}


def _broken_models(where: Path) -> dict[str, str]:
    """Copies of the nano model that lack something."""
    lacking = {
        "BARE": ("tokenizer_config.json", "tokenizer.json"),
        "WEIGHTLESS": ("model.safetensors",),
        "ENDLESS": (),
        "SHAPES": (),
        "GENERATION": (),
        "TYPES": (),
    }
    for name, files in lacking.items():
        copy = shutil.copytree(NANO_DIR, where / name.lower())
        for file in files:
            (copy / file).unlink()
    for file in ("tokenizer_config.json", "generation_config.json"):
        path = where / "endless" / file
        path.write_text(
            json.dumps({k: v for k, v in json.loads(path.read_text()).items() if "eos" not in k})
        )
    (where / "generation" / "generation_config.json").write_text("{")
    for name, change in (("shapes", {"vocab_size": 700}), ("types", {"hidden_size": "x"})):
        path = where / name / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    return {name: str(where / name.lower()) for name in lacking}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_one_clear_line(name: str, tmp_path: Path) -> None:
    arguments, expected = BAD[name]
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    full.mkdir()
    (full / "something").touch()
    for file, text in BAD_FILES.items():
        (tmp_path / file).write_text(text)
    places = {"EMPTY": str(empty), "FULL": str(full), **_broken_models(tmp_path)}
    for word, place in places.items():
        arguments = [a.replace(word, place) for a in arguments]
    if "--set" in arguments and arguments[0] == "train":  # generating 1,600 tasks takes seconds
        arguments = [*arguments, "--set", "tasks.train_count=20", "--set", "tasks.held_out_count=5"]
    done = sparring_here(*arguments, cwd=tmp_path)
    assert done.returncode != 0
    assert expected in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("\ufeff[training]\nsteps = 7\n", encoding="utf-8")
    done = sparring_here("config", "r.toml", cwd=tmp_path)
    assert "steps = 7" in done.stdout


def test_a_step_never_plays_a_task_twice_and_a_pass_never_repeats_one() -> None:

    from sparring.config.load import make_recipe
    from sparring.training.prompting.task_order import TaskOrder

    recipe = make_recipe({"training": {"tasks_per_step": 3, "seed": 5}}, (), "recipe")
    tasks: Any = list(range(8))
    steps = [TaskOrder(recipe, tasks).batch(step, {}) for step in range(1, 41)]
    for first, second in zip(steps[::2], steps[1::2], strict=True):  # two steps make a pass of 8
        assert len({*first, *second}) == 6
    assert {task for step in steps for task in step} == set(range(8))
    assert len({tuple(step) for step in steps}) > 30


def test_a_model_that_was_damaged_stops_the_run_with_a_way_back(tmp_path: Path) -> None:
    model = tmp_path / "damaged"
    shutil.copytree(NANO_DIR, model)
    weights = load_file(model / "model.safetensors")
    name = next(k for k in weights if "norm" in k)
    weights[name] = weights[name] * float("nan")
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    path = tmp_path / "run"
    arguments = command(path, model__path=str(model))[3:]
    done = sparring_here(*arguments)
    assert done.returncode == 1
    assert "log-probs are not numbers" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    again = sparring_here("train", "--resume", "--run-dir", str(path))
    assert again.returncode == 1
    assert "log-probs are not numbers" in again.stderr


def test_an_update_that_leaves_no_numbers_stops_the_run(tmp_path: Path, monkeypatch: Any) -> None:
    from sparring.learner.update import Learner

    monkeypatch.setattr(Learner, "damaged", lambda self: True)
    done = sparring_here(*command(tmp_path / "run")[3:])
    assert done.returncode == 1
    assert "step 1: the update left weights that are not numbers" in done.stderr
    assert f"--replay {tmp_path / 'run'}" in done.stderr
    assert records(tmp_path / "run", "metrics.jsonl") == []


def test_two_processes_cannot_share_a_run_directory(run: Path) -> None:
    from sparring.errors import RunError
    from sparring.runs.directory import RunDir

    held = RunDir.open(run)
    try:
        with pytest.raises(RunError, match=f"process {os.getpid()}"):
            RunDir.open(run)
    finally:
        held.close()


def test_config_prints_the_recipe_and_what_it_amounts_to(tmp_path: Path) -> None:
    import tomllib

    done = sparring("config", "--set", "training.tasks_per_step=3")
    assert done.returncode == 0
    recipe = tomllib.loads(done.stdout)
    assert recipe["training"]["tasks_per_step"] == 3
    s = recipe["sampling"]
    assert (
        f"responses: {3 * (s['programs'] + s['tests'] + s['initial_policy_programs'])} "
        in done.stdout
    )
    again = tmp_path / "again.toml"
    again.write_text(done.stdout)
    assert sparring_here("config", str(again)).stdout == done.stdout
    assert "learning_rate" in sparring_here("config", "--fields").stdout
