"""Labelled samples of a model for `selection.py`: every program on every test, read or run once.

Two kinds of data: the rows of CodeT's release (run here, by `humaneval_dual`'s rules, and kept in a
file), and the directory of an evaluation by ``sparring eval``. Nothing is asked of a model.
"""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import humaneval_dual as dual
from sparring.grading.answers import answer
from sparring.grading.labelled import labelled_evidence
from sparring.grading.recorded import result_from
from sparring.runs.reader import RunReader
from sparring.sandbox import Sandbox
from sparring.schema import Outcome, Test, TestKind, Verdict
from sparring.selection.consensus import answer_numbers
from sparring.selection.evidence import Evidence
from sparring.selection.labelled import NO_INPUT, LabelledEvidence

PER_SAMPLE, SUITE_SECONDS = 5, 1.0
_AT_ONCE, _TASKS = 2, 4
CHARACTERS_PER_TOKEN = 4.0


@dataclass(frozen=True)
class Samples:
    """One task's samples of one model, with the truth.

    ``coder_tokens`` and ``tester_tokens``: the tokens of every response, as recorded or, where
    there are texts alone, their characters / 4.
    """

    model: str
    labelled: LabelledEvidence
    coder_tokens: NDArray[np.float64]
    tester_tokens: NDArray[np.float64]

    @property
    def task(self) -> str:
        return self.labelled.task


def codet(path: Path, cache: Path) -> list[Samples]:
    """The samples of CodeT's release in ``path``. The runs are kept in ``cache``."""
    if not cache.exists():
        with gzip.open(path, "rt") as file:
            rows = [json.loads(line) for line in file]
        with Sandbox(memo=False) as sandbox, ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = [rows[i : i + _TASKS] for i in range(0, len(rows), _TASKS)]
            done = list(pool.map(lambda some: _run(some, sandbox), parts))
        cache.write_bytes(pickle.dumps([s for part in done for s in part]))
    found: list[Samples] = pickle.loads(cache.read_bytes())
    return found


def _run(rows: Sequence[dict[str, Any]], sandbox: Sandbox) -> list[Samples]:
    tasks = [dual.work(row, PER_SAMPLE) for row in rows]
    jobs = [job for task in tasks for job in task.suites(SUITE_SECONDS)]
    suites = iter(sandbox.run(jobs))
    asked = iter(sandbox.run([job for task in tasks for job in task.asked()]))
    return [_samples(task, suites, asked) for task in tasks]


def _samples(
    task: dual.Work, suites: Iterator[Sequence[Outcome]], asked: Iterator[Sequence[Outcome]]
) -> Samples:
    """One task's samples in the order of the release, equal ones too."""
    entry, inputs, others = task.row["entry_point"], task.inputs, task.others
    of_input = {text: i for i, text in enumerate(inputs)}
    rows: dict[str, tuple[bool, dict[str, bool], list[Any]]] = {}
    for program in task.programs:
        correct, outcomes = task.passes_suite(next(suites)), next(asked)
        by_input = dict(zip(inputs, outcomes[: len(inputs)], strict=True))
        said = dict(zip(others, outcomes[len(inputs) :], strict=True))
        holds = {
            text: dual.equal(call, by_input[call.input])
            if (call := task.calls.get(text))
            else text in said and dual.equal(dual._TRUE, said[text])
            for text in task.tests
        }
        rows[program] = correct, holds, [_value(i, by_input[i]) for i in inputs]
    written = [
        [t for t in dual.assertions(s, entry)[:PER_SAMPLE] if t in task.tests]
        for s in task.row["test_samples"]
    ]
    texts = [(k, text) for k, some in enumerate(written) for text in some]
    samples = [task.row["prompt"] + dual.cut(s) + "\n" for s in task.row["code_samples"]]
    mine = [rows[s] for s in samples]
    passed = np.array([[row[1][t] for _, t in texts] for row in mine], dtype=bool)
    passed = passed.reshape(len(mine), len(texts))
    input_U = [of_input[task.calls[t].input] if t in task.calls else NO_INPUT for _, t in texts]
    return Samples(
        "codegen-16b",
        LabelledEvidence(
            task.row["task_id"],
            Evidence(
                passed,
                np.ones_like(passed),
                answer_numbers([row[2] for row in mine], len(inputs)),
            ),
            np.array([row[0] for row in mine], dtype=bool),
            np.array(input_U, dtype=np.int64),
            np.arange(len(mine)),
            np.array([k for k, _ in texts], dtype=np.int64),
            len(mine),
            len(written),
        ),
        _lengths(task.row["code_samples"]),
        _lengths(task.row["test_samples"]),
    )


def _value(text: str, outcome: Outcome) -> Any:
    """The value of a call; None where there is none."""
    if outcome.verdict is not Verdict.FINISHED:
        return None
    return answer(Test(text, "", kind=TestKind.CALL), outcome)


def _lengths(texts: Iterable[str]) -> NDArray[np.float64]:
    return np.array([len(text) / CHARACTERS_PER_TOKEN for text in texts])


def evaluated(path: Path) -> list[Samples]:
    """The samples of an evaluation by ``sparring eval``, with the tokens of its responses."""
    run = RunReader(path)
    model = run.read_json("eval.json")["models"]["coder"]["name"]
    tokens = {
        (r["task"], r["role"], r["index"]): float(r["completion_tokens"])
        for r in run.jsonl("responses.jsonl")
    }
    found = []
    for record in run.groups(0):
        group = result_from(record)
        known = group.matrix.correct_P | group.matrix.wrong_P
        coder, tester = (
            np.array([tokens[group.task.id, r.role, r.index] for r in some])
            for some in (group.coder, group.tester)
        )
        found.append(Samples(str(model), labelled_evidence(group), coder[known], tester))
    return found


def samples(path: Path, cache: Path) -> list[Samples]:
    """The samples in a file of CodeT's form or in the directory of an evaluation."""
    return evaluated(path) if path.is_dir() else codet(path, cache)
