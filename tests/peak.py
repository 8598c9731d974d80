"""Measure what memory a step of learning and of sampling really takes, in a process of its own.

`python -m tests.peak CONFIG_DIR JSON` with {"set": recipe changes} makes a model of random weights,
learns from one batch that fills the micro-batch, samples one that fills the rows, and prints the
peak resident bytes of both, beyond what the libraries take, as JSON. Beside it
`tests/test_estimate.py` puts the estimate.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from sparring.config import load_recipe
from sparring.learning.model import prepare_model
from sparring.learning.samples import Group, Sample
from sparring.learning.settings import ModelSettings, Precision
from sparring.learning.update import Learner, frozen_copy
from sparring.recipe import Recipe
from sparring.sampling.base import Prompt, SamplingParams
from sparring.sampling.local import LocalSampler
from sparring.schema import Role
from sparring.training.trainer import learning_settings
from tests.nano import TinyTokenizer, tiny_model


def peak(reset: bool = False) -> int:
    """Bytes that were resident at most since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    [line] = [x for x in Path("/proc/self/status").read_text().split("\n") if "VmHWM" in x]
    return int(line.split()[1]) << 10


def batch(recipe: Recipe, role: Role) -> list[Group]:
    """Groups as large as the recipe allows, as many as fill a micro-batch."""
    prompt, response = recipe.prompts.max_tokens, recipe.sampling.coder_max_tokens
    sample = Sample((5,) * response, (-1.0,) * response, 1.0)
    count = recipe.sampling.programs
    size = prompt + count * response
    groups = max(1, recipe.learning.tokens_per_micro_batch // size)
    return [Group(role, (3,) * prompt, 1.0, (sample,) * count) for _ in range(groups)]


def main() -> None:
    """Print the peaks."""
    folder, told = sys.argv[1:]
    recipe = load_recipe(None, json.loads(told)["set"])
    torch.set_num_threads(1)
    small = tiny_model()
    Learner(small, learning_settings(recipe)).update(
        [Group(Role.CODER, (3,), 1.0, (Sample((5,), (-1.0,), 1.0),))]
    )
    del small
    before = peak(reset=True)  # with all that libraries load when they are first used
    m = recipe.model
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    settings = ModelSettings(
        m.lora_rank, m.lora_alpha, tuple(m.lora_targets), m.gradient_checkpointing, m.adapters
    )
    model = prepare_model(model.float(), settings, 0)
    cast = torch.bfloat16 if m.precision is Precision.BFLOAT16 else None
    sampler = LocalSampler(model, TinyTokenizer(), recipe.sampling.max_rows, cast)
    params = SamplingParams(1.0, recipe.sampling.coder_max_tokens)
    prompt = (3,) * recipe.prompts.max_tokens
    n = recipe.sampling.programs
    prompts = [
        Prompt(str(i), Role.CODER, prompt, i, params) for i in range(recipe.sampling.max_rows // n)
    ]
    sampler.sample(prompts, n)
    sampling = peak()
    learner = Learner(model, learning_settings(recipe))
    start = None
    if recipe.sampling.opponents and not m.lora_rank and learner.reference is None:
        start = frozen_copy(model)
    groups = [g for role in Role for g in batch(recipe, role)]
    learner.update(groups)  # the moments are there from the first step on
    peak(reset=True)
    learner.update(groups)
    learning = peak()
    print(json.dumps({"learning": learning - before, "sampling": sampling - before}))
    del start


if __name__ == "__main__":
    main()
