"""Whether a recipe fits the machine: the model's configuration found, the estimate held against
the memory there is.

What cannot fit is refused before anything is loaded; what may not fit is said. A model on the hub
is looked up in the cache, or its config.json alone is fetched. Where that cannot be had, or the
model's parameters cannot be counted by it, one line says so, and nothing is refused.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from sparring.errors import ConfigError, ModelError, RunError
from sparring.learning.settings import Backend, chunk_tokens
from sparring.learning.shape import Shape, read_shape
from sparring.microworld import NANO_DIR
from sparring.planning.estimate import GIB, Conditions, Estimate, estimate
from sparring.recipe import NANO, Engine, Recipe


def memory_lines(recipe: Recipe, ranks: int = 1, memory_gib: float | None = None) -> list[str]:
    """The table of the estimate, and whether it fits; or why there is none."""
    device, where, gpu = _device(ranks, memory_gib)
    try:
        found = _estimated(recipe, ranks, device, gpu)
    except ModelError as error:
        return [f"no estimate of memory: {error}"]
    try:
        told = check_fits(recipe, found, device, where)
    except RunError as error:
        told = str(error)
    return [*found.lines(), *([f"warning: {told}"] if told else [])]


def refuse_too_large(recipe: Recipe, ranks: int = 1) -> str | None:
    """A warning for the user, before anything is loaded, or None.

    Raises `RunError` where the recipe cannot fit. Says nothing of a model that cannot be counted:
    loading it says what is wrong with it, if anything is.
    """
    device, where, gpu = _device(ranks, None)
    try:
        found = _estimated(recipe, ranks, device, gpu)
    except ModelError:
        return None
    return check_fits(recipe, found, device, where)


def refuse_impossible(recipe: Recipe) -> None:
    """What this machine cannot do at all, before anything is loaded. Raises `ConfigError`."""
    if recipe.learning.backend is Backend.FLEX and _device(1, None)[2] is False:
        raise ConfigError(
            "learning.backend = flex: flex attention has no backward pass on cpu, only on cuda; "
            "set learning.backend = auto"
        )
    place = Path(recipe.vllm.weights_dir)
    served = Engine.VLLM in (recipe.sampling.engine, recipe.supervision.engine)
    if served and not os.access(place, os.W_OK | os.X_OK):
        what = "cannot be written" if place.is_dir() else "there is no such directory"
        raise ConfigError(f"vllm.weights_dir: {place}: {what}; name another")


def conditions(recipe: Recipe, ranks: int, shape: Shape, device: float, gpu: bool) -> Conditions:
    """What the recipe says of ranks, samplers and reference; ``device`` has so many bytes."""
    return Conditions(
        ranks=ranks,
        sharding=recipe.training.sharding,
        offload_reference=recipe.model.offload_reference,
        logprob_chunk=recipe.learning.logprob_chunk
        or chunk_tokens(shape.vocabulary, device if gpu else None),
        samples_here=recipe.sampling.engine is Engine.LOCAL,
        vllm_gib=_server_bytes(recipe, shape, device, gpu) / GIB,
    )


def _server_bytes(recipe: Recipe, shape: Shape, device: float, gpu: bool) -> float:
    """What a vLLM server of our own takes of the trainer's device while that learns: none if it
    sleeps then, or has other GPUs."""
    vllm = recipe.vllm
    if recipe.sampling.engine is Engine.LOCAL or vllm.urls:
        return 0.0
    if not gpu:
        return vllm.cpu_cache * GIB + 4.0 * shape.parameters
    if vllm.share_gpu or "CUDA_VISIBLE_DEVICES" in vllm.variables:
        return 0.0
    return vllm.memory * device


def _estimated(recipe: Recipe, ranks: int, device: float, gpu: bool) -> Estimate:
    by, local = recipe.supervision.model, recipe.supervision.engine is Engine.LOCAL
    supervisor = find_shape(by) if by is not None and local else None
    shape = find_shape(recipe.model.path)
    given = conditions(recipe, ranks, shape, device, gpu)
    return estimate(recipe, shape, given, supervisor)


def _device(ranks: int, memory_gib: float | None) -> tuple[float, str, bool]:
    """(bytes, name, whether it is a GPU) of one rank's device. One whose memory is given is
    taken for a GPU."""
    if memory_gib is not None:
        if not 0 < memory_gib < 1e6:
            raise ConfigError(f"--memory {memory_gib:g}: give the GiB of one rank's device")
        return memory_gib * GIB, "a rank", True
    memory, name, shared = device_memory()
    here = min(ranks, int(os.environ.get("LOCAL_WORLD_SIZE", ranks)))
    if shared and here > 1:
        return memory / here, f"each of {here} ranks on {name}", False
    return memory, name, not shared


def find_shape(name: str) -> Shape:
    """The shape of a model by its directory or hub id.

    Raises `ModelError`, one line, where its configuration cannot be had or read.
    """
    if name == NANO:
        return read_shape(NANO_DIR / "config.json")
    local = Path(name)
    try:
        if local.is_dir():
            return read_shape(local / "config.json")
    except OSError:  # a name that is too long
        raise ModelError(f"{name[:80]}…: there is no such directory") from None
    if local.is_absolute() or name.startswith("."):
        raise ModelError(f"{name}: there is no such directory")
    return read_shape(_from_hub(name))


def _from_hub(name: str) -> Path:
    """A hub model's config.json, from the cache or fetched."""
    try:
        from huggingface_hub import hf_hub_download, try_to_load_from_cache
        from huggingface_hub.constants import ENDPOINT
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError:
        raise ModelError(f"{name}: models on the hub need pip install 'sparring[train]'") from None
    try:
        cached = try_to_load_from_cache(name, "config.json")
        if isinstance(cached, str):
            return Path(cached)
        if not getproxies():  # saves a minute of tries
            socket.getaddrinfo(urlsplit(ENDPOINT).hostname, 443)
        return Path(hf_hub_download(name, "config.json"))
    except HFValidationError:
        raise ModelError(
            f"{name}: there is no such directory, and a model of the hub is named OWNER/NAME"
        ) from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            f"{name}: there is no such directory, and as a model of the hub its config.json is "
            f"not in the cache and cannot be fetched ({what})"
        ) from None


def check_fits(recipe: Recipe, found: Estimate, device: float, where: str) -> str | None:
    """A warning, if the recipe may take more than ``device`` bytes; None if it fits.

    Raises `RunError` if it cannot fit: what is held from the first step to the last does not.
    """
    advice = _advice(recipe, found.largest)
    if found.least > device:
        held = "set model.lora_rank, take a smaller model or shard it over several ranks"
        raise RunError(
            f"{recipe.model.path} does not fit: weights, gradients and optimiser alone take "
            f"{found.least / GIB:.1f} GiB, {where} has {device / GIB:.1f} GiB; {held}"
        )
    if found.most > device:
        return (
            f"may not fit: at most {found.most / GIB:.1f} GiB (while {found.largest}), {where} has "
            f"{device / GIB:.1f} GiB; {advice}"
        )
    return None


def _advice(recipe: Recipe, phase: str) -> str:
    if phase == "sampling":
        return "lower sampling.max_rows or prompts.max_tokens"
    if phase == "learning":
        more = "" if recipe.model.gradient_checkpointing else " or set model.gradient_checkpointing"
        return f"lower learning.tokens_per_micro_batch{more}"
    return "set model.lora_rank or take a smaller model"


def device_memory() -> tuple[float, str, bool]:
    """(bytes, name, whether ranks of this machine share it) of what models run on here: a GPU's,
    or the machine's as this process may use it. Loads torch only where there is a GPU."""
    if Path("/proc/driver/nvidia/version").exists():
        import torch

        if torch.cuda.is_available():
            device = torch.cuda.get_device_properties(0)
            return float(device.total_memory), f"the GPU ({device.name})", False
    most = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # no cgroup of its own, or "max"
        most = min(most, float(Path("/sys/fs/cgroup/memory.max").read_text()))
    return most, "this machine", True
