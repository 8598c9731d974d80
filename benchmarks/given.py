"""Runs per second with a judge's preamble in front, and with packages given: in one run.

    python benchmarks/given.py [--rounds 3] [--packages-from ENVIRONMENT]

The workload of `executor.py` (10 tasks × 16 programs × 24 tests), all programs different, no memo.
Rounds take turns, so that a busy neighbour meets all alike; a figure is the median of the rounds.
CPU is that of the programs alone. "As they are asked for": the packages are there and no worker has
imported them before it forks, so that every process of a program does.
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
from sparring.sandbox.caller.packages import given
from sparring.tasks.preambles import PREAMBLES
from workload import workload

NUMPY = "import numpy as np\n"
LIMITS = Limits(cpu_seconds=5.0)


def jobs_of(head: str = "", preamble: str = "", most: int | None = None) -> list[Job]:
    work = workload()
    every = [
        Job(head + source, tuple(inputs), LIMITS, preamble=preamble)
        for sources, inputs in zip(work.programs, work.inputs, strict=True)
        for source in sources
    ]
    return every[:most]


def timed(sandbox: Sandbox, jobs: Sequence[Job]) -> tuple[float, float]:
    """Runs per second, and microseconds of CPU time in a run."""
    before, begun = sandbox.stats.cpu_seconds, time.perf_counter()
    runs = sum(map(len, sandbox.run(jobs)))
    seconds = time.perf_counter() - begun
    return runs / seconds, (sandbox.stats.cpu_seconds - before) / runs * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--packages-from")
    asked = parser.parse_args()
    packages = given(["numpy"], asked.packages_from)
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with ExitStack() as stack:
        plain, warm, cold = (
            stack.enter_context(Sandbox(2, memo=False, packages=p))
            for p in (given([]), packages, replace(packages, modules=()))
        )
        cases = {
            "nothing": (plain, jobs_of()),
            "preamble livecodebench": (plain, jobs_of(preamble=PREAMBLES["livecodebench"])),
            "preamble leetcode": (plain, jobs_of(preamble=PREAMBLES["leetcode"])),
            f"{packages.text()}, not used": (warm, jobs_of()),
            f"{packages.text()}, imported": (warm, jobs_of(NUMPY)),
            f"{packages.text()}, as they are asked for": (cold, jobs_of(NUMPY, most=16)),
        }
        for _ in range(asked.rounds):
            for name, (sandbox, jobs) in cases.items():
                found[name].append(timed(sandbox, jobs))
    for name, rows in found.items():
        rate, cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:45} {rate:8,.0f} runs/s {cpu:8,.0f} µs CPU")


if __name__ == "__main__":
    main()
