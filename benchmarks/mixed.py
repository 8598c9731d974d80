"""Ten thousand runs that end in every way a run can, each with its known verdict.

Most are those of ``workload``; the rest raise, loop, sleep, flood, hoard, break the rules, or use
half of their time. Nothing here comes close to a limit, so a verdict that differs between two
executions is the sandbox's doing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sparring.sandbox import Job, Limits
from sparring.schema import Verdict
from workload import workload

_LIMITS = Limits(cpu_seconds=0.2, idle_seconds=0.3, memory_mib=64, output_bytes=1 << 16)
_HALF = """
import time
n = int(input())
start = time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)
while time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID) - start < 0.1: pass
print(n)
"""
# What it is, how it ends, how many of a thousand runs, the program.
_ODD = (
    (Verdict.RUNTIME_ERROR, 80, "n = int(input())\nprint(n)\nraise ValueError(n)"),
    (Verdict.RUNTIME_ERROR, 80, "import os\nprint(input(), flush=True)\nos._exit(3)"),
    (Verdict.FINISHED, 20, "import atexit\natexit.register(print, 'bye')\nprint(input())"),
    (Verdict.FINISHED, 8, _HALF),
    (Verdict.TIME_LIMIT, 4, "print(input(), flush=True)\nwhile True: pass"),
    (Verdict.TIME_LIMIT, 2, "n = int(input())\nprint(len(str(7 ** (10 ** 7 + n))))"),
    (Verdict.IDLE_LIMIT, 4, "import time\nprint(input(), flush=True)\ntime.sleep(60)"),
    (Verdict.MEMORY_LIMIT, 4, "n = int(input())\nx = bytearray(300 << 20)\nprint(n)"),
    (Verdict.OUTPUT_LIMIT, 10, "n = int(input())\nprint('x' * (1 << 18))"),
    (Verdict.SANDBOX_VIOLATION, 20, "import socket\nprint(input())\nsocket.socket()"),
    (Verdict.SANDBOX_VIOLATION, 8, "import os\nprint(input())\nos.fork()"),
)


@dataclass(frozen=True)
class Mixed:
    """Jobs, and for each of their runs the verdict; FINISHED runs with the output, too."""

    jobs: list[Job]
    verdicts: list[tuple[Verdict, ...]]
    outputs: list[tuple[str | None, ...]]
    """Words of the output, None where it is not looked at."""

    @property
    def runs(self) -> int:
        return sum(len(job.inputs) for job in self.jobs)


def mixed(runs: int, salt: str = "") -> Mixed:
    """At least `runs` runs, all different; `salt` makes them differ from other calls'."""
    jobs: list[Job] = []
    verdicts: list[tuple[Verdict, ...]] = []
    outputs: list[tuple[str | None, ...]] = []

    def add(job: Job, verdict: Verdict, words: tuple[str | None, ...]) -> None:
        jobs.append(job)
        verdicts.append((verdict,) * len(job.inputs))
        outputs.append(words)

    for number, (verdict, share, program) in enumerate(_ODD):
        count = max(1, runs * share // 1000)
        for first in range(0, count, 8):
            data = tuple(f"{k}\n" for k in range(first, min(first + 8, count)))
            words: tuple[str | None, ...] = (None,) * len(data)
            if verdict is Verdict.FINISHED:
                bye = " bye" if "bye" in program else ""
                words = tuple(d.strip() + bye for d in data)
            add(Job(f"# {salt} {number} {first}\n{program}", data, _LIMITS), verdict, words)
    block = 0
    while sum(len(job.inputs) for job in jobs) < runs:
        work = workload(salt=f"{salt} block {block}")
        block += 1
        for sources, inputs, row, rights in zip(
            work.programs, work.inputs, work.expected, work.right, strict=True
        ):
            for source, right in zip(sources, rights, strict=True):
                wrong = "" if right else " and more"
                words = tuple(expected + wrong for expected in row)
                add(Job(source, tuple(inputs)), Verdict.FINISHED, words)
    # Odd ones among the others, not one after another.
    order = sorted(range(len(jobs)), key=lambda k: k * 7919 % len(jobs))
    return Mixed(
        [jobs[k] for k in order], [verdicts[k] for k in order], [outputs[k] for k in order]
    )
