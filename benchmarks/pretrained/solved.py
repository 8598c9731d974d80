"""The pipeline `best_of_n` on the recorded responses of an evaluation, without its ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.pretrained.measuring import (
    MUTANTS,
    PROGRAMS,
    TEMPERATURE,
    TESTS,
    Bench,
    DataSet,
)
from benchmarks.pretrained.records import short
from rich.console import Console

from sparring import ModelSpec
from sparring.errors import RunError
from sparring.evaluation.chat_models import role_models
from sparring.evaluation.directory import recorded_models
from sparring.evaluation.options import EvalOptions
from sparring.evaluation.progress import EvaluationProgress
from sparring.schema import Role
from sparring.solving.evaluate_pipelines import evaluate_pipelines
from sparring.solving.measure import MeasuredPipelines
from sparring.solving.pipelines import Pipeline


def solved_by_pair(bench: Bench, name: str, place: str | Path, data_set: DataSet) -> dict[str, Any]:
    """Solve every task of an evaluation that `Bench.measured` has made; return by task whether the
    chosen program is right (1, 0), with the tokens of prompts and responses per task.

    Raises `SparringError`.
    """
    tasks, out = bench.tasks(data_set), bench.directory(name, data_set)
    spec = ModelSpec(str(place), precision=bench.recipe.model.precision)
    options = EvalOptions(
        sources=(str(data_set),),
        models=dict.fromkeys(Role, spec),
        programs=PROGRAMS,
        tests=TESTS,
        mutants=MUTANTS,
        temperature=TEMPERATURE,
        max_tokens=bench.recipe.sampling.coder_max_tokens,
        tester_max_tokens=bench.recipe.sampling.tester_max_tokens,
        prompts=bench.recipe.prompts,
        cache=bench.cache,
    )
    wanted = MeasuredPipelines(pipelines=(Pipeline.BEST_OF_N,), size=PROGRAMS)
    with EvaluationProgress(Console(stderr=True)) as progress:
        models = role_models(options, recorded_models(out), lambda: False)
        measured, missing = evaluate_pipelines(wanted, options, tasks, models, out, progress)
    if missing:
        raise RunError(f"{out}: {missing}")
    figures = measured["figures"][str(Pipeline.BEST_OF_N)]
    return {
        "tasks": measured["tasks"],
        "solved": [short(v) for v in figures["solved_by_task"]],
        "tokens": short(figures["per_task"]["tokens"]["mean"]),
        "replayed": figures["replayed"],
    }
