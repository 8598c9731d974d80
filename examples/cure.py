"""CURE in one file: one language model learns to write programs and to write tests for them.

    python examples/cure.py                   # a minute on two cores, nothing to download
    python examples/cure.py --steps 40 --seed 1

The method of arXiv 2506.03136, in the order in which it happens: sample, run, reward (Eq 3, Eq 4),
normalise, learn (Eq 5). One model plays two roles. For each task it writes n programs as the coder
and m tests as the tester, and every program runs on every test. A program earns the ground-truth
tests that it passes. A test earns by how it tells programs apart: those that pass all of the ground
truth should pass it, the others should not. No solution is ever shown to either role.

`sparring train` is the same method with what a serious run needs: resuming, servers, several GPUs,
LoRA, function tasks, other forms of reward and loss. docs/method.md says where and why its defaults
depart from the paper. tests/test_cure_example.py holds this file to it: on the same responses,
rewards, advantages, losses and weights are, up to rounding, those of preset = "paper" with
learning.mode = "joint", ratio = "token", average = "tokens", kl_bound = 80 and epochs = 2, on tasks
without validator and reference solution.

Arrays name their axes: P programs, T tests, of which G ground truth and U generated; L tokens.
"""

from __future__ import annotations

import argparse
import copy
import time
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from sparring.prompts.parse import parse_program, parse_test
from sparring.prompts.render import prompt_text
from sparring.sandbox import Job, Limits, Sandbox
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.sources import tasks_of


@dataclass(frozen=True)
class Settings:
    """Every number of the method. Each is an option of the command line."""

    steps: int = 12
    tasks: int = 8  # in a step, each step others
    programs: int = 8  # n: the coder's responses to a task
    tests: int = 8  # m: the tester's
    max_tokens: int = 72  # of a response; what is longer is cut off
    temperature: float = 1.0  # above 0
    learning_rate: float = 3e-4  # for 0.94 million parameters; 1e-6 for 7 billion
    passes: int = 2  # over a batch; from the second on, ratios differ from 1 and the clip is real
    clip: float = 0.2  # ε of Eq 5
    kl: float = 0.01  # β of Eq 5
    max_grad_norm: float = 1.0
    held_out: int = 48  # tasks to measure on, before and after; never trained on
    seed: int = 0


# ------------------------------------------------------------------------------------- 1. sample


class Response(NamedTuple):
    """Tokens as they were drawn. Learning goes by them, never by the text tokenised again: that may
    give other tokens, which nobody drew."""

    prompt_ids: list[int]
    token_ids: list[int]
    logprobs: list[float]  # of each token, under the weights and the temperature it was drawn by
    text: str


@torch.no_grad()
def sample(model, tokenizer, messages: list[str], n: int, s: Settings) -> list[list[Response]]:
    """Sample ``n`` responses to each message, all of them at once, token by token."""
    texts = [prompt_text(tokenizer, message) for message in messages]  # by the chat template
    prompts = tokenizer(texts, add_special_tokens=False)["input_ids"]
    rows = [ids for ids in prompts for _ in range(n)]
    # Padding stands on the left, so that all responses begin at the same place.
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    cache = DynamicCache(config=model.config)  # keys and values of the tokens so far
    tokens, logprobs, end = [], [], tokenizer.eos_token_id
    ended = torch.zeros(len(rows), dtype=torch.bool)
    while len(tokens) < s.max_tokens and not ended.all():
        places = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        logits = model(ids, attention_mask=mask, position_ids=places, past_key_values=cache).logits
        # No top-p or top-k: the ratio in `learn` is of the whole distribution.
        logprob = (logits[:, -1] / s.temperature).log_softmax(-1)
        ids = torch.multinomial(logprob.exp(), 1)
        tokens.append(ids)
        logprobs.append(logprob.gather(1, ids))
        mask = torch.cat([mask, torch.ones_like(ids)], 1)
        ended |= ids[:, 0] == end  # such a row goes on with the others, and is cut below
    responses = []
    drawn_of, logprobs_of = (torch.cat(columns, 1).tolist() for columns in (tokens, logprobs))
    for row, drawn, values in zip(rows, drawn_of, logprobs_of, strict=True):
        # The end token belongs to the response: ending is learned like any other token.
        length = drawn.index(end) + 1 if end in drawn else len(drawn)
        text = tokenizer.decode(drawn[:length], skip_special_tokens=True)
        responses.append(Response(row, drawn[:length], values[:length], text))
    return [responses[i : i + n] for i in range(0, len(responses), n)]


# ---------------------------------------------------------------------------------------- 2. run


class Group(NamedTuple):
    """Both roles' responses to one task, and how every program fared on every test."""

    coder: list[Response]  # [P]
    tester: list[Response]  # [U]
    passed_PG: np.ndarray
    passed_PU: np.ndarray
    right_U: np.ndarray  # by a reference solution: to print, never to reward


def play(model, tokenizer, sandbox: Sandbox, tasks, s: Settings) -> list[Group]:
    """Let both roles write, and run every program on every test."""
    # One word tells the embedded model its role. Others need more: sparring.prompts.templates.
    coder = sample(model, tokenizer, [f"Program: {t.statement}" for t in tasks], s.programs, s)
    tester = sample(model, tokenizer, [f"Test: {t.statement}" for t in tasks], s.tests, s)
    groups = []
    for task, coder_P, tester_U in zip(tasks, coder, tester, strict=True):
        # What cannot be read is None: a program that passes nothing, a test that nobody passes.
        # Of several tests in a response this is the first; the paper reads the last.
        programs_P = [parse_program(response.text).source for response in coder_P]
        tests_U = [parse_test(response.text).test for response in tester_U]
        passed_PT = run(sandbox, task, programs_P, [*task.tests, *tests_U])
        passed_PG, passed_PU = np.split(passed_PT, [len(task.tests)], axis=1)
        # Alone: each test in a process of its own, so that none has a say in another's result.
        right_U = run(sandbox, task, task.solutions[:1], tests_U, alone=True)[0]
        groups.append(Group(coder_P, tester_U, passed_PG, passed_PU, right_U))
    return groups


def run(sandbox: Sandbox, task, programs_P, tests_T, alone: bool = False) -> np.ndarray:
    """Run every program on every test of a task, and return who passes what: ``passed_PT``."""
    readable_P = np.flatnonzero([program is not None for program in programs_P])
    readable_T = np.flatnonzero([test is not None for test in tests_T])
    inputs = tuple(tests_T[t].input for t in readable_T)  # expected outputs never go in
    limits = Limits(cpu_seconds=task.time_limit, memory_mib=task.memory_limit)
    outcomes = sandbox.run([Job(programs_P[p], inputs, limits, alone=alone) for p in readable_P])
    passed_PT = np.zeros((len(programs_P), len(tests_T)), dtype=bool)
    for p, of_program in zip(readable_P, outcomes, strict=True):
        for t, outcome in zip(readable_T, of_program, strict=True):
            # A failure of our own says nothing of the program. The library masks such a cell.
            assert outcome.verdict != "infra", outcome.detail
            ended = outcome.verdict == "finished"  # without an exception, within all limits
            passed_PT[p, t] = ended and accepts(task.checker, outcome.output, tests_T[t].output)
    return passed_PT


# ------------------------------------------------------------------------------------- 3. reward


def coder_reward(passed_PG: np.ndarray) -> np.ndarray:
    """Eq 3: a program earns the number of ground-truth tests that it passes [P]."""
    return passed_PG.sum(axis=1).astype(float)


def tester_reward(passed_PG: np.ndarray, passed_PU: np.ndarray) -> np.ndarray | None:
    """Eq 4: what each generated test earns [U]; None without a correct program to judge it by.

    A test that every correct program passes is taken to be right, and earns the number of wrong
    programs that fail it. Any other test loses the number of wrong programs that pass it. A right
    test that everybody passes earns nothing: it does not help to choose a program. (So the NeurIPS
    text; as version 2 on arXiv prints it, it is 0 as soon as one program is wrong.)

    Its mean, divided by the number of wrong programs, estimates μ of the paper's theorem: if μ > 0,
    then the more tests there are, the surer the program that passes most of them is a correct one.
    """
    correct_P = passed_PG.all(axis=1)
    if not correct_P.any():
        return None
    accepts_U = passed_PU[correct_P].all(axis=0)
    caught_U = (~passed_PU[~correct_P]).sum(axis=0)
    missed_U = passed_PU[~correct_P].sum(axis=0)
    return np.where(accepts_U, caught_U, -missed_U).astype(float)  # unread: 0 (reward.invalid_test)


def advantages(reward: np.ndarray | None) -> np.ndarray | None:
    """Normalise the rewards of one role's responses to one task, so that they say how much better
    each is than its fellows. None if they teach nothing: there are none, or all are equal."""
    if reward is None or reward.std() == 0:
        return None
    return (reward - reward.mean()) / reward.std()


# -------------------------------------------------------------------------------------- 4. learn

Batch = list[tuple[Response, float]]
"""One role's responses, each with its advantage."""


def batches(groups: list[Group]) -> dict[str, Batch]:
    """Collect what each role learns from in a step."""
    learned: dict[str, Batch] = {"coder": [], "tester": []}
    for g in groups:
        for role, responses, reward in (
            ("coder", g.coder, coder_reward(g.passed_PG)),
            ("tester", g.tester, tester_reward(g.passed_PG, g.passed_PU)),
        ):
            if (advantage := advantages(reward)) is not None:
                learned[role] += zip(responses, advantage.tolist(), strict=True)
    return {role: batch for role, batch in learned.items() if batch}


def logprobs_of(model, batch: Batch, s: Settings) -> torch.Tensor:
    """Compute the log-prob of every response token [L] under the model as it is now. The batch runs
    at once, which is for a small model: in parts, `learn`'s mean must still be over all of it."""
    rows = [response.prompt_ids + response.token_ids for response, _ in batch]
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    logits = model(ids[:, :-1], attention_mask=mask[:, :-1]).logits / s.temperature
    # The logits at a place are of the token that follows.
    logprobs = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[:, :, 0]
    begin = torch.tensor([len(response.prompt_ids) for response, _ in batch])
    return logprobs[(torch.arange(1, width) >= begin[:, None]) & (mask[:, 1:] == 1)]


def learn(model, reference, optimizer, learned: dict[str, Batch], s: Settings) -> dict[str, float]:
    """Eq 5: climb the clipped surrogate, minus β times the KL divergence from the initial model,
    the ``reference``. Return the loss of each role: the mean over its tokens and the passes.

    Both roles' gradients make one optimiser step, in the paper two: `learning.mode = "separate"`.
    """
    if not learned:
        return {}
    losses = dict.fromkeys(learned, 0.0)
    with torch.no_grad():
        before = {role: logprobs_of(reference, batch, s) for role, batch in learned.items()}
    for _ in range(s.passes):
        optimizer.zero_grad()
        for role, batch in learned.items():
            logprob_L = logprobs_of(model, batch, s)
            old_L = torch.tensor([x for response, _ in batch for x in response.logprobs])
            advantage_L = torch.tensor([a for response, a in batch for _ in response.token_ids])
            # Of each token, as in PPO and GRPO. Eq 5 as printed has the ratio of a whole response,
            # which strays further with every token; `learning.importance_level` has both, and GSPO.
            ratio_L = (logprob_L - old_L).exp()
            clipped_L = ratio_L.clamp(1 - s.clip, 1 + s.clip)
            surrogate_L = torch.minimum(ratio_L * advantage_L, clipped_L * advantage_L)
            # The estimator k3: never negative, and unbiased for tokens that the model has drawn.
            delta_L = before[role] - logprob_L
            kl_L = delta_L.exp() - delta_L - 1
            loss = (s.kl * kl_L - surrogate_L).mean()
            loss.backward()  # adds to the other role's gradient
            losses[role] += loss.item() / s.passes
        torch.nn.utils.clip_grad_norm_(model.parameters(), s.max_grad_norm)
        optimizer.step()
    return losses


# ----------------------------------------------------------------------------------- 5. the loop


def shares(groups: list[Group]) -> str:
    """Say how many programs are right, how many tests, and how many of the programs that the tests
    choose: those that pass most of their task's (Best-of-N, what the pair is for)."""
    programs = np.mean([g.passed_PG.all(axis=1) for g in groups])
    tests = np.mean([g.right_U for g in groups])
    votes = [(g.passed_PG.all(axis=1), g.passed_PU.sum(axis=1)) for g in groups]
    chosen = np.mean([correct_P[vote_P == vote_P.max()].mean() for correct_P, vote_P in votes])
    return f"programs right {programs:4.0%}   tests right {tests:4.0%}   chosen right {chosen:4.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    for field in fields(Settings):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    s = Settings(**vars(parser.parse_args()))
    torch.manual_seed(s.seed)
    place = files("sparring") / "microworld" / "nano"
    tokenizer = AutoTokenizer.from_pretrained(place)
    model = AutoModelForCausalLM.from_pretrained(place).eval()  # dropout would change the policy
    reference = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=s.learning_rate, betas=(0.9, 0.95), weight_decay=0
    )
    training = tasks_of(["microworld:train"], s.steps * s.tasks, s.seed, None)
    held_out = tasks_of(["microworld:held_out"], s.held_out, s.seed, None)
    with Sandbox() as sandbox:
        print(f"held out, before: {shares(play(model, tokenizer, sandbox, held_out, s))}")
        for step in range(s.steps):
            began = time.monotonic()
            tasks = training[step * s.tasks : (step + 1) * s.tasks]
            groups = play(model, tokenizer, sandbox, tasks, s)
            losses = learn(model, reference, optimizer, batches(groups), s)
            told = "".join(f"   {role}'s loss {loss:+.3f}" for role, loss in losses.items())
            seconds = time.monotonic() - began
            print(f"step {step + 1:3}, {seconds:4.1f} s:   {shares(groups)}{told}", flush=True)
        print(f"held out, after:  {shares(play(model, tokenizer, sandbox, held_out, s))}")


if __name__ == "__main__":
    main()
