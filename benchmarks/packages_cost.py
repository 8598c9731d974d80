"""Executions per second with a preamble, and with packages, in one run.

    python benchmarks/packages_cost.py [--rounds 3] [--packages-from ENVIRONMENT]

The workload of `executor.py` (10 tasks × 16 programs × 24 tests), all programs different, no memo.
The arms alternate within each round, so that other load affects all alike. Figures are medians over
the rounds.
CPU seconds are those of the programs alone. In the arm "as they are asked for" no worker imports
the packages before it forks, so every program's process imports them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from sparring.sandbox import Job, Limits, Sandbox
from sparring.sandbox.caller.packages import find_packages
from sparring.tasks.preambles import PREAMBLES
from workload import workload

NUMPY = "import numpy as np\n"
LIMITS = Limits(cpu_seconds=5.0)


def jobs_of(head: str = "", preamble: str = "", most: int | None = None) -> list[Job]:
    work = workload()
    jobs = [
        Job(head + source, tuple(inputs), LIMITS, preamble=preamble)
        for sources, inputs in zip(work.programs, work.inputs, strict=True)
        for source in sources
    ]
    return jobs[:most]


def timed(sandbox: Sandbox, jobs: Sequence[Job]) -> tuple[float, float]:
    """Return executions per second, and microseconds of CPU time per execution."""
    cpu_before, start = sandbox.stats.cpu_seconds, time.perf_counter()
    runs = sum(map(len, sandbox.run(jobs)))
    seconds = time.perf_counter() - start
    return runs / seconds, (sandbox.stats.cpu_seconds - cpu_before) / runs * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--packages-from")
    options = parser.parse_args()
    packages = find_packages(["numpy"], options.packages_from)
    figures: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with ExitStack() as stack:
        plain, warm, cold = (
            stack.enter_context(Sandbox(2, memo=False, packages=p))
            for p in (find_packages([]), packages, replace(packages, modules=()))
        )
        cases = {
            "nothing": (plain, jobs_of()),
            "preamble livecodebench": (plain, jobs_of(preamble=PREAMBLES["livecodebench"])),
            "preamble leetcode": (plain, jobs_of(preamble=PREAMBLES["leetcode"])),
            f"{packages.text()}, not used": (warm, jobs_of()),
            f"{packages.text()}, imported": (warm, jobs_of(NUMPY)),
            f"{packages.text()}, as they are asked for": (cold, jobs_of(NUMPY, most=16)),
        }
        for _ in range(options.rounds):
            for name, (sandbox, jobs) in cases.items():
                figures[name].append(timed(sandbox, jobs))
    for name, rows in figures.items():
        rate, cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:45} {rate:8,.0f} executions/s {cpu:8,.0f} µs CPU")


if __name__ == "__main__":
    main()
