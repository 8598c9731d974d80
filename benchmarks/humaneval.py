"""Real model code in the sandbox: 82 HumanEval tasks with 100 CodeGen-16B programs each.

    python benchmarks/humaneval.py DATA.jsonl.gz [--json FILE] [--per-test] [--interpreter]
    python benchmarks/humaneval.py DATA.jsonl.gz --dual [--all-asserts] [--json FILE]

DATA has the rows of CodeT's release: ``prompt``, ``entry_point``, ``test``, ``code_samples``,
``test_samples``. Every distinct program runs on the task's own suite (as calls where all of its
assertions are calls, else as a script) and on the first five assertions of each test sample that
can be read as calls. Prints the time, the unbiased pass@k, and what could not be read.

The limit of 0.1 s is that of CodeT's pipeline; with ``--suite-seconds 1`` slow programs get more
of the time that HumanEval itself gives them. ``--per-test`` runs everything again with a process
for each test and compares the verdicts; ``--interpreter`` compares pass and fail of the suites with
a fresh interpreter's, as HumanEval does it. ``--dual`` ranks the programs by dual agreement, beside
what CodeT's own code gives (`humaneval_dual`), with five assertions of each test sample or all.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import humaneval_dual
from sparring.sandbox import Fork, Job, Limits, Sandbox, TestKind
from sparring.schema import Outcome, Verdict
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.suites.asserts import NotACall, parse_asserts
from sparring.tasks.suites.called import CallTest

SAMPLE_LIMITS = Limits(cpu_seconds=0.1)
PER_SAMPLE = 5
INTERPRETER_SECONDS = 10.0
_BY_TIME = (Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT, Verdict.NOT_RUN)


@dataclass
class Problem:
    """One task: its distinct programs, its suite, and the tests that the model wrote."""

    row: dict[str, Any]
    programs: list[str]
    suite: list[CallTest] | None
    """None where the suite is a script."""
    written: list[CallTest]
    unread: Counter[str]


def read(row: dict[str, Any]) -> Problem:
    names = [row["entry_point"], "candidate"]
    written: dict[CallTest, None] = {}
    unread: Counter[str] = Counter()
    for sample in row["test_samples"]:
        found = parse_asserts("assert " + sample, names)
        unread.update(t.reason.split(":")[0] for t in found if isinstance(t, NotACall))
        for test in [t for t in found if isinstance(t, CallTest)][:PER_SAMPLE]:
            written[test] = None
    programs = list(dict.fromkeys(row["prompt"] + c for c in row["code_samples"]))
    return Problem(row, programs, humaneval_dual.suite(row), list(written), unread)


def jobs(problem: Problem, seconds: float) -> list[Job]:
    entry = problem.row["entry_point"]
    inputs = tuple(t.input for t in problem.written)
    found = []
    for program in problem.programs:
        if problem.suite is None:
            script = problem.row["test"]
            found.append(
                Job(program, (script,), Limits(cpu_seconds=seconds), TestKind.SCRIPT, entry)
            )
        else:
            suite = tuple(t.input for t in problem.suite)
            found.append(Job(program, suite, Limits(cpu_seconds=seconds), TestKind.CALL, entry))
        found.append(Job(program, inputs, SAMPLE_LIMITS, TestKind.CALL, entry))
    return found


def verdict(outcome: Outcome, test: CallTest | None) -> Verdict:
    if test is None or outcome.verdict is not Verdict.FINISHED:
        return outcome.verdict
    good = accepts(test.checker, outcome.output, test.output)
    return Verdict.ACCEPTED if good else Verdict.WRONG_ANSWER


def run(
    sandbox: Sandbox, problems: Sequence[Problem], seconds: float
) -> tuple[float, list[list[Verdict]]]:
    """Seconds, and for each job the verdicts of its runs."""
    started = time.perf_counter()
    results = sandbox.run([job for problem in problems for job in jobs(problem, seconds)])
    tests: list[Sequence[CallTest | None]] = []
    for problem in problems:
        for _ in problem.programs:
            tests += [problem.suite or [None], problem.written]
    found = [
        [verdict(o, t) for o, t in zip(outcomes, given, strict=True)]
        for outcomes, given in zip(results, tests, strict=True)
    ]
    return time.perf_counter() - started, found


def passed(problems: Sequence[Problem], verdicts: list[list[Verdict]]) -> list[dict[str, bool]]:
    """For each task whether each program passes the suite."""
    suites = iter(verdicts[::2])
    return [
        {program: set(next(suites)) == {Verdict.ACCEPTED} for program in problem.programs}
        for problem in problems
    ]


def pass_at(k: int, problems: Sequence[Problem], passing: list[dict[str, bool]]) -> float:
    """The unbiased estimate of arXiv 2107.03374, in percent."""
    total = 0.0
    for problem, good in zip(problems, passing, strict=True):
        samples = [good[problem.row["prompt"] + c] for c in problem.row["code_samples"]]
        n, c = len(samples), sum(samples)
        total += 1.0 - (math.comb(n - c, k) / math.comb(n, k))
    return 100 * total / len(problems)


def interpret(problem: Problem, program: str) -> bool:
    """Pass or fail as HumanEval has it: one interpreter, program and suite together. Without
    installed packages, as in the sandbox."""
    text = f"{program}\n{problem.row['test']}\ncheck({problem.row['entry_point']})\n"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "program.py"
        path.write_text(f"__name__ = 'program'\n{text}" if "__future__" not in text else text)
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(path)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=INTERPRETER_SECONDS,
                cwd=directory,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--per-test", action="store_true")
    parser.add_argument("--interpreter", action="store_true")
    parser.add_argument(
        "--suite-seconds", type=float, default=0.1, help="CPU limit of a suite's call or script"
    )
    parser.add_argument("--tasks", type=int, help="only the first so many")
    parser.add_argument("--dual", action="store_true", help="dual agreement, as CodeT has it")
    parser.add_argument("--all-asserts", action="store_true", help="with --dual: all, not five")
    args = parser.parse_args()
    with gzip.open(args.data, "rt") as file:
        rows = [json.loads(line) for line in file][: args.tasks]
    if args.dual:
        per_sample = None if args.all_asserts else PER_SAMPLE
        show(humaneval_dual.report(rows, per_sample, args.suite_seconds), args.json)
        return
    problems = [read(row) for row in rows]
    runs = sum(len(job.inputs) for p in problems for job in jobs(p, args.suite_seconds))
    unread = sum((p.unread for p in problems), Counter())
    with Sandbox(skip_after_timeout=True, memo=False) as sandbox:
        seconds, verdicts = run(sandbox, problems, args.suite_seconds)
        stats = sandbox.stats
    passing = passed(problems, verdicts)
    report: dict[str, Any] = {
        "tasks": len(problems),
        "suites that are scripts": sum(p.suite is None for p in problems),
        "distinct programs": sum(len(p.programs) for p in problems),
        "runs": runs,
        "runs skipped after a timeout": stats.skipped,
        "assertions not read as calls": dict(unread.most_common()),
        "seconds": round(seconds, 1),
        "runs per second": round(runs / seconds),
        "verdicts": dict(Counter(v.value for row in verdicts for v in row).most_common()),
    }
    for k in (1, 10, 100):
        report[f"pass@{k}"] = round(pass_at(k, problems, passing), 1)
    if args.per_test:
        with Sandbox(skip_after_timeout=True, memo=False, fork=Fork.PER_TEST) as sandbox:
            seconds, others = run(sandbox, problems, args.suite_seconds)
        report["per test: seconds"] = round(seconds, 1)
        differing = []
        numbered = [(p, job) for p in problems for job in jobs(p, args.suite_seconds)]
        for (problem, job), mine, other in zip(numbered, verdicts, others, strict=True):
            for data, a, b in zip(job.inputs, mine, other, strict=True):
                if a is not b:
                    differing.append((problem.row["task_id"], a.value, b.value, data, job.program))
        report["per test: differing verdicts"] = len(differing)
        report["per test: differing by more than time"] = sum(
            not (Verdict(a) in _BY_TIME or Verdict(b) in _BY_TIME) for _, a, b, _, _ in differing
        )
        for task, a, b, data, program in differing[:20]:
            print(f"{task}: {a} / {b} on {data[:80]!r}\n{program[-300:]}", file=sys.stderr)
    if args.interpreter:
        cases = [(p, program) for p in problems for program in p.programs]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            plain = list(pool.map(lambda case: interpret(*case), cases))
        mine = [good for row in passing for good in row.values()]
        report["interpreter: passing there, here"] = [sum(plain), sum(mine)]
        unlike = [case for case, a, b in zip(cases, plain, mine, strict=True) if a != b]
        report["interpreter: differing"] = len(unlike)
        for problem, program in unlike[:20]:
            print(f"{problem.row['task_id']}\n{program[-600:]}", file=sys.stderr)
    show(report, args.json)


def show(report: dict[str, Any], file: Path | None) -> None:
    for name, value in report.items():
        if name != "by task":
            print(f"{name}: {value}")
    if file:
        file.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
