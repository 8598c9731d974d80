"""An update of a large adapted model on a CPU, with and without what saves memory traffic.

    python benchmarks/learning_cpu.py [--precision float32] [--layers 24] [--rounds 2]

The shape of Qwen2.5-0.5B with random weights and a LoRA adapter of rank 32; forward and backward
pass of one group of 16 responses, as in `learning_bf16.py`. Arms: adapters by `peft` or added in
place (`learner.adapted`), freed memory given back to the kernel or kept (`policy.heap`). What
malloc does cannot be undone, so each turn is a process of its own; arms take turns within a round.
A turn is the fastest of three passes after one that does not count. Figures are medians of seconds,
and the ratio of each arm to the first.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

import torch

from learning_arms import LOSS
from learning_bf16 import drawn, ours, qwen05, taken
from sparring.learner import update
from sparring.learner.update import Learner
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings, Precision

ARMS = {
    "peft, memory given back": ("peft", "given-back"),
    "peft, memory kept": ("peft", "kept"),
    "in place, memory given back": ("in-place", "given-back"),
    "in place, memory kept": ("in-place", "kept"),
}
PROMPT, RESPONSE, RESPONSES = 300, 160, 16
PASSES = 3


def turn(options: argparse.Namespace) -> float:
    """Return the seconds of a pass in this process, in which nothing else has been computed."""
    if options.sum == "peft":
        update.adding_in_place = lambda model: contextlib.nullcontext()  # type: ignore[assignment]
    if options.memory == "given-back":
        update.keep_freed_memory = lambda model: False  # type: ignore[assignment]
    torch.set_num_threads(options.threads)
    settings = ModelSettings(lora_rank=32, lora_alpha=64.0, precision=Precision(options.precision))
    model = prepare_model(qwen05(options.layers), settings, 0)
    learner = Learner(model, LOSS, settings)
    arm = ours(learner, drawn(learner, PROMPT, RESPONSE, RESPONSES))
    arm()
    return min(taken(arm)[0] for _ in range(PASSES))


def turn_apart(options: argparse.Namespace, how: str, memory: str) -> float:
    """Return the seconds of a turn in a process of its own."""
    words = [sys.executable, __file__, "--sum", how, "--memory", memory]
    for name in ("precision", "layers", "threads"):
        words += [f"--{name}", str(getattr(options, name))]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measure all arms by turns, or make the one turn that ``--sum`` names, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--precision", choices=list(Precision), default=Precision.FLOAT32.value)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file for the seconds of every turn")
    parser.add_argument("--sum", choices=("peft", "in-place"), help=argparse.SUPPRESS)
    parser.add_argument("--memory", choices=("given-back", "kept"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sum:
        print(turn(options))
        return
    seconds: dict[str, list[float]] = {name: [] for name in ARMS}
    for _ in range(options.rounds):
        for name, (how, memory) in ARMS.items():
            seconds[name].append(turn_apart(options, how, memory))
    first, *_ = (statistics.median(s) for s in seconds.values())
    print("| LoRA in " + options.precision + " | seconds | times as fast |\n|---|---|---|")
    for name, own in seconds.items():
        middle = statistics.median(own)
        print(f"| {name} | {middle:.2f} | {first / middle:.2f} |")
    if options.json:
        options.json.write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
