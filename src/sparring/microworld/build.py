"""Build of the nano model from random weights: corpus, tokenizer, warm start, checkpoint.

    sparring microworld build [--out DIR] [--seed N]

A Llama of under a million parameters learns to imitate the noisy players of `players` on
compositions of the warm split, and is saved as an ordinary ``transformers`` checkpoint. The build
is seeded: on one machine with the same number of ranks the weights repeat bit for bit. A build
takes about 15 minutes on two cores. The package carries the result (`NANO_DIR`).

The warm start does not aim at a good model. Reinforcement learning needs an imperfect initial
policy with varied samples.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.multiprocessing.spawn import spawn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sparring.microworld.corpus import Conversation, corpus
from sparring.microworld.tokenizer import ASSISTANT, END, USER, train_tokenizer

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Settings of the warm start. The package's model was built with the defaults."""

    seed: int = 0
    conversations: int = 264_000
    batch: int = 24
    """Conversations per update. Small batches learn more per second for this model."""
    learning_rate: float = 2e-3
    """Peak of the learning rate, which rises linearly and then falls to a tenth along a cosine."""
    hidden: int = 128
    layers: int = 4
    ranks: int = 2
    """Processes of one thread each. On two cores two processes are twice as fast as one process of
    two threads, and a busy neighbour slows them down less."""


def nano_config(settings: WarmStart, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """Return the architecture: a small Llama with tied embeddings and 256 positions."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=3 * settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )


def encode(
    tokenizer: PreTrainedTokenizerFast, conversations: list[Conversation]
) -> list[tuple[list[int], int]]:
    """Return the token ids of each conversation and the length of its prompt in tokens.

    Prompt and answer are tokenised apart, as in sampling.
    """
    prompts = tokenizer([f"{USER}{c.prompt}{END}{ASSISTANT}" for c in conversations])["input_ids"]
    answers = tokenizer([c.answer + END for c in conversations])["input_ids"]
    return [(p + a, len(p)) for p, a in zip(prompts, answers, strict=True)]


def batches(
    rng: np.random.Generator, encoded: list[tuple[list[int], int]], size: int, pad: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield right-padded input ids and labels, both [batch, length], in random order.

    Conversations of similar length share a batch (sorted within windows), so that little padding is
    needed. Labels cover the answer only; other positions have -100.
    """
    window = 32 * size
    order = rng.permutation(len(encoded))
    for start in range(0, len(order), window):
        part = sorted(order[start : start + window], key=lambda i: len(encoded[i][0]))
        groups = [part[i : i + size] for i in range(0, len(part), size)]
        for g in rng.permutation(len(groups)):
            rows = [encoded[i] for i in groups[g]]
            length = max(len(ids) for ids, _ in rows)
            inputs = torch.full((len(rows), length), pad)
            labels = torch.full((len(rows), length), -100)
            for row, (ids, prompt) in enumerate(rows):
                inputs[row, : len(ids)] = torch.tensor(ids)
                labels[row, prompt : len(ids)] = torch.tensor(ids[prompt:])
            yield inputs, labels


def build(out: Path, settings: WarmStart | None = None, log: Log = print) -> None:
    """Build the model; write tokenizer and weights to ``out``, whose old files are replaced."""
    settings = settings or WarmStart()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        arguments = (settings, str(out), f"file://{directory}/ranks", log)
        spawn(_rank, args=arguments, nprocs=settings.ranks)


def _rank(rank: int, settings: WarmStart, out: str, init_method: str, log: Log) -> None:
    """Run one process of the build. All processes draw the same batches and learn from a share."""
    start = time.monotonic()
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    torch.distributed.init_process_group(
        "gloo", init_method=init_method, rank=rank, world_size=settings.ranks
    )
    rng = np.random.default_rng(settings.seed)
    conversations = corpus(settings.seed, settings.conversations)
    sample = conversations[:20_000]
    tokenizer = train_tokenizer([c.prompt for c in sample] + [c.answer for c in sample])
    encoded = encode(tokenizer, conversations)
    model = LlamaForCausalLM(nano_config(settings, tokenizer))
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    total = math.ceil(settings.conversations / settings.batch)

    def rate(step: int) -> float:
        rise = min(1.0, (step + 1) / 200)
        fall = 0.55 + 0.45 * math.cos(math.pi * min(1.0, step / total))
        return rise * fall

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    pad = int(tokenizer.pad_token_id)
    size = sum(p.numel() for p in model.parameters())
    if rank == 0:
        log(f"{size:,} parameters, {len(tokenizer)} tokens, {total:,} updates")
    recent: list[float] = []
    for step, (inputs, labels) in enumerate(batches(rng, encoded, settings.batch, pad), start=1):
        recent.append(_accumulate(model, inputs, labels, pad, rank, settings.ranks))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        if rank == 0 and (step % 500 == 0 or step == total):
            elapsed = time.monotonic() - start
            log(f"update {step:>6,} / {total:,}  loss {np.mean(recent):.4f}  {elapsed:5.0f} s")
            recent.clear()
    torch.distributed.destroy_process_group()
    if rank == 0:
        model.eval()
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
        seconds = round(time.monotonic() - start)
        record = {**asdict(settings), "parameters": size, "seconds": seconds}
        (Path(out) / "build.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _accumulate(
    model: LlamaForCausalLM,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    pad: int,
    rank: int,
    ranks: int,
) -> float:
    """Compute this rank's share of the gradients and sum the ranks' shares; return the mean loss.

    Each rank's loss is divided by the number of tokens of the whole batch, so the sum over ranks is
    the gradient that a single process would compute.
    """
    tokens = int((labels != -100).sum())
    mine, targets = inputs[rank::ranks], labels[rank::ranks]
    logits = model(input_ids=mine, attention_mask=mine != pad).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets[:, 1:].flatten(), ignore_index=-100, reduction="sum"
    )
    (loss / tokens).backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients] + [loss.detach()[None]])
    torch.distributed.all_reduce(flat)
    start = 0
    for g in gradients:
        g.copy_(flat[start : start + g.numel()].view_as(g))
        start += g.numel()
    return float(flat[-1]) / tokens
