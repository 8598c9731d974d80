"""Our update in bfloat16 against TRL in bfloat16 and against the update before, in one run.

    python benchmarks/learning_bf16.py [--lora] [--shape 200/60/16] [--rounds 3] [--json [FILE]]

The shape of Qwen2.5-0.5B with random weights, made in code; forward and backward pass of one group
with gradients for float32 masters, no optimiser step, no KL and so no reference. ``before`` is
float32 weights under autocast (`learning_before`). TRL gets a model whose weights are bfloat16, as
ours, its gradients stay bfloat16, and rows in the best of several micro-batches, by a first pass
that does not count. Gradients are compared first: nothing is timed that is further than 10% from
that of the update before, of which 3 to 5% are bfloat16's rounding. Rounds take turns; figures are
medians, of seconds and of CPU seconds: these say more where others use the machine.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from learning_arms import LOSS, Arm, trl_loss, trl_trainer
from learning_before import logprobs_before
from sparring.learning.filling import micro_batches
from sparring.learning.logprobs import response_logprobs
from sparring.learning.loss import Tokens, token_loss
from sparring.learning.masters import cast
from sparring.learning.model import prepare_model
from sparring.learning.samples import Group, Sample
from sparring.learning.settings import LearningSettings, ModelSettings, Precision
from sparring.learning.stats import RoleStats
from sparring.learning.update import Learner, Whole
from sparring.schema import Role

STDOUT = Path("/dev/stdout")
FURTHEST = 0.1
Gradient = dict[str, torch.Tensor]


@dataclass
class Figures:
    """Medians; ratios are of CPU seconds, of the turns of one round."""

    shape: str
    lora: bool
    tokens: int
    seconds: dict[str, float]
    cpu_seconds: dict[str, float]
    times_before: float
    times_trl: float
    trl_rows: int
    gradient_gap: float
    gradient_gap_trl: float


def qwen05() -> PreTrainedModel:
    """The architecture of Qwen2.5-0.5B with random weights."""
    torch.manual_seed(0)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=151936,
            hidden_size=896,
            intermediate_size=4864,
            num_hidden_layers=24,
            num_attention_heads=14,
            num_key_value_heads=2,
            max_position_embeddings=32768,
            rms_norm_eps=1e-6,
            rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
            tie_word_embeddings=True,
            use_sliding_window=False,
        )
    ).eval()


def drawn(learner: Learner, prompt: int, response: int, n: int) -> list[Group]:
    """One group of random tokens, of lengths between a quarter of ``response`` and all of it, one
    at either end. Old log-probs are the learner's with noise: some ratios are clipped."""
    rng = random.Random(f"{prompt} {response} {n}")
    lengths = [response, response // 4, *(rng.randint(response // 4, response) for _ in range(n))]

    def ids(count: int) -> tuple[int, ...]:
        return tuple(rng.randrange(2, 150_000) for _ in range(count))

    samples = [Sample(ids(k), (0.0,) * k, rng.uniform(-1, 1)) for k in lengths[:n]]
    group = Group(Role.CODER, ids(prompt), 1.0, tuple(samples))
    with torch.no_grad():
        logprobs = response_logprobs(learner.model, [group], learner.backend).logprob
    own = logprobs.split([len(s.token_ids) for s in samples])
    noisy = [
        replace(s, sampled_logprobs=tuple(x + rng.gauss(0, 0.1) for x in part.tolist()))
        for s, part in zip(samples, own, strict=True)
    ]
    return [replace(group, samples=tuple(noisy))]


def ours(learner: Learner, groups: list[Group]) -> Arm:
    """The update without the optimiser's step."""

    def arm() -> None:
        learner.optimizer.zero_grad(set_to_none=True)
        whole = Whole.of(groups, 1.0)
        for batch in micro_batches(groups, 16384, learner.backend):
            learner._backward(batch, whole, RoleStats(), fresh=True)

    return arm


def before(model: PreTrainedModel, groups: list[Group]) -> Arm:
    """Float32 weights under autocast."""
    samples = [s for g in groups for s in g.samples]
    old = torch.tensor([x for s in samples for x in s.old_logprobs])
    advantage = torch.tensor([s.advantage for s in samples])

    def arm() -> None:
        model.zero_grad(set_to_none=True)
        logprob, flat = logprobs_before(model, groups)
        loss = token_loss(Tokens(logprob, flat.row, old, advantage[flat.row]), LOSS).loss
        (loss.sum() / len(old)).backward()

    return arm


def taken(arm: Arm) -> tuple[float, float]:
    """Seconds, and CPU seconds of all threads."""
    start, cpu = time.perf_counter(), time.process_time()
    arm()
    return time.perf_counter() - start, time.process_time() - cpu


def gap(found: Gradient, expected: Gradient) -> float:
    """The distance of two gradients, relative to the length of the second."""
    off = sum(float((found[n].float() - g.float()).norm()) ** 2 for n, g in expected.items())
    return (off / sum(float(g.float().norm()) ** 2 for g in expected.values())) ** 0.5


def of_model(model: PreTrainedModel) -> Gradient:
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


def best(arms: dict[int, Arm]) -> int:
    """The micro-batch with the shortest pass."""
    seconds = {size: taken(arm)[1] for size, arm in arms.items()}
    return min(seconds, key=lambda size: seconds[size])


def measured(shape: str, lora: bool, rounds: int, rows: list[int]) -> Figures:
    prompt, response, n = map(int, shape.split("/"))
    settings = ModelSettings(lora_rank=16 if lora else 0)
    model = qwen05()
    old = prepare_model(copy.deepcopy(model), settings, 0)
    _off_the_identity(old, lora)
    theirs = cast(copy.deepcopy(old), torch.bfloat16)
    mine = copy.deepcopy(old)
    del model
    learner = Learner(mine, LearningSettings(loss=LOSS, precision=Precision.BFLOAT16))
    groups = drawn(learner, prompt, response, n)
    names = [name for name, p in mine.named_parameters() if p.requires_grad]
    trainer = trl_trainer(theirs)
    by_rows: Callable[[int], Arm] = lambda size: trl_loss(trainer, theirs, groups, size)  # noqa: E731
    size = best({s: by_rows(s) for s in rows})
    arms = {"ours": ours(learner, groups), "before": before(old, groups), "trl": by_rows(size)}
    for arm in arms.values():
        arm()
    masters = zip(names, learner.masters.parameters, strict=True)
    own = {name: p.grad for name, p in masters if p.grad is not None}
    gaps = gap(own, of_model(old)), gap(of_model(theirs), of_model(old))
    if max(gaps) > FURTHEST:
        raise SystemExit(f"{shape}: gradients differ by {gaps[0]:.2f} and {gaps[1]:.2f}")
    del own
    turns = [{name: taken(arm) for name, arm in arms.items()} for _ in range(rounds)]
    seconds, cpu = ({a: statistics.median(t[a][i] for t in turns) for a in arms} for i in (0, 1))
    ratios = [statistics.median(t[a][1] / t["ours"][1] for t in turns) for a in ("before", "trl")]
    tokens = sum(g.tokens for g in groups)
    return Figures(shape, lora, tokens, seconds, cpu, *ratios, size, *gaps)


def _off_the_identity(model: PreTrainedModel, lora: bool) -> None:
    """An adapter's first gradient is of half its matrices only."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if lora and "lora_B" in name:
                p.normal_(std=0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lora", action="store_true", help="LoRA of rank 16 on all linear layers")
    parser.add_argument("--shape", default="200/60/16", help="prompt/response/responses")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default="4,8,16", help="micro-batches that TRL tries")
    parser.add_argument("--threads", type=int, help="default: torch's")
    parser.add_argument("--json", type=Path, nargs="?", const=STDOUT, help="write the figures")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    f = measured(args.shape, args.lora, args.rounds, [int(s) for s in args.rows.split(",")])
    flags = Path("/proc/cpuinfo").read_text() if platform.system() == "Linux" else ""
    kinds = [kind for kind in ("amx_bf16", "avx512_bf16") if f" {kind}" in flags]
    print(
        f"{f.shape}, {'LoRA' if f.lora else 'all weights'}: {f.tokens / f.seconds['ours']:,.0f} "
        f"tokens/s, {f.times_before:.2f}× before, {f.times_trl:.2f}× TRL ({f.trl_rows} rows); CPU "
        f"seconds {', '.join(f'{a} {s:.1f}' for a, s in f.cpu_seconds.items())}; gradients "
        f"{f.gradient_gap:.3f} and {f.gradient_gap_trl:.3f}; {torch.get_num_threads()} threads, "
        f"{', '.join(kinds) or 'no products of bfloat16'}"
    )
    if args.json:
        args.json.write_text(json.dumps(asdict(f), indent=2) + "\n")


if __name__ == "__main__":
    main()
