"""Comparison of a recipe's estimated memory with the machine's memory.

A recipe that cannot fit is refused before anything is loaded; a recipe that may not fit gets a
warning. The configuration of a model on the hub comes from the cache, or config.json alone is
downloaded. Without a configuration, or if parameters cannot be counted from it, one line says so
and nothing is refused.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, ModelError, RunError
from sparring.learner.settings import LogprobBackend
from sparring.policy.place import config_file
from sparring.policy.settings import SamplingEngine
from sparring.policy.shape import ModelShape, read_shape
from sparring.training.planning.conditions import GIB, Conditions, samples_here
from sparring.training.planning.estimate import MemoryEstimate, estimate
from sparring.training.planning.main_memory import main_memory


def memory_lines(
    recipe: Recipe,
    ranks: int = 1,
    memory_gib: float | None = None,
    main_gib: float | None = None,
) -> list[str]:
    """Return the estimate of a rank's device and of main memory as lines, with warnings where the
    recipe may not fit; or one line that says why there is no estimate.

    ``memory_gib`` is the memory of each rank's device, and ``main_gib`` is the main memory. If both
    are None, this machine's memory counts. With ``memory_gib`` alone the device is another
    machine's, and main memory is not checked.
    """
    conditions = _conditions(ranks, memory_gib)
    main = _option(main_gib, "--main-memory", "the machine's main memory")
    try:
        of_device, of_main = _estimated(recipe, conditions)
    except ModelError as error:
        return [f"no estimate of memory: {error}"]
    warnings = [_warning(lambda: check_fits(recipe, of_device, conditions))]
    if main is not None:
        warnings.append(_warning(lambda: check_main(of_main, main, "the machine", conditions.here)))
    elif memory_gib is None:
        own, name = machine_memory(), "this machine"
        warnings.append(_warning(lambda: check_main(of_main, own, name, conditions.here)))
    lines = [*of_device.lines(), *of_main.lines()]
    return [*lines, *(f"warning: {line}" for line in warnings if line is not None)]


def refuse_too_large(recipe: Recipe, ranks: int = 1) -> str | None:
    """Return a warning for the user if the recipe may not fit this machine; else None.

    Raises `RunError` if the recipe cannot fit. Returns None for a model whose parameters cannot be
    counted: loading the model reports its faults.
    """
    conditions = _conditions(ranks)
    try:
        of_device, of_main = _estimated(recipe, conditions)
    except ModelError:
        return None
    warning = check_fits(recipe, of_device, conditions)
    return warning or check_main(of_main, machine_memory(), "this machine", conditions.here)


def _warning(check: Callable[[], str | None]) -> str | None:
    """Return the warning of a check; an error that would end a run becomes a warning too."""
    try:
        return check()
    except RunError as error:
        return str(error)


def refuse_impossible(recipe: Recipe) -> None:
    """Raise `ConfigError` for settings that cannot work on this machine, before anything is
    loaded."""
    wanted = recipe.learning.backend
    if wanted is not LogprobBackend.AUTO and wanted.traits.on_cuda and not _conditions(1).gpu:
        raise ConfigError(
            f"learning.backend = {wanted}: {wanted} attention has a backward pass only on cuda, "
            "and this machine has no GPU; set learning.backend = auto"
        )
    place = Path(recipe.vllm.weights_dir)
    served = SamplingEngine.VLLM in (recipe.sampling.engine, recipe.pseudo_labels.engine)
    if served and not os.access(place, os.W_OK | os.X_OK):
        what = "cannot be written" if place.is_dir() else "there is no such directory"
        raise ConfigError(f"vllm.weights_dir: {place}: {what}; name another directory")


def _estimated(recipe: Recipe, conditions: Conditions) -> tuple[MemoryEstimate, MemoryEstimate]:
    """Return the estimates of a rank's device and of main memory."""
    tester, local = recipe.pseudo_labels.model, recipe.pseudo_labels.engine is SamplingEngine.LOCAL
    of_tester = find_shape(tester) if tester is not None and local else None
    shape = find_shape(recipe.model.path)
    of_device = estimate(recipe, shape, conditions, of_tester)
    return of_device, main_memory(recipe, shape, conditions, of_device)


def _conditions(ranks: int, memory_gib: float | None = None) -> Conditions:
    """Return the conditions of this machine, or of a GPU with ``memory_gib`` for each rank."""
    here = min(ranks, int(os.environ.get("LOCAL_WORLD_SIZE", ranks)))
    wanted = _option(memory_gib, "--memory", "one rank's device")
    if wanted is not None:
        return Conditions(ranks, here, True, wanted, "a rank")
    memory, name, shared = device_memory()
    if shared and here > 1:
        name = f"each of {here} ranks on {name}"
        return Conditions(ranks, here, False, memory / here, name)
    return Conditions(ranks, here, not shared, memory, name)


def _option(gib: float | None, option: str, what: str) -> float | None:
    """Return the value of an option in bytes; None without the option."""
    if gib is not None and not 0 < gib < 1e6:
        raise ConfigError(f"{option} {gib:g}: not a size; give the GiB of {what}")
    return None if gib is None else gib * GIB


def find_shape(name: str) -> ModelShape:
    """Return the shape of a model by its directory or hub id. Raises `ModelError`, with a message
    of one line."""
    file = config_file(name)
    assert file is not None
    return read_shape(file)


def check_fits(recipe: Recipe, of_device: MemoryEstimate, on: Conditions) -> str | None:
    """Return a warning if the recipe may take more memory than the device has; None if it fits.

    Raises `RunError` if memory held from the first step to the last exceeds the device's.
    """
    device, where, advice = on.device, on.name, _advice(recipe, of_device.largest)
    if of_device.least > device:
        raise RunError(
            f"{recipe.model.path} does not fit: weights, gradients, optimiser and the process "
            f"itself take {of_device.least / GIB:.1f} GiB, {where} has {device / GIB:.1f} GiB; set "
            "model.lora_rank, take a smaller model or shard it over several ranks"
        )
    if of_device.most > device:
        return (
            f"may not fit: at most {of_device.most / GIB:.1f} GiB (while {of_device.largest}), "
            f"{where} has {device / GIB:.1f} GiB; {advice}"
        )
    return None


def check_main(of_main: MemoryEstimate, memory: float, where: str, here: int = 1) -> str | None:
    """Return a warning if ``here`` ranks may take more main memory than the machine has; None if
    they fit.

    Raises `RunError` if memory held from the first step to the last exceeds main memory.
    """
    advice = "start fewer ranks on a machine" if here > 1 else "take a smaller model"
    available = f"{where} has {memory / GIB:.1f} GiB of it; {advice}"
    if of_main.least > memory:
        raise RunError(
            f"main memory: at least {of_main.least / GIB:.1f} GiB are needed, {available}"
        )
    if of_main.most > memory:
        needed = f"{of_main.most / GIB:.1f} GiB at most (while {of_main.largest})"
        return f"main memory may not suffice: {needed}, {available}"
    return None


def _advice(recipe: Recipe, phase: str) -> str:
    if phase == "sampling" and not samples_here(recipe):
        return "lower vllm.memory"
    if phase.startswith("sampling"):
        return "lower sampling.max_batch_size or prompts.max_tokens"
    if phase == "learning":
        more = "" if recipe.model.gradient_checkpointing else " or set model.gradient_checkpointing"
        return f"lower learning.tokens_per_micro_batch{more}"
    return "set model.lora_rank or take a smaller model"


def device_memory() -> tuple[float, str, bool]:
    """Return the memory of the device that models run on here: its bytes, the device's name, and
    whether the ranks of this machine share it. Loads torch only on a machine with a GPU."""
    if Path("/proc/driver/nvidia/version").exists():
        import torch

        if torch.cuda.is_available():
            device = torch.cuda.get_device_properties(0)
            return float(device.total_memory), f"the GPU ({device.name})", False
    return machine_memory(), "this machine", True


def machine_memory() -> float:
    """Return the bytes of main memory that this process may use."""
    limit = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # no such file, or its text is "max"
        limit = min(limit, float(Path("/sys/fs/cgroup/memory.max").read_text()))
    return limit
