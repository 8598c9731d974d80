"""Where a recipe runs: processes, devices, what shares them; and what figures follow from that."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.config.recipe import Recipe
from sparring.learner.logprobs.sizes import chunk_tokens
from sparring.learner.settings import Backend, Sharding, usual_backend
from sparring.policy.settings import Engine, Precision
from sparring.policy.shape import Shape

GIB = 1 << 30
FLOAT = 4
HALF = 2
PROCESS = 0.6 * GIB
"""Python with torch and transformers, in main memory: measured (`benchmarks/memory.py`)."""
HOST_PROCESS = 2.0 * GIB
"""The same with CUDA's libraries loaded: 1.9 GiB (pytorch/pytorch#12873)."""
CONTEXT = 0.6 * GIB
"""A process's CUDA context with torch's kernels, and cuBLAS's workspace: 0.3 to 0.5 GiB
(pytorch/pytorch#20532, #23441), 32 MiB on Hopper (torch's notes on CUDA semantics)."""
NCCL = 0.7 * GIB
"""NCCL's buffers of one group of more than two GPUs: 688 MB (NVIDIA/nccl#964)."""
ASLEEP = 1.2 * GIB
"""A vLLM server that sleeps keeps context, buffers and CUDA graphs: 0.8 GiB (NeMo-RL#223), 1.14
(vllm-project/vllm#32714)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """``ranks`` learn, ``here`` of them on this machine. A rank's device has ``device`` bytes and
    is called ``name``; ``gpu``: it is one, otherwise ranks and servers share the main memory."""

    ranks: int = 1
    here: int = 1
    gpu: bool = False
    device: float = 0.0
    name: str = "this machine"


def size(recipe: Recipe) -> int:
    """Bytes of a number that passes compute with."""
    return HALF if recipe.model.precision is Precision.BFLOAT16 else FLOAT


def parts(recipe: Recipe, c: Conditions) -> int:
    """Into how many parts weights, gradients and optimiser are split."""
    return c.ranks if recipe.training.sharding is Sharding.FSDP else 1


def samples_here(recipe: Recipe) -> bool:
    """Whether the first process samples."""
    return recipe.sampling.engine is Engine.LOCAL


def serves_here(recipe: Recipe) -> bool:
    """Whether a vLLM server of our own runs on this machine."""
    return recipe.sampling.engine is Engine.VLLM and not recipe.vllm.urls


def backend(recipe: Recipe, c: Conditions) -> Backend:
    """What computes log-probs, if the model can have it."""
    wanted = recipe.learning.backend
    if wanted is not Backend.AUTO:
        return wanted
    return usual_backend(recipe.model.gradient_checkpointing, parts(recipe, c) > 1, c.gpu)


def chunk(recipe: Recipe, shape: Shape, c: Conditions) -> int:
    """Response positions whose distributions are there at once."""
    given = recipe.learning.logprob_chunk
    return given or chunk_tokens(shape.vocabulary, c.device if c.gpu else None)


def longest(recipe: Recipe, shape: Shape) -> tuple[int, int]:
    """Positions of the longest prompt and of the longest response that is learned from."""
    s, prompt = recipe.sampling, recipe.prompts.max_tokens
    response = max(s.coder_max_tokens, s.tester_max_tokens)
    if (most := recipe.learning.max_response_tokens) is not None:
        response = min(response, most)
    if shape.positions is not None:
        response = max(1, min(response, shape.positions - prompt))
    return prompt, response
