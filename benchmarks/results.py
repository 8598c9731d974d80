"""Comparison of the method's arms on the embedded microworld.

    python benchmarks/results.py run [--phase choose confirm others ablate bundle free] [--jobs 2]
    python benchmarks/results.py table > tables.md

Each run writes one small JSON file in benchmarks/results/. A run with a file is not
repeated, and a run that was cut off is resumed, so the command can be stopped at any
time. Every run has the same initial model, task order and held-out
tasks for its seed, and the same budget of sampled tokens. The budget includes
discarded responses and initial-policy programs, but not a frozen tester's tests.

The primary metric was named before the runs: Best-of-8×8 on the fixed pool, where the
trained model's tests choose among the initial model's programs.

Phases. ``choose``: each arm's learning rate on *validation* compositions, seeds
0 to 2, half the budget. ``confirm``: the chosen rate on *held-out* compositions,
seeds 10 to 14, whole budget: default, paper, simple. ``others``: official,
coder-only, positives, 3 seeds. ``ablate``: the default with one thing changed, 3
seeds, half the budget. ``bundle``: the default without four terms of which
``ablate`` saw no effect, 3 seeds, whole budget, validation. ``free``: label-free,
with pseudo-labels by the tester of a confirmed default run, 3 other seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
BUDGET = 560_000
"""Sampled tokens of a whole run: about 70 steps of 16 × (10 + 14) responses."""
PHASES = ["choose", "confirm", "others", "ablate", "bundle", "free"]
HELD_OUT = 600
"""Tasks of an evaluation."""
RATES = (1e-4, 3e-4, 1e-3)
CHOOSE_SEEDS, CONFIRM_SEEDS = (0, 1, 2), (10, 11, 12, 13, 14)
FREE_SEEDS = CONFIRM_SEEDS[1:4]
"""Seeds other than the frozen tester's: it has learned from the tasks in the order of its own."""
PRIMARY = "pool_bon_8x8"
CHOSEN_BY = {"coder_only": "bon_8x8"}
"""Arms whose learning rate another metric chooses: where the tester is frozen, fixed programs and
fixed tests make the primary one the same whatever was learned."""
KEPT = (
    "pool_bon_8x8",
    "bon_8x8",
    "pass@1",
    "unit_test_accuracy",
    "unit_test_accuracy_estimate",
    "invalid_tests",
)
"""Metrics kept by task; of the others the figures are kept."""
LABELS = {
    "pool_bon_8x8": "Best-of-8×8, fixed pool",
    "bon_8x8": "Best-of-8×8, own samples",
    "catch_rate": "wrong pool programs caught",
    "pass@1": "programs right",
    "unit_test_accuracy": "tests right (reference)",
    "unit_test_accuracy_estimate": "tests right (estimate)",
    "invalid_tests": "invalid tests",
    "p01": "p01",
    "p00": "p00",
    "mu": "μ",
    "input_size": "values per input",
    "distinct_inputs": "distinct inputs",
}
PLAIN = ("mu", "input_size")

RECIPES = {
    "default": None,
    "paper": "paper.toml",
    "simple": "simple.toml",
    "official": "official.toml",
    "coder_only": "coder_only.toml",
    "sft_positives": "sft_positives.toml",
    "label_free": "label_free.toml",
}
WITHOUT = {
    "one_epoch": ["learning.ppo_epochs=1"],
    "no_opponents": ["sampling.initial_policy_programs=0"],
    "no_difficulty": ["reward.difficulty_exponent=0"],
    "no_validity": ["reward.validity_bonus=0"],
    "simple_reward": ["reward.tester=simple"],
    "invalid_by_eq4": ["reward.invalid_test=eq4"],
    "no_sign": ["reward.no_wrong_reward=zero"],
    "separate": ["learning.mode=separate", "learning.num_minibatches=1"],
    "sequence_ratio": ["learning.importance_level=sequence_product"],
    "seq-mean-token-mean": ["learning.loss_agg_mode=seq-mean-token-mean"],
    "no_kl_bound": ["learning.kl_bound=80"],
}
"""The default with one of its departures from the paper taken back."""
OPTIONS = {
    "smoothing": ["reward.smoothing=0.05"],
    "duplicates": ["reward.duplicates=1"],
    "clip_eps_high": ["learning.clip_eps_high=0.28"],
    "skip_unlabelled": ["sampling.skip_unlabelled=true", "sampling.extra_attempts=1"],
    "mean_only": ["reward.normalisation=mean"],
}
"""The default with one more option on."""

BUNDLE = {
    "default": [],
    "bare": [
        "sampling.initial_policy_programs=0",
        "reward.difficulty_exponent=0",
        "reward.no_wrong_reward=zero",
        "reward.invalid_test=eq4",
    ],
}
"""What may show only late, when wrong programs run out, and only together."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what is changed, and where its result is kept."""

    phase: str
    arm: str
    rate: float
    seed: int
    split: str
    budget: int
    changes: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        return RESULTS / self.phase / self.arm / f"lr{self.rate:g}-seed{self.seed}.json"


def runs_of(phase: str) -> Iterator[Run]:
    """Every run of a phase. Raises LookupError where it stands on runs that are missing."""
    half = BUDGET // 2
    if phase == "choose":
        for seed in CHOOSE_SEEDS:  # a whole comparison of rates early, then others
            for rate in RATES:
                for arm in (
                    "default",
                    "paper",
                    "simple",
                    "official",
                    "coder_only",
                    "sft_positives",
                ):
                    yield Run(phase, arm, rate, seed, "validation", half)
    elif phase == "confirm":
        for seed in CONFIRM_SEEDS:
            for arm in ("default", "paper", "simple"):
                yield Run(phase, arm, chosen_rate(arm), seed, "held_out", BUDGET)
    elif phase == "others":
        for seed in CONFIRM_SEEDS[:3]:
            for arm in ("official", "coder_only", "sft_positives"):
                yield Run(phase, arm, chosen_rate(arm), seed, "held_out", BUDGET)
    elif phase == "ablate":
        for seed in CHOOSE_SEEDS:
            for arm, changes in (WITHOUT | OPTIONS).items():
                rate = chosen_rate("default")
                yield Run(phase, arm, rate, seed, "validation", half, tuple(changes))
    elif phase == "bundle":
        for seed in CHOOSE_SEEDS:
            for arm, changes in BUNDLE.items():
                rate = chosen_rate("default")
                yield Run(phase, arm, rate, seed, "validation", BUDGET, tuple(changes))
    elif phase == "free":
        for seed in FREE_SEEDS:
            yield Run(phase, "label_free", chosen_rate("default"), seed, "held_out", BUDGET)
    else:
        raise LookupError(f"there is no phase {phase}")


def chosen_rate(arm: str) -> float:
    """The learning rate with the best primary metric (or that of `CHOSEN_BY`) on validation, over
    the seeds that every rate has been run with."""
    metric = CHOSEN_BY.get(arm, PRIMARY)
    found = {
        rate: {s: r for s in CHOOSE_SEEDS if (r := result("choose", arm, rate, s)) is not None}
        for rate in RATES
    }
    seeds = set.intersection(*(set(by_seed) for by_seed in found.values()))
    if not seeds:
        raise LookupError(f"{arm}: the learning rate is not chosen yet; run --phase choose first")
    return max(
        RATES, key=lambda rate: float(np.mean([_mean(found[rate][s], metric) for s in seeds]))
    )


def result(phase: str, arm: str, rate: float, seed: int) -> dict[str, Any] | None:
    """What a run left; None if it has not been run."""
    file = Run(phase, arm, rate, seed, "", 0).file
    return json.loads(file.read_text()) if file.exists() else None


def execute(run: Run, work: Path, workers: int) -> None:
    """Make one run, or go on with it, and keep its result."""
    place = work / f"{run.phase}-{run.arm}-{run.rate:g}-{run.seed}"
    command = [sys.executable, "-m", "sparring.cli", "train", "--run-dir", str(place)]
    if (place / "recipe.json").exists():
        command.append("--resume")
    else:
        name = RECIPES.get(run.arm)
        command += [str(ROOT / "recipes" / "nano" / name)] if name else []
        for change in (
            f'tasks.held_out=["microworld:{run.split}"]',
            f"tasks.held_out_count={HELD_OUT}",
            f"training.token_budget={run.budget}",
            "training.steps=1000",
            "training.checkpoint_every=25",
            "training.keep_checkpoints=1",
            f"training.seed={run.seed}",
            f"learning.learning_rate={run.rate:g}",
            "evaluation.every=1000",
            f"sandbox.workers={workers}",
            *run.changes,
        ):
            command += ["--set", change]
        if run.arm == "label_free":
            command += ["--set", f"pseudo_labels.model={teacher(work)}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    log = place.with_name(f"{place.name}.log")
    with log.open("a") as out:
        done = subprocess.run(command, env=environment, stdout=out, stderr=out, check=False)
    if done.returncode:
        raise RuntimeError(f"{place.name}: failed, see {log}")
    keep(run, place)
    if not (run.phase == "confirm" and run.arm == "default"):  # a label-free run's teacher
        shutil.rmtree(place / "checkpoints")


def teacher(work: Path) -> Path:
    """Return the checkpoint whose tests are the pseudo-labels of label-free runs."""
    place = work / f"confirm-default-{chosen_rate('default'):g}-{CONFIRM_SEEDS[0]}"
    checkpoints = sorted((place / "checkpoints").glob("step-*"))
    if not checkpoints:
        raise LookupError("label-free runs need the first confirmed default run: run it first")
    return checkpoints[-1]


def keep(run: Run, place: Path) -> None:
    """The result of a run as one small file: figures before and after, values by task, gradients,
    time."""
    summary = json.loads((place / "summary.json").read_text())
    metrics = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
    evaluations = sorted((place / "evaluations").glob("step-*.json"))
    last = json.loads(evaluations[-1].read_text())["per_task"]
    record = {
        "arm": run.arm,
        "seed": run.seed,
        "learning_rate": run.rate,
        "split": run.split,
        "steps": summary["steps"],
        "tokens": summary["tokens"],
        "train_seconds": round(summary["train_seconds"], 1),
        "before": _means(summary["before"]),
        "after": _means(summary["after"]),
        "gradient_share": {
            role: _known_mean([m[role]["gradient_share"] for m in metrics])
            for role in ("coder", "tester")
        },
        "alarms": sorted({a["monitor"] for m in metrics for a in m["alarms"]}),
        "pseudo_labels": _mean_pseudo_labels(
            [m["pseudo_labels"] for m in metrics if "pseudo_labels" in m]
        ),
        "per_task": {k: _short(last[k]) for k in KEPT},
    }
    run.file.parent.mkdir(parents=True, exist_ok=True)
    partial = run.file.with_suffix(".partial")
    partial.write_text(json.dumps(record) + "\n")
    partial.rename(run.file)


def _means(figures: dict[str, Any]) -> dict[str, float | None]:
    return {k: None if v["mean"] is None else round(v["mean"], 5) for k, v in figures.items()}


def _known_mean(values: Sequence[float | None]) -> float | None:
    numbers = [v for v in values if v is not None]
    return round(float(np.mean(numbers)), 4) if numbers else None


def _mean_pseudo_labels(steps: Sequence[dict[str, Any]]) -> dict[str, float | None] | None:
    """Return the figures of the steps' pseudo-labels, as means over the run."""
    return {k: _known_mean([s[k] for s in steps]) for k in steps[0]} if steps else None


def _short(values: Sequence[float | None]) -> list[float | None]:
    return [None if v is None or np.isnan(v) else round(v, 4) for v in values]


def _mean(record: dict[str, Any], metric: str) -> float:
    return float(record["after"][metric])


def run_phases(
    phases: Sequence[str], jobs: int, work: Path, only: Sequence[str], seeds: Sequence[int]
) -> None:
    """Run every missing run of the phases, ``jobs`` at a time."""
    work.mkdir(parents=True, exist_ok=True)
    known = RECIPES.keys() | WITHOUT.keys() | OPTIONS.keys() | BUNDLE.keys()
    if unknown := sorted(set(only) - known):
        raise LookupError(f"there is no arm {unknown[0]}; there are {', '.join(sorted(known))}")
    for phase in phases:
        missing = [
            r
            for r in runs_of(phase)
            if not r.file.exists() and r.arm in (only or [r.arm]) and r.seed in (seeds or [r.seed])
        ]
        print(f"{phase}: {len(missing)} runs", flush=True)
        with ThreadPoolExecutor(jobs) as pool:
            futures = [(r, pool.submit(execute, r, work, 1)) for r in missing]
            for r, future in futures:
                future.result()
                print(f"  {r.arm} lr {r.rate:g} seed {r.seed}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("run", help="run the missing runs")
    make.add_argument("--phase", nargs="+", default=PHASES)
    make.add_argument("--arms", nargs="+", default=[], help="only these")
    make.add_argument("--seeds", nargs="+", type=int, default=[], help="only these")
    make.add_argument("--jobs", type=int, default=2)
    make.add_argument("--work", type=Path, default=ROOT / "runs" / "results")
    commands.add_parser("table", help="print the tables of docs/results.md")
    options = parser.parse_args()
    try:
        if options.command == "run":
            run_phases(options.phase, options.jobs, options.work, options.arms, options.seeds)
        else:
            from results_tables import tables

            print(tables())
    except (LookupError, RuntimeError) as error:
        sys.exit(f"results: {error}")


if __name__ == "__main__":
    main()
