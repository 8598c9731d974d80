"""Whether our verdicts on rows of EvalPlus's shape are those of the package evalplus.

    python -m venv .venv-evalplus && .venv-evalplus/bin/pip install evalplus
    python -m benchmarks.evalplus_agreement DATA --python .venv-evalplus/bin/python

DATA holds HumanEval and MBPP as `humaneval_codegen16b_first82.jsonl.gz` and
`mbpp_sanitized_first213.jsonl.gz`.

Rows are made of HumanEval's and MBPP's tasks: base inputs are the calls of their own assertions,
plus inputs are variations of these on which the canonical solution returns. Programs are canonical
solutions and mutants of them. Every verdict on every input is compared; differences are printed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import gzip
import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.grading.comparison import Grader, OutputComparison
from sparring.grading.expected import reference_runs
from sparring.grading.limits import limits
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Task, TestKind, Verdict
from sparring.tasks.formats.base import RowSource
from sparring.tasks.formats.evalplus import read_evalplus
from sparring.tasks.formats.evalplus_inputs import mbpp_arguments
from sparring.tasks.mistakes.mutants import mutants
from sparring.tasks.rows.calls import call_test
from sparring.tasks.rows.row import TaskRow

FILES = {
    "humaneval": "humaneval_codegen16b_first82.jsonl.gz",
    "mbpp": "mbpp_sanitized_first213.jsonl.gz",
}
PLUS = 12
"""Plus inputs of a task, at most."""
ROOTS = [[[1, 2]], [[-6, 11, -6, 1]], [[3, -4]]]
"""Polynomials for HumanEval/32, whose own tests draw them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An input on which the two disagree."""

    task_id: str
    program: str
    test: str
    ours: bool
    theirs: bool


def rows(data: Path) -> Iterator[dict[str, Any]]:
    """Rows of EvalPlus's shape, without plus inputs; of tasks whose tests are calls of lists,
    texts and numbers."""
    for dataset, file in FILES.items():
        with gzip.open(data / file, "rt", encoding="utf-8") as lines:
            for line in lines:
                one = json.loads(line)
                entry, prompt = one["entry_point"], one["prompt"]
                inputs = ROOTS if entry == "find_zero" else list(called(one["test"], entry))
                if not inputs or not _is_json(inputs):
                    continue
                row = {"dataset": dataset, "task_id": one["task_id"], "entry_point": entry,
                       "prompt": prompt, "canonical_solution": one["canonical_solution"],
                       "base_input": inputs, "plus_input": [], "atol": 0}  # fmt: skip
                if dataset == "mbpp":
                    row["task_id"] = "Mbpp/" + one["task_id"].rpartition("/")[2]
                    row["prompt"] = f'"""\n{entry}\n"""\n'
                    before = prompt.partition("    '''")[0]  # bodies are indented otherwise
                    row["canonical_solution"] = before + one["canonical_solution"]
                if entry == "find_zero":
                    row["atol"] = 1e-4
                yield row


def called(source: str, entry: str) -> Iterator[list[Any]]:
    """The arguments of each call of a function in its tests, where they are literals."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or node.keywords or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in (entry, "candidate"):
            with contextlib.suppress(ValueError, TypeError):
                yield [ast.literal_eval(argument) for argument in node.args]


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def varied(value: Any, rng: random.Random) -> Any:
    """A value of the same kind, changed a little."""
    if isinstance(value, bool):
        return rng.random() < 0.5
    if isinstance(value, int):
        return rng.choice([value, value + 1, value - 1, 0, 2 * value, -value])
    if isinstance(value, float):
        return rng.choice([value, value + 1e-7, value * 2, 0.0, -value, round(value, 1)])
    if isinstance(value, str):
        at = rng.randrange(len(value) + 1)
        return rng.choice([value[:at], value[at:], value + value[:at], value.upper(), value])
    if isinstance(value, (list, tuple)):
        items = [varied(item, rng) for item in value]
        change = rng.random()
        if change < 0.2 and items:
            items.pop(rng.randrange(len(items)))
        elif change < 0.4 and items:
            items.append(items[rng.randrange(len(items))])
        elif change < 0.5:
            rng.shuffle(items)
        return items
    return value


def with_plus(row: dict[str, Any], sandbox: Sandbox, rng: random.Random) -> dict[str, Any]:
    """The row with inputs on which the canonical solution returns: those of its own, and some
    variations of them."""
    wanted = [varied(rng.choice(row["base_input"]), rng) for _ in range(3 * PLUS)]
    every = [*row["base_input"], *json.loads(json.dumps(wanted))]
    calls, kept = [], []
    for one in json.loads(json.dumps(every)):
        try:
            arguments = list(mbpp_arguments(row["task_id"], one))
            calls.append(call_test(arguments, {}, None).input)
            kept.append(one)
        except (TypeError, ValueError, IndexError, AttributeError):
            continue
    source = row["prompt"] + row["canonical_solution"]
    brief = Limits(cpu_seconds=0.2)
    [outcomes] = sandbox.run([Job(source, tuple(calls), brief, TestKind.CALL, row["entry_point"])])
    quick = [o.verdict is Verdict.FINISHED for o in outcomes]
    fine = [one for one, good in zip(kept, quick, strict=True) if good]
    base = [one for one in fine if one in json.loads(json.dumps(row["base_input"]))]
    plus = [one for one in fine if one not in base][:PLUS]
    return row | {"base_input": base, "plus_input": plus}


def ours(sandbox: Sandbox, task: Task, programs: Sequence[str]) -> list[list[bool]]:
    """Our verdict on each program and test."""
    general = limits(task, Limits(idle_seconds=10.0))
    kinds = [TestKind.CALL, TestKind.SCRIPT]
    jobs = [
        Job(p, tuple(t.input for t in task.tests if t.kind is kind), general, kind,
            task.entry_point or "")
        for p in programs for kind in kinds
    ]  # fmt: skip
    grader, answers = Grader(sandbox), list(sandbox.run(jobs))
    found = []
    for number in range(len(programs)):
        by_kind = {k: iter(answers[2 * number + i]) for i, k in enumerate(kinds)}
        graded = [
            grader.graded(next(by_kind[t.kind]), OutputComparison.of(task, t, ""))
            if t.kind is TestKind.SCRIPT
            else _call(grader, task, t, next(by_kind[t.kind]))
            for t in task.tests
        ]
        found.append([one.verdict is Verdict.ACCEPTED for one in graded])
    return found


def _call(grader: Grader, task: Task, test: Any, outcome: Any) -> Any:
    return grader.graded(outcome, OutputComparison.of(task, test, outcome.output))


def compare(
    data: Path, python: Path, pairs: int, seed: int
) -> tuple[list[Difference], int, Counter[str]]:
    """Every difference, how many pairs of task and program there were, and how often what was said
    of which kind of test."""
    rng = random.Random(seed)
    problems, tasks = [], []
    with reference_runs() as reference, Sandbox(skip_after_timeout=True) as sandbox:
        for row in rows(data):
            one = with_plus(row, sandbox, rng)
            read = TaskRow({k: v for k, v in one.items() if k != "dataset"})
            task = read_evalplus(read, RowSource(one["task_id"], "", reference))
            if task is None or len(task.tests) != len(one["base_input"]) + len(one["plus_input"]):
                print(f"left out: {one['task_id']}: {read.faults or 'inputs without a value'}")
                continue
            problems.append(one)
            tasks.append(task)
    for one in problems:
        source = one["prompt"] + one["canonical_solution"]
        one["programs"] = [source]
        one["programs"] += [m.source for m in mutants(source, 1 + pairs // len(tasks), seed)]
    while (spare := sum(len(p["programs"]) for p in problems) - pairs) > 0:
        longest = max(problems, key=lambda p: len(p["programs"]))
        del longest["programs"][-min(spare, 1) :]
    print(f"{len(problems)} tasks; evalplus runs {pairs} programs …", flush=True)
    done = subprocess.run(
        [python, Path(__file__).with_name("evalplus_side.py")],
        input=json.dumps(problems), capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs = json.loads(done.stdout.splitlines()[-1])
    differences, count, verdicts = [], 0, Counter[str]()
    with Sandbox() as sandbox:
        for one, task, their in zip(problems, tasks, theirs, strict=True):
            for program, a, b in zip(
                one["programs"], ours(sandbox, task, one["programs"]), their, strict=True
            ):
                count += 1
                for test, x, y in zip(task.tests, a, b, strict=True):
                    rule = (test.checker or task.checker).partition("(")[0]
                    said = rule if test.kind is TestKind.CALL else test.kind
                    verdicts[f"{said} {'accepted' if y else 'refused'}"] += 1
                    if x != y:
                        differences.append(Difference(task.id, program, test.input[:200], x, y))
    return differences, count, verdicts


def main() -> None:
    """Compare, and print every difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the directory with the two files of tasks")
    parser.add_argument("--python", type=Path, required=True, help="of evalplus's environment")
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    differences, count, verdicts = compare(asked.data, asked.python, asked.pairs, asked.seed)
    for one in differences:
        print(f"{one.task_id}: ours {one.ours}, evalplus {one.theirs} on {one.test}")
        print(one.program)
    print(", ".join(f"{name}: {n:,}" for name, n in sorted(verdicts.items())))
    print(f"{count} pairs, {verdicts.total():,} verdicts, {len(differences)} differences")


if __name__ == "__main__":
    main()
