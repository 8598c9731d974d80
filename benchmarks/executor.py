"""The sandbox against a process per test and an interpreter per test, in one run.

    python benchmarks/executor.py [--json FILE] [--rounds 3] [--quick]

10 tasks × 16 programs × 24 tests, all programs and inputs different, no memo. Our pool runs with
all layers of the strongest level on, comparison with the expected outputs included. The baselines
are checked against the known verdicts first. Every figure is the median of the rounds, and the
rounds take turns, so that a busy neighbour meets all alike. In the second part 6% of the programs
loop for ever, with a limit of 1 s.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from baselines import interpreter_per_test, process_per_test
from layers import all_levels
from sparring.sandbox import Fork, Job, Level, Limits, Sandbox
from sparring.schema import Verdict
from sparring.tasks.checkers.checker import accepts
from workload import Workload, workload

LOOP_SHARE = 0.06
SECONDS = 1.0


@dataclass
class Timed:
    """Seconds of each round, and whether every verdict was the known one."""

    seconds: list[float]
    right: bool = True

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def jobs_of(work: Workload) -> list[Job]:
    limits = Limits(cpu_seconds=SECONDS)
    return [
        Job(source, tuple(inputs), limits)
        for sources, inputs in zip(work.programs, work.inputs, strict=True)
        for source in sources
    ]


def flat(work: Workload) -> list[tuple[str, str]]:
    return [(job.program, data) for job in jobs_of(work) for data in job.inputs]


def verdicts(work: Workload) -> list[bool]:
    return [right for rights in work.right for right in rights for _ in range(len(work.inputs[0]))]


def expected(work: Workload) -> list[str]:
    return [
        out
        for row, good in zip(work.expected, work.right, strict=True)
        for _ in good
        for out in row
    ]


def same(work: Workload, outputs: Sequence[str]) -> bool:
    passed = [accepts("tokens", o, e) for o, e in zip(outputs, expected(work), strict=True)]
    return passed == verdicts(work)


def ours(sandbox: Sandbox, work: Workload) -> tuple[float, bool]:
    jobs, wanted, known = jobs_of(work), expected(work), verdicts(work)
    started = time.perf_counter()
    results = sandbox.run(jobs)
    outcomes = [outcome for row in results for outcome in row]
    passed = [
        o.verdict is Verdict.FINISHED and accepts("tokens", o.output, e)
        for o, e in zip(outcomes, wanted, strict=True)
    ]
    return time.perf_counter() - started, passed == known


def theirs(run: Callable[[], list[str]], work: Workload) -> tuple[float, bool]:
    started = time.perf_counter()
    outputs = run()
    right = same(work, outputs)
    return time.perf_counter() - started, right


def measure(rounds: int, arms: dict[str, Callable[[], tuple[float, bool]]]) -> dict[str, Timed]:
    found = {name: Timed([]) for name in arms}
    for number in range(rounds):
        for name, arm in arms.items():
            seconds, right = arm()
            found[name].seconds.append(seconds)
            found[name].right &= right
            print(f"  round {number + 1} {name}: {seconds:.2f} s", file=sys.stderr)
    return found


def layers(work: Workload, rounds: int) -> dict[str, object]:
    """Runs per second at each level and way of forking, and what each layer costs."""
    costs = all_levels()
    found: dict[str, object] = {"microseconds": costs}
    for level in Level:
        if isinstance(costs[level.value], str):  # why the host does not give it
            continue
        for fork in Fork:
            started = time.perf_counter()
            with Sandbox(1, level=level, fork=fork, memo=False) as sandbox:
                if fork is Fork.PER_PROGRAM:
                    found[f"{level.value}: start seconds"] = round(time.perf_counter() - started, 3)
                times = [ours(sandbox, work)[0] for _ in range(rounds)]
            rate = work.runs / statistics.median(times)
            found[f"{level.value}, {fork.value}, 1 worker: runs per second"] = round(rate)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="our pool only, no baselines")
    args = parser.parse_args()
    cpus = len(os.sched_getaffinity(0))
    plain, loops = workload(), workload(LOOP_SHARE, " with loops")
    runs, looping = flat(plain), flat(loops)
    with (
        Sandbox(memo=False) as pool,
        Sandbox(1, memo=False) as single,
        Sandbox(memo=False, skip_after_timeout=True) as skipping,
        Sandbox() as remembering,
    ):
        level = pool.level.value
        ours(pool, plain), ours(single, plain)
        arms = {
            "ours": lambda: ours(pool, plain),
            "ours, 1 worker": lambda: ours(single, plain),
        }
        loop_arms = {"ours": lambda: ours(skipping, loops)}
        if not args.quick:
            arms["process per test"] = lambda: theirs(lambda: process_per_test(runs, 60.0), plain)
            arms["interpreter per test"] = lambda: theirs(
                lambda: interpreter_per_test(runs, 60.0, cpus), plain
            )
            loop_arms["process per test"] = lambda: theirs(
                lambda: process_per_test(looping, SECONDS), loops
            )
            loop_arms["ours, no skip"] = lambda: ours(pool, loops)
        found = measure(args.rounds, arms)
        with_loops = measure(1 if args.quick else args.rounds, loop_arms)
        ours(remembering, plain)
        again = ours(remembering, plain)[0]
    report: dict[str, object] = {
        "machine": f"{platform.machine()}, {cpus} CPUs, Linux {platform.release()}",
        "python": platform.python_version(),
        "level": level,
        "runs": plain.runs,
        "rounds": args.rounds,
    }
    for name, timed in found.items():
        report[f"{name}: seconds"] = round(timed.median, 3)
        report[f"{name}: runs per second"] = round(plain.runs / timed.median)
        report[f"{name}: all verdicts right"] = timed.right
    report["ratio_1_to_2_workers"] = round(found["ours, 1 worker"].median / found["ours"].median, 2)
    report["ours, everything remembered: runs per second"] = round(plain.runs / again)
    for name, timed in with_loops.items():
        report[f"with loops, {name}: seconds"] = round(timed.median, 3)
        report[f"with loops, {name}: all verdicts right"] = timed.right
    if not args.quick:
        mine = found["ours"].median
        report["ratio_vs_process_per_test"] = round(found["process per test"].median / mine, 1)
        report["ratio_vs_interpreter_per_test"] = round(
            found["interpreter per test"].median / mine, 1
        )
        base = with_loops["process per test"].median
        report["ratio_with_loops"] = round(base / with_loops["ours"].median, 2)
        report["ratio_with_loops_no_skip"] = round(base / with_loops["ours, no skip"].median, 2)
    report["layers"] = layers(plain, args.rounds)
    for name, value in report.items():
        print(f"{name}: {value}")
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
