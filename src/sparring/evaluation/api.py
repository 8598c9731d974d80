"""Evaluation from Python: `evaluate`, and the figures that it returns."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from sparring.errors import ConfigError, SparringError, in_python, python_names, well_formed
from sparring.evaluation import report
from sparring.evaluation.chat_models import role_models
from sparring.evaluation.directory import recorded_models, write_readable
from sparring.evaluation.options import EvalOptions, ModelSpec, Scale, check_field, prompts_of
from sparring.evaluation.progress import EvaluationProgress
from sparring.evaluation.recomputed import figures as eval_json
from sparring.evaluation.run import evaluate_models
from sparring.evaluation.trained import resolve_options
from sparring.grading.group import GroupResult
from sparring.grading.recorded import result_from
from sparring.metrics.intervals import Estimate
from sparring.prompts.settings import PromptSettings
from sparring.runs.bar import quiet
from sparring.runs.reader import RunReader
from sparring.sandbox.caller.packages import find_packages
from sparring.schema import Role, Task

_USUAL = EvalOptions(sources=())
ARGUMENTS = {
    **{
        f"--{name.replace('_', '-')}": name
        for name in (
            "coder", "tester", "out", "temperature", "top_p", "top_k", "max_tokens", "stop",
            "tester_max_tokens",
            "seed", "mutants", "prompts", "tester_prompts", "concurrency", "token_budget",
            "cache", "workers", "extra", "packages",
        )
    },
    "--packages-from": "evaluate(packages_from=…)",
    "--scale": "scales",
    "--coder-model": "coder=ModelSpec(…, model=…)",
    "--tester-model": "tester=ModelSpec(…, model=…)",
    "--coder-key": "coder=ModelSpec(…, key=…)",
    "--tester-key": "tester=ModelSpec(…, key=…)",
    "--end-token": "ModelSpec(…, end_tokens=…)",
    "--precision": "ModelSpec(…, precision=…)",
}  # fmt: skip
"""What options of `sparring eval` are called here."""


@dataclass(frozen=True, weakref_slot=True, slots=True)
class EvaluationResult:
    """Result of an evaluation: the record ``eval.json`` in ``directory``, opened.

    ``notes``: what a terminal would have shown of models and answers, one line each.
    ``complaint`` names missing responses, over which no figure is computed; None if there are none.
    A temporary directory is removed with this object.
    """

    directory: Path
    record: Mapping[str, Any]
    notes: Sequence[str] = ()
    complaint: str | None = None

    @property
    def figures(self) -> Mapping[str, Estimate]:
        """Figures by name, such as ``"pass@1"`` or ``"unit_test_accuracy"``; docs/metrics.md
        documents them. An `Estimate` has ``mean``, the 95% interval from ``low`` to ``high``, and
        ``n_tasks``. Shares are from 0 to 1; NaN is unknown."""
        with well_formed(f"{self.directory}: eval.json"):
            return {name: Estimate.of(f) for name, f in self.record["figures"].items()}

    @property
    def per_task(self) -> Mapping[str, Mapping[str, float]]:
        """Value of each figure by task id, for figures that are means over tasks."""
        with well_formed(f"{self.directory}: eval.json"):
            ids = [task["id"] for task in self.record["tasks"]]
            return {
                name: {i: math.nan if v is None else v for i, v in zip(ids, values, strict=True)}
                for name, values in self.record["per_task"].items()
            }

    def groups(self) -> Iterator[GroupResult]:
        """Yield every task with its responses, the programs and tests read from them, and the
        verdict and output of every execution."""
        for record in RunReader(self.directory).groups(0):
            yield result_from(record)

    def markdown(self) -> str:
        """Return the figures as tables in Markdown, as in ``eval.md``."""
        return report.markdown(self.record)


class IncompleteEvaluation(SparringError):
    """Raised when responses are missing. ``result`` has the figures of the complete tasks."""

    def __init__(self, message: str, result: EvaluationResult) -> None:
        super().__init__(message)
        self.result = result


def evaluate(
    tasks: Sequence[Task],
    *,
    coder: str | Path | ModelSpec,
    tester: str | Path | ModelSpec | None = None,
    n: int = _USUAL.programs,
    m: int = _USUAL.tests,
    out: Path | str | None = None,
    name: str = "tasks",
    scales: Sequence[Scale] | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    max_tokens: int | None = None,
    tester_max_tokens: int | None = None,
    stop: Sequence[str] = (),
    seed: int = _USUAL.seed,
    mutants: int = _USUAL.mutants,
    prompts: PromptSettings | Path | str | None = None,
    tester_prompts: PromptSettings | Path | str | None = None,
    extra: Mapping[str, Any] | None = None,
    concurrency: int | None = None,
    token_budget: int | None = None,
    cache: Path | str | None = None,
    workers: int | None = None,
    packages: Sequence[str] = (),
    packages_from: Path | str | None = None,
    progress: bool = False,
) -> EvaluationResult:
    """Measure how well models write programs and tests. Defaults are those of ``sparring eval``.

    Every response is on disk as soon as it has arrived. Ctrl-C raises KeyboardInterrupt, and the
    same call with ``out`` goes on from there.

    Args:
        tasks: What `load_tasks` returns. Ids must be unique.
        coder: The model that writes programs: the address of an OpenAI-compatible server
            (``"http://127.0.0.1:8000/v1"``), the directory of a checkpoint or of a run (its newest
            checkpoint), a hub id, or ``"nano"``. A `ModelSpec` also names a model of the server and
            the environment variable of its key. A local model needs the extra train (torch).
        tester: The model that writes tests; by default the coder's.
        n: Programs to sample for each task.
        m: Tests to sample for each task; 0 measures programs alone.
        out: Directory to write the evaluation to. The same call continues an unfinished evaluation
            there. By default a temporary directory, which is removed with the result.
        name: What records call the set of tasks.
        scales: Pairs (programs, tests) of the Best-of-N figures; by default 1 × 1, 2 × 2, 4 × 4 and
            16 × 16 as far as they fit, and n × m.
        temperature: Divides the logits; 0 takes the likeliest token. By default that of the model's
            run, else 0.8.
        top_p: Share of probability that is sampled from; by default 1.
        top_k: Number of likeliest tokens that are sampled from; by default 0, which is all.
        max_tokens: Longest response, in tokens; by default that of the model's run, else 1024.
        tester_max_tokens: Longest response of the tester; by default ``max_tokens``, or that of the
            tester's run.
        stop: Texts that end a response.
        seed: Seed of the sampling.
        mutants: Mutants of each reference solution, which measure the tests; 0 measures nothing.
        prompts: Prompts, or the recipe file, run directory or ``"nano"`` that has them; by default
            those of the model's run, else the package's.
        tester_prompts: Prompts of the tester in place of ``prompts``.
        extra: Further fields of each request to a server. They are written to disk.
        concurrency: Most responses in flight; by default 16 of a server, 64 of a local model.
        token_budget: Number of tokens, those of prompts included, after which nothing more is
            asked.
        cache: Directory of responses and outcomes that evaluations share.
        workers: Worker processes of the sandbox; by default one for each CPU.
        packages: Packages that programs may import beside the standard library, such as
            ``["numpy"]``.
        packages_from: Environment that holds these packages: its directory, its python or its
            site-packages; by default this process's own.
        progress: Show the progress on standard error. By default nothing is printed.

    Returns:
        The figures with their intervals, and everything that they follow from.

    Raises:
        ConfigError: For a wrong argument, before anything is asked.
        ModelError: For a model or server that cannot be used, and without the extra train.
        RunError: For a directory that holds another evaluation, and if no task is complete.
        IncompleteEvaluation: If responses are missing: requests failed, or the token budget is
            spent. The error has the result, and the same call with ``out`` asks for them again.
        SandboxError: If the host gives no isolation, and for packages that are not there.
    """
    _check_tasks(tasks)
    least = {"n": 1, "m": 0, "mutants": 0, "seed": 0, "concurrency": 1, "token_budget": 1,
             "workers": 1}  # fmt: skip
    given = {"n": n, "m": m, "mutants": mutants, "seed": seed, "concurrency": concurrency,
             "token_budget": token_budget, "workers": workers}  # fmt: skip
    for argument, value in given.items():
        if value is not None and value < least[argument]:
            raise ConfigError(f"{argument}: is {value}; it must be at least {least[argument]}")
    with python_names(ARGUMENTS):
        for field in extra or {}:
            check_field(field)
        coder_spec = spec_of(coder)
        options = EvalOptions(
            sources=(name,),
            models={Role.CODER: coder_spec, Role.TESTER: spec_of(tester or coder, "--tester-key")},
            programs=n,
            tests=m,
            mutants=mutants,
            scales=None if scales is None else tuple(scales),
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            max_tokens=max_tokens,
            tester_max_tokens=tester_max_tokens,
            stop=tuple(stop),
            seed=seed,
            prompts=prompts_named(prompts),
            tester_prompts=prompts_named(tester_prompts),
            extra=extra or {},
            concurrency=concurrency,
            budget=token_budget,
            cache=None if cache is None else Path(cache),
            workers=workers,
            packages=find_packages(
                list(packages), None if packages_from is None else str(packages_from)
            ),
        )
        result = _evaluated(options, tasks, out, progress)
    if result.complaint:
        raise IncompleteEvaluation(result.complaint, result)
    return result


def read_evaluation(directory: Path | str) -> EvaluationResult:
    """Open the evaluation in a directory. Raises `RunError` if it holds no complete one."""
    path = Path(directory)
    record = eval_json(path)
    return EvaluationResult(path, record, list(record.get("notes", ())))


def _evaluated(
    options: EvalOptions, tasks: Sequence[Task], out: Path | str | None, progress: bool
) -> EvaluationResult:
    place = Path(tempfile.mkdtemp(prefix="sparring-evaluation-")) if out is None else Path(out)
    try:
        options, notes = resolve_options(options)
        console = Console(stderr=True) if progress else quiet()
        with EvaluationProgress(console) as shown:
            for line in notes:
                shown.note(line)
            models = role_models(options, recorded_models(place), lambda: False)
            evaluation = evaluate_models(options, tasks, models, place, shown)
        write_readable(evaluation.record, place)
        result = EvaluationResult(
            place,
            evaluation.record,
            tuple(in_python(note, ARGUMENTS) for note in shown.notes),
            evaluation.complaint,
        )
    except BaseException:  # raised again: no directory is left that nobody can name
        if out is None:
            shutil.rmtree(place, ignore_errors=True)
        raise
    if out is None:
        weakref.finalize(result, shutil.rmtree, place, ignore_errors=True)
    return result


def _check_tasks(tasks: Sequence[Task]) -> None:
    if isinstance(tasks, str | Path) or not all(isinstance(t, Task) for t in tasks):
        raise ConfigError("tasks: must be a list of tasks; give what load_tasks returns")
    if not tasks:
        raise ConfigError("tasks: there are none; load some with load_tasks")
    ids = [t.id for t in tasks]
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise ConfigError(f"tasks: the id {twice!r} occurs more than once; make ids unique")


def spec_of(model: str | Path | ModelSpec, key_option: str = "--coder-key") -> ModelSpec:
    """Return the model that an argument names. ``key_option`` is for messages."""
    if isinstance(model, ModelSpec):
        return model
    return ModelSpec(str(model), key_option=key_option)


def prompts_named(prompts: PromptSettings | Path | str | None) -> PromptSettings | None:
    """Return the prompts that an argument gives or names."""
    if prompts is None or isinstance(prompts, PromptSettings):
        return prompts
    return prompts_of(str(prompts))
