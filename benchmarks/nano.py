"""The nano recipe over several seeds, and its controls: the tables of docs/results.md.

    python benchmarks/nano.py --seeds 0 1 2 --out DIR            the table
    python benchmarks/nano.py --arms recipe shuffled --seeds 0   rewards dealt out at random
    python benchmarks/nano.py … --jobs 2                         two runs at a time, a thread each

Each run is an ordinary run directory, DIR/ARM-SEED; a finished one is not run again, so the
table can grow over several calls. ``--json FILE`` writes the figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ARMS: dict[str, list[str]] = {
    "recipe": ["evaluation.initial_temperatures=[0, 0.3, 0.5, 0.7]"],
    "shuffled": ["reward.shuffle=true", "evaluation.every=1000"],
}
ROWS = (
    ("pass@1", "programs right (pass@1)"),
    ("unit_test_accuracy", "tests right (by reference)"),
    ("unit_test_accuracy_estimate", "tests right (paper's estimate)"),
    ("bon_8x8", "Best-of-8×8, own samples"),
    ("pool_bon_8x8", "Best-of-8×8, fixed pool"),
    ("catch_rate", "wrong pool programs caught"),
    ("invalid_tests", "invalid tests"),
    ("p01", "p01"),
    ("p00", "p00"),
)


def run(arm: str, seed: int, out: Path, extra: Sequence[str]) -> Path:
    """Train one run, unless it has ended; return its directory."""
    path = out / f"{arm}-{seed}"
    if (path / "summary.json").exists():
        return path
    sets = [*ARMS[arm], f"training.seed={seed}", *extra]
    command = [sys.executable, "-m", "sparring.cli", "train", "--run-dir", str(path)]
    command += [x for s in sets for x in ("--set", s)]
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{arm}-{seed}.log").open("w") as log:
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=True)
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []


def percent(value: float | None, sign: bool = False) -> str:
    return "–" if value is None else f"{100 * value:{'+' if sign else ''}.1f}"


def table(runs: dict[int, Path]) -> str:
    """Before → after of each seed, in per cent, with the paired difference."""
    rows = ["| held-out, % | " + " | ".join(f"seed {s}" for s in runs) + " |"]
    rows.append("|---|" + "---|" * len(runs))
    summaries = {s: json.loads((p / "summary.json").read_text()) for s, p in runs.items()}
    for name, label in ROWS:
        cells = []
        for s in summaries.values():
            a, b, d = s["before"][name], s["after"][name], s["differences"].get(name)
            change = f" ({percent(d['mean'], True)} ± {percent(d['mean'] - d['low'])})" if d else ""
            cells.append(f"{percent(a['mean'])} → {percent(b['mean'])}{change}")
        rows.append(f"| {label} | " + " | ".join(cells) + " |")
    for name, label in (("mu", "μ"), ("input_size", "values per input")):
        cells = [
            f"{s['before'][name]['mean']:.2f} → {s['after'][name]['mean']:.2f}"
            for s in summaries.values()
        ]
        rows.append(f"| {label} | " + " | ".join(cells) + " |")
    sizes = sorted({k for s in summaries.values() for k in s["sizes"]["before"]}, key=int)
    for size in sizes:
        pairs = [
            (s["sizes"]["before"].get(size), s["sizes"]["after"].get(size))
            for s in summaries.values()
        ]
        if any((a or {}).get("share", 0) >= 0.05 for a, _ in pairs):
            cells = [
                f"{percent((a or {}).get('accuracy'))} → {percent((b or {}).get('accuracy'))}"
                for a, b in pairs
            ]
            rows.append(f"| tests right with {size} values | " + " | ".join(cells) + " |")
    for key, label in (("train_seconds", "seconds of steps"), ("wall_seconds", "seconds in all")):
        rows.append(
            f"| {label} | " + " | ".join(f"{s[key]:.0f}" for s in summaries.values()) + " |"
        )
    return "\n".join(rows)


def during(runs: dict[int, Path]) -> str:
    """Best-of-8×8 minus pass@1, paired by task, at every evaluation."""
    rows = ["| seed | step | pass@1 | Best-of-8×8 | difference, 95% interval | tests right |"]
    rows.append("|---|---|---|---|---|---|")
    for seed, path in runs.items():
        for e in lines(path / "evaluations.jsonl"):
            m, d = e["metrics"], e["bon_minus_pass@1"]
            rows.append(
                f"| {seed} | {e['step']} | {percent(m['pass@1']['mean'])} | "
                f"{percent(m['bon_8x8']['mean'])} | {percent(d['mean'], True)} "
                f"[{percent(d['low'], True)}, {percent(d['high'], True)}] | "
                f"{percent(m['unit_test_accuracy']['mean'])} |"
            )
    return "\n".join(rows)


def initial_model(path: Path) -> str:
    """Return the table of the initial model at several temperatures, with majority by output."""
    rows = [
        "| initial model | programs | majority of 8 | tests | majority by input | invalid tests |"
    ]
    rows.append("|---|---|---|---|---|---|")
    first = lines(path / "evaluations.jsonl")[0]
    for e in (*lines(path / "start.jsonl"), {"temperature": 1.0, **first}):
        m = e["metrics"]
        names = (
            "pass@1",
            "majority_program",
            "unit_test_accuracy",
            "majority_test",
            "invalid_tests",
        )
        rows.append(
            f"| T = {e['temperature']:g} | "
            + " | ".join(percent(m[n]["mean"]) for n in names)
            + " |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=["recipe"])
    parser.add_argument("--out", type=Path, default=Path("runs/nano"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    extra = list(options.set)
    if options.jobs > 1:
        extra += ["training.threads=1", "sandbox.workers=1"]
    todo = [(arm, seed) for arm in options.arms for seed in options.seeds]
    with ThreadPoolExecutor(options.jobs) as pool:
        paths = list(pool.map(lambda x: run(x[0], x[1], options.out, extra), todo))
    summaries: dict[str, Any] = {}
    for arm in options.arms:
        runs = {s: p for (a, s), p in zip(todo, paths, strict=True) if a == arm}
        print(f"\n## {arm}\n\n{table(runs)}\n\n{during(runs)}")
        if arm == "recipe":
            print(f"\n{initial_model(runs[options.seeds[0]])}")
        summaries[arm] = {s: json.loads((p / "summary.json").read_text()) for s, p in runs.items()}
    if options.json:
        options.json.write_text(json.dumps(summaries, indent=1) + "\n")


if __name__ == "__main__":
    main()
