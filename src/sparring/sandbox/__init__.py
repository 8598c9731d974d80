"""Running untrusted Python programs: isolation, limits, verdicts, a pool.

    with Sandbox() as sandbox:
        [outcomes] = sandbox.run([Job("print(int(input()) * 2)", ("1\\n", "2\\n"))])

An `Outcome` says how a run ended and what it printed; whether that is *right* is decided by the
caller: expected outputs never enter this package. `docs/sandbox.md` says what is covered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparring.sandbox.credible import believed
from sparring.sandbox.types import Fork, Job, Level, Limits, Stats
from sparring.schema import Kind

if TYPE_CHECKING:
    from sparring.sandbox.cluster import ClusterSandbox
    from sparring.sandbox.pool import Sandbox
    from sparring.sandbox.runner import Runner

__all__ = [
    "ClusterSandbox",
    "Fork",
    "Job",
    "Kind",
    "Level",
    "Limits",
    "Runner",
    "Sandbox",
    "Stats",
    "believed",
]


def __getattr__(name: str) -> Any:
    """What runs programs when it is asked for: a worker imports this package and must stay
    small."""
    if name == "Sandbox":
        from sparring.sandbox.pool import Sandbox

        return Sandbox
    if name == "Runner":
        from sparring.sandbox.runner import Runner

        return Runner
    if name == "ClusterSandbox":
        from sparring.sandbox.cluster import ClusterSandbox

        return ClusterSandbox
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
