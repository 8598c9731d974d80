"""Running untrusted Python programs: isolation, limits, verdicts, a pool.

    with Sandbox() as sandbox:
        [outcomes] = sandbox.run([Job("print(int(input()) * 2)", ("1\\n", "2\\n"))])

An `Outcome` says how a run ended and what it printed; whether that is *right* is decided by the
caller: the expected outputs that a program is judged by never enter its process tree.
`docs/sandbox.md` says what is covered.

From your process to the program's, each package with what it may trust:

- ``caller/``     your process: plans runs, keeps workers, holds every reply against the request.
- ``protocol/``   the words that these processes say to each other.
- ``worker/``     our processes outside the program's: they fork it, watch it, end it.
- ``isolation/``  the walls: namespaces, Landlock, system-call filter, rlimits.
- ``inside/``     the program's own process, trusted with nothing. What may a program reach? There.
- ``cluster/``    a caller whose workers are on the nodes of a Ray cluster.
- ``check/``      attacks and idioms that show what holds on this host.

``types``, ``preamble``, ``apart``, ``details``: plain values and rules that several of them share.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sparring.sandbox.types import Fork, Job, Level, Limits, Stats
from sparring.schema import Kind

if TYPE_CHECKING:
    from sparring.sandbox.caller.credible import believed
    from sparring.sandbox.caller.pool import Sandbox
    from sparring.sandbox.caller.prefetch import PrefetchingRunner, Runs
    from sparring.sandbox.caller.runner import Runner
    from sparring.sandbox.cluster.sandbox import ClusterSandbox

__all__ = [
    "ClusterSandbox",
    "Fork",
    "Job",
    "Kind",
    "Level",
    "Limits",
    "PrefetchingRunner",
    "Runner",
    "Runs",
    "Sandbox",
    "Stats",
    "believed",
]

_WHEN_ASKED_FOR = {
    "ClusterSandbox": "cluster.sandbox",
    "PrefetchingRunner": "caller.prefetch",
    "Runner": "caller.runner",
    "Runs": "caller.prefetch",
    "Sandbox": "caller.pool",
    "believed": "caller.credible",
}


def __getattr__(name: str) -> Any:
    """Load the caller's side when it is asked for: a worker imports this package and must stay
    small."""
    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHEN_ASKED_FOR[name]}"), name)
