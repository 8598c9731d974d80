"""Our update in bfloat16 against TRL in bfloat16 and against the update before, in one run.

    OMP_WAIT_POLICY=passive python benchmarks/learning_bf16.py [--lora] [--against before|trl|both]
        [--shape 200/60/16] [--rounds 3] [--layers 24] [--json [FILE]]

The shape of Qwen2.5-0.5B with random weights, made in code; forward and backward pass of one group
with gradients for float32 masters, no optimiser step, no KL and so no reference. ``before`` is
float32 weights under autocast (`learning_before`). TRL gets a model whose weights are bfloat16, as
ours, its gradients stay bfloat16, and rows in the best of several micro-batches, by a first pass
that does not count. Gradients are compared after the first round: no figures are given of what is
further than 10% from ours. Rounds take turns; figures are medians,
of seconds and of CPU seconds: these say more where others use the machine, but only if threads
that wait for one another do not spin (``OMP_WAIT_POLICY``): spinning was half of them.
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
from transformers.initialization import no_init_weights

from learning_arms import LOSS, Arm, trl_loss, trl_trainer
from learning_before import logprobs_before
from sparring.learner.logprobs.compute import response_logprobs
from sparring.learner.logprobs.filling import micro_batches
from sparring.learner.loss import Tokens, token_loss
from sparring.learner.parts import LossDenominators
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.stats import RoleStats
from sparring.learner.update import Learner
from sparring.policy.precision import cast
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings, Precision
from sparring.schema import Role

STDOUT = Path("/dev/stdout")
FURTHEST = 0.1
Gradient = dict[str, torch.Tensor]


@dataclass
class Figures:
    """Medians; ratios are of the turns of one round."""

    shape: str
    lora: bool
    tokens: int
    seconds: dict[str, float]
    cpu_seconds: dict[str, float]
    times: dict[str, float]
    """Of each other arm, its seconds by ours; of CPU seconds in `cpu_times`."""
    cpu_times: dict[str, float]
    trl_rows: int
    gradient_gaps: dict[str, float]
    """The distance of others' gradients from ours."""


def qwen05(layers: int) -> PreTrainedModel:
    """The architecture of Qwen2.5-0.5B with random weights."""
    with no_init_weights():
        model = Qwen2ForCausalLM(
            Qwen2Config(
                vocab_size=151936,
                hidden_size=896,
                intermediate_size=4864,
                num_hidden_layers=layers,
                num_attention_heads=14,
                num_key_value_heads=2,
                max_position_embeddings=32768,
                rms_norm_eps=1e-6,
                rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
                tie_word_embeddings=True,
                use_sliding_window=False,
            )
        ).eval()
    model.tie_weights()
    torch.manual_seed(0)
    # Half a billion normal numbers take a minute; of a prime length no two rows are alike.
    numbers = torch.randn(2_000_003) * 0.02
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.fill_(0.0 if name.endswith("bias") else 1.0)
                continue
            start = int(torch.randint(len(numbers), ()))
            times = -(-(start + p.numel()) // len(numbers))
            p.copy_(numbers.repeat(times)[start : start + p.numel()].view_as(p))
    return model


def drawn(learner: Learner, prompt: int, response: int, n: int) -> list[SampleGroup]:
    """One group of random tokens, of lengths between a quarter of ``response`` and all of it, one
    at either end. Old log-probs are the learner's with noise: some ratios are clipped."""
    rng = random.Random(f"{prompt} {response} {n}")
    lengths = [response, response // 4, *(rng.randint(response // 4, response) for _ in range(n))]

    def ids(count: int) -> tuple[int, ...]:
        return tuple(rng.randrange(2, 150_000) for _ in range(count))

    samples = [Sample(ids(k), (0.0,) * k, rng.uniform(-1, 1)) for k in lengths[:n]]
    group = SampleGroup(Role.CODER, ids(prompt), 1.0, tuple(samples))
    with torch.no_grad():
        logprobs = response_logprobs(learner.model, [group], learner.backend).logprob
    own = logprobs.split([len(s.token_ids) for s in samples])
    noisy = [
        replace(s, sampled_logprobs=tuple(x + rng.gauss(0, 0.1) for x in part.tolist()))
        for s, part in zip(samples, own, strict=True)
    ]
    return [replace(group, samples=tuple(noisy))]


def ours(learner: Learner, groups: list[SampleGroup]) -> Arm:
    """The update without the optimiser's step."""

    def arm() -> None:
        learner.optimizer.zero_grad(set_to_none=True)
        whole = LossDenominators.of(groups, 1.0)
        for batch in micro_batches(groups, 16384, learner.backend):
            learner._backward(batch, whole, RoleStats(), fresh=True)

    return arm


def before(model: PreTrainedModel, groups: list[SampleGroup]) -> Arm:
    """Float32 weights under autocast."""
    samples = [s for g in groups for s in g.samples]
    old = torch.tensor([x for s in samples for x in s.sampled_logprobs])
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
    return (off / sum(float(g.float().norm()) ** 2 for g in expected.values())) ** 0.5  # type: ignore[no-any-return]


def of_model(model: PreTrainedModel) -> Gradient:
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


def best(arms: dict[int, Arm]) -> int:
    """The micro-batch with the shortest pass."""
    seconds = {size: taken(arm)[1] for size, arm in arms.items()}
    return min(seconds, key=lambda size: seconds[size])


def measured(
    shape: str, lora: bool, others: list[str], rounds: int, rows: list[int], layers: int, warm: bool
) -> Figures:
    prompt, response, n = map(int, shape.split("/"))
    settings = ModelSettings(lora_rank=16 if lora else 0)
    model = prepare_model(qwen05(layers), settings, 0)
    _off_the_identity(model, lora)
    mine = copy.deepcopy(model) if "before" in others else model
    theirs = cast(copy.deepcopy(model), torch.bfloat16) if "trl" in others else None
    learner = Learner(mine, LOSS, ModelSettings(precision=Precision.BFLOAT16))
    groups = drawn(learner, prompt, response, n)
    names = [name for name, p in mine.named_parameters() if p.requires_grad]
    arms = {"ours": ours(learner, groups)}
    size = 0
    if "before" in others:
        arms["before"] = before(model, groups)
    if theirs is not None:
        trainer, moved = trl_trainer(theirs), theirs
        by_rows: Callable[[int], Arm] = lambda size: trl_loss(trainer, moved, groups, size)  # noqa: E731
        size = best({s: by_rows(s) for s in rows}) if len(rows) > 1 else rows[0]
        arms["trl"] = by_rows(size)
    if warm:
        for arm in arms.values():
            arm()
    turns = []
    gaps: dict[str, float] = {}
    for _ in range(rounds):
        turns.append({name: taken(arm) for name, arm in arms.items()})
        if not gaps:
            masters = zip(names, learner.masters.parameters, strict=True)
            own = {name: p.grad for name, p in masters if p.grad is not None}
            models = {"before": model, "trl": theirs}
            gaps = {a: gap(of_model(m), own) for a, m in models.items() if a in arms and m}
            if max(gaps.values()) > FURTHEST:
                raise SystemExit(f"{shape}: gradients differ by {max(gaps.values()):.2f}")
            del own
    seconds, cpu = ({a: statistics.median(t[a][i] for t in turns) for a in arms} for i in (0, 1))
    times, cpu_times = (
        {a: statistics.median(t[a][i] / t["ours"][i] for t in turns) for a in others}
        for i in (0, 1)
    )
    tokens = sum(g.tokens for g in groups)
    return Figures(shape, lora, tokens, seconds, cpu, times, cpu_times, size, gaps)


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
    parser.add_argument("--against", choices=("before", "trl", "both"), default="both")
    parser.add_argument("--layers", type=int, default=24, help="fewer give a first impression")
    parser.add_argument("--cold", action="store_true", help="the first passes count")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default="4,8,16", help="micro-batches that TRL tries")
    parser.add_argument("--threads", type=int, help="default: torch's")
    parser.add_argument("--json", type=Path, nargs="?", const=STDOUT, help="write the figures")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    others = ["before", "trl"] if args.against == "both" else [args.against]
    rows = [int(s) for s in args.rows.split(",")]
    f = measured(args.shape, args.lora, others, args.rounds, rows, args.layers, not args.cold)
    flags = Path("/proc/cpuinfo").read_text() if platform.system() == "Linux" else ""
    kinds = [kind for kind in ("amx_bf16", "avx512_bf16") if f" {kind}" in flags]
    print(
        f"{f.shape}, {'LoRA' if f.lora else 'all weights'}, {args.layers} layers: "
        f"{f.tokens / f.seconds['ours']:,.0f} tokens/s; {torch.get_num_threads()} threads, "
        f"{', '.join(kinds) or 'no products of bfloat16'}"
    )
    for arm, cpu in f.cpu_seconds.items():
        told = f"{arm}: {cpu:.1f} CPU s, {f.seconds[arm]:.1f} s"
        if arm in f.times:
            told += f"; ours is {f.cpu_times[arm]:.2f}× as fast by CPU time, {f.times[arm]:.2f}× "
            told += f"by the clock; gradients differ by {f.gradient_gaps[arm]:.3f}"
        print(told + (f"; {f.trl_rows} rows" if arm == "trl" else ""))
    if args.json:
        args.json.write_text(json.dumps(asdict(f), indent=2) + "\n")


if __name__ == "__main__":
    main()
