"""Our update against the padded batch of the same samples and against TRL, in one run.

    python benchmarks/learning.py [--model nano|smollm2|DIR] [--json [FILE]] [--quick] [--rounds 3]

Forward and backward pass of one update, no optimiser step, no KL and so no reference: prompts of
100, 200, 600 tokens × responses of at most 60 or 200 (a quarter to all of it, seeded) × 8 or 16 of
them. ``smollm2`` is the architecture of SmolLM2-135M with random weights, made in code. Log-probs
and gradients are compared first, and nothing is timed that differs by more than 1e-5; log-probs
that do must be within twice the plain forward's own distance from float64, because the nano model
does not keep 1e-5 beyond the 256 positions that it knows. The baselines get the best of several
micro-batch sizes, by a first round that does not count. The rounds take turns, so that a busy
neighbour meets all alike; figures are medians. Peak memory is what a pass adds to the process, by
the kernel's high-water mark.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from learning_arms import (
    Arm,
    groups_of,
    ours,
    padded,
    plain_logprobs,
    smollm2,
    trl_loss,
    trl_trainer,
)
from sparring.learner.logprobs.compute import response_logprobs
from sparring.policy.model import load_model

SHAPES = [(p, r, n) for p in (100, 200, 600) for r in (60, 200) for n in (8, 16)]
QUICK = [(200, 60, 16), (100, 200, 8)]
TOLERANCE = 1e-5
STDOUT = Path("/dev/stdout")


@dataclass
class Figures:
    """Of one shape; seconds are medians, the gaps of gradients relative to the length of ours."""

    prompt: int
    response: int
    n: int
    groups: int
    tokens: int
    ours_seconds: float
    padded_seconds: float
    trl_seconds: float
    padded_rows: int
    trl_rows: int
    ratio_vs_padded: float
    ratio_vs_trl: float
    tokens_per_second: float
    ours_peak_mb: float
    padded_peak_mb: float
    trl_peak_mb: float
    logprob_gap: float
    gradient_gap: float
    gradient_gap_trl: float


class Unsound(Exception):
    """The sides do not compute the same, so their times are not compared."""


def gradient(model: PreTrainedModel) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def pass_of(arm: Arm) -> tuple[float, float]:
    """Seconds of a pass, and the MB that it adds to the process at most."""
    ctypes.CDLL(None).malloc_trim(0)  # what earlier passes freed is not there to be used again
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = megabytes("VmRSS")
    start = time.perf_counter()
    arm()
    taken = time.perf_counter() - start
    return taken, megabytes("VmHWM") - before


def megabytes(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def best(
    model: PreTrainedModel, arms: dict[int, Arm], expected: torch.Tensor
) -> tuple[int, Arm, float]:
    """The micro-batch size with the shortest pass, its arm, and the largest relative distance of
    any of their gradients from the expected one."""
    taken, gaps = {}, []
    for size, arm in arms.items():
        taken[size], _ = pass_of(arm)
        gaps.append(float((gradient(model) - expected).norm() / expected.norm()))
    size = min(taken, key=lambda s: taken[s])
    return size, arms[size], max(gaps)


def measured(
    model: PreTrainedModel,
    trainer: Any,
    shape: tuple[int, int, int],
    count: int,
    rounds: int,
    sizes: list[int],
) -> Figures:
    prompt, response, n = shape
    groups = groups_of(model, prompt, response, n, count)
    tokens = sum(g.tokens for g in groups)
    with torch.no_grad():
        found = response_logprobs(model, groups).logprob
    plain = torch.cat(plain_logprobs(model, groups))
    gap = float((found - plain).abs().max())
    sound = gap <= TOLERANCE
    if not sound:  # is it ours, or what float32 does to the plain forward as well?
        exact = torch.cat(plain_logprobs(model.double(), groups))
        model.float()  # the same bits as before
        mine, its = (float((x - exact).abs().max()) for x in (found, plain))
        sound = mine <= max(TOLERANCE, 2 * its)
    own = ours(model, groups, budget=16384)
    own()
    expected = gradient(model)
    rows = [s for s in sizes if s < n * count] or [n * count]
    padded_rows, row_arm, row_gap = best(
        model, {s: padded(model, groups, s) for s in rows}, expected
    )
    trl_rows, trl_arm, trl_gap = best(
        model, {s: trl_loss(trainer, model, groups, s) for s in rows}, expected
    )
    if not sound or max(row_gap, trl_gap) > TOLERANCE:
        raise Unsound(
            f"{shape}: log-probs differ by {gap:.1e}, gradients by {row_gap:.1e} and {trl_gap:.1e}"
        )
    turns = [[pass_of(arm) for arm in (own, row_arm, trl_arm)] for _ in range(rounds)]
    seconds = [statistics.median(turn[i][0] for turn in turns) for i in range(3)]
    ratios = [statistics.median(turn[i][0] / turn[0][0] for turn in turns) for i in (1, 2)]
    memory = [max(turn[i][1] for turn in turns) for i in range(3)]
    return Figures(
        prompt, response, n, count, tokens, *seconds, padded_rows, trl_rows, *ratios,
        tokens / seconds[0], *memory, gap, row_gap, trl_gap,
    )  # fmt: skip


def write(path: Path, args: argparse.Namespace, found: list[Figures], failed: list[str]) -> None:
    """The report so far: a long benchmark that is cut off leaves what it has measured."""
    report = {
        "model": args.model,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "rounds": args.rounds,
        "shapes": [asdict(f) for f in found],
        "failed": failed,
    }
    path.write_text(json.dumps(report, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nano", help="nano, smollm2 (random weights) or DIR")
    parser.add_argument(
        "--json",
        type=Path,
        nargs="?",
        const=STDOUT,
        help="write the figures to this file after each shape; without one print them at the end",
    )
    parser.add_argument("--quick", action="store_true", help="two shapes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--groups", type=int, help="groups of an update; nano 8, others 1")
    parser.add_argument("--shape", help="one shape, as 200/60/16")
    parser.add_argument("--rows", default="2,4,8,16,32", help="micro-batches that baselines try")
    parser.add_argument("--threads", type=int, help="default: torch's")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    model = smollm2() if args.model == "smollm2" else load_model(args.model)[0]
    count = args.groups or (8 if args.model == "nano" else 1)
    shapes = QUICK if args.quick else SHAPES
    if args.shape:
        shapes = [tuple(map(int, args.shape.split("/")))]
    trainer = trl_trainer(model)
    sizes = [int(s) for s in args.rows.split(",")]
    print(
        f"{args.model}, {sum(p.numel() for p in model.parameters()):,} parameters"
        f"{' (random weights)' if args.model == 'smollm2' else ''}, {count} groups, "
        f"{torch.get_num_threads()} threads; forward and backward, no optimiser step"
    )
    found: list[Figures] = []
    failed = []
    for shape in shapes:
        try:
            f = measured(model, trainer, shape, count, args.rounds, sizes)
        except Unsound as error:  # the other shapes are still worth their time
            failed.append(str(error))
            print(error, flush=True)
            continue
        found.append(f)
        if args.json and args.json != STDOUT:
            write(args.json, args, found, failed)
        print(
            f"{f.prompt}/{f.response}/{f.n}: {f.tokens_per_second:,.0f} tokens/s, "
            f"{f.ratio_vs_padded:.2f}× padded ({f.padded_rows} rows), "
            f"{f.ratio_vs_trl:.2f}× TRL ({f.trl_rows} rows); peak {f.ours_peak_mb:,.0f}, "
            f"{f.padded_peak_mb:,.0f}, {f.trl_peak_mb:,.0f} MB; gaps {f.logprob_gap:.0e} log-prob, "
            f"{f.gradient_gap:.0e} and {f.gradient_gap_trl:.0e} gradient",
            flush=True,
        )
    if args.json:
        write(args.json, args, found, failed)
    if failed:
        raise SystemExit(f"{len(failed)} of {len(shapes)} shapes differ from the plain forward")


if __name__ == "__main__":
    main()
