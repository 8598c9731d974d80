"""Estimate of the main memory that all processes of a recipe take on one machine.

If ranks learn on GPUs, main memory is for loading, checkpoints, weights on their way to servers,
and records. If ranks learn on CPUs, the ranks' own memory is the largest part.

Not counted: programs in the sandbox (at most their memory limit times the workers), and the file
cache.
"""

from __future__ import annotations

from sparring.config.recipe import Recipe
from sparring.learner.settings import Frozen
from sparring.policy.settings import SamplingEngine
from sparring.policy.shape import ModelShape
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
from sparring.training.planning.estimate import MemoryEstimate, initial_copies, learning_parameters

_TOKEN_BYTES = 80
"""Bytes of a sampled token in Python: its id and its log-prob as objects of 32 and 24 bytes, a
pointer to each, and its text (`sys.getsizeof`, CPython 3.12)."""
FILE_BYTES = GIB
"""Size of a file of exported weights. One file is filled while another is written
(`learner.distributed.export`)."""


def main_memory(
    recipe: Recipe, shape: ModelShape, c: Conditions, device: MemoryEstimate
) -> MemoryEstimate:
    """Estimate the main memory of one machine with ``c.here`` ranks. ``device`` is the estimate of
    each rank's device."""
    of_main = MemoryEstimate(f"main memory of a machine with {c.here} of {c.ranks} ranks, GiB:")
    own, learn = learning_parameters(recipe, shape)
    whole, b, split = float(shape.parameters), size(recipe), parts(recipe, c)
    held = of_main.held
    if c.gpu:
        held["the processes themselves"] = HOST_PROCESS * c.here
        if recipe.model.offload_reference:
            copies = initial_copies(recipe, split > 1)
            held["reference"] = copies * b * whole / split * c.here
        if split > 1 and (copies := _waiting(recipe)):
            held["whole models to sample from, and initial weights"] = b * whole * copies
    else:
        held["the ranks, as above, all the time"] = device.least * c.here
        of_main.phases["the ranks at work"] = {
            f"{device.largest}, as above": (device.most - device.least) * c.here
        }
    if serves_here(recipe) and c.gpu:
        engines = recipe.vllm.tensor_parallel * recipe.vllm.data_parallel
        held["vLLM's processes"] = HOST_PROCESS * (1 + engines)
        if recipe.vllm.share_gpu:
            held["weights of the sleeping server"] = (
                _served(recipe) * whole * recipe.vllm.data_parallel
            )
    if recipe.sampling.engine is SamplingEngine.VLLM and recipe.vllm.weights_dir.startswith(
        "/dev/shm"
    ):
        held["weights on their way to servers (vllm.weights_dir)"] = _on_their_way(
            recipe, shape, own
        )
    held["responses of a step, at most"] = _records(recipe) * (1 + c.here)
    if c.gpu:
        readers = c.here if split == 1 else 1  # the first process alone reads a sharded model
        name = f"the model of {readers} rank{'s' if readers > 1 else ''} (float32)"
        of_main.phases["loading"] = {name: FLOAT * whole * readers}
    writers = c.here if split > 1 else 1
    files = 2.0 * max(FILE_BYTES, FLOAT * shape.embedding) * writers
    files = min(files, 2.0 * FLOAT * whole)  # a small model's file is no larger than the model
    of_main.phases["writing a checkpoint"] = {
        "two files of each process that writes": files,
        "AdamW's two moments (float32)": 2.0 * FLOAT * learn,
    }
    if recipe.sampling.engine is SamplingEngine.VLLM:
        of_main.phases["writing weights for servers"] = {
            "two files of each process that writes": files
        }
    return of_main


def _waiting(recipe: Recipe) -> int:
    """Return the number of full models that a first process with sharded weights keeps in main
    memory to sample from: current weights, initial weights, and weights of the step before."""
    plays = recipe.learning.frozen is not Frozen.NONE or recipe.initial_policy_programs > 0
    if not samples_here(recipe):
        return 0
    return 1 + int(plays) + recipe.training.max_async_level


def _served(recipe: Recipe) -> int:
    """Return the bytes of one number of a server's weights."""
    half = size(recipe) == HALF if recipe.vllm.dtype is None else recipe.vllm.dtype != Dtype.FLOAT32
    return HALF if half else FLOAT


def _on_their_way(recipe: Recipe, shape: ModelShape, own: int) -> float:
    """Return the bytes of weights in ``vllm.weights_dir``: the newest weights and the weights
    before; with LoRA the initial weights and adapters. Tied embeddings are written twice."""
    numbers = shape.parameters + (shape.embedding if shape.tied else 0)
    whole = float(_served(recipe)) * numbers
    if recipe.model.lora_rank:
        return whole + 4.0 * FLOAT * own  # each role's adapter: newest and previous
    initial = recipe.initial_policy_programs > 0 or recipe.learning.frozen is not Frozen.NONE
    return whole * (2 + (initial and not recipe.vllm.initial_urls))


def _records(recipe: Recipe) -> float:
    """Return the bytes of a step's responses, if each has its maximum length."""
    s = recipe.sampling
    tasks = recipe.training.tasks_per_step * (1 + s.extra_attempts)
    programs = s.programs + recipe.initial_policy_programs
    tokens = tasks * (programs * s.coder_max_tokens + s.tests * s.tester_max_tokens)
    return float(_TOKEN_BYTES * tokens) * (1 + recipe.training.max_async_level)
