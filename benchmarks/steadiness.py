"""Does the sandbox keep its verdicts, and itself, under load, over time, and when it is shot at?

    python benchmarks/steadiness.py load [--json FILE] [--runs 10000]
    python benchmarks/steadiness.py soak [--json FILE] [--runs 200000]
    python benchmarks/steadiness.py kills [--json FILE] [--runs 10000]

`load`: the runs of ``mixed`` on the machine as it is, then with another process busy on every
CPU: how many verdicts or outputs differ, from each other and from the known ones. `soak`: memory,
processes, descriptors and files of the sandbox and of this process, looked at ten times. `kills`:
servers and zygotes killed at random while they work: every run must have its verdict, or INFRA
if it met two kills. Exits with 1 if a verdict is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from mixed import Mixed, mixed
from sparring.sandbox import Sandbox
from sparring.schema import Outcome, Verdict

LOOKS = 10
KILL_SECONDS = (0.1, 0.9)
Report = dict[str, object]


def wrong_runs(work: Mixed, results: list[tuple[Outcome, ...]]) -> list[str]:
    """What differs from what is known, a line each. INFRA is not a verdict and not counted."""
    found = []
    for job, verdicts, outputs, outcomes in zip(
        work.jobs, work.verdicts, work.outputs, results, strict=True
    ):
        if len(outcomes) != len(job.inputs):
            found.append(f"{len(outcomes)} outcomes for {len(job.inputs)} runs: {job.program!r}")
            continue
        for verdict, output, outcome in zip(verdicts, outputs, outcomes, strict=True):
            if outcome.verdict is Verdict.INFRA:
                continue
            words = " ".join(outcome.output.split())
            if outcome.verdict is not verdict or (output is not None and words != output):
                found.append(f"{verdict} expected, {outcome.verdict} found: {job.program!r}")
    return found


def load(runs: int) -> tuple[Report, bool]:
    work = mixed(runs)
    cpus = sorted(os.sched_getaffinity(0))
    with Sandbox(memo=False) as sandbox:
        started = time.perf_counter()
        quiet = sandbox.run(work.jobs)
        quiet_seconds = time.perf_counter() - started
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in cpus]
        try:
            started = time.perf_counter()
            loaded = sandbox.run(work.jobs)
            loaded_seconds = time.perf_counter() - started
        finally:
            for process in busy:
                process.kill()
                process.wait()
    told = [
        [(o.verdict, o.output if o.verdict is Verdict.FINISHED else "") for o in row]
        for row in quiet
    ]
    again = [
        [(o.verdict, o.output if o.verdict is Verdict.FINISHED else "") for o in row]
        for row in loaded
    ]
    pairs = zip((x for row in told for x in row), (x for row in again for x in row), strict=True)
    differing = sum(a != b for a, b in pairs)
    wrong = wrong_runs(work, quiet) + wrong_runs(work, loaded)
    report: Report = {
        "runs": work.runs,
        "busy processes": len(cpus),
        "seconds on the machine as it is": round(quiet_seconds, 2),
        "seconds under load": round(loaded_seconds, 2),
        "verdicts": dict(Counter(str(o.verdict) for row in loaded for o in row)),
        "runs that differ": differing,
        "runs that differ from what is known": len(wrong),
        "examples": wrong[:5],
    }
    return report, not differing and not wrong


def soak(runs: int) -> tuple[Report, bool]:
    looks: list[dict[str, int]] = []
    wrong: list[str] = []
    done = 0
    before = len(_scratch())
    with Sandbox(memo=False) as sandbox:
        sandbox.run(mixed(2000, "warm").jobs)
        looks.append(_look(0))
        for number in range(LOOKS):
            while done < runs * (number + 1) // LOOKS:
                work = mixed(min(10_000, runs // LOOKS), f"soak {done}")
                wrong += wrong_runs(work, sandbox.run(work.jobs))
                done += work.runs
            looks.append(_look(done))
            print(f"  {done} runs", file=sys.stderr)
        infra = sandbox.stats.infra
        lost = sandbox.stats.workers_lost
    report: Report = {
        "runs": done,
        "looks": looks,
        "runs that differ from what is known": len(wrong),
        "examples": wrong[:5],
        "infra": infra,
        "workers lost": lost,
        "directories left": len(_scratch()) - before,
    }
    return report, not wrong


def kills(runs: int) -> tuple[Report, bool]:
    work = mixed(runs)
    killed: Counter[str] = Counter()
    ended = threading.Event()

    def shoot() -> None:
        rng = random.Random(0)
        while not ended.wait(rng.uniform(*KILL_SECONDS)):
            servers = _children(os.getpid())
            zygotes = [z for server in servers for z in _children(server)]
            targets = rng.choice((servers, zygotes))
            if targets:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(rng.choice(targets), signal.SIGKILL)
                    killed["servers" if targets is servers else "zygotes"] += 1

    with Sandbox(memo=False) as sandbox:
        gunner = threading.Thread(target=shoot)
        gunner.start()
        started = time.perf_counter()
        try:
            results = sandbox.run(work.jobs)
        finally:
            ended.set()
            gunner.join()
        seconds = time.perf_counter() - started
        stats = sandbox.stats
    wrong = wrong_runs(work, results)
    outcomes = [o for row in results for o in row]
    infra = [o for o in outcomes if o.verdict is Verdict.INFRA]
    report: Report = {
        "runs": work.runs,
        "seconds": round(seconds, 2),
        "killed": dict(killed),
        "workers replaced": stats.workers_lost,
        "runs with one outcome": len(outcomes),
        "verdicts": dict(Counter(str(o.verdict) for o in outcomes)),
        "infra": dict(Counter(o.detail for o in infra)),
        "runs that differ from what is known": len(wrong),
        "examples": wrong[:5],
    }
    return report, not wrong and len(outcomes) == work.runs


def _look(runs: int) -> dict[str, int]:
    """Memory (KiB of its own, shared pages divided), processes, descriptors, files, threads."""
    processes = [os.getpid(), *_descendants(os.getpid())]
    return {
        "runs": runs,
        "this process: KiB": _pss_kib(os.getpid()),
        "workers: KiB": sum(_pss_kib(pid) for pid in processes[1:]),
        "processes": len(processes),
        "threads": len(_entries("/proc/self/task")),
        "descriptors": sum(len(_entries(f"/proc/{pid}/fd")) for pid in processes),
        "files": sum(len(files) for top in _scratch() for _, _, files in os.walk(top)),
    }


def _scratch() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("sparring-sandbox-*"))


def _pss_kib(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _entries(path: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(path)
    return []


def _children(parent: int) -> list[int]:
    found = []
    for name in _entries("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                after = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                if int(after[1]) == parent and after[0] != "Z":
                    found.append(int(name))
    return found


def _descendants(parent: int) -> list[int]:
    children = _children(parent)
    return children + [pid for child in children for pid in _descendants(child)]


def main() -> None:
    """Run one of the three and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=["load", "soak", "kills"])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--runs", type=int, help="at least so many (load, kills: 10000)")
    args = parser.parse_args()
    parts = {"load": load, "soak": soak, "kills": kills}
    runs = args.runs or (200_000 if args.what == "soak" else 10_000)
    report, good = parts[args.what](runs)
    for name, value in report.items():
        if isinstance(value, list):
            print(f"{name}:", *value, sep="\n  ")
        else:
            print(f"{name}: {value}")
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
