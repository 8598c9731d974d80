"""The directory of an evaluation (``sparring eval``), for whoever shows runs.

It has records of its tasks as a run has of a step, under step 0, and no recipe: nothing was
learned. What its rewards follow from is written in `sparring.evaluation.rollouts`: the paper's
equations with nothing added. Figures are those of eval.json; making them is not done here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparring.config.load import make_recipe
from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.rewards.settings import EQUATIONS
from sparring.runs.directory import RunDir, well_formed

CONFIG, FIGURES = "config.json", "eval.json"


def is_evaluation(path: Path) -> bool:
    """Whether a directory holds an evaluation's records and no run."""
    if (path / "recipe.json").exists():
        return False
    return (path / FIGURES).exists() or ((path / CONFIG).exists() and (path / "rollouts").is_dir())


def run_or_evaluation(path: Path) -> RunDir:
    """A directory to read. Raises `RunError` where it holds neither."""
    if not path.is_dir():
        raise RunError(f"{path}: there is no such directory")
    return RunDir(path, locked=False) if is_evaluation(path) else RunDir.reading(path)


def evaluation_recipe(run: RunDir) -> Recipe:
    """A recipe that pays as an evaluation's records were paid; of its other fields only the sizes
    and limits of sampling are the evaluation's."""
    sampling: dict[str, Any] = {"opponents": 0}
    try:
        with well_formed(f"{run.path}: {CONFIG}"):
            config = run.read_json(CONFIG)
            most = int(config["fixed"]["params"]["max_tokens"])
            if most > 0:
                sampling |= {"coder_max_tokens": most, "tester_max_tokens": most}
    except RunError:
        pass  # no reward depends on it
    reward = EQUATIONS.model_dump()
    data = {"preset": "paper", "reward": reward, "sampling": sampling}
    return make_recipe(data, (), f"{run.path}")


def figures(run: RunDir) -> dict[str, Any]:
    """eval.json. Raises `RunError` where it is missing, damaged or of another form."""
    found = run.read_json(FIGURES)
    with well_formed(f"{run.path}: {FIGURES}"):
        for name in ("figures", "per_task", "ratios"):
            dict(found[name])
        [str(t["digest"]) for t in found["tasks"]]
    return dict(found)


def facts(record: Mapping[str, Any]) -> list[list[Any]]:
    """What a reader is told first: [name, value]. Raises `RunError` for another form."""
    with well_formed(FIGURES):
        conditions = record["conditions"]
        params = conditions["params"]
        return [
            *([role, m["name"]] for role, m in record["models"].items()),
            ["tasks", len(record["tasks"])],
            ["programs per task", conditions["programs"]],
            ["tests per task", conditions["tests"]],
            *([] if params is None else [["temperature", params["temperature"]]]),
            ["checker", ", ".join(conditions["checkers"])],
            *([] if params is None else [["seed", conditions["seed"]]]),
        ]
