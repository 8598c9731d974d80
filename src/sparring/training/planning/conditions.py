"""Conditions under which a recipe runs (processes, devices), and figures that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.config.recipe import Recipe
from sparring.learner.logprobs.sizes import chunk_tokens
from sparring.learner.settings import LogprobBackend, Sharding, usual_backend
from sparring.policy.settings import Precision, SamplingEngine
from sparring.policy.shape import ModelShape

GIB = 1 << 30
FLOAT = 4
HALF = 2
PROCESS = 0.6 * GIB
"""Main memory of Python with torch and transformers, measured by `benchmarks/memory.py`."""
HOST_PROCESS = 2.0 * GIB
"""Main memory of Python with torch, transformers and CUDA's libraries: 1.9 GiB
(pytorch/pytorch#12873)."""
CONTEXT = 0.6 * GIB
"""A process's CUDA context with torch's kernels: 0.3 to 0.5 GiB (pytorch/pytorch#20532, #23441);
and cuBLAS's workspace: 32 MiB on Hopper (torch's notes on CUDA semantics)."""
NCCL = 0.7 * GIB
"""NCCL's buffers for more than two GPUs that communicate: 688 MB (NVIDIA/nccl#964)."""
ASLEEP = 1.2 * GIB
"""GPU memory of a sleeping vLLM server, which keeps context, buffers and CUDA graphs: 0.8 GiB
(NeMo-RL#223), 1.14 GiB (vllm-project/vllm#32714)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Processes and devices on which a recipe runs."""

    ranks: int = 1
    """Processes that learn."""
    here: int = 1
    """Processes that learn on this machine."""
    gpu: bool = False
    """True if each rank has a GPU; otherwise ranks and servers share the main memory."""
    device: float = 0.0
    """Memory of a rank's device, in bytes."""
    name: str = "this machine"
    """Name of a rank's device in messages."""


def size(recipe: Recipe) -> int:
    """Return the bytes of one number in forward and backward passes."""
    return HALF if recipe.model.precision is Precision.BFLOAT16 else FLOAT


def parts(recipe: Recipe, c: Conditions) -> int:
    """Return the number of shards of weights, gradients and optimiser state."""
    return c.ranks if recipe.training.sharding is Sharding.FSDP else 1


def samples_here(recipe: Recipe) -> bool:
    """Return True if the first process samples."""
    return recipe.sampling.engine is SamplingEngine.LOCAL


def serves_here(recipe: Recipe) -> bool:
    """Return True if a vLLM server that we start runs on this machine."""
    return recipe.sampling.engine is SamplingEngine.VLLM and not recipe.vllm.urls


def backend(recipe: Recipe, c: Conditions) -> LogprobBackend:
    """Return the backend that computes log-probs, if the model supports the backend."""
    wanted = recipe.learning.backend
    if wanted is not LogprobBackend.AUTO:
        return wanted
    return usual_backend(recipe.model.gradient_checkpointing, parts(recipe, c) > 1, c.gpu)


def chunk(recipe: Recipe, shape: ModelShape, c: Conditions) -> int:
    """Return the number of response tokens whose distributions over the vocabulary are in memory
    at the same time."""
    wanted = recipe.learning.logprob_chunk
    return wanted or chunk_tokens(shape.vocabulary, c.device if c.gpu else None)


def longest(recipe: Recipe, shape: ModelShape) -> tuple[int, int]:
    """Return the tokens of the longest prompt, and of the longest response that is learned from."""
    s, prompt = recipe.sampling, recipe.prompts.max_tokens
    response = max(s.coder_max_tokens, s.tester_max_tokens)
    if (limit := recipe.learning.max_response_tokens) is not None:
        response = min(response, limit)
    if shape.positions is not None:
        response = max(1, min(response, shape.positions - prompt))
    return prompt, response
