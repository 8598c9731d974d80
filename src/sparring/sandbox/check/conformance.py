"""Conformance: a program prints and ends as it does under ``python program.py < input``.

This host's plain interpreter, started during the check, gives the expected behaviour.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.sandbox.check.executors import Executor, interpret
from sparring.sandbox.check.idioms import IDIOMS
from sparring.sandbox.check.packages import idioms
from sparring.sandbox.check.result import Result
from sparring.sandbox.types import Job, Limits
from sparring.schema import Outcome, Verdict

ROOMY = Limits(cpu_seconds=10.0, memory_mib=512, output_bytes=32 << 20)
_CLEAN = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"}
INPUTS = ("3 4\nsecond line\n\nlast é 漢", "3 4\nsecond line\n\nlast é 漢\n")


@cache
def _plainly(job: Job, path: str) -> tuple[Outcome, ...]:
    """Return the outcomes under a plain interpreter with PYTHONPATH `path`.

    They are the same for every level, and so cached.
    """
    environment = _CLEAN | ({"PYTHONPATH": path} if path else {})
    return tuple(interpret(job, data, environment) for data in job.inputs)


def check(backend: Executor, packages: Packages = NO_PACKAGES) -> Iterator[Result]:
    """Execute every idiom, those of the packages too, on both inputs, and yield the results.

    A case holds if output and end equal those under a plain interpreter.
    """
    path = os.pathsep.join(packages.sites())
    every = [(name, program, "") for name, program in IDIOMS.items()]
    every += [(name, program, path) for name, program in idioms(packages).items()]
    jobs = [Job(program, INPUTS, ROOMY) for _, program, _ in every]
    with ThreadPoolExecutor(2) as pool:
        plain = list(pool.map(_plainly, jobs, [where for _, _, where in every]))
    names = [name for name, _, _ in every]
    for name, expected_outcomes, outcomes in zip(names, plain, backend.run(jobs), strict=True):
        faults = []
        for expected, outcome in zip(expected_outcomes, outcomes, strict=True):
            finished = outcome.verdict is Verdict.FINISHED
            if finished != (expected.verdict is Verdict.FINISHED):
                faults.append(f"ended as {outcome.verdict} {outcome.detail}".strip())
            elif outcome.output != expected.output:
                faults.append(f"printed {outcome.output[:40]!r}, not {expected.output[:40]!r}")
        yield Result("conformance", name, not faults, "; ".join(faults))
