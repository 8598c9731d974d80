"""CPU seconds per run of the sandbox in two checkouts, alternating: what has a change cost?

    git worktree add ../before COMMIT
    python benchmarks/commits.py ../before . [--rounds 12] [--fork per_test] [--json FILE]

Each round runs the executor benchmark's matrix (10 tasks × 16 programs × 24 tests, all different,
no memo, one worker) once with each checkout, in processes of their own, in an order that changes
from round to round. Counted is the CPU time of everything that takes part: the caller's process,
the worker, its zygote, all programs. Printed are the medians and the geometric mean of the rounds'
ratios with a 95% interval by Student's t of their logarithms.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path

from sparring.metrics.student import student

_HERE = Path(__file__).resolve().parent

_ONE = """
import os, sys, time
from pathlib import Path
from executor import jobs_of
from sparring.sandbox import Fork, Level, Sandbox
from workload import workload

TICKS = os.sysconf("SC_CLK_TCK")

def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(map(int, fields[11:15])) / TICKS + sum(cpu(int(child)) for child in children)

level, fork, copies, salt = sys.argv[1:]
works = [workload(salt=f"{salt} {k}") for k in range(int(copies))]
level = Level(level) if level else None
with Sandbox(1, level=level, fork=Fork(fork), memo=False) as sandbox:
    sandbox.run(jobs_of(workload(salt=f"{salt} warm"))[:8])
    begun = sum(cpu(w.pid) for w in sandbox._worker_pool._workers) + time.process_time()
    for work in works:
        sandbox.run(jobs_of(work))
    used = sum(cpu(w.pid) for w in sandbox._worker_pool._workers) + time.process_time() - begun
    assert sandbox.stats.infra == 0 and sandbox.stats.workers_lost == 0
print(used / sum(work.runs for work in works))
"""


def seconds_per_run(checkout: Path, level: str, fork: str, copies: int, salt: str) -> float:
    """CPU seconds per run of this checkout's sandbox."""
    paths = f"{checkout / 'src'}{os.pathsep}{_HERE}"
    done = subprocess.run(
        [sys.executable, "-c", _ONE, level, fork, str(copies), salt],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{checkout}: the matrix did not run:\n{done.stderr}")
    return float(done.stdout)


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Geometric mean and its 95% interval."""
    logs = [math.log(ratio) for ratio in ratios]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), 0.0, math.inf
    half = student(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def main() -> None:
    """Run the rounds and print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("old", type=Path, help="the checkout to compare with")
    parser.add_argument("new", type=Path, help="the checkout to judge")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--copies", type=int, default=4, help="matrices in a row, in each round")
    parser.add_argument("--fork", default="per_program", choices=["per_program", "per_test"])
    parser.add_argument("--level", default="", choices=["", "namespaces", "landlock"])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    sides = {"old": args.old.resolve(), "new": args.new.resolve()}
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(args.rounds):
        for name in random.Random(number).sample(list(sides), 2):
            found[name].append(
                seconds_per_run(sides[name], args.level, args.fork, args.copies, f"{number}")
            )
        print(*(f"{name} {found[name][-1] * 1e6:.1f} us" for name in sides), flush=True)
    ratios = [new / old for old, new in zip(found["old"], found["new"], strict=True)]
    mean, low, high = interval(ratios)
    for name, values in found.items():
        print(f"{name}: median {statistics.median(values) * 1e6:.1f} us of CPU per run")
    print(f"new / old: {mean:.3f} [{low:.3f}, {high:.3f}] ({args.rounds} rounds)")
    if args.json:
        held = {"seconds_per_run": found, "ratio": mean, "low": low, "high": high}
        args.json.write_text(json.dumps(held, indent=2) + "\n")


if __name__ == "__main__":
    main()
