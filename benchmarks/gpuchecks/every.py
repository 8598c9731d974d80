"""Every check by name, and what a check gives back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from gpuchecks import attention, exact, learning, nano, place, sampling, sharded, shared, suite
from gpuchecks.common import Refused, Setting

CHECKS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "versions": place.versions,
    "flex": attention.flex,
    "learn-0.5b": partial(learning.update, shape="0.5b", lora=False, padded=True),
    "learn-1.5b-lora": partial(learning.update, shape="1.5b", lora=True),
    "sample-0.5b": partial(sampling.sample, shape="0.5b"),
    "share-1.5b": shared.shared_gpu,
    "nano": nano.steps,
    "exact": exact.exact,
    "fsdp": sharded.one_rank,
    "learn-7b-lora": partial(learning.update, shape="7b", lora=True),
    "learn-7b-10": partial(learning.update, shape="7b", lora=False, layers=10),
    "sample-1.5b": partial(sampling.sample, shape="1.5b"),
    "tests": suite.tests,
}


def run(name: str, device: str, tiny: bool) -> dict[str, Any]:
    """Make a check in this process: ``{"status": "ok" | "refused", "found": …}``."""
    try:
        setting = Setting.of(name, device, tiny)
        return {"status": "ok", "found": CHECKS[name](setting)}
    except Refused as why:
        return {"status": "refused", "found": {"why": str(why)}}
