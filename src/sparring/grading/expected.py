"""Expected values of rows that have none: what the reference solution gives, in the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Kind, Outcome

LIMITS = Limits(cpu_seconds=30.0, memory_mib=4096, output_bytes=64 << 20)
"""For one run of a reference: it is slow or large now and then, and nobody waits for it twice."""


@contextmanager
def reference_runs() -> Iterator[Callable[[str, str, Sequence[str]], Sequence[Outcome]]]:
    """Give a function that runs a reference solution (program, entry point, encoded calls) and
    returns the outcome of each call. The sandbox is opened by the first call, and closed at the
    end. The function raises `SandboxError`."""
    with ExitStack() as held:
        opened: list[Sandbox] = []

        def run(program: str, entry_point: str, calls: Sequence[str]) -> Sequence[Outcome]:
            if not calls:
                return ()
            if not opened:
                opened.append(held.enter_context(Sandbox()))
            job = Job(program, tuple(calls), LIMITS, Kind.CALL, entry_point)
            [outcomes] = opened[0].run([job])
            return outcomes

        yield run
