"""Small runs on disk for the report's tests: records as a run writes them, made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparring.config.load import load_recipe
from sparring.matrix import PassMatrix, from_verdicts
from sparring.rewards.advantages import advantages
from sparring.rewards.coder import coder_rewards
from sparring.rewards.settings import EQUATIONS, Normalisation, RewardSettings
from sparring.rewards.tester import tester_rewards
from sparring.runs.directory import RunDir
from sparring.runs.reader import step_file
from sparring.schema import Verdict
from tests.metrics.groups import reward_facts

CODES = {
    "+": Verdict.ACCEPTED,
    "-": Verdict.WRONG_ANSWER,
    "!": Verdict.RUNTIME_ERROR,
    "?": Verdict.INFRA,
    ">": Verdict.NOT_RUN,
    "0": Verdict.INVALID,
}
SECTION: dict[str, Any] = {
    "function": None, "coder": "count", "tester": "cure", "no_wrong_reward": "zero",
    "invalid_test": "lowest", "validity_bonus": 0.0, "smoothing": 0.0, "difficulty_exponent": 0.0,
    "duplicates": 0.0, "copies": 0.0, "length": "none", "normalisation": "std", "shuffle": False,
}  # fmt: skip


def response(text: str) -> dict[str, Any]:
    return {
        "prompt_ids": [1, 2],
        "token_ids": [3, 4],
        "logprobs": [-0.5, None],
        "stop": "end_token",
        "text": text,
    }


def group(
    rows: Sequence[str],
    ground_truth: int,
    own: int | None = None,
    invalid: Sequence[int] = (),
    task: str = "t",
    text: str = "x",
    settings: RewardSettings | None = None,
    step: int = 1,
) -> dict[str, Any]:
    """A record of the matrix ``rows`` (see `CODES`), scored by the project's own formulas.
    The first ``own`` rows are the group's, the others the initial policy's. ``invalid`` lists
    generated tests."""
    settings = settings or EQUATIONS
    own = len(rows) if own is None else own
    verdicts = [[CODES[c] for c in row] for row in rows]
    full = from_verdicts(verdicts, ground_truth)
    mine = PassMatrix(full.passed_PT[:own], full.observed_PT[:own], ground_truth)
    count = len(rows[0]) - ground_truth
    valid = np.array([k not in invalid for k in range(count)], dtype=bool)
    coder = coder_rewards(mine, settings).value
    terms = tester_rewards(reward_facts(full, valid), settings)
    up = advantages(coder, Normalisation.STD)
    down = advantages(terms.value, Normalisation.STD)
    runs = [[{"verdict": v.value, "output": f"{text}\n"} for v in row] for row in verdicts]
    known = lambda x: None if np.isnan(x) else float(x)  # noqa: E731
    made: dict[str, Any] = {
        "step": step,
        "task": {
            "id": task,
            "statement": text,
            "tests": [[text, f"{text} expected"]] * ground_truth,
            "hidden": [],
            "examples": [],
            "checker": "tokens",
            "source": None,
            "has_reference": True,
            "reference": [],
            "checker_leniency": [0, 0],
        },
        "programs": [
            {
                **response(text),
                "source": f"print(1)\n{text}",
                "failure": None,
                "correct": bool(mine.correct_P[j]),
                "reward": known(coder[j]),
                "advantage": float(up.value[j]),
                "runs": runs[j],
                "hidden_runs": [],
            }
            for j in range(own)
        ],
        "tests": [
            {
                **response(text),
                "input": text,
                "output": f"{text}\nexpected",
                "failure": None,
                "valid": bool(valid[k]),
                "refused": None if valid[k] else "forbidden",
                "right": bool(terms.accepts_correct[k]),
                "reference": None,
                "accepts_correct": bool(terms.accepts_correct[k]),
                "rightness": float(terms.rightness[k]),
                "caught": float(terms.caught[k]),
                "missed": float(terms.missed[k]),
                "reward": known(terms.value[k]),
                "advantage": float(down.value[k]),
            }
            for k in range(count)
        ],
        "dropped": {"coder": up.dropped, "tester": down.dropped},
    }
    if own < len(rows):
        made["initial_policy_programs"] = [{**response(text), "runs": r} for r in runs[own:]]
    return made


def usage(record: dict[str, Any], detail: str = "") -> dict[str, Any]:
    return {
        "task": record["task"]["id"],
        "runs": [[[0.001, 0.1, detail] for _ in p["runs"]] for p in record["programs"]],
    }


def run(path: Path, steps: Sequence[Sequence[dict[str, Any]]], detail: str = "") -> Path:
    """A run directory with these groups in its steps, metrics and two evaluations."""
    path.mkdir(parents=True)
    data = load_recipe(None).model_dump(mode="json")
    data["reward"] = {**data["reward"], **SECTION}
    (path / "recipe.json").write_text(json.dumps(data))
    made = RunDir(path, locked=False)
    for step, groups in enumerate(steps, start=1):
        made.write_packed(step_file("rollouts", step), groups)
        made.write_packed(step_file("usage", step), [usage(g, detail) for g in groups])
        made.append("metrics.jsonl", metrics(step, detail))
        made.append("timing.jsonl", {"step": step, "seconds": 2.0, "phases": {"learning": 1.5}})
    for step in (0, len(steps)):
        low = 0.4 + 0.01 * step
        estimate = {"mean": low + 0.05, "low": low, "high": low + 0.1, "n_tasks": 10}
        found = {"pass@1": estimate, "unit_test_accuracy": estimate, "mu": estimate}
        line = {"step": step, "metrics": found, "differences": found}
        made.append("evaluations.jsonl", line)
    return path


def metrics(step: int, reason: str = "") -> dict[str, Any]:
    role = {"entropy": 0.5 / step, "kl": 0.01 * step, "mean_length": 20.0}
    alarm = {"monitor": "copied_tests", "value": 0.9, "limit": 0.5, "reason": f"copied {reason}"}
    return {
        "step": step, "tokens": 100, "pass@1": 0.5, "tests_right": 0.5, "tests_invalid": 0.1,
        "groups_dropped": 0.2, "coder": role, "tester": role, "alarms": [alarm],
    }  # fmt: skip
