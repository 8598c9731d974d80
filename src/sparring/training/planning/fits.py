"""Whether a recipe fits the machine: the model's configuration found, the estimate held against
the memory there is.

What cannot fit is refused before anything is loaded; what may not fit is said. A model on the hub
is looked up in the cache, or its config.json alone is fetched. Where that cannot be had, or the
model's parameters cannot be counted by it, one line says so, and nothing is refused.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, ModelError, RunError
from sparring.learner.settings import Backend
from sparring.policy.place import config_file
from sparring.policy.settings import Engine
from sparring.policy.shape import Shape, read_shape
from sparring.training.planning.conditions import GIB, Conditions, samples_here
from sparring.training.planning.estimate import Estimate, estimate
from sparring.training.planning.main_memory import main_memory


def memory_lines(
    recipe: Recipe,
    ranks: int = 1,
    memory_gib: float | None = None,
    main_gib: float | None = None,
) -> list[str]:
    """The tables of the estimate, of a rank's device and of main memory, and whether they fit; or
    why there are none. Where a device is given and main memory is not, that is not checked: it is
    another machine's."""
    given = _conditions(ranks, memory_gib)
    main = _given(main_gib, "--main-memory", "the machine's main memory")
    try:
        found, of_main = _estimated(recipe, given)
    except ModelError as error:
        return [f"no estimate of memory: {error}"]
    told = [_told(lambda: check_fits(recipe, found, given))]
    if main is not None:
        told.append(_told(lambda: check_main(of_main, main, "the machine", given.here)))
    elif memory_gib is None:
        here, there = machine_memory(), "this machine"
        told.append(_told(lambda: check_main(of_main, here, there, given.here)))
    lines = [*found.lines(), *of_main.lines()]
    return [*lines, *(f"warning: {line}" for line in told if line is not None)]


def refuse_too_large(recipe: Recipe, ranks: int = 1) -> str | None:
    """A warning for the user, before anything is loaded, or None.

    Raises `RunError` where the recipe cannot fit. Says nothing of a model that cannot be counted:
    loading it says what is wrong with it, if anything is.
    """
    given = _conditions(ranks)
    try:
        found, of_main = _estimated(recipe, given)
    except ModelError:
        return None
    told = check_fits(recipe, found, given)
    return told or check_main(of_main, machine_memory(), "this machine", given.here)


def _told(check: Callable[[], str | None]) -> str | None:
    """A warning, also where the check would end a run."""
    try:
        return check()
    except RunError as error:
        return str(error)


def refuse_impossible(recipe: Recipe) -> None:
    """What this machine cannot do at all, before anything is loaded. Raises `ConfigError`."""
    wanted = recipe.learning.backend
    if wanted is not Backend.AUTO and wanted.traits.on_cuda and not _conditions(1).gpu:
        raise ConfigError(
            f"learning.backend = {wanted}: {wanted} attention has no backward pass on cpu, only on "
            "cuda; set learning.backend = auto"
        )
    place = Path(recipe.vllm.weights_dir)
    served = Engine.VLLM in (recipe.sampling.engine, recipe.supervision.engine)
    if served and not os.access(place, os.W_OK | os.X_OK):
        what = "cannot be written" if place.is_dir() else "there is no such directory"
        raise ConfigError(f"vllm.weights_dir: {place}: {what}; name another")


def _estimated(recipe: Recipe, given: Conditions) -> tuple[Estimate, Estimate]:
    """Of a rank's device, and of main memory."""
    by, local = recipe.supervision.model, recipe.supervision.engine is Engine.LOCAL
    supervisor = find_shape(by) if by is not None and local else None
    shape = find_shape(recipe.model.path)
    found = estimate(recipe, shape, given, supervisor)
    return found, main_memory(recipe, shape, given, found)


def _conditions(ranks: int, memory_gib: float | None = None) -> Conditions:
    """Those of this machine. A device whose memory is given is taken for a GPU."""
    here = min(ranks, int(os.environ.get("LOCAL_WORLD_SIZE", ranks)))
    given = _given(memory_gib, "--memory", "one rank's device")
    if given is not None:
        return Conditions(ranks, here, True, given, "a rank")
    memory, name, shared = device_memory()
    if shared and here > 1:
        name = f"each of {here} ranks on {name}"
        return Conditions(ranks, here, False, memory / here, name)
    return Conditions(ranks, here, not shared, memory, name)


def _given(gib: float | None, option: str, what: str) -> float | None:
    """Bytes of an option."""
    if gib is not None and not 0 < gib < 1e6:
        raise ConfigError(f"{option} {gib:g}: give the GiB of {what}")
    return None if gib is None else gib * GIB


def find_shape(name: str) -> Shape:
    """The shape of a model by its directory or hub id. Raises `ModelError`, one line."""
    file = config_file(name)
    assert file is not None
    return read_shape(file)


def check_fits(recipe: Recipe, found: Estimate, on: Conditions) -> str | None:
    """A warning, if the recipe may take more than the device has; None if it fits.

    Raises `RunError` if it cannot fit: what is held from the first step to the last does not.
    """
    device, where, advice = on.device, on.name, _advice(recipe, found.largest)
    if found.least > device:
        held = "set model.lora_rank, take a smaller model or shard it over several ranks"
        raise RunError(
            f"{recipe.model.path} does not fit: weights, gradients, optimiser and the process "
            f"itself take {found.least / GIB:.1f} GiB, {where} has {device / GIB:.1f} GiB; {held}"
        )
    if found.most > device:
        return (
            f"may not fit: at most {found.most / GIB:.1f} GiB (while {found.largest}), {where} has "
            f"{device / GIB:.1f} GiB; {advice}"
        )
    return None


def check_main(found: Estimate, memory: float, where: str, here: int = 1) -> str | None:
    """The same of main memory, which ``here`` ranks share."""
    advice = "start fewer ranks on a machine" if here > 1 else "take a smaller model"
    told = f"{where} has {memory / GIB:.1f} GiB of it; {advice}"
    if found.least > memory:
        raise RunError(f"main memory: at least {found.least / GIB:.1f} GiB are needed, {told}")
    if found.most > memory:
        needed = f"{found.most / GIB:.1f} GiB at most (while {found.largest})"
        return f"main memory may not do: {needed}, {told}"
    return None


def _advice(recipe: Recipe, phase: str) -> str:
    if phase == "sampling" and not samples_here(recipe):
        return "lower vllm.memory"
    if phase.startswith("sampling"):
        return "lower sampling.max_rows or prompts.max_tokens"
    if phase == "learning":
        more = "" if recipe.model.gradient_checkpointing else " or set model.gradient_checkpointing"
        return f"lower learning.tokens_per_micro_batch{more}"
    return "set model.lora_rank or take a smaller model"


def device_memory() -> tuple[float, str, bool]:
    """(bytes, name, whether ranks of this machine share it) of what models run on here: a GPU's,
    or the machine's. Loads torch only where there is a GPU."""
    if Path("/proc/driver/nvidia/version").exists():
        import torch

        if torch.cuda.is_available():
            device = torch.cuda.get_device_properties(0)
            return float(device.total_memory), f"the GPU ({device.name})", False
    return machine_memory(), "this machine", True


def machine_memory() -> float:
    """Bytes of main memory as this process may use it."""
    most = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # no cgroup of its own, or "max"
        most = min(most, float(Path("/sys/fs/cgroup/memory.max").read_text()))
    return most
