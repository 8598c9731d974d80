"""Three ways to one gradient: our update, rows of prompt and response, and TRL's GRPOTrainer.

All get the same model object, the same samples and the same loss: the clipped surrogate with the
same old log-probs, averaged over all tokens, without a KL term. Each leaves the gradient in the
model. Rows, ours to compare with, come in the order of their length, and each micro-batch is cut
to its longest row: for TRL, which keeps the order and the width of the sampled batch, that is
better than its own.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from sparring.learner.logprobs.filling import micro_batches
from sparring.learner.loss import Tokens, token_loss
from sparring.learner.parts import LossDenominators
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import LearningSettings, OldLogprobs
from sparring.learner.stats import RoleStats
from sparring.learner.update import Learner
from sparring.microworld import NANO_DIR
from sparring.policy.model import load_model
from sparring.schema import Role

LOSS = LearningSettings(
    num_minibatches=1, ppo_epochs=1, kl_bound=None, old_logprobs=OldLogprobs.ROLLOUT, kl_coef=0.0
)
Row = tuple[SampleGroup, Sample]
Arm = Callable[[], None]


def smollm2() -> PreTrainedModel:
    """The architecture of SmolLM2-135M with random weights: timing needs no others."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=49152,
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=30,
            num_attention_heads=9,
            num_key_value_heads=3,
            max_position_embeddings=8192,
            rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
            rms_norm_eps=1e-5,
            initializer_range=0.041666666666666664,
            tie_word_embeddings=True,
        )
    )
    return model.eval()


def groups_of(
    model: PreTrainedModel, prompt: int, response: int, n: int, count: int
) -> list[SampleGroup]:
    """``count`` groups: random prompts of ``prompt`` tokens, each with ``n`` responses that the
    model samples, cut to lengths between a quarter of ``response`` and all of it, with one at
    either end. Old log-probs are the model's with noise: ratios differ, and some are clipped."""
    rng = random.Random(f"{prompt} {response} {n}")
    torch.manual_seed(rng.randrange(1 << 30))
    found = []
    for _ in range(count):
        ids = tuple(rng.randrange(2, model.config.vocab_size) for _ in range(prompt))
        lengths = [response, response // 4]
        lengths += [rng.randint(response // 4, response) for _ in range(n - 2)]
        rng.shuffle(lengths)
        sampled = model.generate(
            torch.tensor([ids]), do_sample=True, top_k=0, num_return_sequences=n,
            min_new_tokens=response, max_new_tokens=response,
        )[:, prompt:].tolist()  # fmt: skip
        samples = [
            Sample(tuple(row[:length]), (0.0,) * length, rng.uniform(-1, 1))
            for row, length in zip(sampled, lengths, strict=True)
        ]
        found.append(SampleGroup(Role.CODER, ids, 1.0, tuple(samples)))
    logprobs = iter(plain_logprobs(model, found))

    def with_noise(s: Sample) -> Sample:
        old = tuple(x + rng.gauss(0, 0.1) for x in next(logprobs).tolist())
        return Sample(s.token_ids, old, s.advantage)

    return [
        SampleGroup(g.role, g.prompt_ids, g.temperature, tuple(map(with_noise, g.samples)))
        for g in found
    ]


@torch.no_grad()
def plain_logprobs(model: PreTrainedModel, groups: list[SampleGroup]) -> list[torch.Tensor]:
    """Of each response [L], by a call of the model for it alone."""
    found = []
    for g in groups:
        for s in g.samples:
            ids = torch.tensor([[*g.prompt_ids, *s.token_ids]])
            logits = model(input_ids=ids, use_cache=False, logits_to_keep=len(s.token_ids) + 1)
            steps = torch.log_softmax(logits.logits[0, :-1], -1)
            found.append(steps.gather(1, torch.tensor(s.token_ids)[:, None])[:, 0])
    return found


def rows_of(groups: list[SampleGroup]) -> list[Row]:
    return sorted(((g, s) for g in groups for s in g.samples), key=lambda r: len(r[1].token_ids))


def batches(rows: list[Row], size: int) -> Iterator[dict[str, torch.Tensor]]:
    """Prompts padded on the left, responses on the right, as TRL names them."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        longest = max(len(g.prompt_ids) for g, _ in part)
        behind = max(len(s.token_ids) for _, s in part)
        before = [longest - len(g.prompt_ids) for g, _ in part]
        after = [behind - len(s.token_ids) for _, s in part]
        yield {
            "prompt_ids": torch.tensor(
                [[0] * b + list(g.prompt_ids) for b, (g, _) in zip(before, part, strict=True)]
            ),
            "prompt_mask": torch.tensor([[0] * b + [1] * (longest - b) for b in before]),
            "completion_ids": torch.tensor(
                [list(s.token_ids) + [0] * a for a, (_, s) in zip(after, part, strict=True)]
            ),
            "completion_mask": torch.tensor([[1] * (behind - a) + [0] * a for a in after]),
            "advantages": torch.tensor([s.advantage for _, s in part]),
            "old_per_token_logps": torch.tensor(
                [
                    list(s.sampled_logprobs) + [0.0] * a
                    for a, (_, s) in zip(after, part, strict=True)
                ]
            ),
            "num_items_in_batch": torch.tensor(sum(len(s.token_ids) for _, s in rows)),
        }


def ours(model: PreTrainedModel, groups: list[SampleGroup], budget: int) -> Arm:
    """Our update without the optimiser's step: log-probs, loss, backward, statistics."""
    learner = Learner(model, LOSS)

    def arm() -> None:
        model.zero_grad(set_to_none=True)
        stats, whole = RoleStats(), LossDenominators.of(groups, 1.0)
        for batch in micro_batches(groups, budget, learner.backend):
            learner._backward(batch, whole, stats, fresh=True)

    return arm


def padded(model: PreTrainedModel, groups: list[SampleGroup], size: int) -> Arm:
    """Rows of prompt and response, ``size`` at a time; logits of response positions only."""
    rows = rows_of(groups)

    def arm() -> None:
        model.zero_grad(set_to_none=True)
        for b in batches(rows, size):
            mask, valid = (
                torch.cat([b["prompt_mask"], b["completion_mask"]], 1),
                b["completion_mask"],
            )
            logits = model(
                input_ids=torch.cat([b["prompt_ids"], b["completion_ids"]], 1),
                attention_mask=mask,
                position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                use_cache=False,
                logits_to_keep=valid.shape[1] + 1,
            ).logits[:, :-1]
            row, _ = valid.nonzero(as_tuple=True)
            logprobs = torch.log_softmax(logits[valid.bool()], -1)
            with torch.no_grad():
                entropy = -(logprobs.exp() * logprobs).sum(-1)
            assert entropy.isfinite().all()
            chosen = logprobs.gather(1, b["completion_ids"][valid.bool()][:, None])[:, 0]
            old = b["old_per_token_logps"][valid.bool()]
            loss = token_loss(Tokens(chosen, row, old, b["advantages"][row]), LOSS).loss
            (loss.sum() / b["num_items_in_batch"]).backward()

    return arm


def trl_trainer(model: PreTrainedModel) -> Any:
    """A GRPOTrainer around the model, ready to be asked for its loss."""
    import datasets
    import trl

    _, tokenizer = load_model(str(NANO_DIR))
    trainer = trl.GRPOTrainer(
        model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=trl.GRPOConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=8,
            num_generations=8,
            beta=0.0,
            loss_type="dapo",
            use_cpu=True,
            bf16=False,  # else autocast: another gradient
            report_to=[],
            gradient_checkpointing=False,
        ),
        train_dataset=datasets.Dataset.from_list([{"prompt": "x"}]),
        processing_class=tokenizer,
    )
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def trl_loss(trainer: Any, model: PreTrainedModel, groups: list[SampleGroup], size: int) -> Arm:
    """TRL's own loss on the same samples, ``size`` rows at a time, with the same old log-probs."""
    rows = rows_of(groups)

    def arm() -> None:
        model.zero_grad(set_to_none=True)
        model.train()
        for b in batches(rows, size):
            trainer.compute_loss(model, b).backward()
        model.eval()

    return arm
