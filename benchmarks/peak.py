"""Measure what memory a step of learning and of sampling really takes, in a process of its own.

`python benchmarks/peak.py CONFIG_DIR JSON` with the changes to the embedded recipe as a list makes
a model of random weights, learns from batches that fill the micro-batch, samples one that fills the
rows, and prints the peak resident bytes of both as JSON, beyond what the libraries take. With
torchrun's variables it is one of several processes, and samples nothing. `memory.py` starts it and
puts the estimate beside it.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from sparring.config import load_recipe
from sparring.learning.model import prepare_model
from sparring.learning.samples import Group, Sample
from sparring.learning.update import Learner
from sparring.learning.world import Order, World
from sparring.planning.activations import Batch
from sparring.planning.conditions import Conditions
from sparring.learning.shape import read_shape
from sparring.recipe import Recipe
from sparring.sampling.base import Prompt, SamplingParams
from sparring.sampling.local import LocalSampler
from sparring.schema import Role
from sparring.training.trainer import learning_settings, model_settings


class Tokenizer:
    """As much of one as a sampler needs."""

    eos_token_id = 1

    def batch_decode(self, ids: list[list[int]], **_: object) -> list[str]:
        return ["" for _ in ids]


def peak(reset: bool = False) -> int:
    """Bytes that were resident at most since the last reset."""
    if reset:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    [line] = [x for x in Path("/proc/self/status").read_text().split("\n") if "VmHWM" in x]
    return int(line.split()[1]) << 10


def groups_of(recipe: Recipe, role: Role, ranks: int, place: Path) -> list[Group]:
    """Groups as large as the recipe allows, as many as fill two micro-batches of every process."""
    prompt, response = recipe.prompts.max_tokens, recipe.sampling.coder_max_tokens
    sample = Sample((5,) * response, (-1.0,) * response, 1.0)
    count = recipe.sampling.programs
    batch = Batch.of(recipe, read_shape(place / "config.json"), Conditions(ranks, ranks))
    full = -(-batch.answers // (count * response))
    return [Group(role, (3,) * prompt, 1.0, (sample,) * count) for _ in range(2 * ranks * full)]


def sampled(model: object, recipe: Recipe) -> int:
    """The peak while as many rows are sampled as the recipe allows."""
    sampler = LocalSampler(model, Tokenizer(), recipe.sampling.max_rows)  # type: ignore[arg-type]
    params = SamplingParams(1.0, recipe.sampling.coder_max_tokens)
    prompt, n = (3,) * recipe.prompts.max_tokens, recipe.sampling.programs
    count = recipe.sampling.max_rows // n
    prompts = [Prompt(str(i), Role.CODER, prompt, i, params) for i in range(count)]
    peak(reset=True)
    sampler.sample(prompts, n)
    return peak()


def follow(learner: Learner, world: World) -> None:
    """What the first process orders."""
    while True:
        order, data = world.next()
        if order is not Order.UPDATE:
            return
        learner.update(data[0])


def main() -> None:
    """Print the peaks."""
    folder, changes = Path(sys.argv[1]), json.loads(sys.argv[2])
    recipe = load_recipe(None, changes)
    torch.set_num_threads(1)
    world = World.join()
    small = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, bos_token_id=None, eos_token_id=1,
        )
    )  # fmt: skip
    tiny = Group(Role.CODER, (3,), 1.0, (Sample((5, 5), (-1.0, -1.0), 1.0),))
    warm = Learner(prepare_model(small, model_settings(recipe), 0), learning_settings(recipe), world)
    if world.leads:
        warm.update([tiny])
    else:
        warm.update(world.next()[1][0])
    if world.alone:
        sampled(warm.model, recipe)
    del small, warm
    before = peak(reset=True)  # with all that libraries load when they are first used
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype="float32")
    model = prepare_model(model, model_settings(recipe), 0)
    learner = Learner(model, learning_settings(recipe), world)
    del model
    found = {"loading": peak() - before}
    if world.leads:
        groups = [g for role in Role for g in groups_of(recipe, role, world.size, folder)]
        learner.update(groups)  # the moments are there from the first step on
        held = peak(reset=True) - before
        learner.update(groups)
        found |= {"held": held, "learning": peak() - before}
        if world.alone:
            found["sampling"] = sampled(learner.model, recipe) - before
        print(json.dumps(found), flush=True)
        world.leave()
    else:
        follow(learner, world)


if __name__ == "__main__":
    main()
