"""How much of a machine's main memory a recipe takes: all its processes together.

Where ranks learn on GPUs this is what loading, checkpoints, weights on their way to servers and
records take; where they learn on CPUs, their own memory comes first.

Not counted: the sandbox's programs (workers × their limit at most), and the disk's cache.
"""

from __future__ import annotations

from sparring.config.recipe import Recipe
from sparring.learner.settings import Frozen
from sparring.policy.settings import Engine
from sparring.policy.shape import Shape
from sparring.policy.vllm.settings import Dtype
from sparring.training.planning.conditions import (
    FLOAT,
    GIB,
    HALF,
    HOST_PROCESS,
    Conditions,
    parts,
    samples_here,
    serves_here,
    size,
)
from sparring.training.planning.estimate import Estimate, learning_parameters, start_copies

_TOKEN_BYTES = 80
"""A sampled token in Python: its id and its log-prob as objects of 32 and 24 bytes, a pointer to
each, and its text (`sys.getsizeof`, CPython 3.12)."""
FILE_BYTES = GIB
"""Of exported weights: a file is filled while another is written (`learner.distributed.export`)."""


def main_memory(recipe: Recipe, shape: Shape, c: Conditions, device: Estimate) -> Estimate:
    """The table of one machine with ``c.here`` ranks; ``device``: what each takes of its device."""
    found = Estimate(f"main memory of a machine with {c.here} of {c.ranks} ranks, GiB:")
    own, learn = learning_parameters(recipe, shape)
    whole, b, split = float(shape.parameters), size(recipe), parts(recipe, c)
    held = found.held
    if c.gpu:
        held["the processes themselves"] = HOST_PROCESS * c.here
        if recipe.model.offload_reference:
            copies = start_copies(recipe, split > 1)
            held["reference"] = copies * b * whole / split * c.here
        if split > 1 and (copies := _waiting(recipe)):
            held["whole models that play, and start weights"] = b * whole * copies
    else:
        held["the ranks, as above, all the time"] = device.least * c.here
        found.phases["the ranks at work"] = {
            f"{device.largest}, as above": (device.most - device.least) * c.here
        }
    if serves_here(recipe) and c.gpu:
        engines = recipe.vllm.tensor_parallel * recipe.vllm.data_parallel
        held["vLLM's processes"] = HOST_PROCESS * (1 + engines)
        if recipe.vllm.share_gpu:
            held["weights of the sleeping server"] = (
                _served(recipe) * whole * recipe.vllm.data_parallel
            )
    if recipe.sampling.engine is Engine.VLLM and recipe.vllm.weights_dir.startswith("/dev/shm"):
        held["weights on their way to servers (vllm.weights_dir)"] = _on_their_way(
            recipe, shape, own
        )
    held["responses of a step, at most"] = _records(recipe) * (1 + c.here)
    if c.gpu:  # sharded, only the first process reads it
        readers = c.here if split == 1 else 1
        name = f"the model of {readers} rank{'s' if readers > 1 else ''} (float32)"
        found.phases["loading"] = {name: FLOAT * whole * readers}
    writers = c.here if split > 1 else 1
    files = 2.0 * max(FILE_BYTES, FLOAT * shape.embedding) * writers
    files = min(files, 2.0 * FLOAT * whole)  # a small model's file is no larger than the model
    found.phases["writing a checkpoint"] = {
        "two files of each process that writes": files,
        "AdamW's two moments (float32)": 2.0 * FLOAT * learn,
    }
    if recipe.sampling.engine is Engine.VLLM:
        found.phases["writing weights for servers"] = {
            "two files of each process that writes": files
        }
    return found


def _waiting(recipe: Recipe) -> int:
    """Whole models of the first process that samples from sharded weights, in main memory while
    they do not play: now's, the start's, and those of the step before."""
    plays = recipe.learning.frozen is not Frozen.NONE or recipe.opponents > 0
    if not samples_here(recipe):
        return 0
    return 1 + int(plays) + recipe.training.ahead


def _served(recipe: Recipe) -> int:
    """Bytes of a server's number."""
    half = size(recipe) == HALF if recipe.vllm.dtype is None else recipe.vllm.dtype != Dtype.FLOAT32
    return HALF if half else FLOAT


def _on_their_way(recipe: Recipe, shape: Shape, own: int) -> float:
    """Weights in memory: the newest and those before; with LoRA the start's, and adapters. The
    embeddings travel twice where they are the output matrix too."""
    numbers = shape.parameters + (shape.embedding if shape.tied else 0)
    whole = float(_served(recipe)) * numbers
    if recipe.model.lora_rank:
        return whole + 4.0 * FLOAT * own  # each role's, the newest and the one before
    start = recipe.opponents > 0 or recipe.learning.frozen is not Frozen.NONE
    return whole * (2 + (start and not recipe.vllm.start_urls))


def _records(recipe: Recipe) -> float:
    """A step's responses, if each is as long as it may be."""
    s = recipe.sampling
    tasks = recipe.training.tasks_per_step * (1 + s.extra_rounds)
    programs = s.programs + recipe.opponents
    tokens = tasks * (programs * s.coder_max_tokens + s.tests * s.tester_max_tokens)
    return float(_TOKEN_BYTES * tokens) * (1 + recipe.training.ahead)
