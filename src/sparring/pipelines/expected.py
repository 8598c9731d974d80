"""Expected values of rows that have none: what the reference solution gives, in the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Kind, Outcome

LIMITS = Limits(cpu_seconds=30.0, memory_mib=4096, output_bytes=64 << 20)
"""For one run of a reference: it is slow or large now and then, and nobody waits for it twice."""


class ReferenceRuns:
    """Runs reference solutions on calls. The sandbox is opened by the first that comes."""

    def __init__(self) -> None:
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def __call__(self, program: str, entry_point: str, calls: Sequence[str]) -> Sequence[Outcome]:
        """The outcome of each encoded call. Raises `SandboxError`."""
        if not calls:
            return ()
        if self._sandbox is None:
            self._sandbox = Sandbox()
        [outcomes] = self._sandbox.run([Job(program, tuple(calls), LIMITS, Kind.CALL, entry_point)])
        return outcomes
