"""Running untrusted Python programs: isolation, limits, verdicts, a pool.

    with Sandbox() as sandbox:
        [outcomes] = sandbox.run([Job("print(int(input()) * 2)", ("1\\n", "2\\n"))])

An `Outcome` says how a run ended and what it printed; whether that is *right* is decided by the
caller: expected outputs never enter this package. `docs/sandbox.md` says what is covered.
"""

from __future__ import annotations

from sparring.sandbox.pool import Sandbox
from sparring.sandbox.types import Fork, Job, Level, Limits, Stats

__all__ = ["Fork", "Job", "Level", "Limits", "Sandbox", "Stats"]
