"""Expected values for rows without them: the sandbox executes the reference solution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Outcome, TestKind

LIMITS = Limits(cpu_seconds=30.0, memory_mib=4096, output_bytes=64 << 20)
"""Limits of one execution of a reference solution: it may be slow or large, because it is executed
once and its result is kept."""


@contextmanager
def reference_runs() -> Iterator[Callable[[str, str, Sequence[str]], Sequence[Outcome]]]:
    """Give a function that executes a reference solution (program, entry point, encoded calls) and
    returns the outcome of each call.

    The first call opens a sandbox, which the end of the block closes. The function raises
    `SandboxError`.
    """
    with ExitStack() as stack:
        opened: list[Sandbox] = []

        def run(program: str, entry_point: str, calls: Sequence[str]) -> Sequence[Outcome]:
            if not calls:
                return ()
            if not opened:
                opened.append(stack.enter_context(Sandbox()))
            job = Job(program, tuple(calls), LIMITS, TestKind.CALL, entry_point)
            [outcomes] = opened[0].run([job])
            return outcomes

        yield run
