"""Seconds of a training step of two processes with servers, by their use, and the idle time.

    python benchmarks/step.py [--src DIR]... [--steps N] [--token-ms T] [--json FILE] [--set K=V]...

Two gloo processes share the nano model's weights (fsdp) and learn by the default preset, with
initial-policy programs. Two servers sample at a simulated pace (`step_server`): each token takes
``--token-ms`` milliseconds, whatever the load, and weights take half a second to load. With
SPARRING_VLLM (an environment that has vLLM) the servers are one real vLLM on this CPU instead,
started by the run. ``--src`` names the package of another checkout (its ``src``): several are
measured one after the other, on the same tasks, prompts, seeds and answers. The very first run
prepares the answers and is not measured, and neither is the first step of each run.

Each second of the steps counts for one use, the first that applies: learning, sampling, sending
weights, running programs, other work of the first process. For each use the table also has the
mean number of responses in flight at each server, and the largest possible number.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

from transformers.utils import logging  # noqa: E402

from sparring.microworld import NANO_DIR  # noqa: E402
from step_server import PacedServer  # noqa: E402  # tests are found by the line above

SLOTS = 64
LOAD_SECONDS = 0.5
RECIPE = {
    "tasks.train_count": "64",
    "tasks.held_out_count": "2",
    "sampling.engine": "vllm",
    "sampling.programs": "8",
    "sampling.tests": "8",
    "sampling.initial_policy_programs": "4",
    "learning.learning_rate": "1e-6",
    "learning.ppo_epochs": "1",
    "training.tasks_per_step": "8",
    "training.sharding": "fsdp",
    "training.threads": "1",
    "training.checkpoint_every": "1000",
    "evaluation.every": "1000",
    "evaluation.programs": "2",
    "evaluation.tests": "2",
    "sandbox.workers": "1",
    "vllm.max_gap": "1",
}
ORDER = ("learning", "sampling", "syncing", "running", "judging", "scoring", "journalling",
         "metrics", "checkpoint", "waiting")  # fmt: skip
REASONS = {
    "learning": "the servers idle: a step is sampled from the weights of the one before "
    "(training.max_async_level = 1 samples meanwhile)",
    "sampling": "the ranks idle: a step is learned from when its responses are there; full slots "
    "are the servers' pace, few are the longest responses, which nothing shortens",
    "syncing": "servers idle: weights are written by the ranks, loaded, and compared",
    "running": "all but the sandbox idle: programs of the last responses",
    "judging": "all but the first process idle: outcomes of the last group are compared",
    "scoring": "all but the first process idle: rewards",
    "journalling": "all but the first process idle: the record has to be on disk before it is "
    "learned from",
    "metrics": "all but the first process idle: figures and alarms of the step",
    "checkpoint": "all wait for the checkpoint",
    "waiting": "for rollouts in the making: see the other lanes",
    "other": "between phases: batches are put together, groups sent to the ranks",
}


@dataclass(frozen=True)
class Part:
    """Seconds of a step in which this went on, and how many responses were in work in them."""

    seconds: float
    in_work: float


def attributed(
    account: dict[str, Any], ended: float, work: Sequence[tuple[float, float]]
) -> dict[str, Part]:
    """Every second of a step under one name; ``ended`` by the machine's clock."""
    begun = ended - account["seconds"]
    intervals = [(name, begun + a, begun + b) for name, _, a, b in account["intervals"]]
    jobs = [(max(a, begun), min(b, ended)) for a, b in work if b > begun and a < ended]
    edges = sorted({begun, ended, *(t for _, a, b in intervals for t in (a, b))})
    edges = [t for t in edges if begun <= t <= ended]
    seconds: dict[str, float] = {}
    busy: dict[str, float] = {}
    for start, end in itertools.pairwise(edges):
        going = {name for name, a, b in intervals if a <= start and end <= b}
        name = next((n for n in ORDER if n in going), "other")
        seconds[name] = seconds.get(name, 0.0) + end - start
        here = sum(max(0.0, min(b, end) - max(a, start)) for a, b in jobs)
        busy[name] = busy.get(name, 0.0) + here
    return {n: Part(s, busy[n] / s if s else 0.0) for n, s in seconds.items()}


class Clock:
    """When each line of a file was written, by the machine's clock."""

    def __init__(self, file: Path) -> None:
        self.times: list[float] = []
        self._file = file
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            lines = self._file.read_bytes().count(b"\n") if self._file.exists() else 0
            self.times += [time.monotonic()] * (lines - len(self.times))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def run(src: Path, place: Path, given: argparse.Namespace, servers: Sequence[PacedServer]) -> Clock:
    """Train in two processes. Raises RuntimeError where one fails."""
    place.mkdir(parents=True)
    changes = {**RECIPE, "training.steps": str(given.steps + 1), "vllm.weights_dir": str(place)}
    if servers:
        changes["vllm.urls"] = json.dumps([s.url for s in servers])
    else:
        changes |= {"vllm.environment": os.environ["SPARRING_VLLM"], "vllm.cpu_cache": "1"}
    changes |= dict(change.split("=", 1) for change in given.set)
    sets = [x for k, v in changes.items() for x in ("--set", f"{k}={v}")]
    command = [
        sys.executable,
        "-m",
        "sparring.cli",
        "train",
        "--run-dir",
        str(place / "run"),
        *sets,
    ]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {
        **os.environ, "PYTHONPATH": str(src), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    clock = Clock(place / "run" / "timeline.jsonl")
    logs = [(place / f"{rank}.log").open("w+") for rank in range(2)]
    processes = [
        subprocess.Popen(
            command,
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=log,
            stderr=log,
        )
        for rank, log in enumerate(logs)
    ]
    failed = [p.wait() for p in processes]
    clock.stop()
    for log in logs:
        log.seek(0)
    told = "\n".join(log.read()[-2000:] for log in logs)
    if any(failed):
        raise RuntimeError(f"{src}: {told}")
    return clock


def measured(src: Path, place: Path, given: argparse.Namespace) -> list[dict[str, Any]]:
    """The steps after the first."""
    with ExitStack() as stack:
        pace = (given.token_ms / 1000, SLOTS, LOAD_SECONDS)
        servers = [] if real() else [PacedServer(NANO_DIR, *pace) for _ in range(2)]
        for server in servers:
            stack.enter_context(server)
        clock = run(src, place, given, servers)
        loads = [len(s.loads) for s in servers]
    lines = (place / "run" / "timeline.jsonl").read_text().splitlines()
    work = [w for s in servers for w in s.work]
    found = []
    for line, ended in zip(lines, clock.times, strict=True):
        account = json.loads(line)
        if account.get("step", 0) > 1:
            parts = attributed(account, ended, work)
            found.append({"seconds": account["seconds"], "parts": parts, "loads": loads})
    return found


def real() -> bool:
    """Whether vLLM itself is to sample."""
    return "SPARRING_VLLM" in os.environ


def show(src: Path, steps: Sequence[dict[str, Any]], given: argparse.Namespace) -> dict[str, Any]:
    """Means over steps."""
    count = len(steps)
    whole = sum(s["seconds"] for s in steps) / count
    print(f"\n{src}: {whole:.2f} s a step, {count} steps")
    loads = steps[0]["loads"]
    if loads:
        print(
            f"  weights were loaded {sum(loads) / len(loads):.1f} times by each server in the run"
        )
    rows: dict[str, Any] = {}
    for name in (*ORDER, "other"):
        parts = [s["parts"][name] for s in steps if name in s["parts"]]
        if not parts:
            continue
        seconds = sum(p.seconds for p in parts) / count
        at_once = sum(p.seconds * p.in_work for p in parts) / max(
            sum(p.seconds for p in parts), 1e-9
        )
        rows[name] = {"seconds": round(seconds, 3), "in_work": round(at_once, 1)}
        slots = "" if real() else f"{at_once:6.1f} of {2 * SLOTS} in work"
        print(f"  {name:<12}{seconds:8.2f} s {seconds / whole:6.1%} {slots}  {REASONS[name]}")
    return {"src": str(src), "seconds": round(whole, 3), "loads": loads, "parts": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description="What a step's seconds are spent on.")
    parser.add_argument("--src", type=Path, action="append", help="a package: a checkout's src")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--token-ms", type=float, default=20.0)
    parser.add_argument("--set", action="append", default=[], help="a change to the recipe")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    sources = given.src or [ROOT / "src"]
    if given.steps < 1:
        parser.error(f"--steps {given.steps}: at least one is measured")
    if wrong := [src for src in sources if not (src / "sparring").is_dir()]:
        parser.error(f"--src {wrong[0]}: there is no sparring in it; name a checkout's src")
    if bad := [change for change in given.set if "=" not in change]:
        parser.error(f"--set {bad[0]}: must be section.key=value")
    logging.disable_progress_bar()
    found = []
    with tempfile.TemporaryDirectory() as place:
        try:
            if not real():
                measured(sources[0], Path(place) / "warm", given)
            for number, src in enumerate(sources):
                steps = measured(src, Path(place) / str(number), given)
                found.append(show(src, steps, given))
        except RuntimeError as error:
            sys.exit(f"step.py: the run failed: {error}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
