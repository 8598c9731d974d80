"""Running untrusted Python programs: isolation, limits, verdicts, a pool of workers.

    with Sandbox() as sandbox:
        [outcomes] = sandbox.run([Job("print(int(input()) * 2)", ("1\\n", "2\\n"))])

An `Outcome` holds the end and the output of an execution. The caller decides whether the output is
*right*: expected outputs never enter the process tree of a program. `docs/sandbox.md` describes the
guarantees.

The packages, from your process to the program's:

- ``caller/``     your process: plans executions, keeps workers, checks replies against requests.
- ``protocol/``   the messages between the processes.
- ``worker/``     the sandbox's processes outside the program's, which fork, watch and kill it.
- ``isolation/``  the walls: namespaces, Landlock, system-call filter, rlimits.
- ``inside/``     the program's own process, trusted with nothing, and a list of its reach.
- ``cluster/``    a caller whose workers are on the nodes of a Ray cluster.
- ``check/``      attacks and idioms that show which walls hold on this host.

``types``, ``preamble``, ``apart`` and ``details`` are values and rules that several packages share.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sparring.sandbox.types import Fork, Job, Level, Limits, Stats
from sparring.schema import TestKind

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
    "Level",
    "Limits",
    "PrefetchingRunner",
    "Runner",
    "Runs",
    "Sandbox",
    "Stats",
    "TestKind",
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
    """Load the caller's side on demand: a worker imports this package too, and must stay small."""
    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHEN_ASKED_FOR[name]}"), name)
